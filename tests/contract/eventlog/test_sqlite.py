"""What the log on SQLite owes beyond: its file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest

from provgraph.errors import ChangedEventError, CorruptStoreError, StoreError, StoreFullError
from provgraph.eventlog import Head, InMemoryEventLog, SQLiteEventLog, Verdict, recording
from provgraph.eventlog.checking import CheckedReader
from provgraph.eventlog.copying import copy_log
from provgraph.eventlog.tail import Tail
from provgraph.families.tag.events import TAG_SET, tag_set
from provgraph.operations.integrity import accept_change
from tests.contract.builders import pem, pem_id
from tests.contract.unstamped import Unstamped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from provgraph.events import RecordedEvent


def tamper(path: Path, statement: str, *values: object) -> None:
    """Change a log's file behind everybody's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount


class Notes(Unstamped):
    """A projection that writes a row for each event, and fails when told to."""

    def __init__(self) -> None:
        self.is_failing = False
        self.applied: list[int] = []

    def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS note (position INTEGER)")
        connection.executemany("INSERT INTO note VALUES (?)", [(event.position,) for event in events])
        if self.is_failing:
            self._fail()
        self.applied += [event.position for event in events]

    def clear(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM note")
        if self.is_failing:
            self._fail()

    def _fail(self) -> NoReturn:
        raise RuntimeError("the projection fails")


def notes_in(path: Path) -> list[int]:
    """Return the positions that a `Notes` wrote."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT position FROM note")]


# ------------------------------------------------------------------------------------------------ opening


def test_a_log_opened_again_is_as_it_was(path: Path) -> None:
    with closing(SQLiteEventLog(path)) as log:
        log.append([pem(1), pem(2)])
        events, head = log.read(), log.head()

    with closing(SQLiteEventLog(path)) as log:
        assert (log.read(), log.head()) == (events, head)
        assert log.append([pem(2)])[0].verdict is Verdict.DUPLICATE
        log.append([pem(3)])
        assert log.verify_chain()[:2] == (True, 3)


def test_an_empty_log_keeps_its_epoch(path: Path) -> None:
    with closing(SQLiteEventLog(path)) as log:
        head = log.head()

    with closing(SQLiteEventLog(path)) as log:
        assert log.head() == head


def test_a_cleaned_log_opened_again_goes_on_behind_its_positions(path: Path) -> None:
    with closing(SQLiteEventLog(path)) as log:
        log.append([pem(number) for number in range(9)])
        head = log.clean(keep=())

    with closing(SQLiteEventLog(path)) as log:
        assert log.head() == head
        assert log.append([pem(1)])[0].recorded.position > head.position
        assert log.verify_chain().intact


def test_the_clock_does_not_run_backwards_over_a_restart(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLiteEventLog(path)) as log:
        before = log.append([pem(1)])[0].recorded.recorded_us
    monkeypatch.setattr("provgraph.eventlog.recording.now_us", lambda: before - 1_000_000)

    with closing(SQLiteEventLog(path)) as log:
        assert log.append([pem(2)])[0].recorded.recorded_us == before


@pytest.mark.parametrize("damage", [b"no database at all" * 500, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_a_damaged_store(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)

    with pytest.raises(CorruptStoreError):
        SQLiteEventLog(path)


def test_a_folder_that_is_not_there_is_an_unavailable_store(path: Path) -> None:
    with pytest.raises(StoreError):
        SQLiteEventLog(path.parent / "nowhere" / "log.db")


def test_a_closed_log_says_so(path: Path) -> None:
    log = SQLiteEventLog(path)
    log.close()

    with pytest.raises(StoreError):
        log.append([pem(1)])
    with pytest.raises(StoreError):
        log.get(pem_id(1))


# ------------------------------------------------------------------------------------------------ one transaction


def test_a_projection_is_written_with_the_events(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1), pem(2)])
        log.append([pem(2), pem(3)])

        assert notes_in(path) == [event.position for event in log.read()]


def test_a_failing_projection_leaves_no_trace(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1)])
        head, before = log.head(), path.read_bytes()

        notes.is_failing = True
        with pytest.raises(RuntimeError):
            log.append([pem(2), pem(3)])

        assert (log.head(), log.count(), notes_in(path)) == (head, 1, [head.position])
        assert log.get(pem_id(2)) is None
        assert path.read_bytes() == before

        notes.is_failing = False
        assert log.append([pem(2)])[0].verdict is Verdict.ACCEPTED
        assert log.verify_chain()[:2] == (True, 2)


def test_a_failing_projection_leaves_the_log_uncleaned(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1)])
        head, events = log.head(), log.read()

        notes.is_failing = True
        with pytest.raises(RuntimeError):
            log.clean(keep=())

        assert (log.head(), log.read(), notes_in(path)) == (head, events, [head.position])
        assert log.verify_chain().intact


def test_a_row_that_a_projection_cannot_write_is_an_error_of_ours(path: Path) -> None:
    class Unique(Notes):
        def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
            connection.execute("CREATE TABLE IF NOT EXISTS one (a PRIMARY KEY)")
            connection.execute("INSERT INTO one VALUES (1)")

    with closing(SQLiteEventLog(path, projections=[Unique()])) as log:
        log.append([pem(1)])

        with pytest.raises(StoreError):
            log.append([pem(2)])
        assert log.count() == 1


def test_repetitions_are_not_projected(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1), pem(1)])
        log.append([pem(1)])

    assert len(notes.applied) == 1


def test_cleaning_clears_the_projection_and_writes_what_is_kept(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1), tag_set("", "t", pem_id(1))])
        log.clean(keep=[TAG_SET])

        assert notes_in(path) == [event.position for event in log.read()]


# ------------------------------------------------------------------------------------------------ the chain


@pytest.mark.parametrize(
    "change",
    [
        "payload = cast(replace(payload, 'train', 'drain') AS BLOB)",
        "kind = 'tag.set'",
        "kind = 'none at all'",
        "recorded_us = recorded_us + 1",
        "event_id = zeroblob(16)",
        "digest = zeroblob(32)",
        "position = 100",
    ],
)
def test_a_changed_event_does_not_verify(sqlite_log: SQLiteEventLog, path: Path, change: str) -> None:
    sqlite_log.append([pem(number) for number in range(1, 6)])
    third = sqlite_log.read()[2].position
    assert sqlite_log.verify_chain().intact

    tamper(path, f"UPDATE event SET {change} WHERE position = ?", third)  # noqa: S608 - our own text

    report = sqlite_log.verify_chain()
    assert not report.intact
    assert report.events == 2
    assert str(report.position) in report.message


def test_a_removed_event_does_not_verify(sqlite_log: SQLiteEventLog, path: Path) -> None:
    sqlite_log.append([pem(number) for number in range(5)])
    second, third = (event.position for event in sqlite_log.read()[1:3])

    tamper(path, "DELETE FROM event WHERE position = ?", second)

    assert sqlite_log.verify_chain()[:3] == (False, 1, third)


@pytest.mark.parametrize("which", ["min(position)", "max(position)"])
def test_a_removed_end_does_not_verify_not_even_after_a_restart(path: Path, which: str) -> None:
    with closing(SQLiteEventLog(path)) as log:
        log.append([pem(number) for number in range(5)])
        tamper(path, f"DELETE FROM event WHERE position = (SELECT {which} FROM event)")  # noqa: S608 - our own text

        assert not log.verify_chain().intact

    with closing(SQLiteEventLog(path)) as log:
        assert not log.verify_chain().intact


def test_swapped_events_do_not_verify(sqlite_log: SQLiteEventLog, path: Path) -> None:
    sqlite_log.append([pem(number) for number in range(5)])
    second, third = (event.position for event in sqlite_log.read()[1:3])

    for before, after in ((second, -1), (third, second), (-1, third)):
        tamper(path, "UPDATE event SET position = ? WHERE position = ?", after, before)

    assert sqlite_log.verify_chain()[:3] == (False, 1, second)


def test_a_long_chain_is_verified_across_its_chunks(sqlite_log: SQLiteEventLog, path: Path) -> None:
    number = 0
    for _ in range(6):
        sqlite_log.append([pem(number := number + 1) for _ in range(1_000)])
    progress: list[int] = []

    assert sqlite_log.verify_chain(progress.append)[:2] == (True, 6_000)
    assert progress == [5_000, 6_000]

    tamper(path, "UPDATE event SET payload = zeroblob(9) WHERE position = 5500")
    assert sqlite_log.verify_chain()[:3] == (False, 5_499, 5_500)


# ------------------------------------------------------------------------------------------------ tail and file


def test_what_is_read_from_memory_is_what_is_in_the_file(path: Path) -> None:
    with closing(SQLiteEventLog(path)) as log:
        log.append([pem(number, uses=["a"], Properties={"n": number}) for number in range(30)])
        log.append([tag_set("ns", "t", pem_id(1))])
        warm = log.read()

    with closing(SQLiteEventLog(path)) as log:  # has nothing in memory yet
        assert log.read() == warm


def test_reads_across_the_edge_of_what_is_in_memory_are_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.eventlog.sqlite.Tail", partial(Tail, max_events=10))
    with closing(SQLiteEventLog(path)) as log:
        for number in range(40):
            log.append([pem(number)])
        all_events = log.read(limit=100)

        assert [event.event_id for event in all_events] == [pem_id(number) for number in range(40)]
        for after in range(41):
            for limit in (1, 5, 100):
                assert log.read(after=after, limit=limit) == all_events[after : after + limit]


def test_large_events_push_others_out_of_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.eventlog.sqlite.Tail", partial(Tail, max_bytes=10_000))
    with closing(SQLiteEventLog(path)) as log:
        for number in range(20):
            log.append([pem(number, Properties={"text": "x" * 3_000 * (number % 5)})])

        assert [event.event_id for event in log.read()] == [pem_id(number) for number in range(20)]
        assert sum(len(event.payload) for event in log._tail._events) <= 10_000


# ------------------------------------------------------------------------------------------------ a full disk


def fill(log: SQLiteEventLog, *, spare_pages: int) -> None:
    """Allow the log's file to grow by no more than a few pages."""
    pages = log._writer.execute("PRAGMA page_count").fetchone()[0]
    log._writer.execute(f"PRAGMA max_page_count={pages + spare_pages}")


def test_a_full_disk_stores_nothing_of_the_batch_and_space_makes_it_work_again(path: Path) -> None:
    notes = Notes()
    large = [pem(number, Properties={"text": "x" * 2_000}) for number in range(100)]
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([pem(1_000)])
        head = log.head()
        fill(log, spare_pages=2)

        with pytest.raises(StoreFullError):
            log.append(large)

        assert (log.head(), log.read()[-1].position, log.count()) == (head, head.position, 1)
        assert notes_in(path) == [head.position]

        fill(log, spare_pages=1_000)
        assert {answer.verdict for answer in log.append(large)} == {Verdict.ACCEPTED}
        assert log.verify_chain()[:2] == (True, 101)


def test_a_log_that_cannot_be_cleaned_stays_whole(path: Path) -> None:
    notes = Notes()
    with closing(SQLiteEventLog(path, projections=[notes])) as log:
        log.append([tag_set("", "t" * 2_000, pem_id(number)) for number in range(50)])
        head, events = log.head(), log.read()
        log._writer.execute("PRAGMA query_only=ON")

        with pytest.raises(StoreError):
            log.clean(keep=[TAG_SET])

        assert (log.head(), log.read(), log.count()) == (head, events, 50)
        assert log.verify_chain().intact


def test_a_probe_says_whether_an_append_would_succeed(sqlite_log: SQLiteEventLog, path: Path) -> None:
    sqlite_log.probe()
    sqlite_log._writer.execute("PRAGMA query_only=ON")

    with pytest.raises(StoreError):
        sqlite_log.probe()


def test_a_log_that_is_opened_again_has_its_secret(path: Path, sqlite_log: SQLiteEventLog) -> None:
    secret = sqlite_log.secret()
    sqlite_log.close()
    again = SQLiteEventLog(path)

    assert again.secret() == secret
    again.close()


@pytest.mark.parametrize("damaged", ["'abc'", "7", "x'00'", "replace(hex(zeroblob(32)), '00', 'xy')"])
def test_a_secret_that_is_damaged_is_made_anew(path: Path, damaged: str) -> None:
    SQLiteEventLog(path).close()
    tamper(path, f"UPDATE log_state SET value = {damaged} WHERE key = 'secret'")  # noqa: S608 - our own text

    with closing(SQLiteEventLog(path)) as log:
        assert len(log.secret()) == 32


# ------------------------------------------------------------------------------------------------ damaged columns

# Each changes one or two columns of the second event; the columns' borders and types count as their content does.
DAMAGES = [
    "salt = x''",
    "salt = zeroblob(16)",
    "sender = NULL",
    "sender = zeroblob(16)",
    "sender = CAST(substr(salt, 9) || sender AS BLOB), salt = substr(salt, 1, 8)",
    "salt = CAST(salt || sender AS BLOB), sender = x''",
    "salt = CAST(salt || substr(sender, 1, 4) AS BLOB), sender = substr(sender, 5)",
    "payload = CAST(sender || payload AS BLOB), sender = NULL",
    "salt = 'abc'",
    "salt = 7",
    "sender = 'abc'",
    "sender = CAST(x'ff' AS TEXT)",
    "payload = CAST(payload AS TEXT)",
    "payload = 3",
    "digest = 'abc'",
    "digest = x''",
    "event_id = 'abc'",
    "event_id = x''",
    "kind = 'pem '",
    "kind = 7",
    "kind = CAST(x'ff' AS TEXT)",
    "recorded_us = 'soon'",
    "recorded_us = 1.5",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_verifying_names_the_event_whose_row_was_changed(path: Path, damage: str) -> None:
    log = SQLiteEventLog(path)
    log.append([pem(1), pem(2).sent_by("1" * 32), pem(3)])
    log.close()
    tamper(path, f"UPDATE event SET {damage} WHERE position = 2")  # noqa: S608 - our own text

    with closing(SQLiteEventLog(path)) as log:
        report = log.verify_chain()

    assert (report.intact, report.position) == (False, 2)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_row_that_was_changed_is_accepted_as_it_stands_copied_and_cleaned_away(
    path: Path, damage: str
) -> None:
    log = SQLiteEventLog(path)
    log.append([pem(1), pem(2).sent_by("1" * 32), pem(3)])
    log.close()
    tamper(path, f"UPDATE event SET {damage} WHERE position = 2")  # noqa: S608 - our own text

    with closing(SQLiteEventLog(path)) as log:
        accept_change(log, 2, "it is so")
        for place in log.verify_chain().wrong:  # what follows a digest that is gone
            accept_change(log, place.position, "nor does this follow")
        assert log.verify_chain().intact
        copied = InMemoryEventLog()
        copy_log(log, copied)
        with closing(SQLiteEventLog(path.with_name("copy.db"))) as copy:
            copy_log(log, copy)
            again = [place.position for place in copy.verify_chain().accepted]
        assert again == [place.position for place in log.verify_chain().accepted]
        log.clean(keep=())
        assert log.count() == 1


def test_a_row_that_is_changed_once_more_is_not_the_one_that_was_accepted(path: Path) -> None:
    log = SQLiteEventLog(path)
    log.append([pem(1), pem(2), pem(3)])
    log.close()
    tamper(path, "UPDATE event SET salt = 'abc' WHERE position = 2")
    with closing(SQLiteEventLog(path)) as log:
        accept_change(log, 2, "it is so")
        assert log.verify_chain().intact

    tamper(path, "UPDATE event SET salt = 'abd' WHERE position = 2")

    with closing(SQLiteEventLog(path)) as log:
        assert not log.verify_chain().intact


def test_an_event_with_a_sender_and_no_salt_never_verifies() -> None:
    (event,) = recording.record([pem(1)], head=Head("e", 0, bytes(32)), not_before_us=0)
    forged = event._replace(salt=b"", sender="1" * 32)

    assert recording.digest_of(event, after=bytes(32)) == event.digest
    assert recording.digest_of(forged, after=bytes(32)) not in (event.digest, bytes(32))


@pytest.mark.parametrize("column", ["event_id", "kind", "payload", "digest", "salt", "sender"])
@pytest.mark.parametrize("value", ["CAST({} || '' AS TEXT) || ' '", "7", "'\u00fc'", "x''", "x'00ff'", "1.5"])
def test_a_value_of_any_type_is_told_wherever_it_is(
    sqlite_log: SQLiteEventLog, path: Path, column: str, value: str
) -> None:
    sqlite_log.append([pem(number).sent_by(pem_id(77)) for number in range(1, 6)])
    sqlite_log.close()
    tamper(path, f"UPDATE event SET {column} = {value.format(column)} WHERE position = 3")  # noqa: S608 - our own text

    log = SQLiteEventLog(path)

    assert {3} <= {place.position for place in log.verify_chain().wrong} <= {3, 4}
    with pytest.raises(ChangedEventError):
        CheckedReader(log).read(after=2, limit=5)
    log.close()


# ------------------------------------------------------------------------------------------------ while it is written


class Hesitant(SQLiteEventLog):
    """A log whose appends stop between their commit and saying where the log ends, until somebody waits for that."""

    def __init__(self, path: Path) -> None:
        self.is_committed = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        super().__init__(path)

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        self.may_go_on.set()
        return super().wait(after=after, timeout_seconds=timeout_seconds)

    def _advance(self, head: Head, recorded: Sequence[RecordedEvent]) -> None:
        self.is_committed.set()
        assert self.may_go_on.wait(30)
        super()._advance(head, recorded)


@pytest.fixture
def appending(path: Path) -> Iterator[Hesitant]:
    """A log with an event, within another append."""
    with closing(Hesitant(path)) as log:
        log.append([pem(1)])
        log._tail = Tail()  # it was long ago
        log.is_committed.clear()
        log.may_go_on.clear()
        thread = threading.Thread(target=log.append, args=([pem(2), pem(3)],))
        thread.start()
        assert log.is_committed.wait(30)
        yield log
        log.may_go_on.set()
        thread.join()


def test_an_append_that_is_ending_does_not_look_like_tampering(appending: Hesitant) -> None:
    report = appending.verify_chain()

    assert report.intact, report.message
    assert report.events == 3


def test_nobody_reads_beyond_where_the_log_says_that_it_ends(appending: Hesitant) -> None:
    assert appending.head().position == 1
    assert [event.position for event in appending.read()] == [1]
