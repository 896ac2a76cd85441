"""How a query is refused: what is wrong or not supported, where, and what to do instead."""

from __future__ import annotations

from provgraph.errors import InvalidInputError, UnsupportedQueryError

_SUBSET = (
    "The embedded graph store takes one MATCH over a labelled node or one typed hop, WHERE on properties, RETURN of "
    "properties, nodes, relationships and counts, ORDER BY, SKIP and LIMIT; "
    "full Cypher needs Neo4j as the graph store (PROVGRAPH_GRAPH_URL=neo4j://HOST:7687)"
)
_SHOWN = 40  # characters of the query that an error repeats


def place(text: str, offset: int) -> str:
    """Return where in a query something is, for people: ``line 1, column 8``."""
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"


def shown(text: str) -> str:
    """Return a piece of the query, quoted and cut to a length that fits into a sentence."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def invalid(message: str, text: str, offset: int) -> InvalidInputError:
    """Return the error for a mistake in the query at ``offset``."""
    return InvalidInputError(
        f"The query is wrong at {place(text, offset)}: {message}", field="query", rule="syntax"
    )


def unsupported(what: str, text: str, offset: int) -> UnsupportedQueryError:
    """Return the error for Cypher that the subset leaves out: ``what`` names it."""
    return UnsupportedQueryError(
        f"This query is unsupported here: {what} (at {place(text, offset)}). {_SUBSET}",
        field="query",
        rule="unsupported",
    )


def would_write() -> UnsupportedQueryError:
    """Return the error for a query that would change the graph, whoever sends it."""
    return UnsupportedQueryError(
        "This query is unsupported: it would write. The graph is made of what was reported, and of nothing else: "
        "report an event instead, with the client (provgraph.client) or POST /api/v1/events. Nothing was changed",
        field="query",
        rule="unsupported",
    )


def bad_parameter(name: str, message: str) -> InvalidInputError:
    """Return the error for a parameter that is missing or has a value that Cypher does not have."""
    return InvalidInputError(f"Parameter ${name[:_SHOWN]} {message}", field="parameters", rule="value")


def over_limit(message: str, rule: str) -> InvalidInputError:
    """Return the error for a query that asks too much; ``rule`` names the limit."""
    return InvalidInputError(message, field="query", rule=rule)
