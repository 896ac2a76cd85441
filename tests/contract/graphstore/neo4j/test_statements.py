"""How Neo4j means to execute our statements."""

from __future__ import annotations

import importlib
import pkgutil
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.graphstore.neo4j import Neo4jGraphStore, statements
from provgraph.graphstore.neo4j.statements import checks, graphs, mends
from provgraph.graphstore.neo4j.statements.statement import Statement
from tests.contract.builders import pem
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.graphstore.stores import Neo4jOpener


# Reads everything there is of a kind. Some remove what they find first, or look for what no index finds; counting reads
# the store of counts.
_READS_EVERYTHING = re.compile(
    "AllNodesScan|ByLabelScan|IndexScan|TypeScan|IndexContains|IndexEndsWith|^Sort|ByAll"
)
_MAY_READ_EVERYTHING = {
    checks.FIND_MADE_BY_HAND,
    checks.DELETE_MADE_BY_HAND,
    *(
        statement.of("a")
        for statement in (
            *graphs.REMOVE_NODES,
            mends.MARK_AGAIN,
            *checks.COUNT_UNREACHABLE.values(),
            *checks.DELETE_UNREACHABLE.values(),
        )
    ),
}
_REPEATED = re.compile(r"\$([a-z_]+)")


def all_statements() -> Iterator[str]:
    """Yield every statement on the graph in its form for one generation."""
    modules = [
        importlib.import_module(f"{statements.__name__}.{found.name}")
        for found in pkgutil.iter_modules(statements.__path__)
    ]
    for name, value in [each for module in modules for each in vars(module).items()]:
        if not name.isupper() or name.startswith("_") or name.endswith("_SCHEMA"):
            continue
        for statement in (
            value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
        ):
            if isinstance(statement, Statement):
                yield from (statement.of("a"), statement.of("a", served=True))
            elif isinstance(statement, str) and not statement.lstrip().startswith(("SHOW", "CALL", "DROP")):
                yield statement


def operators(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the operators of a plan."""
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", ()):
        yield from operators(child)


@pytest.mark.parametrize("filled", [False, pytest.param(True, marks=pytest.mark.long)])
def test_no_statement_reads_everything_whatever_neo4j_believes_to_be_there(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, filled: bool
) -> None:
    store.checkpoint()  # makes the indexes
    if filled:
        apply(store, *(pem(number, uses=["a", f"b{number}"], after=[number + 1]) for number in range(500)))
    found: dict[str, set[str]] = {}
    with ExitStack() as stack:
        driver = stack.enter_context(neo4j_stores.neo4j.driver())
        session = stack.enter_context(driver.session(database=neo4j_stores.neo4j.database))
        for text in set(all_statements()) - _MAY_READ_EVERYTHING:
            parameters = dict.fromkeys(_REPEATED.findall(text))
            plan = session.run(f"EXPLAIN {text}", parameters).consume().plan
            assert plan is not None
            if bad := set(filter(_READS_EVERYTHING.search, operators(plan))):
                found[text] = bad

    assert found == {}
