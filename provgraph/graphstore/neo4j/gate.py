"""
Free Cypher on Neo4j, behind a gate.

A query is refused unless its text (`texts`), the server's plan for it (`plans`) and the kind of statement are all known
to be harmless, and only to read. What passes runs in a transaction of its own, in READ access mode, within limits of
time, rows and values; memory is the server's own limit. Queries of users are never run a second time.

A server stops a transaction only between two steps of its plan, and not inside one expression. So the time is watched
on this side as well: whoever asked is told, and what the server goes on computing is counted. While that is too much no
further query is let in: so nobody can take more of the server than these few.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from neo4j import READ_ACCESS
from neo4j.exceptions import ServiceUnavailable, SessionExpired

from provgraph.errors import OverloadedError, UnsupportedQueryError
from provgraph.graphstore.base import CypherResult
from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.neo4j import plans, texts
from provgraph.graphstore.neo4j.complaints import CutOffError, asking, in_our_words, planning
from provgraph.graphstore.neo4j.cutoff import Cutter
from provgraph.graphstore.neo4j.values import Values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import TypeVar

    from neo4j import AsyncDriver, AsyncTransaction

    from provgraph.graphstore.cypher.lexer import Token

    _T = TypeVar("_T")

MAX_VALUES: Final = 2_000_000  # in an answer
MAX_AT_ONCE: Final = 8
MAX_OVERRUNS: Final = 4
# The first plan after a server's start takes it several seconds.
_PLANNING_SECONDS = 15.0
_WAIT_SECONDS = 2.0
_ASKING_SECONDS = 5.0
_FETCH_ROWS = 1_000
_FUNCTIONS_SECONDS = 60.0  # after so long a server may have been restarted with others

_EXPLAIN = "EXPLAIN "
_READS, _WRITES = frozenset({"r"}), frozenset({"rw", "w"})
# The server stops a transaction up to a second after its time; then its own word is better.
_GRACE_SECONDS = 2.0
# The server's own functions reach nothing outside the database. Those of extensions may do anything.
_EXTENSIONS = "SHOW FUNCTIONS YIELD name, isBuiltIn WHERE NOT isBuiltIn RETURN collect(toLower(name))"
_STILL_RUNNING = """
SHOW TRANSACTIONS YIELD metaData WHERE metaData.provgraph IN $marks RETURN collect(metaData.provgraph)
"""


class Gate:
    """Lets users' queries through to a database. Safe to use from several threads."""

    def __init__(
        self, connect: Callable[[], AsyncDriver], *, database: str, timeout_seconds: float, row_limit: int
    ) -> None:
        """
        Stand before a database; nothing is asked yet.

        :param connect: returns a driver, which the gate closes
        :param timeout_seconds: how long a query may run
        :param row_limit: how many rows it may return
        """
        self._cutter = Cutter(connect)
        self._database = database
        self._timeout_seconds = timeout_seconds
        self._row_limit = row_limit
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._overruns: set[str] = set()
        self._lock = threading.Lock()
        self._home: str | None = None
        self._extensions: tuple[float, frozenset[str]] = (0.0, frozenset())

    def close(self) -> None:
        """Close all connections; what runs is cut off."""
        self._cutter.close()

    def run(self, query: str, parameters: Mapping[str, object]) -> CypherResult:
        """
        Run a query and return its answer in plain values: see `Values.row`.

        :raises InvalidInputError: it is not Cypher, or takes more than it may
        :raises UnsupportedQueryError: it does what users' queries may not do: writing, for one
        :raises OverloadedError: too many queries are running, or still running after their time
        :raises StoreError: the server is not there, or refuses
        """
        tokens = texts.read(query, parameters)
        with self._place(), in_our_words(query, seconds=self._timeout_seconds):
            self._refuse_while_overrun()
            functions = texts.called_functions(tokens)
            self._refuse_extensions(functions, query)
            self._explain(query, parameters)
            with_labels = "labels" in functions
            return self._reading(
                lambda transaction: self._answer(transaction, query, parameters, with_labels=with_labels),
                seconds=self._timeout_seconds,
            )

    # -------------------------------------------------------------------------------------------- what may run

    def _explain(self, query: str, parameters: Mapping[str, object]) -> None:
        """Refuse a query that does not only read, once the server has said how it would run it."""

        async def plan(transaction: AsyncTransaction) -> tuple[str, Mapping[str, Any] | None]:
            result = await transaction.run(_EXPLAIN + query, dict(parameters))
            summary = await result.consume()
            return summary.query_type or "", summary.plan

        home = self._home_database()
        with planning(query, shift=len(_EXPLAIN)):
            kind, steps = self._attempt(lambda: self._reading(plan, seconds=self._planning_seconds))
        if kind not in _READS | _WRITES or steps is None:
            raise UnsupportedQueryError(
                "Only queries that read the graph are allowed: no schema, no administration, no procedures",
                field="query",
                rule="unsupported",
            )
        # Either would do; should they ever differ, the query counts as one that writes.
        if plans.check(steps, database=home) or kind in _WRITES:
            raise refusals.would_write()

    def _refuse_extensions(self, functions: Mapping[str, Token], query: str) -> None:
        extensions = self._known_extensions()
        for name, token in functions.items():
            if name in extensions:
                raise texts.refuse(f"Functions of extensions are not allowed: {name}", query, token)

    def _known_extensions(self) -> frozenset[str]:
        known_until, names = self._extensions
        if time.monotonic() >= known_until:
            names = frozenset(self._ask(_EXTENSIONS))
            self._extensions = (time.monotonic() + _FUNCTIONS_SECONDS, names)
        return names

    def _home_database(self) -> str:
        """Return the name that plans have for the database, which may be configured by an alias."""
        if self._home is None:

            async def plan(transaction: AsyncTransaction) -> Mapping[str, Any]:
                summary = await (await transaction.run("EXPLAIN RETURN 1")).consume()
                return summary.plan or {"operatorType": ""}

            with asking():
                steps = self._attempt(lambda: self._reading(plan, seconds=_PLANNING_SECONDS))
            self._home = next(plans.operators(steps)).database
        return self._home

    # -------------------------------------------------------------------------------------------- how much may run

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise OverloadedError(
                f"{MAX_AT_ONCE} queries of users are running already; ask again in a moment"
            )
        try:
            yield
        finally:
            self._places.release()

    def _refuse_while_overrun(self) -> None:
        with self._lock:
            marks = list(self._overruns)
        if not marks:
            return
        running = set(self._ask(_STILL_RUNNING, marks=marks))
        with self._lock:
            self._overruns.difference_update(set(marks) - running)
        if len(running) >= MAX_OVERRUNS:
            raise OverloadedError(
                f"{len(running)} queries of users were stopped and still keep the graph server busy; ask again later"
            )

    # -------------------------------------------------------------------------------------------- running

    async def _answer(
        self,
        transaction: AsyncTransaction,
        query: str,
        parameters: Mapping[str, object],
        *,
        with_labels: bool,
    ) -> CypherResult:
        values = Values(at_most=MAX_VALUES, with_labels=with_labels)
        rows: list[list[object]] = []
        result = await transaction.run(query, dict(parameters))
        async for record in result:
            if len(rows) == self._row_limit:
                raise refusals.over_limit(
                    f"The query returns more than {self._row_limit} rows: add a LIMIT", "rows"
                )
            rows.append(values.row(record.values()))
        return CypherResult(tuple(result.keys()), rows)

    def _ask(self, statement: str, **parameters: object) -> list[str]:
        """Return the list that a statement of ours has as its only value."""

        async def first(transaction: AsyncTransaction) -> list[str]:
            record = await (await transaction.run(statement, parameters)).single(strict=True)
            found: list[str] = record[0]
            return found

        with asking():
            return self._attempt(lambda: self._reading(first, seconds=_ASKING_SECONDS))

    def _attempt(self, ask: Callable[[], _T]) -> _T:
        """Ask something that changes nothing, and once more if the connection turns out to have died meanwhile."""
        try:
            return ask()
        except (ServiceUnavailable, SessionExpired):
            return ask()

    def _reading(self, work: Callable[[AsyncTransaction], Awaitable[_T]], *, seconds: float) -> _T:
        """
        Return what ``work`` makes of a transaction that reads. It is called once.

        :raises CutOffError: it took too long; the server may be at it still
        """
        mark = uuid.uuid4().hex

        async def run(driver: AsyncDriver) -> _T:
            async with driver.session(
                database=self._database,
                default_access_mode=READ_ACCESS,
                fetch_size=min(_FETCH_ROWS, self._row_limit + 1),
            ) as session:
                begun = await session.begin_transaction(metadata={"provgraph": mark}, timeout=seconds)
                async with begun as transaction:
                    return await work(transaction)

        try:
            return self._cutter.run(run, seconds=seconds + _GRACE_SECONDS)
        except CutOffError:
            with self._lock:
                self._overruns.add(mark)
            raise

    @property
    def _planning_seconds(self) -> float:
        return min(_PLANNING_SECONDS, self._timeout_seconds)
