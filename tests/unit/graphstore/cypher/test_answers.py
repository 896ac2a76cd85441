"""What the subset answers, query by query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.graphstore import cypher
from tests.unit.graphstore.cypher.graph import INGEST, MISSING, OLD, QUOTED_NAME, RECORDED, TRAIN

if TYPE_CHECKING:
    import sqlite3

INGEST_NODE = {
    "rk_id": INGEST,
    "type": "ingest",
    "emitter": "loader",
    "properties": '{"rows":10}',
    "timestamp_client": "2026-01-02 03:04:05",
    "occurred_at": "2026-01-02T03:04:05.000000Z",
    "position": 2,
    "recorded_at": "1970-01-01T00:00:00.000000Z",
}
TABLE_NODE = {"rk_id": "table/customers", "properties": '{"a":1}', "created_at": RECORDED}
ARTIFACTS = [QUOTED_NAME, "model/churn", "table/customers", "Äpfel 🍏"]

Rows = list[list[object]]


def column(*values: object) -> Rows:
    return [[value] for value in values]


def ask(graph: sqlite3.Connection, query: str, **parameters: object) -> Rows:
    return [list(row) for row in cypher.run(graph, query, parameters).rows]


class TestMatch:
    def test_record_keepers_artifact_query_gives_every_artifact(self, graph: sqlite3.Connection) -> None:
        query = "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
        result = cypher.run(graph, query, {})

        assert result.columns == ("rk_id", "properties", "created_at")
        assert sorted(map(list, result.rows)) == [
            [QUOTED_NAME, "{}", RECORDED],
            ["model/churn", '{"f1":0.9}', RECORDED],
            ["table/customers", '{"a":1}', RECORDED],
            ["Äpfel 🍏", "{}", RECORDED],
        ]

    def test_record_keepers_count_gives_one_number(self, graph: sqlite3.Connection) -> None:
        result = cypher.run(graph, "MATCH (a:Artifact) RETURN count(a);", {})

        assert (result.columns, list(map(list, result.rows))) == (("count(a)",), [[4]])

    @pytest.mark.parametrize(
        ("query", "rows"),
        [
            (f"MATCH (p:PEM {{rk_id: '{INGEST}'}}) RETURN p", column(INGEST_NODE)),
            (f"MATCH (p:Unreported {{rk_id: '{MISSING}'}}) RETURN p", column({"rk_id": MISSING})),
            (f"MATCH (p:PEM {{rk_id: '{MISSING}'}}) RETURN p", []),
            (f"MATCH (p:PEM {{rk_id: '{OLD}'}}) RETURN p.occurred_at", column("1969-12-31T23:59:58.250000Z")),
            (f"MATCH (p:PEM {{rk_id: '{'AB' * 16}'}}) RETURN p.type", []),
            ("MATCH (p:PEM {rk_id: 'short'}) RETURN p.type", []),
            ("MATCH (p:PEM {type: 'train', emitter: 'trainer'}) RETURN p.rk_id", column(TRAIN)),
            ("MATCH (p:PEM {emitter: 'nobody'}) RETURN p.rk_id", []),
            ("MATCH (p:PEM {position: 2}) RETURN p.type", column("ingest")),
            ("MATCH (p:PEM {position: 2.0}) RETURN p.type", column("ingest")),
            ("MATCH (p:PEM {position: '2'}) RETURN p.type", []),
            ("MATCH (p:PEM {type: null}) RETURN p.type", []),
            ("MATCH (p:PEM {colour: 'red'}) RETURN p.type", []),
            ("MATCH (a:Artifact {rk_id: 'table/customers'}) RETURN a", column(TABLE_NODE)),
            ("MATCH (:Artifact) RETURN count(*)", column(4)),
            ("MATCH (e:Emitter) RETURN e.rk_id ORDER BY e.rk_id", column("archive", "loader", "trainer")),
            (
                "MATCH (t:Tag) RETURN t ORDER BY t.namespace",
                column({"namespace": "", "tag": "checked"}, {"namespace": "models", "tag": "best"}),
            ),
            ("MATCH (x:Nonsense) RETURN x", []),
            ("MATCH (x:Nonsense {a: 1}) WHERE x.b = 2 RETURN x.c ORDER BY x.d", []),
            ("MATCH (x:Nonsense) RETURN count(x)", column(0)),
            ("MATCH (x:Nonsense) RETURN x.type, count(x)", []),
            ("MATCH (x:artifact) RETURN count(*)", column(0)),
        ],
    )
    def test_a_node_pattern_finds_its_nodes(self, graph: sqlite3.Connection, query: str, rows: Rows) -> None:
        assert ask(graph, query) == rows

    @pytest.mark.parametrize(
        ("pattern", "returned", "rows"),
        [
            (
                "(p:PEM)-[u:USES]->(a:Artifact)",
                "p.type, a.rk_id, u.version",
                [
                    ["audit", "model/churn", None],
                    ["audit", "table/customers", "v1"],
                    ["train", QUOTED_NAME, None],
                    ["train", "table/customers", None],
                ],
            ),
            ("(p)-[:USES {version: 'v1'}]->(a)", "p.type, a.rk_id", [["audit", "table/customers"]]),
            ("(p)-[:USES]->(a {rk_id: 'table/customers'})", "p.type", column("audit", "train")),
            (f"(a)<-[:USES]-(p {{rk_id: '{TRAIN}'}})", "a.rk_id", column(QUOTED_NAME, "table/customers")),
            (
                "(p:PEM)-[r:PRODUCES]->(a:Artifact {rk_id: 'table/customers'})",
                "p.type, r.version, r.digest, r.kind, r.properties, r.other",
                [["ingest", "v1", "d1", "table", '{"a":1}', None]],
            ),
            ("(p)-[r:PRODUCES]->(a {rk_id: 'Äpfel 🍏'})", "r.version, r.properties", [[None, None]]),
            (
                "(late:PEM)-[:PREDECESSOR]->(early:PEM)",
                "late.type, early.rk_id",
                [["audit", TRAIN], ["train", INGEST]],
            ),
            (
                "(late:PEM)-[:PREDECESSOR]->(early:Unreported)",
                "late.type, early.rk_id, early.type",
                [["audit", MISSING, None]],
            ),
            (
                "(late:PEM)-[:PREDECESSOR]->(early)",
                "late.type, early.rk_id, labels(early)",
                [["audit", TRAIN, ["PEM"]], ["audit", MISSING, ["Unreported"]], ["train", INGEST, ["PEM"]]],
            ),
            (
                "(late)-[i:INFORMED_BY]->(early)",
                "late.type, i.artifact, early.type",
                [
                    ["audit", "model/churn", "train"],
                    ["audit", "table/customers", "ingest"],
                    ["train", "table/customers", "ingest"],
                ],
            ),
            ("(late)-[:INFORMED_BY {artifact: 'model/churn'}]->(early)", "early.type", column("train")),
            (
                "(e:Emitter)<-[:EMITTED_BY]-(p)",
                "e.rk_id, p.type",
                [["archive", "import"], ["loader", "ingest"], ["trainer", "audit"], ["trainer", "train"]],
            ),
            ("(t:Tag {namespace: 'models', tag: 'best'})-[:MARKS]->(p)", "p.type", column("train")),
            ("(t)-[m:MARKS]->(:PEM)", "t.tag, type(m), m", [["best", "MARKS", {}], ["checked", "MARKS", {}]]),
            ("(a:Artifact)-[:USES]->(p:PEM)", "a.rk_id", []),
            ("(a)-[r:WHATEVER]->(b)", "a.rk_id, r, b, type(r)", []),
            ("(p:PEM)-[:USES]->(e:Emitter)", "count(*)", column(0)),
        ],
    )
    def test_a_hop_finds_its_edges(
        self, graph: sqlite3.Connection, pattern: str, returned: str, rows: Rows
    ) -> None:
        found = ask(graph, f"MATCH {pattern} RETURN {returned}")

        assert sorted(found, key=repr) == sorted(rows, key=repr)

    @pytest.mark.parametrize(
        "condition",
        [
            "a.rk_id = 'table/customers'",
            "'table/customers' = a.rk_id",
            "true AND a.rk_id IN ['table/customers', null]",
        ],
    )
    def test_users_of_a_named_artifact_are_the_same_however_it_is_named(
        self, graph: sqlite3.Connection, condition: str
    ) -> None:
        found = ask(graph, f"MATCH (p:PEM)-[:USES]->(a) WHERE {condition} RETURN p.type ORDER BY p.type")

        assert found == column("audit", "train")


class TestWhere:
    @pytest.mark.parametrize(
        ("condition", "types"),
        [
            ("p.type = 'train'", ["train"]),
            ('p.type = "train"', ["train"]),
            ("p.type <> 'train'", ["audit", "import", "ingest"]),
            ("NOT p.type = 'train'", ["audit", "import", "ingest"]),
            ("p.type < 'b'", ["audit"]),
            ("p.type >= 'ingest'", ["ingest", "train"]),
            ("p.position > 2 AND p.position <= 3", ["train"]),
            ("p.position = 2 OR p.position = -1 OR p.type = 'audit'", ["audit", "ingest"]),
            ("NOT (p.position = 2 OR p.type = 'audit')", ["import", "train"]),
            ("NOT NOT p.position = 2", ["ingest"]),
            ("p.position = 4 OR p.position = 1 AND p.type = 'nothing'", ["audit"]),
            ("(p.position = 4 OR p.position = 1) AND p.type = 'import'", ["import"]),
            ("p.position < 2.5 AND p.position > .5e0", ["import", "ingest"]),
            ("p.position > '1'", []),
            ("p.position <> '1'", ["audit", "import", "ingest", "train"]),
            ("p.type = 1 OR p.type = true OR p.type = [1]", []),
            ("p.type IN ['train', 'audit', 1, null]", ["audit", "train"]),
            ("NOT p.type IN ['train', 'audit']", ["import", "ingest"]),
            ("NOT p.type IN ['train', null]", []),
            ("NOT p.type IN [1, 2]", ["audit", "import", "ingest", "train"]),
            ("p.type IN [] OR p.type IN null", []),
            ("NOT p.type IN []", [None, "audit", "import", "ingest", "train"]),
            ("p.emitter = 'trainer'", ["audit", "train"]),
            ("NOT p.emitter = 'trainer'", ["import", "ingest"]),
            ("NOT p.emitter IN ['nobody', null]", []),
            ("p.emitter <> 'nobody'", ["audit", "import", "ingest", "train"]),
            ("p.emitter STARTS WITH 'l'", ["ingest"]),
            (f"p.rk_id IN ['{TRAIN}', 'x', '{MISSING}']", [None, "train"]),
            (f"NOT p.rk_id IN ['{TRAIN}', '{MISSING}']", ["audit", "import", "ingest"]),
            ("NOT p.rk_id = 'x'", [None, "audit", "import", "ingest", "train"]),
            (f"p.rk_id > '{TRAIN}'", [None, "audit"]),
            ("p.rk_id STARTS WITH '22'", ["train"]),
            ("p.type IS NULL", [None]),
            ("p.type IS NOT NULL", ["audit", "import", "ingest", "train"]),
            ("p.colour IS NULL AND p.position = 1", ["import"]),
            ("p.occurred_at IS NULL", [None]),
            ("p.occurred_at >= '2026-01-03'", ["audit", "train"]),
            ("p.occurred_at < '1970'", ["import"]),
            ("p.emitter = p.emitter AND p.type > p.emitter", ["import"]),
            ("p.type = p.position OR p.type <> p.colour", []),
            ("p.type STARTS WITH 'in'", ["ingest"]),
            ("p.type ENDS WITH 't'", ["audit", "import", "ingest"]),
            ("p.type CONTAINS 'r'", ["train", "import"]),
            ("p.type CONTAINS ''", ["audit", "import", "ingest", "train"]),
            ("p.type ENDS WITH ''", ["audit", "import", "ingest", "train"]),
            ("p.type STARTS WITH ''", ["audit", "import", "ingest", "train"]),
            ("NOT p.type ENDS WITH 't'", ["train"]),
            ("p.type STARTS WITH 1 OR NOT p.type STARTS WITH 1", []),
            ("p.emitter STARTS WITH p.emitter AND p.emitter ENDS WITH p.type", []),
            ("p.timestamp_client STARTS WITH '2026' and p.properties contains 'rows'", ["ingest"]),
            ("true", [None, "audit", "import", "ingest", "train"]),
            ("null", []),
            ("NOT null", []),
            ("false OR 1 = 1.0", [None, "audit", "import", "ingest", "train"]),
            ("'a' < 'b' AND 1 <> 'a' AND NOT 'a' = null", []),
        ],
    )
    def test_a_condition_keeps_the_rows_for_which_it_is_true(
        self, graph: sqlite3.Connection, condition: str, types: list[object]
    ) -> None:
        """Of an event that was only named, all properties but one are null."""
        found = ask(graph, f"MATCH (p:PEM) WHERE {condition} RETURN p.type")
        found += ask(graph, f"MATCH (p:Unreported) WHERE {condition} RETURN p.type")

        assert sorted(found, key=repr) == sorted(column(*types), key=repr)

    @pytest.mark.parametrize(
        "literal",
        [
            """'it\\'s "10%"_\\\\'""",
            '''"it's \\"10%\\"_\\\\"''',
            """'\\u0069t\\'s "\\u00310%"\\U0000005F\\\\'""",
        ],
    )
    def test_escapes_in_texts_are_read_as_cypher_reads_them(
        self, graph: sqlite3.Connection, literal: str
    ) -> None:
        assert ask(graph, f"MATCH (a:Artifact) WHERE a.rk_id = {literal} RETURN a.rk_id") == [[QUOTED_NAME]]

    def test_two_escapes_may_stand_for_one_character(self, graph: sqlite3.Connection) -> None:
        query = "MATCH (a:Artifact) WHERE a.rk_id ENDS WITH '\\uD83C\\uDF4F' RETURN a.rk_id"

        assert ask(graph, query) == [["Äpfel 🍏"]]

    @pytest.mark.parametrize("wildcard", ["%", "_", "tablE", "Ä%"])
    def test_texts_hold_no_wildcards_and_case_counts(self, graph: sqlite3.Connection, wildcard: str) -> None:
        query = "MATCH (a:Artifact) WHERE a.rk_id STARTS WITH $text RETURN a.rk_id"

        assert ask(graph, query, text=wildcard) == []

    def test_parameters_are_values_never_query_text(self, graph: sqlite3.Connection) -> None:
        query = "MATCH (a:Artifact {rk_id: $`the name`}) WHERE a.rk_id IN $names AND $0 RETURN a.rk_id SKIP $s LIMIT $l"
        values = {"the name": QUOTED_NAME, "names": ("' OR 1=1 --", QUOTED_NAME), "0": True, "s": 0, "l": 1}

        assert ask(graph, query, **values) == [[QUOTED_NAME]]


