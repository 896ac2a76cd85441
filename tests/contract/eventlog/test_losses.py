"""A log that ends before a place that a witness saw takes no writes until an operator accepts the loss."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.cli.stores import opened_place
from provgraph.errors import ConflictError, LostEventsError
from provgraph.eventlog import Head, InMemoryEventLog, SQLiteEventLog, witnesses
from provgraph.eventlog.base import Loss
from provgraph.eventlog.copying import copy_log
from provgraph.eventlog.headfile import HeadFile, HeadKeeper
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.families.acceptance.events import LOSS_ACCEPTED, LossAccepted
from provgraph.families.credential.events import credential_revoked
from provgraph.families.operation.events import LogCleaned
from provgraph.families.tag.events import tag_set
from tests.contract.builders import pem, pem_id
from tests.contract.eventlog import tampering

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provgraph.eventlog import EventLog

SEEN = "a witness"


def filled(log: EventLog, *, events: int = 6) -> Head:
    """Put events into a log, and return its head."""
    start = log.count()
    log.append([pem(number) for number in range(start + 1, start + events + 1)])
    return log.head()


def refuse(log: EventLog, seen: Head) -> None:
    witnesses.ask(log, SEEN, lambda: seen)


WRITES: dict[str, Callable[[EventLog], object]] = {
    "append": lambda log: log.append([pem(99)]),
    "append_new": lambda log: log.append_new([pem(99)]),
    "a repetition": lambda log: log.append([pem(1)]),
    "clean": lambda log: log.clean(keep=()),
    "restore": lambda log: log.restore([], epoch=log.head().epoch),
    "probe": lambda log: log.probe(),
}


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_to_a_log_that_lacks_what_a_witness_saw(log: EventLog, write: str) -> None:
    head = filled(log)
    refuse(log, head._replace(position=9, digest=b""))

    with pytest.raises(
        LostEventsError, match=r"ends at position 6, but a witness has seen it up to position 9"
    ):
        WRITES[write](log)

    assert (log.head(), log.count()) == (head, 6)
    assert [event.event_id for event in log.read()] == [pem_id(number) for number in range(1, 7)]


@pytest.mark.parametrize("position", [1, 5, 6])
@pytest.mark.parametrize("knows_digest", [True, False])
def test_a_witness_that_saw_what_is_there_changes_nothing(
    log: EventLog, position: int, knows_digest: bool
) -> None:
    filled(log)
    digest = log.digest_at(position) if knows_digest else b""

    refuse(log, Head(log.head().epoch, position, digest))

    assert log.loss() is None
    assert filled(log).position == 12


def test_a_witness_that_saw_another_event_is_believed(log: EventLog) -> None:
    head = filled(log)
    refuse(log, Head(head.epoch, 4, b"\x09" * 32))

    assert log.loss() == Loss(SEEN, head.epoch, 4, "09" * 32)
    assert not log.verify_chain().intact


@pytest.mark.parametrize("cleans", [1, 2, 5])
def test_a_witness_from_before_the_log_was_cleaned_changes_nothing(log: EventLog, cleans: int) -> None:
    before = filled(log)
    for _ in range(cleans):
        log.clean(keep=())

    refuse(log, before)

    assert log.loss() is None


def test_a_witness_that_saw_more_of_an_epoch_that_is_over_is_believed(log: EventLog) -> None:
    before = filled(log)
    log.clean(keep=())
    log.clean(keep=())

    refuse(log, before._replace(position=before.position + 1))

    assert log.loss() is not None


def test_the_first_event_of_an_epoch_stays_small(log: EventLog) -> None:
    for _ in range(103):
        log.clean(keep=())

    (first,) = log.read()
    assert isinstance(first.content, LogCleaned)
    assert [position for _, position in first.content.epochs] == [*range(102, 1, -1)]
    assert len(first.payload) < 5_000


@pytest.mark.parametrize("cleans", [1, 2])
@pytest.mark.parametrize("moment", range(6))
@pytest.mark.parametrize("call", ["head", "digest_at", "read", "acceptances"])
def test_a_log_that_is_cleaned_while_the_graph_is_asked_has_lost_nothing(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, call: str, moment: int, cleans: int
) -> None:
    """Whoever asks reads the log several times: a cleaning may come between any two of them."""
    before = filled(log)
    original, calls = getattr(log, call), 0

    def cleaning(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == moment + 1:
            monkeypatch.undo()
            for _ in range(cleans):
                log.clean(keep=())
        return original(*args, **kwargs)

    monkeypatch.setattr(log, call, cleaning)

    found = witnesses.ask(log, witnesses.GRAPH, lambda: before, of_this_epoch=True)

    monkeypatch.undo()
    assert found is None
    assert log.loss() is None


def test_an_accepted_loss_is_an_event_behind_all_that_was_lost(log: EventLog) -> None:
    kept = filled(log)
    seen = Head(kept.epoch, 40, b"\x05" * 32)
    refuse(log, seen)

    said = log.accept_loss("the disk is gone")

    assert (said.position, said.kind) == (41, LOSS_ACCEPTED)
    assert said.content == LossAccepted(
        SEEN, kept.epoch, 40, "05" * 32, 6, kept.digest.hex(), "the disk is gone"
    )
    assert log.loss() is None
    assert filled(log, events=1).position == 42
    assert log.verify_chain().intact
    # The same witness is overruled, and so is one that saw less of what was lost; one that saw more is not.
    for position in (40, 7):
        refuse(log, seen._replace(position=position))
        assert log.loss() is None
    refuse(log, seen._replace(position=50))
    assert log.loss() is not None


def test_a_log_that_lost_its_end_is_not_copied_as_if_it_were_whole(log: EventLog) -> None:
    head = filled(log)
    refuse(log, head._replace(position=9))
    target = InMemoryEventLog()

    with pytest.raises(LostEventsError):
        copy_log(log, target)
    log.accept_loss("gone")
    copy_log(log, target)

    assert target.head() == log.head()


def test_the_witness_that_saw_most_counts(log: EventLog) -> None:
    head = filled(log)
    for position in (8, 12, 10):
        refuse(log, head._replace(position=position, digest=b""))

    assert log.accept_loss("so be it").position == 13


def test_there_is_no_loss_to_accept_where_nothing_is_lost(log: EventLog) -> None:
    filled(log)
    with pytest.raises(ConflictError):
        log.accept_loss("why not")


# ------------------------------------------------------------------------------------------- SQLite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a log of six events, closed."""
    with opened_place(str(tmp_path / "data")) as facts:
        filled(facts.log)
    return tmp_path / "data"


