"""A graph that is written otherwise than before has another format, so that those from before are built anew."""

from __future__ import annotations

import hashlib
import inspect
import re

from provgraph.graphstore.embedded import schema
from provgraph.graphstore.neo4j.statements import statement, writes

# Who changes what a store writes raises its format, and puts the new digest here.
EMBEDDED = (5, "e2e95a0d9cb51578")
NEO4J = (5, "67b38ddc6dce81a1")


def digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def test_the_embedded_graphs_format_is_that_of_its_tables() -> None:
    tables = re.sub("--.*", "", schema.CREATE)

    assert (schema.FORMAT, digest(tables)) == EMBEDDED


def test_the_format_on_neo4j_is_that_of_the_properties_it_writes() -> None:
    written = re.findall(r"(?:CREATE|MERGE|\[)[^{}\n]*?:(\w+)[^{}\n]*\{([^}]*)\}", inspect.getsource(writes))
    properties = {f"{of}.{name}" for of, listed in written for name in re.findall(r"([\w@]+):", listed)}

    assert {"USES._digest", "_PEM_._rank", "PRODUCES.properties"} <= properties
    assert (statement.FORMAT, digest(" ".join(sorted(properties)))) == NEO4J
