"""What the server and the driver complain of when a user's query runs, in our words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from neo4j.exceptions import BrokenRecordError, DriverError, Neo4jError

from provgraph.errors import InvalidInputError, ProvgraphError, StoreError
from provgraph.graphstore.cypher import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 400  # characters of a server's message


class CutOffError(Exception):
    """A transaction took more than its time, and was cut off with its connection."""


@contextmanager
def asking() -> Iterator[None]:
    """
    Tell a server that has no time for questions of ours from one that has none for a user's.

    :raises StoreError: it did not answer
    """
    try:
        yield
    except CutOffError as error:
        raise StoreError("The graph server is too busy to answer") from error
    except Neo4jError as error:
        if _is_of(error, "ClientError.Transaction.TransactionTimedOut"):
            raise StoreError("The graph server is too busy to answer") from error
        raise


@contextmanager
def planning(query: str, *, shift: int) -> Iterator[None]:
    """
    Turn what goes wrong while the server plans a query into the query's fault.

    :param shift: how many characters were sent before the query
    :raises InvalidInputError: it did go wrong
    """
    try:
        yield
    except Neo4jError as error:
        if _is_of(error, "ClientError.Transaction.TransactionTimedOut"):
            raise _too_complex() from error
        if _is_of(error, "ClientError.Statement", "ClientError.Procedure", "ClientError.Schema"):
            raise _invalid(error, query, shift=shift) from error
        if _is_of(error, "DatabaseError"):
            raise _too_complex() from error
        raise
    except CutOffError as error:
        raise _too_complex() from error


@contextmanager
def in_our_words(query: str, *, seconds: float) -> Iterator[None]:
    """
    Turn the driver's errors into ours.

    :param seconds: how long the query may take
    """
    try:
        yield
    except Neo4jError as error:
        raise _server_said(error, query, seconds) from error
    except CutOffError as error:
        raise _too_slow(seconds) from error
    except BrokenRecordError as error:
        raise InvalidInputError(
            "The answer has a value that cannot be shown: times have years from 1 to 9999",
            field="query",
            rule="value",
        ) from error
    except DriverError as error:
        raise StoreError(f"The graph server is not available: {_first_line(str(error))}") from error


def _server_said(error: Neo4jError, query: str, seconds: float) -> ProvgraphError:
    code = error.code or ""
    if _is_of(error, "ClientError.Transaction.TransactionTimedOut"):
        return _too_slow(seconds)
    if "OutOfMemory" in code or "StackOverFlow" in code:
        return refusals.over_limit(
            "The query needs more memory than the graph server gives it: ask for less, or for smaller lists and texts",
            "memory",
        )
    if code == "Neo.ClientError.Statement.AccessMode":
        return refusals.would_write()
    if _is_of(error, "ClientError.Security", "ClientError.Database", "ClientError.General.ForbiddenOn"):
        return StoreError(f"The graph server refuses: {_first_line(error.message or code)}")
    if _is_of(error, "ClientError"):
        return _invalid(error, query, shift=0)
    return StoreError(f"The graph server cannot run queries now: {_first_line(error.message or code)}")


def _too_slow(seconds: float) -> InvalidInputError:
    return refusals.over_limit(
        f"The query was stopped because it took more than {seconds:g} seconds: ask for less", "time"
    )


def _too_complex() -> InvalidInputError:
    return refusals.over_limit(
        "The query is too complex: the graph server found no plan for it in time; ask for less at once",
        "planning",
    )


def _invalid(error: Neo4jError, query: str, *, shift: int) -> InvalidInputError:
    """Return the error for a mistake that the server found, at its place in the query as it was sent to us."""
    message, _, place = (error.message or "").partition("\n")[0].rpartition(" (line ")
    offset = place.rpartition("(offset: ")[2].rstrip(")")
    if not message or not offset.isdecimal():
        missing = error.code == "Neo.ClientError.Statement.ParameterMissing"
        return InvalidInputError(
            _first_line(error.message or "The query is wrong"),
            field="parameters" if missing else "query",
            rule="value" if missing else "syntax",
        )
    return refusals.invalid(_first_line(message), query, max(0, int(offset) - shift))


def _first_line(message: str) -> str:
    line = message.partition("\n")[0].strip()
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


def _is_of(error: Neo4jError, *families: str) -> bool:
    return (error.code or "").startswith(tuple(f"Neo.{family}" for family in families))
