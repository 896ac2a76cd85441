"""What the subset refuses, and what it says then."""

from __future__ import annotations

import pytest

from provgraph.errors import InvalidInputError, UnsupportedQueryError
from provgraph.graphstore import cypher

UNSUPPORTED = [
    ("CREATE (a:Artifact {rk_id: 'x'})", "CREATE"),
    ("MERGE (a:Artifact) RETURN a", "MERGE"),
    ("MATCH (a:Artifact) SET a.rk_id = 'x'", "SET"),
    ("MATCH (a:Artifact) WHERE a.x = 1 DETACH DELETE a", "DETACH DELETE"),
    ("MATCH (a:Artifact) DELETE a", "DELETE"),
    ("MATCH (a:Artifact) REMOVE a.rk_id RETURN a", "REMOVE"),
    ("MATCH (a:Artifact) CALL { CREATE (b) } RETURN a", "CALL"),
    ("CALL db.labels()", "CALL"),
    ("LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row", "LOAD CSV"),
    ("UNWIND [1] AS x RETURN x", "UNWIND"),
    ("MATCH (a:Artifact) WITH a RETURN a", "WITH"),
    ("MATCH (a:Artifact) UNWIND [1] AS x RETURN x", "UNWIND"),
    ("OPTIONAL MATCH (a:Artifact) RETURN a", "OPTIONAL MATCH"),
    ("MATCH (a:Artifact) OPTIONAL MATCH (b:PEM) RETURN a", "OPTIONAL MATCH"),
    ("MATCH (a:Artifact) MATCH (b:PEM) RETURN a", "more than one MATCH"),
    ("MATCH (a:Artifact), (b:PEM) RETURN a", "more than one pattern"),
    ("MATCH (a:Artifact) RETURN a.x UNION MATCH (b:PEM) RETURN b.x", "UNION"),
    ("MATCH (a:Artifact) RETURN a.x; MATCH (b:PEM) RETURN b.x", "more than one statement"),
    ("EXPLAIN MATCH (a:Artifact) RETURN a", "EXPLAIN"),
    ("RETURN 1", "without MATCH"),
    ("MATCH (a) RETURN a", "without a label"),
    ("MATCH (a:PEM:Artifact) RETURN a", "more than one label"),
    ("MATCH (a:PEM|Artifact) RETURN a", "more than one label"),
    ("MATCH (a:!PEM) RETURN a", "label expressions"),
    ("MATCH (a:Artifact $all) RETURN a", "for all properties"),
    ("MATCH (a:Artifact WHERE a.x = 1) RETURN a", "WHERE inside"),
    ("MATCH (p)-[r:USES WHERE r.x = 1]->(a) RETURN a", "WHERE inside"),
    ("MATCH x = (p)-[:USES]->(a) RETURN x", "whole path"),
    ("MATCH shortestPath((p)-[:USES]->(a)) RETURN p", "'shortestPath'"),
    ("MATCH ((p)-[:USES]->(a)){2} RETURN p", "quantified"),
    ("MATCH (p)-->(a) RETURN a", "without a relationship type"),
    ("MATCH (p)-[]->(a) RETURN a", "without a relationship type"),
    ("MATCH (p)-[r]->(a) RETURN a", "without a relationship type"),
    ("MATCH (p)-[:USES]-(a) RETURN a", "one direction"),
    ("MATCH (p)<-[:USES]->(a) RETURN a", "one direction"),
    ("MATCH (p)-[:USES|PRODUCES]->(a) RETURN a", "more than one relationship type"),
    ("MATCH (p)-[:PREDECESSOR*1..3]->(q) RETURN q", "variable length"),
    ("MATCH (p)-[*]->(q) RETURN q", "variable length"),
    ("MATCH (p)-[:PREDECESSOR]->+(q) RETURN q", "arithmetic"),
    ("MATCH (p)-[:USES]->(a)<-[:PRODUCES]-(q) RETURN q", "more than one hop"),
    ("MATCH (p)-[:PREDECESSOR]->(p) RETURN p", "same node"),
    ("MATCH (a:Artifact) WHERE a:PEM RETURN a", "label test"),
    ("MATCH (a:Artifact) WHERE toLower(a.rk_id) = 'x' RETURN a", "'toLower'"),
    ("MATCH (a:Artifact) WHERE apoc.x(a) RETURN a", "'apoc.x'"),
    ("MATCH (a:Artifact) WHERE a.rk_id =~ 'x.*' RETURN a", "regular expressions"),
    ("MATCH (a:Artifact) WHERE a.x + 1 = 2 RETURN a", "arithmetic"),
    ("MATCH (a:Artifact) WHERE a.x = -a.y RETURN a", "arithmetic"),
    ("MATCH (a:Artifact) WHERE 1 < a.x < 3 RETURN a", "chained comparisons"),
    ("MATCH (a:Artifact) WHERE (a.x = 1) = true RETURN a", "comparing conditions"),
    ("MATCH (a:Artifact) WHERE (a.x = 1) IS NULL RETURN a", "comparing conditions"),
    ("MATCH (a:Artifact) WHERE a.x = 1 XOR a.y = 2 RETURN a", "XOR"),
    ("MATCH (a:Artifact) WHERE EXISTS { (a)<--() } RETURN a", "EXISTS"),
    ("MATCH (a:Artifact) WHERE CASE WHEN true THEN true END RETURN a", "CASE"),
    ("MATCH (a:Artifact) WHERE a.x IS :: INTEGER RETURN a", "type test"),
    ("MATCH (a:Artifact) WHERE a.x IN [[1]] RETURN a", "lists inside lists"),
    ("MATCH (a:Artifact) WHERE a.x IN [x IN [1] | x] RETURN a", "lists of anything but"),
    ("MATCH (a:Artifact) WHERE [1] = [1] RETURN a", "comparing lists"),
    ("MATCH (a:Artifact) WHERE a.x = {y: 1} RETURN a", "maps"),
    ("MATCH (a:Artifact) WHERE a.x[0] = 1 RETURN a", "out of lists"),
    ("MATCH (a:Artifact) WHERE a.x.y = 1 RETURN a", "property of a property"),
    ("MATCH (a:Artifact) RETURN *", "RETURN *"),
    ("MATCH (a:Artifact) RETURN 1", "anything but"),
    ("MATCH (a:Artifact) RETURN (a.x)", "anything but"),
    ("MATCH (a:Artifact) RETURN a.x = 1", "comparison in this place"),
    ("MATCH (a:Artifact) RETURN a.x IS NULL", "conditions outside WHERE"),
    ("MATCH (a:Artifact) RETURN CASE WHEN a.x = 1 THEN 2 END", "CASE"),
    ("MATCH (a:Artifact) RETURN NOT a.x", "NOT"),
    ("MATCH (a:Artifact) RETURN a {.x}", "maps"),
    ("MATCH (a:Artifact) RETURN max(a.x)", "'max'"),
    ("MATCH (a:Artifact) RETURN count(a) + 1", "arithmetic"),
    ("MATCH (a:Artifact) RETURN count(1)", "counting"),
    ("MATCH (a:Artifact) RETURN count(toLower(a.x))", "'toLower'"),
    ("MATCH (a:Artifact) RETURN a.x ORDER BY size(a.x)", "'size'"),
    ("MATCH (a:Artifact) RETURN a.x LIMIT 1 + 1", "arithmetic"),
    ("MATCH (a:Artifact) RETURN a.x OFFSET 1", "OFFSET"),
]
# Not Cypher, or Cypher that would fail in Neo4j too; with a part of what the error says.
INVALID = [
    ("", "line 1, column 1: expected MATCH, the query ends"),
    ("  \n hello", "line 2, column 2: expected MATCH, found 'hello'"),
    ("MATCH", "expected '('"),
    ("MATCH (a:Artifact", "expected ')'"),
    ("MATCH (a:) RETURN a", "expected a label"),
    ("MATCH (a:Artifact) RETURN", "expected a property"),
    ("MATCH (a:Artifact)\nRETURN a.rk_id,", "line 2, column 16"),
    ("MATCH (a:Artifact) RETURN a.", "expected the name of a property"),
    ("MATCH (a:Artifact) RETURN a.x AS", "expected a name for the column"),
    ("MATCH (a:Artifact) RETURN a.x a.y", "expected the end of the query, found 'a'"),
    ("MATCH (a:Artifact) RETURN a.x, a.x", "two columns"),
    ("MATCH (a:Artifact) RETURN b.x", "the variable 'b' is not in MATCH"),
    ("MATCH (a:Artifact) WHERE b.x = 1 RETURN a", "the variable 'b' is not in MATCH"),
    ("MATCH (x)-[x:USES]->(a) RETURN a", "a node and a relationship"),
    ("MATCH (a:Artifact) WHERE RETURN a", "expected '.'"),
    ("MATCH (a:Artifact) WHERE a.x RETURN a", "expected a condition, found a value"),
    ("MATCH (a:Artifact) WHERE 'text' RETURN a", "expected a condition, found a value"),
    ("MATCH (a:Artifact) WHERE a.x = 1 AND 5 RETURN a", "expected a condition, found a value"),
    ("MATCH (a:Artifact) WHERE (a.x = 1 RETURN a", "expected ')'"),
    ("MATCH (a:Artifact) WHERE a.x = 'open RETURN a", "does not end"),
    ("MATCH (a:Artifact) WHERE a.x = `open RETURN a", "does not end"),
    ("MATCH (a:Artifact) /* RETURN a", "a comment that does not end"),
    ("MATCH (a:Artifact) WHERE a.x = '\\q' RETURN a", "escape"),
    ("MATCH (a:Artifact) WHERE a.x = '\\uD83C' RETURN a", "surrogate"),
    ("MATCH (a:Artifact) WHERE a.x = '\\U00110000' RETURN a", "no character"),
    ("MATCH (a:Artifact) WHERE a.x = '\ud83c' RETURN a", "surrogate"),
    ("MATCH (a:Artifact) WHERE a.x = 9223372036854775808 RETURN a", "too large"),
    (f"MATCH (a:Artifact) WHERE a.x = {'9' * 5000} RETURN a", "too large"),
    ("MATCH (a:Artifact) WHERE a.x = 1e999 RETURN a", "too large"),
    ("MATCH (a:Artifact) WHERE a.x = 0x1F RETURN a", "not a decimal number"),
    ("MATCH (a:Artifact) WHERE a.x != 1 RETURN a", "found '!='"),
    ("MATCH (a:Artifact) WHERE a.x # 1 RETURN a", "has no meaning"),
    ("MATCH (a:Artifact) WHERE a.x IN 'abc' RETURN a", "IN needs a list"),
    ("MATCH (a:Artifact) WHERE a.x IN a.rk_id RETURN a", "IN needs a list"),
    ("MATCH (a:Artifact) WHERE a.x IN [1,] RETURN a", "another element"),
    ("MATCH (a:Artifact {x: 1,}) RETURN a", "another property"),
    ("MATCH (a:Artifact) RETURN a.x LIMIT -1", "LIMIT takes an integer"),
    ("MATCH (a:Artifact) RETURN a.x LIMIT true", "LIMIT takes an integer"),
    ("MATCH (a:Artifact) RETURN a.x SKIP 1.5", "SKIP takes an integer"),
    ("MATCH (a:Artifact) RETURN a.x LIMIT 1 SKIP 1", "expected the end"),
    ("MATCH (a:Artifact) RETURN type(a)", "takes a relationship"),
    ("MATCH (p)-[r:USES]->(a) RETURN labels(r)", "takes a node"),
    ("MATCH (a:Artifact) RETURN count(a) ORDER BY a.x", "only what is returned"),
    ("MATCH (a:Artifact) RETURN DISTINCT a.x ORDER BY a.y", "only what is returned"),
    ("MATCH (a:Artifact) RETURN a.x ORDER BY count(a)", "only what is returned"),
    ("MATCH (a:Artifact) RETURN a.x AS a ORDER BY a.y", "has no properties"),
    ("MATCH (a:Artifact) RETURN a.x ORDER BY b", "the variable 'b'"),
]
NESTED = "MATCH (a:Artifact) WHERE {} RETURN a"
HUGE = [
    (NESTED.format("a.x = 1 OR " * 20_000 + "true"), "longer than"),
    (NESTED.format("a.x = 1 OR " * 5_000 + "true"), "more than 500 conditions"),
    (NESTED.format("(" * 30_000 + "true" + ")" * 30_000), "parentheses"),
    (NESTED.format("(" * 41 + "true" + ")" * 41), "parentheses"),
    (NESTED.format("NOT (true AND " * 21 + "true" + ")" * 21), "levels deep"),
    (NESTED.format("a.x IN [" + "1," * 12_000 + "1]"), "more than 10000 values"),
    ("MATCH (a:Artifact) RETURN " + "a.x, " * 200 + "a.x", "more than 100 columns"),
    ("MATCH (a:Artifact) RETURN a.x ORDER BY " + "a.x, " * 200 + "a.x", "more than 100 expressions"),
    ("MATCH (a:Artifact {" + "x: 1, " * 600 + "x: 1}) RETURN a", "more than 500 conditions"),
]
PARAMETERS: list[tuple[dict[str, object], str]] = [
    ({}, "$x is missing"),
    ({"x": float("nan")}, "$x is not a number"),
    ({"x": 2**63}, "$x is beyond the integers"),
    ({"x": "\ud83c"}, "$x holds half of a surrogate pair"),
    ({"x": b"bytes"}, "$x is a bytes"),
    ({"x": [object()]}, "$x is a object"),
]


