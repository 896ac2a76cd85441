"""Which queries write, in all of Cypher."""

from __future__ import annotations

import pytest

from provgraph.graphstore import cypher
from tests.unit.graphstore.cypher.test_hostile import VALID

WRITES = [
    "CREATE (a:Artifact)",
    "create(a)",
    "  /* only reading */ MERGE (a:Artifact {rk_id: 'x'})",
    "// reading\rCREATE (a)",
    "MATCH (a) SET a.x = 1",
    "MATCH (a) set a += {x: 1}",
    "MATCH (a)SET a:Label",
    "MATCH (a) SET\n(a).x = 1",
    "MATCH (set) SET set.x = 1",
    "MATCH (as) WITH as SET as.x = 1",
    "MATCH (a) WITH a AS set SET set.x = 1",
    "MATCH (a) WITH a LIMIT 1.SET a.x = 1",
    "MATCH (a) WITH a LIMIT 1SET a.x = 1",
    "MATCH (a) WITH a LIMIT $1SET a.x = 1",
    "MATCH (a) WHERE a.x = 'it\\'s' SET a.x = 1",
    "MATCH (a) WHERE a.x = '\\\\' SET a.x = 1 //'",
    "MATCH (a) WHERE a.`x``y` = 1 DELETE a",
    "MATCH (a) DETACH DELETE a",
    "MATCH (a) NODETACH DELETE a",
    "MATCH (a) REMOVE a.x",
    "MATCH p = (a)-[*]->(b) FOREACH (n IN nodes(p) | SET n.x = 1)",
    "UNWIND [1] AS x CALL { CREATE (a) } RETURN 1",
    "CALL { WITH 1 AS x MERGE (a) } IN TRANSACTIONS",
    "MATCH (a) CALL (a) { SET a.x = 1 } RETURN a",
    "CALL apoc.create.node(['X'], {})",
    "CALL `apoc`.create.node(['X'], {})",
    "MATCH (a) CALL db.whatever(a) YIELD x RETURN x",
    "LOAD CSV FROM 'file:///x' AS row RETURN row",
    "CREATE INDEX x FOR (a:Artifact) ON (a.x)",
    "DROP CONSTRAINT x",
    "ALTER USER neo4j SET PASSWORD 'x'",
    "STOP DATABASE neo4j",
    "TERMINATE TRANSACTION 'x'",
    "USE neo4j MATCH (a) SET a.x = 1",
    "MATCH (a) \\u0053ET a.x = 1",
    "MATCH (a) WHERE a.x = '\\u0027 SET a.x = 1 //'",
    "MATCH (a) # SET a.x = 1",
    "MATCH (a) WHERE a.x = 'open SET a.x = 1",
    "RETURN 1 " * 20_000 + "SET a.x = 1",
]
READS = [
    *VALID,
    "MATCH (a:Artifact) RETURN count(a);",
    "MATCH (a) WHERE a.name = 'CREATE (b) SET b.x = 1' RETURN a",
    'MATCH (a) WHERE a.name = "it\'s; DELETE a" RETURN a',
    "MATCH (a) /* SET a.x = 1 */ RETURN a // DELETE a",
    "MATCH (a:Set)-[:CREATE]->(b) RETURN a.delete, b.set",
    "MATCH (a) RETURN a.x AS `SET a`",
    "MATCH (a) RETURN a.x AS set",
    "MATCH (a) RETURN properties(a).set, {create: 1}",
    "MATCH (set) RETURN set",
    "MATCH (a:Artifact) RETURN a.x AS set ORDER BY set LIMIT 1",
    "MATCH (a)-[*1..3]->(b) WITH a, count(*) AS n RETURN a.start, n",
    "MATCH (a) CALL { WITH a MATCH (a)-->(b) RETURN b } RETURN b",
    "MATCH (a) CALL (a) { MATCH (a)-->(b) RETURN b } RETURN b",
    "MATCH (a) WHERE a.dataset = $set RETURN datasets(a)",
    "MATCH (start)-[:X]->(stop) WHERE start.x STARTS WITH 'x' RETURN start AS stop",
    "UNWIND [1, 2] AS x RETURN x",
    "MATCH (a) RETURN 'open",
    "",
    "hello",
]


@pytest.mark.parametrize("query", WRITES, ids=lambda query: query[:40])
def test_a_query_that_writes_is_known_however_it_is_dressed_up(query: str) -> None:
    assert cypher.is_write(query)


@pytest.mark.parametrize("query", READS, ids=lambda query: query[:40])
def test_words_in_texts_comments_and_names_do_not_make_a_query_write(query: str) -> None:
    assert not cypher.is_write(query)
