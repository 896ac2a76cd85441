"""What a gate does when a query takes more than it may, and what no server says."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import InvalidInputError, OverloadedError, UnsupportedQueryError
from provgraph.graphstore.neo4j import plans, texts

if TYPE_CHECKING:
    from tests.contract.cypher.conftest import Graph

# Seconds of work inside one expression, which a server does not interrupt.
_STUBBORN = """
UNWIND range(1, 8000) AS i WITH collect(i) AS l RETURN size([x IN l WHERE all(y IN l WHERE x + y > 0)])
"""
_ENDS_SECONDS = 120.0


def test_while_stopped_queries_keep_the_server_busy_no_further_one_is_let_in(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.graphstore.neo4j.gate.MAX_OVERRUNS", 1)
    # The text alone would have it refused: this is about what nobody has thought of.
    monkeypatch.setattr("provgraph.graphstore.neo4j.texts._check_nesting", lambda *_: None)
    gate = graph.gate(timeout_seconds=0.2)
    graph.gate().run("RETURN size([x IN [1] WHERE x > 0])", {})  # the plan is warm now

    with pytest.raises(InvalidInputError, match=r"more than 0\.2 seconds"):
        gate.run(_STUBBORN, {})
    with pytest.raises(OverloadedError, match="still keep the graph server busy"):
        gate.run("RETURN 1", {})

    give_up_at = time.monotonic() + _ENDS_SECONDS
    while time.monotonic() < give_up_at:
        try:
            answer = gate.run("RETURN 1", {})
        except OverloadedError:
            time.sleep(0.5)
        else:
            assert answer.rows == [[1]]
            return
    pytest.fail("the gate did not open again")


def test_no_more_than_a_few_queries_run_at_a_time(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.graphstore.neo4j.gate.MAX_AT_ONCE", 1)
    monkeypatch.setattr("provgraph.graphstore.neo4j.gate._WAIT_SECONDS", 0.01)
    gate = graph.gate(timeout_seconds=59)  # one of its own
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with gate._place():
            begun.set()
            ended.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(60)
    try:
        with pytest.raises(OverloadedError, match="running already"):
            gate.run("RETURN 1", {})
    finally:
        ended.set()
        holder.join()

    assert gate.run("RETURN 1", {}).rows == [[1]]


def test_answers_are_bounded(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = graph.gate()
    gate.run("RETURN 1", {})
    monkeypatch.setattr("provgraph.graphstore.neo4j.gate.MAX_VALUES", 5_000)

    with pytest.raises(InvalidInputError) as error:
        gate.run("RETURN [i IN range(1, 10000) | 1000 + i] AS l", {})
    monkeypatch.undo()

    assert error.value.rule == "values"
    assert gate.run("RETURN 1", {}).rows == [[1]]


def test_an_answer_nested_deeper_than_can_be_read_back_is_refused(graph: Graph) -> None:
    with pytest.raises(InvalidInputError, match="deeper than 100"):
        graph.gate().run("RETURN reduce(l = [], i IN range(1, 500) | [l]) AS l", {})


def test_functions_of_extensions_are_refused_by_their_names(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = graph.gate()
    monkeypatch.setattr(gate, "_known_extensions", lambda: frozenset({"apoc.load.html"}))

    for query in ("RETURN apoc.load.html('x')", "RETURN Apoc /* */ . `load`.html ('x')"):
        with pytest.raises(UnsupportedQueryError, match="extensions"):
            gate.run(query, {})


# ------------------------------------------------------------------------------------------------ plans


def step(operator: str, *children: dict[str, Any], details: str = "", rows: float = 1) -> dict[str, Any]:
    return {
        "operatorType": operator,
        "args": {"Details": details, "EstimatedRows": rows},
        "children": list(children),
    }


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        ("LoadCSV", "reads files"),
        ("ProcedureCall", "Procedures"),
        ("Eager ProcedureCall", "Procedures"),
        ("ShowTransactions", "SHOW"),
        ("TerminateTransactions", "TERMINATE"),
        ("TransactionForeach", "one transaction"),
        ("TransactionApply", "one transaction"),
        ("AdministrationCommand", "Administration"),
        ("RunQueryAt", "not allowed: RunQueryAt"),
        ("SomethingNew", "not allowed: SomethingNew"),
        ("", "not allowed"),
    ],
)
def test_an_operator_that_is_not_known_to_be_harmless_is_refused_wherever_it_stands(
    operator: str, reason: str
) -> None:
    plan = step(
        "ProduceResults@neo4j", step("Apply@neo4j", step("Argument@neo4j"), step(f"{operator}@neo4j"))
    )

    with pytest.raises(UnsupportedQueryError, match=reason):
        plans.check(plan, database="neo4j")


@pytest.mark.parametrize("operator", ["AllNodesScan@system", "AllNodesScan@other", "AllNodesScan"])
def test_a_plan_for_another_database_is_refused(operator: str) -> None:
    with pytest.raises(UnsupportedQueryError, match="own database"):
        plans.check(step("ProduceResults@neo4j", step(operator)), database="neo4j")


@pytest.mark.parametrize(
    ("details", "allowed"),
    [
        ("[x IN $autolist_0 | COLLECT { LOAD CSV FROM $x AS l RETURN l AS l }] AS y", False),
        ("any(x IN l WHERE EXISTS { MATCH (x)-->(y) }) AS y", False),
        ("CASE WHEN COUNT { MATCH (x) } > 1 THEN 2 END AS y", False),
        ("`COLLECT { MATCH (a) }`, 'EXISTS { }' AS y", True),
        ("count {.x} AS y, {COUNT: 1} AS z, count(*) AS n", True),
        ("getDegree((x)-->()) > 0 AS y", True),
        ("an `open name", False),
    ],
)
def test_subqueries_that_the_plan_hides_in_an_expression_are_refused(details: str, *, allowed: bool) -> None:
    plan = step("ProduceResults@neo4j", step("Projection@neo4j", details=details))

    if allowed:
        assert plans.check(plan, database="neo4j") is False
    else:
        with pytest.raises(UnsupportedQueryError):
            plans.check(plan, database="neo4j")


@pytest.mark.parametrize("operator", sorted(plans.WRITING))
def test_a_plan_that_writes_is_known_for_it(operator: str) -> None:
    assert plans.check(step("ProduceResults@neo4j", step(f"{operator}@neo4j")), database="neo4j") is True


def test_nothing_both_reads_and_writes() -> None:
    assert not plans.READING & plans.WRITING


@pytest.mark.parametrize(
    ("operator", "advice"),
    [
        ("CartesianProduct", "connect the patterns"),
        ("VarLengthExpand(All)", "most hops"),
        ("Expand(All)", "LIMIT"),
    ],
)
def test_a_plan_for_too_many_rows_is_refused_with_what_to_do(operator: str, advice: str) -> None:
    plan = step("ProduceResults@neo4j", step(f"{operator}@neo4j", rows=2e8))

    with pytest.raises(InvalidInputError, match=advice):
        plans.check(plan, database="neo4j")


def test_many_rows_of_one_scan_are_allowed() -> None:
    plan = step("ProduceResults@neo4j", step("NodeByLabelScan@neo4j", rows=1e9), rows=1e9)

    assert plans.check(plan, database="neo4j") is False


# ------------------------------------------------------------------------------------------------ texts


@pytest.mark.parametrize(
    "query",
    [
        "RETURN 0x1F, 1_000, .5, 1e3",
        "RETURN 'it\\'s \\\\ \\n', \"\\u00e9\", '\\U0001F600'",
        "MATCH (`a b`:`C``D`) RETURN `a b`.x",
        "RETURN a.x + ', ' + a.y" + " + ', ' + a.z" * 60,
        "RETURN reduce(m = 0, x IN l | CASE WHEN x > m THEN x ELSE m END)",
        "RETURN [i IN range($from, $to) | i]",
        "UNWIND range(1, 10000000000) AS i RETURN count(i)",
        "RETURN CASE " + " ".join(f"WHEN x = {i} THEN {i}" for i in range(500)) + " END",
        "RETURN " + "(" * 60 + "1" + ")" * 60,
        "MATCH (case:PEM) RETURN case.x, case.y",
    ],
)
def test_a_harmless_text_is_let_through(query: str) -> None:
    assert texts.read(query, {"from": 1, "to": 1_000})


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"x": 2**63}, "value"),
        ({"x": {1: 2}}, "value"),
        ({"x": b"bytes"}, "value"),
        ({"x": ["\ud800"]}, "no-lone-surrogate"),
        ({"x": {"\ud800": 1}}, "no-lone-surrogate"),
        ({"\ud800": 1}, "no-lone-surrogate"),
        ({"x": [[0] * 60_000, [0] * 60_000]}, "size"),
        ({"x": {str(key): None for key in range(100_001)}}, "size"),
    ],
)
def test_parameters_that_cannot_be_sent_are_refused(parameters: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        texts.read("RETURN $x", parameters)

    assert (error.value.field, error.value.rule) == ("parameters", rule)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("RETURN [a IN $l WHERE any(b IN $l WHERE a < b)]", {"l": list(range(3_000))}),
        ("MATCH p = (:PEM)-[:USES]->() RETURN [n IN nodes(p) | [k IN keys(n) | n[k]]]", {}),
        ("MATCH (n:PEM) WITH collect(n) AS l RETURN [n IN l | [x IN [1, 2, 3] | n.position + x]]", {}),
        (
            "MATCH (n:PEM) WITH collect(n) AS l RETURN [a IN l | a.type], [a IN l | a.emitter], size([a IN l | 1])",
            {},
        ),
        ("RETURN reduce(s = 0, x IN $l | s + x)", {"l": list(range(90_000))}),
    ],
)
def test_loops_of_evident_length_are_let_through(query: str, parameters: dict[str, Any]) -> None:
    assert texts.read(query, parameters)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("RETURN [a IN $l WHERE any(b IN $l WHERE a < b)]", {"l": list(range(4_000))}),
        ("MATCH (n:PEM) WITH collect(n) AS l RETURN [a IN l WHERE any(b IN l WHERE a = b)]", {}),
        ("RETURN reduce(s = 0, a IN $l | s + reduce(t = 0, b IN $l | t + b))", {"l": list(range(4_000))}),
        ("RETURN [a IN range(1, 4000) | [b IN $l | a + b]]", {"l": list(range(4_000))}),
    ],
)
def test_loops_in_loops_that_may_be_long_are_refused(query: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedQueryError, match="Loops inside each other"):
        texts.read(query, parameters)