@pytest.mark.parametrize(("query", "named"), UNSUPPORTED)
def test_cypher_outside_the_subset_is_called_unsupported_with_a_way_out(query: str, named: str) -> None:
    with pytest.raises(UnsupportedQueryError) as caught:
        cypher.compile(query, {})

    for words in (named, "unsupported", "embedded graph store takes", "PROVGRAPH_GRAPH_URL"):
        assert words in str(caught.value)


@pytest.mark.parametrize(("query", "said"), INVALID)
def test_a_mistake_is_named_with_its_place(query: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        cypher.compile(query, {})

    assert not isinstance(caught.value, UnsupportedQueryError)
    assert said in str(caught.value)
    assert "at line " in str(caught.value)


@pytest.mark.parametrize(("query", "said"), HUGE, ids=lambda value: value[:40])
def test_a_query_beyond_a_limit_is_refused_by_name(query: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        cypher.compile(query, {})


@pytest.mark.parametrize(("parameters", "said"), PARAMETERS)
def test_a_parameter_that_cypher_does_not_have_is_refused(parameters: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        cypher.compile("MATCH (a:Artifact) WHERE a.rk_id = $x RETURN a", parameters)

    assert said in str(caught.value)


@pytest.mark.parametrize("value", [-1, True, "1", None, 1.0, [1]])
def test_limit_takes_no_parameter_but_a_number_of_rows(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"\$n is not an integer of 0 or more, as LIMIT needs"):
        cypher.compile("MATCH (a:Artifact) RETURN a LIMIT $n", {"n": value})
