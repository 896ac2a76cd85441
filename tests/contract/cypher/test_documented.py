"""What the reference page promises of the subset holds on both stores, with the same answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.builders import pem_id
from tests.contract.cypher.conftest import EVENTS, story
from tests.contract.graphstore.stores import EmbeddedOpener

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore import CypherResult, GraphStore
    from tests.contract.cypher.conftest import Graph

_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cypher.md"
_EXAMPLES = re.findall(r"```cypher\n(.*?)```", _PAGE.read_text(), re.DOTALL)
_PARAMETERS = {"id": pem_id(EVENTS), "names": ["artifact/3", "artifact/7"], "size": 1_000}
_FORMS = (
    "MATCH (p:PEM) RETURN p",
    "MATCH (a:Artifact) WHERE a.rk_id <> 'artifact/1' AND NOT a.rk_id ENDS WITH '0' RETURN a",
    "MATCH (a:Artifact) WHERE a.missing = 1 OR a.missing IS NULL RETURN a.rk_id",
    "MATCH (p:PEM)-[r:INFORMED_BY]->(q:PEM) RETURN p.rk_id, r, q.rk_id",
    "MATCH (p:PEM)-[r:USES]->(a:Artifact) RETURN p.rk_id, r, a.rk_id, type(r)",
    "MATCH (p:PEM)-[r:PRODUCES]->(a:Artifact {rk_id: 'artifact/5'}) RETURN p, r, a",
    "MATCH (p:PEM) RETURN labels(p), p.rk_id",
    "MATCH (t:Tag)-[r:MARKS]->(p:PEM) RETURN t, r, p.rk_id, labels(t)",
    "MATCH (p:PEM)-[:EMITTED_BY]->(e:Emitter) RETURN e, count(DISTINCT p.type) AS types",
    "MATCH (p:PEM) WHERE p.position IS NULL RETURN p",
    "MATCH (p:PEM) WHERE p.position IS NOT NULL RETURN DISTINCT p.type",
    "MATCH (p:PEM) RETURN count(p.position), count(*)",
    "MATCH (p:PEM) WHERE p.position >= 10 AND p.position < 2e1 RETURN p.position AS n ORDER BY n DESC SKIP 2 LIMIT 3",
    "MATCH (p:PEM) WHERE p.position = '3' RETURN p",
    "MATCH (a:Artifact) WHERE a.rk_id = 'it\\'s \"x\"' RETURN a.rk_id AS `a name`",
)


@pytest.fixture(scope="module")
def embedded() -> Iterator[GraphStore]:
    """The same graph in the embedded store."""
    with EmbeddedOpener().filled(story()) as store:
        yield store


@pytest.mark.parametrize("query", [*_EXAMPLES, *_FORMS])
def test_a_documented_form_is_answered_alike_by_both_stores(
    graph: Graph, embedded: GraphStore, query: str
) -> None:
    ours = embedded.cypher(query, _PARAMETERS)
    theirs = graph.gate().run(query, _PARAMETERS)

    assert theirs.columns == ours.columns
    assert _rows(theirs, query) == _rows(ours, query)


def _rows(result: CypherResult, query: str) -> list[str]:
    """Return the rows, sorted unless the query says which of any two comes first."""
    rows = [repr([_ordered(value) for value in row]) for row in result.rows]
    return rows if "ORDER BY n DESC" in query else sorted(rows)


def _ordered(value: object) -> object:
    return sorted(value.items()) if isinstance(value, dict) else value