class TestReturn:
    @pytest.mark.parametrize(
        ("query", "columns", "rows"),
        [
            ("match (p:PEM) return Count( * )", ("Count( * )",), column(4)),
            ("MATCH (p:PEM) RETURN count(p), count(p.type) AS n", ("count(p)", "n"), [[4, 4]]),
            (
                "MATCH (p:PEM) RETURN p.emitter, count(*) ORDER BY p.emitter DESC",
                ("p.emitter", "count(*)"),
                [["trainer", 2], ["loader", 1], ["archive", 1]],
            ),
            (
                "MATCH (p:PEM) RETURN count(DISTINCT p.emitter), count(DISTINCT p)",
                ("count(DISTINCT p.emitter)", "count(DISTINCT p)"),
                [[3, 4]],
            ),
            (
                "MATCH (p)-[u:USES]->(a) RETURN a.rk_id AS name, count(u) AS uses ORDER BY uses DESC, name LIMIT 2",
                ("name", "uses"),
                [["table/customers", 2], [QUOTED_NAME, 1]],
            ),
            (
                "MATCH (p)-[u:USES]->(a) RETURN count(DISTINCT u), count(DISTINCT a), count(DISTINCT p)",
                ("count(DISTINCT u)", "count(DISTINCT a)", "count(DISTINCT p)"),
                [[4, 3, 2]],
            ),
            (
                "MATCH (p:PEM) RETURN DISTINCT p.emitter ORDER BY p.emitter",
                ("p.emitter",),
                column("archive", "loader", "trainer"),
            ),
            (
                "MATCH (p)-[:USES]->(a) RETURN DISTINCT a ORDER BY a.created_at, a.rk_id DESC SKIP 2",
                ("a",),
                column({"rk_id": QUOTED_NAME, "properties": "{}", "created_at": RECORDED}),
            ),
            (
                "MATCH (p)-[u:USES]->(a) RETURN DISTINCT u ORDER BY u.version",
                ("u",),
                column({"version": "v1"}, {}, {}, {}),
            ),
            (
                "MATCH (p)-[u:USES]->(a) RETURN a AS x, count(*) AS n ORDER BY x.rk_id SKIP 2",
                ("x", "n"),
                [[TABLE_NODE, 2]],
            ),
            (
                "MATCH (p)-[u:USES]->(a) RETURN DISTINCT labels(p), type(u), labels(a)",
                ("labels(p)", "type(u)", "labels(a)"),
                [[["PEM"], "USES", ["Artifact"]]],
            ),
            ("MATCH (p:PEM) RETURN labels(p) AS l, count(*)", ("l", "count(*)"), [[["PEM"], 4]]),
            (
                "MATCH (p:Unreported) RETURN labels(p) AS l, count(*)",
                ("l", "count(*)"),
                [[["Unreported"], 1]],
            ),
            ("MATCH (x:Unknown) RETURN labels(x), count(*)", ("labels(x)", "count(*)"), []),
            (
                "MATCH (p:PEM) RETURN p.position AS at ORDER BY at DESC SKIP 1 LIMIT 2",
                ("at",),
                column(3, 2),
            ),
            (
                "MATCH (p:PEM) RETURN p.type ORDER BY p.position ASCENDING LIMIT 2",
                ("p.type",),
                column("import", "ingest"),
            ),
            ("MATCH (p:PEM) RETURN p.type LIMIT 0", ("p.type",), []),
            ("MATCH (p:PEM) RETURN p.type SKIP 9223372036854775807", ("p.type",), []),
            ("MATCH (p:PEM) RETURN p.colour, count(*)", ("p.colour", "count(*)"), [[None, 4]]),
            ("MATCH (`a b`:`PEM`) RETURN `a b`.`type` AS `c``d` LIMIT 0", ("c`d",), []),
            ("MATCH (`a b`:PEM) RETURN `a b`, `a b` . type LIMIT 0", ("a b", "`a b` . type"), []),
            ("/* all */ MATCH (a:Artifact) // of them\r RETURN count(a) // ;", ("count(a)",), column(4)),
            (
                "MATCH (match:PEM) WHERE match.type = 'train' RETURN match.type AS return",
                ("return",),
                column("train"),
            ),
            (
                "MATCH (null:Emitter) WHERE null.rk_id = 'loader' RETURN null.rk_id",
                ("null.rk_id",),
                column("loader"),
            ),
        ],
    )
    def test_the_answer_has_the_columns_and_rows_of_cypher(
        self, graph: sqlite3.Connection, query: str, columns: tuple[str, ...], rows: Rows
    ) -> None:
        result = cypher.run(graph, query, {})

        assert result.columns == columns
        assert list(map(list, result.rows)) == rows

    def test_the_same_question_in_any_layout_is_the_same_statement(self) -> None:
        short = cypher.compile("match(a:Artifact)where a.rk_id='x'return a.rk_id", {})
        long = cypher.compile(
            'MATCH ( a : Artifact )\nWHERE ( ( a . rk_id = "x" ) )\n\tRETURN a . rk_id ;', {}
        )

        assert (short.sql, short.values) == (long.sql, long.values)
