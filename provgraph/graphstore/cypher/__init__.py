"""
A small, documented subset of Cypher for the embedded graph store: see ``docs/reference/cypher.md``.

`compile` turns a query into one SQL statement with bound values, `run` runs it, and `is_write` tells, for any Cypher
query, whether it may change the graph.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provgraph.graphstore.base import CypherResult
from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.access import is_in_subset, is_write
from provgraph.graphstore.cypher.model import RAW_ID_FUNCTION
from provgraph.graphstore.cypher.parser import parse
from provgraph.graphstore.cypher.refusals import would_write
from provgraph.graphstore.cypher.sql import Compiled, build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Compiled", "compile", "is_in_subset", "is_write", "run", "would_write"]

_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's virtual machine: well under a millisecond


def compile(text: str, parameters: Mapping[str, object]) -> Compiled:  # noqa: A001 - the word for it; used as cypher.compile
    """
    Compile a query of the subset.

    :raises InvalidInputError: it is not Cypher, a parameter is missing or wrong, or a limit is exceeded
    :raises UnsupportedQueryError: it is Cypher that the subset leaves out; the text says what and what to configure
    """
    return build(parse(text), parameters)


def run(
    connection: sqlite3.Connection,
    text: str,
    parameters: Mapping[str, object],
    *,
    max_rows: int | None = None,
    timeout_seconds: float | None = None,
) -> CypherResult:
    """
    Run a query of the subset on a file of the embedded graph store.

    Errors of SQLite itself pass through: the store translates them.

    :raises InvalidInputError: see `compile`; also more rows than ``max_rows``, or no end after ``timeout_seconds``
    :raises UnsupportedQueryError: see `compile`
    """
    compiled = compile(text, parameters)
    if RAW_ID_FUNCTION in compiled.sql:
        connection.create_function(RAW_ID_FUNCTION, 1, bytes.fromhex, deterministic=True)
    with _time_limit(connection, timeout_seconds):
        cursor = connection.execute(compiled.sql, compiled.values)
        rows = cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows + 1)
    if max_rows is not None and len(rows) > max_rows:
        raise refusals.over_limit(f"The query returns more than {max_rows} rows: add a LIMIT", "rows")
    return CypherResult(compiled.columns, [compiled.decode(row) for row in rows])


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float | None) -> Iterator[None]:
    """Stop the statements of a block when the time is over."""
    if seconds is None:
        yield
        return
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        message = f"The query was stopped because it took more than {seconds:g} seconds: ask for less"
        raise refusals.over_limit(message, "time") from None
    finally:
        connection.set_progress_handler(None, 0)