def reopened_loss(folder: Path) -> Loss | None:
    with opened_place(str(folder)) as facts:
        return facts.log.loss()


def tamper(folder: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


NEWEST = "DELETE FROM event WHERE position = 6"
HIDE: dict[str, tuple[str, ...]] = {
    "nothing hidden": (),
    "sequence": ("UPDATE sqlite_sequence SET seq = 5 WHERE name = 'event'",),
    "sequence and catalog": (
        "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'event'",
        "DELETE FROM pem WHERE position = 6",
    ),
}


@pytest.mark.parametrize("hidden", HIDE)
def test_the_newest_event_cannot_go_unseen_and_its_position_is_not_given_again(
    folder: Path, hidden: str
) -> None:
    tamper(folder, NEWEST, *HIDE[hidden])

    for _ in range(2):  # whoever opens it next is told as well
        with opened_place(str(folder)) as facts:
            assert facts.log.head().position == 5
            with pytest.raises(LostEventsError):
                facts.log.append([pem(7)])
    with opened_place(str(folder)) as facts:
        assert facts.log.accept_loss("gone").position == 7
        assert facts.log.append([pem(7)])[0].recorded.position == 8
    assert reopened_loss(folder) is None


def test_an_end_that_is_cut_off_while_the_log_is_open_is_missed_by_the_walk_through_it(folder: Path) -> None:
    with opened_place(str(folder)) as facts:
        tamper(folder, NEWEST)

        witnesses.heed(facts.log, facts.log.verify_chain())

        with pytest.raises(
            LostEventsError, match="ends at position 5, but this service has seen it up to position 6"
        ):
            facts.log.append([pem(7)])
        assert facts.log.accept_loss("gone").position == 7
        assert facts.log.append([pem(7)])[0].recorded.position == 8
        assert facts.log.verify_chain().intact
    assert reopened_loss(folder) is None


def test_repairing_the_index_of_ids_never_lowers_a_witness(folder: Path) -> None:
    with opened_place(str(folder)) as facts:
        tamper(folder, NEWEST)

        facts.log.mend_ids()

    assert reopened_loss(folder) is not None


@pytest.mark.parametrize("witness", ["the catalog", "the head file", "the file's count of positions"])
def test_each_witness_is_enough(folder: Path, witness: str) -> None:
    hide = {
        "the catalog": "DELETE FROM pem WHERE position = 6",
        "the file's count of positions": "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'event'",
    }
    tamper(folder, NEWEST, *(statement for name, statement in hide.items() if name != witness))
    if witness != "the head file":
        (folder / "head.json").unlink()

    loss = reopened_loss(folder)

    assert loss is not None
    assert (loss.witness, loss.position) == (witness, 6)


def test_a_database_that_is_gone_is_missed(folder: Path) -> None:
    for file in folder.glob("provgraph.db*"):
        file.unlink()

    with opened_place(str(folder)) as facts, pytest.raises(LostEventsError, match="epoch"):
        facts.log.append([pem(1)])


def test_a_folder_put_back_as_a_whole_is_healthy(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "backup")
    with opened_place(str(folder)) as facts:
        filled(facts.log)

    with opened_place(str(tmp_path / "backup")) as facts:
        assert facts.log.loss() is None
        assert filled(facts.log).position == 12


def test_an_older_folder_with_the_newer_head_file_goes_on_after_what_was_lost(
    folder: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(folder, backup)
    with opened_place(str(folder)) as facts:
        filled(facts.log)
    shutil.copy2(folder / "head.json", backup)

    with opened_place(str(backup)) as facts:
        with pytest.raises(LostEventsError, match="the head file has seen it up to position 12"):
            facts.log.append([pem(20)])
        assert facts.log.accept_loss("restored").position == 13


def test_events_cut_from_the_write_ahead_log_are_missed(tmp_path: Path) -> None:
    log = SQLiteEventLog(tmp_path / "log.db")
    file = HeadFile(tmp_path / "head.json")
    with HeadKeeper(log, file):
        filled(log, events=30)
    # As a killed process leaves it: everything is in the write-ahead log, which somebody then cuts.
    shutil.copy(tmp_path / "log.db", tmp_path / "cut.db")
    log.close()

    with contextlib.closing(SQLiteEventLog(tmp_path / "cut.db")) as cut:
        witnesses.ask(cut, witnesses.HEAD_FILE, file.read)
        assert cut.count() == 0
        assert cut.loss() is not None
        with pytest.raises(LostEventsError):
            cut.append([pem(1)])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.sampled_from(["append", "clean", "write the file"]), max_size=12))
