"""
Queries that must not get what they want.

``{port}`` is that of a listening socket, ``{file}`` a file that the server can read; both are filled in by
`Attack.text`, which leaves every other brace alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

SECRET = "the-planted-secret"
FILE = "planted.csv"


class Attack(NamedTuple):
    """A query, and the parameters that go with it."""

    query: str
    parameters: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it

    def text(self, *, port: int) -> str:
        """Return the query with what it aims at filled in."""
        return self.query.replace("{port}", str(port)).replace("{file}", FILE)


_CSV = "LOAD CSV FROM 'file:///{file}' AS line RETURN line"
_URL = "LOAD CSV FROM 'http://127.0.0.1:{port}/x' AS line RETURN line"

# Would change the graph: refused to those who read, in whatever clause it hides.
WRITES: dict[str, str | Attack] = {
    "create a node": "CREATE (:Artifact {rk_id: 'x'})",
    "create a relationship": "MATCH (a:PEM), (b:Artifact) WITH a, b LIMIT 1 CREATE (a)-[:USES]->(b)",
    "insert, as the standard says": "INSERT (:Artifact {rk_id: 'x'})",
    "create and return": "CREATE (a:Artifact) RETURN a",
    "create behind a comment": "/* MATCH (a) RETURN a */ CREATE (:Artifact)",
    "create behind a line comment": "// MATCH (a) RETURN a\nCREATE (:Artifact)",
    "create behind a carriage return": "MATCH (a:PEM) // \rCREATE (:X) RETURN 1",
    "create in odd letters and spaces": "cReAtE\t(\n:Artifact)",
    "create after reading": "MATCH (a:PEM) WITH count(a) AS n CREATE (:Artifact {rk_id: toString(n)})",
    "create in one branch of a union": "RETURN 1 AS x UNION ALL CREATE (a:X) RETURN 1 AS x",
    "create in a subquery": "CALL { CREATE (a:Artifact) RETURN a } RETURN a",
    "create in a correlated subquery": "MATCH (a:PEM) CALL (a) { CREATE (a)-[:X]->(:Y) } RETURN count(a)",
    "create in a subquery of a subquery": "CALL { CALL { CREATE (a:X) RETURN a } RETURN a } RETURN 1",
    "create in an optional subquery": "OPTIONAL CALL { CREATE (a:X) RETURN a } RETURN a",
    "create under a condition": "FOREACH (x IN CASE WHEN true THEN [1] ELSE [] END | CREATE (:X))",
    "foreach in foreach": "FOREACH (x IN [1, 2] | FOREACH (y IN [x] | CREATE (:X {v: y})))",
    "create behind a semicolon in a text": "MATCH (a:Artifact) WHERE a.rk_id = ';' CREATE (:X)",
    "create with a dynamic label": "CREATE (:$('Artifact'))",
    "merge a node": "MERGE (a:Artifact {rk_id: 'x'}) RETURN a",
    "merge on match": "MERGE (a:Artifact {rk_id: 'artifact/1'}) ON MATCH SET a.properties = 'x'",
    "merge a relationship": "MATCH (a:PEM), (b:PEM) WITH a, b LIMIT 1 MERGE (a)-[:PREDECESSOR]->(b)",
    "set a property": "MATCH (a:Artifact) SET a.properties = 'x'",
    "set a property and return": "MATCH (a:Artifact) SET a.properties = 'x' RETURN a",
    "set a property by a parameter": Attack("MATCH (a:Artifact) SET a.properties = $value", {"value": "x"}),
    "set a property by its name": "MATCH (a:Artifact) SET a['prop' + 'erties'] = 'x'",
    "set all properties": "MATCH (a:Artifact) SET a = {}",
    "add properties": "MATCH (a:Artifact) SET a += {x: 1}",
    "set a property of a relationship": "MATCH ()-[r:USES]->() SET r.version = 'x'",
    "set a label": "MATCH (a:Artifact) SET a:Other",
    "remove a property": "MATCH (a:Artifact) REMOVE a.properties",
    "remove a label": "MATCH (a:Artifact) REMOVE a:Artifact",
    "delete a relationship": "MATCH ()-[r]->() DELETE r",
    "delete a path": "MATCH p = (:PEM)-[:USES]->() DELETE p",
    "delete everything": "MATCH (n) DETACH DELETE n",
    "delete through a map": "MATCH (n:Artifact) WITH {n: n} AS m DETACH DELETE m.n",
    "delete in a subquery": "MATCH (n:PEM) CALL (n) { DETACH DELETE n } RETURN 1",
    "delete what a list holds": "MATCH (n:PEM) WITH collect(n) AS l FOREACH (x IN l | DETACH DELETE x)",
    "change the checkpoint": "MATCH (c:Checkpoint) SET c.position = 0",
}

# Nobody may do these, not even administrators.
FORBIDDEN: dict[str, str | Attack] = {
    # Files and addresses.
    "load a file": _CSV,
    "load a file with headers": "LOAD CSV WITH HEADERS FROM 'file:///{file}' AS line RETURN line",
    "load a file by a parameter": Attack(
        "LOAD CSV FROM $url AS line RETURN line", {"url": f"file:///{FILE}"}
    ),
    "load a file of the system": "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "load a file from above": "LOAD CSV FROM 'file:///../../../../etc/passwd' AS line RETURN line",
    "load from an address": _URL,
    "load from an address made up of pieces": "WITH 'http://127.0.0.1:' + '{port}' AS u LOAD CSV FROM u AS l RETURN l",
    "load from a secure address": "LOAD CSV FROM 'https://127.0.0.1:{port}/' AS line RETURN line",
    "load from an FTP server": "LOAD CSV FROM 'ftp://127.0.0.1:{port}/' AS line RETURN line",
    "load in odd letters": "lOaD /* */ cSv FROM 'http://127.0.0.1:{port}/x' AS line RETURN line",
    "load in a subquery": f"CALL {{ {_URL} }} RETURN line",
    "load in a subquery expression": f"RETURN COLLECT {{ {_CSV} }} AS lines",
    "load in a condition": f"MATCH (a:Artifact) WHERE EXISTS {{ {_URL} }} RETURN a",
    "load in a number": f"RETURN COUNT {{ {_URL} }} AS lines",
    # The server's plan shows nothing of these but an expression.
    "load in a list": f"RETURN [x IN [1] | COLLECT {{ {_CSV} }}] AS lines",
    "load from an address in a list": f"RETURN [x IN [1] | COLLECT {{ {_URL} }}] AS lines",
    "load in a case": f"RETURN CASE WHEN 1 = 1 THEN COLLECT {{ {_CSV} }} END AS lines",
    "load in a reduce": f"RETURN reduce(s = [], x IN [1] | s + COLLECT {{ {_CSV} }}) AS lines",
    "load in a predicate": f"RETURN any(x IN [1] WHERE EXISTS {{ {_URL} }}) AS found",
    "load in a condition of a hop": (
        f"MATCH p = (:PEM)-[:USES*1..2]->() WHERE all(n IN nodes(p) WHERE EXISTS {{ {_URL} }}) RETURN p"
    ),
    "load in an order": f"MATCH (a:Artifact) RETURN a ORDER BY size([x IN [1] | COUNT {{ {_URL} }}])",
    "load in a value to create": f"CREATE (:X {{y: [x IN [1] | COUNT {{ {_URL} }}]}})",
    "load in a value to set": f"MATCH (a:Artifact) SET a.x = size([x IN [1] | COUNT {{ {_URL} }}])",
    "load and write": "LOAD CSV FROM 'file:///{file}' AS line CREATE (:X {line: line[0]})",
    "load in transactions": "LOAD CSV FROM 'file:///{file}' AS l CALL (l) { CREATE (:X) } IN TRANSACTIONS",
    "periodic commit": "USING PERIODIC COMMIT LOAD CSV FROM 'file:///{file}' AS l CREATE (:X)",
    # Procedures.
    "a procedure": "CALL db.labels()",
    "a procedure without parentheses": "CALL db.labels",
    "a procedure and more": "CALL db.labels() YIELD label RETURN label",
    "a procedure in back-quotes": "CALL `db`.`labels`() YIELD label RETURN label",
    "a procedure in a subquery": "CALL { CALL db.labels() YIELD label RETURN label } RETURN label",
    "a procedure in a condition": "MATCH (a:PEM) WHERE EXISTS { CALL db.labels() YIELD label RETURN label } RETURN a",
    "a procedure in a list": "RETURN [x IN [1] | COLLECT { CALL db.labels() YIELD label RETURN label }] AS labels",
    "the server's settings": "CALL dbms.listConfig() YIELD name, value RETURN name, value",
    "the server's beans": "CALL dbms.queryJmx('*:*') YIELD name, attributes RETURN name, attributes",
    "the server's connections": "CALL dbms.listConnections()",
    "end a connection": "CALL dbms.killConnection('bolt-1')",
    "make a label": "CALL db.createLabel('Mine')",
    "make a property": "CALL db.createProperty('mine')",
    "clear the caches": "CALL db.clearQueryCaches()",
    "mark the transaction": "CALL tx.setMetaData({provgraph: 'x'})",
    "wait for an index": "CALL db.awaitIndexes(3000)",
    "another query through an extension": "CALL apoc.cypher.runWrite('CREATE (:X)', {})",
    "an address through an extension": "CALL apoc.load.json('http://127.0.0.1:{port}/')",
    "a file through an extension": "RETURN apoc.load.csv('file:///{file}')",
    # Other people's queries, the server's state.
    "settings": "SHOW SETTINGS",
    "transactions": "SHOW TRANSACTIONS YIELD currentQuery RETURN currentQuery",
    "transactions in a subquery": "CALL { SHOW TRANSACTIONS YIELD currentQuery RETURN currentQuery } RETURN 1",
    "end transactions": "SHOW TRANSACTIONS YIELD transactionId AS t TERMINATE TRANSACTIONS t",
    "end a transaction": "TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
    "indexes": "SHOW INDEXES",
    "constraints": "SHOW CONSTRAINTS",
    "functions": "SHOW FUNCTIONS",
    "procedures": "SHOW PROCEDURES",
    "users": "SHOW USERS",
    "databases": "SHOW DATABASES",
    # Administration and schema.
    "a user": "CREATE USER mallory SET PASSWORD 'secret123'",
    "a password": "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'secret123'",
    "no user": "DROP USER neo4j",
    "a database": "CREATE DATABASE mine",
    "no database": "DROP DATABASE neo4j",
    "stop a database": "STOP DATABASE neo4j",
    "an alias": "CREATE ALIAS mine FOR DATABASE neo4j",
    "a role": "GRANT ROLE admin TO mallory",
    "a server": "ENABLE SERVER 'x'",
    "an index": "CREATE INDEX mine FOR (n:Artifact) ON (n.properties)",
    "a full-text index": "CREATE FULLTEXT INDEX mine FOR (n:Artifact) ON EACH [n.properties]",
    "no index": "DROP INDEX provgraph_public_pem",
    "a constraint": "CREATE CONSTRAINT mine FOR (n:Artifact) REQUIRE n.properties IS UNIQUE",
    "no constraint": "DROP CONSTRAINT provgraph_graph",
    # Another database, several statements, several transactions.
    "the system database": "USE system SHOW USERS",
    "the system database's nodes": "USE system MATCH (n) RETURN n",
    "another database": "USE other MATCH (n) RETURN n",
    "another database in a subquery": "CALL { USE system MATCH (n) RETURN n } RETURN n",
    "a graph by its name": "USE graph.byName('system') MATCH (n) RETURN n",
    "two statements": "MATCH (n) RETURN n; CREATE (:X)",
    "two statements that write": "CREATE (:X); CREATE (:Y);",
    "a transaction": "BEGIN CREATE (:X) COMMIT",
    "writing in transactions": "MATCH (a:PEM) CALL (a) { SET a.x = 1 } IN TRANSACTIONS",
    "reading in transactions": "MATCH (a:PEM) CALL (a) { RETURN 1 AS x } IN 3 CONCURRENT TRANSACTIONS RETURN x",
    # What would make the server run a query instead of explaining it, or explain another one than it runs.
    "profile": "PROFILE CREATE (:X)",
    "profile behind a comment": "/* EXPLAIN */ PROFILE CREATE (:X)",
    "profile behind a line comment": "// EXPLAIN\nPROFILE CREATE (:X)",
    "profile behind options": "CYPHER 5 PROFILE CREATE (:X)",
    "profile behind explain": "EXPLAIN PROFILE CREATE (:X)",
    "explain": "EXPLAIN CREATE (:X)",
    "options": "CYPHER runtime=slotted CREATE (:X)",
    "options for debugging": "CYPHER debug=ast RETURN 1",
    "planner options": "CYPHER planner=cost MATCH (n) RETURN n",
    "escapes for a keyword": "\\u0043REATE (:X)",
    "escapes for profile": "\\u0050ROFILE CREATE (:X)",
    "escapes that end a text": "MATCH (a) WHERE a.x = 'y\\u0027 CREATE (:X) //' RETURN a",
    "escapes that end a comment": "MATCH (a) /* \\u002a/ CREATE (:X) /* */ RETURN a",
    "escapes that end a line": "MATCH (a:PEM) // \\u000a CREATE (:X)\nRETURN a",
    "escapes for an escape": "RETURN 'x\\u005c' + ' CREATE (:X) //'",
    # Not queries at all.
    "nothing": "",
    "blanks": " \n\t",
    "a comment": "/* MATCH (n) RETURN n */",
    "an open comment": "MATCH (n) RETURN n /*",
    "an open text": "MATCH (n) WHERE n.x = 'y RETURN n",
    "NUL": "MATCH (n) RETURN n\0; CREATE (:X)",
    "half a character": "RETURN '\ud800'",
    "shell": "'; rm -rf /",
    "SQL": "SELECT * FROM pem; DROP TABLE pem",
    "a parameter that is code": Attack(
        "MATCH (a:Artifact) RETURN a ORDER BY $code {", {"code": "1 CREATE (:X)"}
    ),
    "a parameter as a clause": Attack("$code", {"code": "CREATE (:X)"}),
    "a parameter that nothing holds": Attack("RETURN $x", {"x": 2**64}),
    "a parameter that is missing": Attack("RETURN $x"),
    "an object as a parameter": Attack("RETURN $x", {"x": object()}),
}

# Would take long, or much: refused, or stopped, or answered in time.
HEAVY: dict[str, str | Attack] = {
    "count far": "UNWIND range(1, 1000000000000) AS i RETURN count(i)",
    "rows without end": "UNWIND range(1, 1000000000000) AS i RETURN i",
    "rows by rows": "UNWIND range(1, 1000000) AS i UNWIND range(1, 1000000) AS j RETURN count(*)",
    "a list of much": "UNWIND range(1, 1000000000) AS i RETURN collect(i)",
    "lists of lists": "UNWIND range(1, 100000) AS i RETURN collect(range(1, 1000))",
    "one large value in a row": "RETURN [x IN range(1, 900000) | 'abcdefghijklmnopqrstuvwxyz']",
    "many empty lists": "RETURN [x IN range(1, 2500000) | []]",
    "a long range": "RETURN size([x IN range(1, 10 ^ 12) WHERE x > 0])",
    "a long range by a parameter": Attack("RETURN size([x IN range(1, $n) WHERE x > 0])", {"n": 10**12}),
    "a long range by a variable": "WITH 1000000000000 AS n RETURN size([x IN range(1, n) WHERE x > 0])",
    "a long range by a text": "RETURN size([x IN range(1, toInteger('1000000000000')) WHERE x > 0])",
    "ranges in ranges": (
        "RETURN size([x IN range(1, 9999) WHERE all(y IN range(1, 9999) WHERE all(z IN range(1, 9999) WHERE z > 0))])"
    ),
    "loops in loops over a parameter": Attack(
        "RETURN size([a IN $l WHERE any(b IN $l WHERE any(c IN $l WHERE a + b + c < 0))])",
        {"l": list(range(3_000))},
    ),
    "loops in loops over a text": Attack(
        "RETURN size([a IN split($s, ',') WHERE none(b IN split($s, ',') WHERE all(c IN split($s, ',') WHERE c < a))])",
        {"s": ",".join(map(str, range(5_000)))},
    ),
    "loops in loops over what was collected": (
        "MATCH (n:PEM) UNWIND range(1, 1000) AS i WITH collect(n.position + i) AS l "
        "RETURN reduce(s = 0, a IN l | s + reduce(t = 0, b IN l | t + size([c IN l WHERE c = a + b])))"
    ),
    "reduce far": "RETURN reduce(s = 0, i IN range(1, 1000000000000) | s + i)",
    "reduce a text": "RETURN reduce(s = 'aaaaaaaaaa', i IN range(1, 60) | s + s)",
    "reduce a text by replacing": "RETURN size(reduce(s = 'a', i IN range(1, 60) | replace(s, 'a', 'aa')))",
    "reduce a list": "RETURN size([x IN reduce(l = [1], i IN range(1, 60) | l + l) WHERE x > 0])",
    "double a list": "WITH [1] AS l " + "WITH l + l AS l " * 40 + "RETURN size([x IN l WHERE x > 0])",
    "double a text": "WITH 'aaaaaaaaaa' AS s " + "WITH s + s AS s " * 40 + "RETURN s",
    "nest a value": "RETURN reduce(l = [], i IN range(1, 100000) | [l])",
    "replace by replacing": Attack(
        "RETURN replace(replace(replace($s, 'a', $s), 'a', $s), 'a', $s)", {"s": "a" * 2_000}
    ),
    "a regular expression": "WITH reduce(s = '', i IN range(1, 200) | s + 'x') AS s RETURN s =~ '(.*x){11}y'",
    "a regular expression on a property": "MATCH (a:Artifact) WHERE a.rk_id =~ '(.*a)*b' RETURN a",
    "every path": "MATCH p = (:PEM)-[:INFORMED_BY*]->(:PEM) RETURN count(p)",
    "every walk": "MATCH p = (:PEM)((:PEM)-[:USES]->()<-[:PRODUCES]-(:PEM))+(:PEM) RETURN count(p)",
    "the longest path": "MATCH p = (:PEM)-[*]->() RETURN p ORDER BY length(p) DESC LIMIT 1",
    "paths in an expression": "MATCH (a:PEM) RETURN size([(a)-[*]-(b) | b])",
    "shortest paths between all": "MATCH p = shortestPath((a)-[*]-(b)) WHERE a <> b RETURN sum(length(p))",
    "all shortest paths between all": "MATCH p = allShortestPaths((a:PEM)-[*]-(b:PEM)) WHERE a <> b RETURN count(p)",
    "shortest under a condition": (
        "MATCH p = shortestPath((a:PEM)-[*]-(b:PEM)) WHERE a <> b AND length(p) > 30 RETURN count(p)"
    ),
    "a product": "MATCH (a), (b), (c), (d), (e), (f) WHERE a.x = b.y + c.z RETURN count(*)",
    "a product in subqueries": "MATCH (a) CALL { MATCH (b), (c), (d), (e) RETURN b.x AS x } RETURN count(x)",
    "many hops": "MATCH " + "--".join(f"(n{i})" for i in range(30)) + " RETURN count(*)",
    "everything with everything": (
        "MATCH " + ", ".join(f"(n{i})--(n{j})" for i in range(9) for j in range(i)) + " RETURN count(*)"
    ),
    "deep parentheses": "RETURN " + "(" * 40_000 + "1" + ")" * 40_000,
    "deep lists": "RETURN " + "[" * 3_000 + "]" * 3_000,
    "deep subqueries": "MATCH (a) WHERE "
    + "EXISTS { MATCH (a) WHERE " * 60
    + "true"
    + " }" * 60
    + " RETURN a",
    "deep calls": "CALL { " * 300 + "RETURN 1 AS x" + " } RETURN x" * 300,
    "deep cases": "RETURN " + "CASE WHEN true THEN " * 3_000 + "1" + " END" * 3_000,
    "a long sum": "RETURN " + "1 + " * 5_000 + "1",
    "a long union": " UNION ALL ".join(["MATCH (a:PEM) RETURN a"] * 300),
    "many withs": "WITH 1 AS x " * 3_000 + "RETURN x",
    "a megabyte": "RETURN '" + "x" * 1_000_000 + "'",
    "many parameters": Attack("RETURN size($x)", {"x": list(range(200_000))}),
    "a large parameter": Attack("RETURN $x", {"x": "y" * 2_000_000}),
    "times a parameter": Attack(
        "UNWIND $x AS a UNWIND $x AS b UNWIND $x AS c RETURN count(*)", {"x": [1] * 5_000}
    ),
}


def attacks(table: dict[str, str | Attack]) -> dict[str, Attack]:
    """Return a table with every query as an `Attack`."""
    return {name: Attack(attack) if isinstance(attack, str) else attack for name, attack in table.items()}
