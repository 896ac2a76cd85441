"""Files of older formats, of newer ones, and of other programs."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.catalog.writing import changes_of
from provgraph.cli.stores import opened_place, opened_stores
from provgraph.errors import CorruptStoreError, StoreError
from provgraph.eventlog import SQLiteEventLog, Verdict, sqliteformat
from provgraph.eventlog.format import FORMAT, NewerFormatError
from provgraph.families.credential.events import Grant, Role
from provgraph.families.pem.tables import ENDED
from provgraph.families.registry import is_sound
from provgraph.families.tracking.events import Tracked, step_id
from provgraph.graphstore import Checkpoint, project
from provgraph.operations.credentials import token_sha256
from provgraph.operations.verify import verify
from provgraph.settings import Settings
from tests.contract.builders import pem, pem_id
from tests.contract.formats.fixture import (
    ENDINGS,
    EXPECTED,
    chained,
    expected_events,
    expected_outcomes,
    told,
    unpacked,
)
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.eventlog import EventLog
    from provgraph.graphstore import GraphStore

FOLDERS = ("sqlite", "sqlite-killed")


def header(path: Path) -> tuple[int, int]:
    """Return a file's application id and the number of its format."""
    with closing(sqlite3.connect(path)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (number,) = connection.execute("PRAGMA user_version").fetchone()
    return application_id, number


def files(folder: Path) -> dict[str, bytes]:
    """Return what is in the database's files; SQLite's shared memory is nobody's content."""
    found = (path for path in folder.iterdir() if path.is_file() and not path.name.endswith("-shm"))
    return {path.name: path.read_bytes() for path in found}


def of_format(path: Path, number: int, *, application_id: int = sqliteformat.APPLICATION_ID) -> None:
    """Make a file that says it has this format."""
    with closing(SQLiteEventLog(path)) as log:
        log.append([pem(1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {number}")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_format_1_opens_and_its_log_is_what_it_was(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "data")

    with opened_place(str(folder)) as stores:
        assert told(stores.log) == expected_events(name)
        assert stores.log.verify_chain().intact
        assert all(event.salt == b"" and event.sender is None for event in stores.log.read())
    assert header(folder / "provgraph.db") == (sqliteformat.APPLICATION_ID, FORMAT)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_event_of_format_1_counts_if_a_change_of_it_is_accepted(name: str, tmp_path: Path) -> None:
    with opened_place(str(unpacked(name, tmp_path / "data"))) as stores:
        events, epoch = stores.log.read(limit=10_000), stores.log.head().epoch

    assert [event.position for event in events if not is_sound(event)] == []
    steps = {
        event.event_id: step_id(epoch, event.content.step.sequence)
        for event in events
        if isinstance(event.content, Tracked)
    }
    assert list(steps) == list(steps.values()) != []


@pytest.mark.parametrize("name", FOLDERS)
def test_the_catalog_of_format_1_is_what_a_rebuild_makes_of_the_log(name: str, tmp_path: Path) -> None:
    with opened_place(str(unpacked(name, tmp_path / "data"))) as stores:
        migrated = stores.catalog.digest()

        stores.catalog.rebuild(stores.log)

        assert stores.catalog.digest() == migrated


def test_how_old_events_say_that_their_work_ended_is_in_the_migrated_catalog(tmp_path: Path) -> None:
    folder = unpacked("sqlite", tmp_path / "data")
    with closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        statement = "SELECT position, digest FROM event ORDER BY position DESC LIMIT 1"
        last, digest = connection.execute(statement).fetchone()
        for number, (fields, _) in enumerate(ENDINGS, last + 1):
            row = chained(fields, number, after=digest)
            digest = row[-1]
            connection.execute(
                "INSERT INTO event(position, event_id, kind, recorded_us, payload, digest) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    with opened_place(str(folder)) as stores:
        read = changes_of([event for event in stores.log.read(limit=10_000) if event.kind == "pem"]).of(ENDED)
    with closing(sqlite3.connect(folder / "provgraph.db")) as connection:
        migrated = connection.execute("SELECT * FROM pem_outcome ORDER BY position").fetchall()

    assert migrated == read == expected_outcomes(last)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_log_of_format_1_gets_a_secret_and_keeps_it(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "data")
    secrets = []
    for _ in range(2):
        with opened_place(str(folder)) as stores:
            secrets.append(stores.log.secret())

    assert len(secrets[0]) == 32
    assert secrets[0] == secrets[1]


def follow(log: EventLog, graph: GraphStore) -> None:
    """Bring a graph that is empty up to the log."""
    events = list(log.read(limit=10_000))
    reached = Checkpoint(log.head().epoch, events[-1].position)
    graph.apply(project(events), expected=Checkpoint(), to=reached)


def test_the_graph_of_format_1_is_filled_anew_and_is_what_it_was(tmp_path: Path) -> None:
    folder = unpacked("sqlite", tmp_path / "data")

    with opened_stores(Settings(data_dir=folder)) as stores:
        assert stores.graph is not None
        assert stores.graph.counts() == (0, 0, 0)
        follow(stores.log, stores.graph)
        digest = stores.graph.digest()

    assert digest._asdict() == EXPECTED["sqlite"]["graph_digest"]


@pytest.mark.parametrize("name", FOLDERS)
def test_old_and_new_events_make_one_chain(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "data")

    with opened_place(str(folder)) as stores:
        (new,) = stores.log.append([pem(900).sent_by("1" * 32)])
    with opened_place(str(folder)) as stores:
        report = stores.log.verify_chain()
        last = stores.log.read(after=new.recorded.position - 1)[0]

    assert (report.intact, report.events) == (True, len(expected_events(name)) + 1)
    assert (last.event_id, last.sender, len(last.salt)) == (pem_id(900), "1" * 32, 16)


def test_an_event_that_was_recorded_before_is_still_a_duplicate(tmp_path: Path) -> None:
    folder = unpacked("sqlite", tmp_path / "data")

    with opened_place(str(folder)) as stores:
        for event in [event for event in stores.log.read() if event.kind == "pem"]:
            again = pem(1)._replace(event_id=event.event_id, payload=event.payload)
            assert stores.log.append([again])[0].verdict is Verdict.DUPLICATE


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked("sqlite", tmp_path / "data")
    right = sqliteformat.STEPS[1]
    broken = {**right, "event": (*right["event"], "INSERT INTO no_such_table VALUES (1)")}
    monkeypatch.setitem(sqliteformat.STEPS, 1, broken)

    with pytest.raises(StoreError, match="a statement failed"):
        SQLiteEventLog(folder / "provgraph.db")
    assert header(folder / "provgraph.db") == (0, 0)

    monkeypatch.setitem(sqliteformat.STEPS, 1, right)
    with opened_place(str(folder)) as stores:
        assert told(stores.log) == expected_events("sqlite")


_KILLED = """
import os, signal, sys
from provgraph.eventlog import sqliteformat
from pathlib import Path
count, path = int(sys.argv[1]), Path(sys.argv[2])
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
real = sqliteformat.connect
def connect(path):
    connection = real(path)
    left = count
    def traced(statement):
        nonlocal left
        left -= 1
        if left < 0:
            kill()
    connection.set_trace_callback(traced)
    return connection
sqliteformat.connect = connect
sqliteformat.prepare(path)
"""


# Every statement of the upgrade's one transaction, and those before it; a longer step has more.
_STATEMENTS = sum(map(len, sqliteformat.STEPS[1].values()))


@pytest.mark.parametrize("after", quick_or_long(range(1, _STATEMENTS + 4, 3), range(_STATEMENTS + 4)))
def test_a_process_that_is_killed_while_it_brings_a_file_up_to_date_loses_nothing(
    after: int, tmp_path: Path
) -> None:
    folder = unpacked("sqlite-killed", tmp_path / "data")

    killed = subprocess.run([sys.executable, "-c", _KILLED, str(after), folder / "provgraph.db"], check=False)
    with opened_place(str(folder)) as stores:
        assert told(stores.log) == expected_events("sqlite-killed")
        assert stores.log.verify_chain().intact
    assert header(folder / "provgraph.db") == (sqliteformat.APPLICATION_ID, FORMAT)
    assert killed.returncode == -signal.SIGKILL


def test_a_file_of_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "provgraph.db"
    of_format(path, FORMAT + 1)
    before = files(tmp_path)

    for opening in (SQLiteEventLog, SQLiteCatalog):
        with pytest.raises(
            NewerFormatError, match=rf"format {FORMAT + 1} .* up to {FORMAT}: a newer version"
        ):
            opening(path)
    assert files(tmp_path) == before


def test_a_newer_format_that_stands_in_the_wal_alone_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = unpacked("sqlite-killed", tmp_path / "data")
    written = (
        "import sqlite3, os, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        f"c.execute('PRAGMA application_id = {sqliteformat.APPLICATION_ID}');"
        f"c.execute('PRAGMA user_version = {FORMAT + 1}'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", written, folder / "provgraph.db"], check=True)
    before = files(folder)

    with pytest.raises(NewerFormatError), opened_place(str(folder)):
        pass

    changed = {name for name, content in files(folder).items() if before.get(name) != content}
    assert changed <= {"lock"}


@pytest.mark.parametrize(
    ("application_id", "number", "table"),
    [
        (0, 0, "invoice (a)"),
        (0x0F055112, 0, "blob (a)"),
        (0, 3, "event (a)"),
        (0, 0, "event (id, title)"),
        (0, 0, "pem (position, id)"),
    ],
)
def test_a_database_of_another_program_is_refused_and_left_alone(
    application_id: int, number: int, table: str, tmp_path: Path
) -> None:
    path = tmp_path / "provgraph.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table}")
        connection.execute("CREATE TABLE credential (id, role)")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {number}")
    before = files(tmp_path)

    for opening in (SQLiteEventLog, SQLiteCatalog):
        with pytest.raises(StoreError, match="a database of another program"):
            opening(path)
    assert files(tmp_path) == before


@pytest.mark.parametrize("number", [0, -1])
def test_a_file_of_ours_with_a_number_that_no_version_writes_is_refused_and_left_alone(
    number: int, tmp_path: Path
) -> None:
    path = tmp_path / "provgraph.db"
    of_format(path, number)
    before = files(tmp_path)

    with pytest.raises(StoreError, match=f"its format is {number}, which no version of provgraph writes"):
        SQLiteEventLog(path)
    assert files(tmp_path) == before


def test_a_new_file_says_what_it_is(tmp_path: Path) -> None:
    for path in (tmp_path / "new.db", tmp_path / "empty.db"):
        if path.name == "empty.db":
            path.touch()
        SQLiteEventLog(path, projections=[SQLiteCatalogProjection()]).close()
        assert header(path) == (int.from_bytes(b"PVGR"), FORMAT)


def test_a_graph_that_follows_old_and_new_events_is_what_the_log_says(tmp_path: Path) -> None:
    folder = unpacked("sqlite", tmp_path / "data")
    with opened_stores(Settings(data_dir=folder)) as stores:
        assert stores.graph is not None
        follow(stores.log, stores.graph)
        verification = verify(stores.log, stores.catalog, stores.graph, deep=True)

    assert verification.message.startswith("in sync")


def test_a_sender_that_somebody_writes_beside_an_old_event_does_not_verify(tmp_path: Path) -> None:
    folder = unpacked("sqlite", tmp_path / "data")
    with opened_place(str(folder)):
        pass
    with closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute(
            "UPDATE event SET sender = x'00112233445566778899aabbccddeeff' WHERE position = 20"
        )

    with opened_place(str(folder)) as stores:
        report = stores.log.verify_chain()
        with pytest.raises(CorruptStoreError, match=r"position 20 .* no version of provgraph writes"):
            stores.log.read(after=19)
        assert stores.log.read()[-1].position == 19

    assert (report.intact, report.position) == (False, 20)


@pytest.mark.parametrize("name", FOLDERS)
def test_credentials_of_format_1_are_good_and_have_the_rights_of_their_roles(
    name: str, tmp_path: Path
) -> None:
    expected = EXPECTED["sqlite"]["credentials"]

    with opened_place(str(unpacked(name, tmp_path / "data"))) as stores:
        listed = stores.catalog.credentials()
        known = [stores.catalog.credential(token_sha256(each["token"])) for each in expected]

    assert [(one.id, one.name, one.grant) for one in listed] == [
        (each["id"], each["name"], Grant.of(Role(each["role"]))) for each in expected
    ]
    assert [one is None for one in known] == [each["revoked"] for each in expected]
    assert {each["role"] for each in expected} == set(Role)
