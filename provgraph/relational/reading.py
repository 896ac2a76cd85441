"""How questions about tables reach a database: what a family's questions are made of."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import TimeoutError as PoolTimeout

from provgraph.errors import OverloadedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine, Row, Select

_ROWS_AT_ONCE = 1_000
_IDS_AT_ONCE = 500


class Reading:
    """Executes questions by way of SQLAlchemy engines. Safe to use from several threads."""

    def __init__(self, engine: Engine, *, credentials: Engine) -> None:
        """
        Read by way of an engine.

        :param credentials: an engine of their own: they are asked for on the event loop's thread, which must never
            wait for a place among the readers of lists
        """
        self._engine = engine
        self._credentials = credentials

    def stream(self, statement: Select[*tuple[Any, ...]]) -> Iterator[Row[*tuple[Any, ...]]]:
        """
        Execute a statement and yield its rows, without holding them all in memory.

        :raises OverloadedError: too many others are reading
        """
        with self._connected() as connection:
            reading = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            with reading.execute(statement) as result:
                yield from result

    def one(self, statement: Select[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]] | None:
        """Return the first row that a statement finds, or None; see `stream`."""
        with self._connected() as connection:
            return connection.execute(statement).first()

    def count(self, statement: Select[*tuple[int]]) -> int:
        """Return the one number that a statement finds; see `stream`."""
        with self._connected() as connection:
            return int(connection.execute(statement).scalar_one())

    def credentials(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the rows that a statement finds among credentials. It never waits for those who read lists."""
        with self._credentials.connect() as connection:
            return connection.execute(statement).all()

    def close(self) -> None:
        """Release the connections."""
        self._credentials.dispose()
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection; the engine turns the database's own errors into ours."""
        try:
            connection = self._engine.connect()
        except PoolTimeout as error:
            raise OverloadedError("Too many lists are being read; ask again in a moment") from error
        try:
            yield connection
        finally:
            # What was read is there, or the block has raised: a database that went away since changes neither.
            with suppress(StoreError):
                connection.close()


class Questions:
    """Questions about some of the tables. Safe to use from several threads."""

    def __init__(self, reading: Reading) -> None:
        """Ask by way of ``reading``."""
        self._reading = reading


def in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield ids in parts, each as long as one statement takes them."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[start : start + _IDS_AT_ONCE]
