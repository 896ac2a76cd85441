from __future__ import annotations

import contextlib
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import CorruptStoreError, StoreError, StoreFullError
from provgraph.sqlite import Readers, connect, insert_rows, select_in, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = st.integers(0, 1_200) | st.sampled_from([1, 8, 64, 512, 511, 513, 577])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as opened:
        opened.execute("CREATE TABLE t (a PRIMARY KEY, b)")
        yield opened


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Return what is in the table, in the order of the keys."""
    return connection.execute("SELECT a, b FROM t ORDER BY a").fetchall()


# ------------------------------------------------------------------------------------------------ connections


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1), ("OFF", 0)])
def test_a_file_is_opened_with_a_write_ahead_log_and_the_durability_asked_for(
    path: Path, synchronous: str, level: int
) -> None:
    with closing(connect(path, synchronous=synchronous)) as connection:  # type: ignore[arg-type] # one of the three
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)


def test_durable_is_the_default(path: Path) -> None:
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_connection_for_reading_does_not_write(connection: sqlite3.Connection, path: Path) -> None:
    with closing(connect(path, read_only=True)) as reading:
        assert rows(reading) == []
        with pytest.raises(sqlite3.OperationalError):
            reading.execute("INSERT INTO t VALUES (1, 1)")


# ------------------------------------------------------------------------------------------------ transactions


def test_a_transaction_is_committed_at_its_end(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 2)")

    with closing(connect(path)) as other:
        assert rows(other) == [(1, 2)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, sqlite3.IntegrityError])
def test_a_transaction_that_raises_leaves_no_trace(
    connection: sqlite3.Connection, error: type[BaseException]
) -> None:
    with contextlib.suppress(error), transaction(connection):
        connection.execute("INSERT INTO t VALUES (1, 2)")
        raise error

    assert rows(connection) == []
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (3, 4)")
    assert rows(connection) == [(3, 4)]


def test_a_transaction_that_sqlite_rolled_back_itself_raises_its_own_error(
    connection: sqlite3.Connection,
) -> None:
    def end_it_and_fail() -> None:
        connection.execute("ROLLBACK")
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"), transaction(connection):
        end_it_and_fail()


# ------------------------------------------------------------------------------------------------ many rows


@given(SIZES)
def test_any_number_of_rows_is_inserted_and_found(size: int) -> None:
    wanted = [(key, -key) for key in range(size)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a PRIMARY KEY, b)")

        insert_rows(connection, "INSERT INTO t VALUES", wanted)

        assert rows(connection) == wanted
        found = select_in(connection, "SELECT a, b FROM t WHERE a IN", range(-5, size + 5))
        assert sorted(found) == wanted


def test_a_conflict_is_handled_as_asked(connection: sqlite3.Connection) -> None:
    insert_rows(connection, "INSERT INTO t VALUES", [(1, "old"), (2, "old")])

    insert_rows(
        connection,
        "INSERT INTO t VALUES",
        [(number, "new") for number in range(2, 80)],
        on_conflict="ON CONFLICT(a) DO NOTHING",
    )

    assert rows(connection)[:3] == [(1, "old"), (2, "old"), (3, "new")]
    assert len(rows(connection)) == 79


# ------------------------------------------------------------------------------------------------ errors


def test_a_file_that_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 500)

    with pytest.raises(CorruptStoreError, match="The thing's file is damaged"), translated("thing"):
        connect(path)


def test_a_file_that_cannot_grow_is_full(connection: sqlite3.Connection) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")

    with (
        pytest.raises(StoreFullError, match="The thing cannot grow"),
        translated("thing"),
        transaction(connection),
    ):
        insert_rows(connection, "INSERT INTO t VALUES", [(n, "x" * 1_000) for n in range(50)])
    assert rows(connection) == []


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM nowhere", "no SQL at all", "INSERT INTO t VALUES (1, 1), (1, 1)"]
)
def test_every_error_of_sqlite_becomes_one_of_ours(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(StoreError, match="The thing is not available") as raised, translated("thing"):
        connection.execute(statement)

    assert isinstance(raised.value.__cause__, sqlite3.Error)


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), translated("thing"):
        _ = 1 / 0


# ------------------------------------------------------------------------------------------------ readers


@pytest.fixture
def readers(connection: sqlite3.Connection, path: Path) -> Iterator[Readers]:
    with closing(Readers(path, keep=2)) as pool:
        yield pool


def test_the_connection_used_last_is_given_out_first(readers: Readers) -> None:
    with readers.connection() as first, readers.connection() as second:
        assert first is not second

    with readers.connection() as again:
        assert again is first


def test_a_connection_comes_back_after_an_error(readers: Readers) -> None:
    with pytest.raises(ValueError, match="mine"), readers.connection() as first:
        raise ValueError("mine")

    with readers.connection() as again:
        assert again is first


def test_connections_beyond_those_to_keep_are_closed(readers: Readers) -> None:
    # They come back in the other direction: the first one is one too many.
    with readers.connection() as first, readers.connection() as second, readers.connection() as third:
        pass

    assert second.execute("SELECT 1").fetchone() == third.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError):
        first.execute("SELECT 1")


def test_a_snapshot_sees_one_state(readers: Readers, connection: sqlite3.Connection) -> None:
    with readers.snapshot() as reading:
        assert rows(reading) == []
        connection.execute("INSERT INTO t VALUES (1, 2)")
        assert rows(reading) == []

    with readers.snapshot() as reading:
        assert rows(reading) == [(1, 2)]


def test_an_error_inside_a_snapshot_comes_through(readers: Readers) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nowhere"), readers.snapshot() as reading:
        reading.execute("SELECT * FROM nowhere")


def test_closed_readers_say_so_and_who_reads_may_finish(readers: Readers) -> None:
    with readers.connection() as reading:
        readers.close()
        assert rows(reading) == []

    with pytest.raises(StoreError), readers.connection():
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        reading.execute("SELECT 1")


def test_many_threads_read_at_once(readers: Readers, connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1, 2)")
    seen: list[object] = []

    def read() -> None:
        for _ in range(50):
            with readers.snapshot() as reading:
                seen.append(rows(reading))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [[(1, 2)]] * 400