def test_a_kill_at_any_moment_never_makes_a_healthy_log_look_shortened(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    file = HeadFile(folder / "head.json")
    log = SQLiteEventLog(folder / "log.db", head_file=file)
    with contextlib.closing(log):
        for step in steps:
            if step == "append":
                log.append([tag_set("ns", "t", pem_id(1))])
            elif step == "clean":
                log.clean(keep=())
            else:
                file.keep(log)
            # Here the process is killed: what is in the files is opened by another one.
            stated = file.read()
            assert stated is None or witnesses.lost(log, stated, witness=SEEN) is None


def test_a_head_file_that_cannot_be_read_is_no_witness(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "head.json").write_text('{"epoch": 3')

    assert reopened_loss(folder) is None
    assert "head file" in caplog.text


def test_the_head_file_says_where_the_log_ended(folder: Path) -> None:
    stated = json.loads((folder / "head.json").read_text())

    with opened_place(str(folder)) as facts:
        head = facts.log.head()
    assert stated == {"epoch": head.epoch, "position": 6, "digest": head.digest.hex()}
    assert (folder / "head.json").stat().st_mode & 0o077 == 0


def test_the_head_file_stays_as_it_is_while_events_are_lost(folder: Path) -> None:
    before = (folder / "head.json").read_bytes()
    tamper(folder, NEWEST)

    assert reopened_loss(folder) is not None

    assert (folder / "head.json").read_bytes() == before


# ------------------------------------------------------------------------------------------- PostgreSQL


def test_the_state_on_postgresql_is_a_witness(emptied_postgres_url: str) -> None:
    with contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as log:
        filled(log)
        tampering.remove(log, 6)

    with (
        contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as log,
        contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as other,
    ):
        with pytest.raises(LostEventsError):
            other.append([pem(7)])
        assert log.accept_loss("gone").position == 7
        assert other.append([pem(7)])[0].recorded.position == 8
        assert log.verify_chain().intact


def test_an_end_that_is_cut_off_on_postgresql_is_missed_by_the_walk_through_it(
    emptied_postgres_url: str,
) -> None:
    with contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as log:
        filled(log)
        tampering.remove(log, 6)

        witnesses.heed(log, log.verify_chain())

        with pytest.raises(LostEventsError, match="the event at position 6 of the event log is missing"):
            log.append([pem(7)])
        assert log.accept_loss("gone").position == 7


def test_what_one_process_refuses_all_do(emptied_postgres_url: str) -> None:
    with (
        contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as log,
        contextlib.closing(PostgreSQLEventLog(emptied_postgres_url)) as other,
    ):
        head = filled(log)
        refuse(log, head._replace(position=9))

        with pytest.raises(LostEventsError):
            other.append([credential_revoked(pem_id(1))])


@pytest.mark.parametrize("note", ["", "[1]", "null", '["w", "e", "x", 3]'])
def test_a_note_of_a_loss_that_cannot_be_read_is_none_the_less_one(folder: Path, note: str) -> None:
    tamper(folder, f"INSERT INTO log_state(key, value) VALUES ('lost', '{note}')")  # noqa: S608 - our own text

    with opened_place(str(folder)) as facts:
        with pytest.raises(LostEventsError):
            facts.log.append([pem(9)])
        facts.log.accept_loss("nobody knows")
        facts.log.append([pem(9)])


def test_a_log_whose_first_event_cannot_be_read_opens_and_takes_no_writes(folder: Path) -> None:
    tamper(
        folder,
        "UPDATE event SET payload = x'ff' WHERE position = 1",
        "UPDATE log_state SET value = 'another' WHERE key = 'epoch'",
    )

    loss = reopened_loss(folder)

    assert loss is not None
    assert loss.witness == "the head file"
