"""A flipped bit in the index of the events' ids lets an event in a second time: it stays, is named, counts nowhere."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import ListQuery
from provgraph.eventlog import Verdict
from provgraph.eventlog.checking import CheckedReader
from provgraph.eventlog.copying import copy_log
from provgraph.eventlog.memory import InMemoryEventLog
from provgraph.eventlog.recording import marked_id
from provgraph.events import Repeated
from provgraph.operations.flush import flush
from provgraph.operations.repair import repair
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, open_stores, pem, pem_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.operations.stores import Stores

EVENTS = 40
TWICE = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in whose index of ids one bit of the seventh event's entry is flipped."""
    with open_stores(tmp_path) as stores:
        stores.append(*chain_of_pems(EVENTS))
    file = tmp_path / "provgraph.db"
    content = bytearray(file.read_bytes())
    sound = bytes(content)
    found, wanted = -1, bytes.fromhex(pem_id(TWICE))
    while (found := sound.find(wanted, found + 1)) >= 0:
        content[:] = sound
        content[found + 15] ^= 0x40
        file.write_bytes(content)
        with open_stores(tmp_path) as stores:
            if stores.log.get(pem_id(TWICE)) is None and stores.log.verify_chain().intact:
                return tmp_path
    raise AssertionError("the file has no such entry")


@contextmanager
def doubled(folder: Path, *, follows: bool) -> Iterator[Stores]:
    """Open the stores, with the seventh event in the log twice and another one behind."""
    with open_stores(folder) as stores:
        again = stores.log.append(chain_of_pems(1, start=TWICE))
        assert [appended.verdict for appended in again] == [Verdict.ACCEPTED]  # that is the damage
        stores.append(*chain_of_pems(1, start=EVENTS + 1))
        if follows:
            with stores.following():
                yield stores
        else:
            yield stores


def test_the_graph_takes_the_first_and_goes_on(folder: Path) -> None:
    with doubled(folder, follows=True) as stores:
        flush(stores.log, stores.graph, timeout_seconds=30)

        (seventh,) = stores.graph.events([pem_id(TWICE)])
        assert seventh.position == TWICE
        assert stores.graph.counts().pems == EVENTS + 1
        again = stores.log.append(chain_of_pems(1, start=TWICE))
        assert [(each.verdict, each.recorded.position) for each in again] == [(Verdict.DUPLICATE, TWICE)]


def test_verify_ends_names_the_row_and_makes_the_index_anew(folder: Path) -> None:
    with doubled(folder, follows=True) as stores:
        found = verify(stores.log, stores.catalog, stores.graph, deep=True, timeout_seconds=30)

        assert not found.in_sync
        assert f"row {TWICE} missing from index" in found.message or "second under its id" in found.message
        assert f"position {EVENTS + 1} is marked as the second under its id" in found.message
        assert stores.log.faults() == []


def test_what_stands_second_counts_nowhere_once_it_is_mended(folder: Path) -> None:
    with doubled(folder, follows=True) as stores:
        flush(stores.log, stores.graph, timeout_seconds=30)
        repair(stores.log, stores.catalog, stores.graph, timeout_seconds=30)

        found = verify(stores.log, stores.catalog, stores.graph, deep=True, timeout_seconds=30)

        assert found.in_sync, found.message
        listed = [each.position for each in stores.catalog.pems(ListQuery()) if each.id == pem_id(TWICE)]
        assert listed == [TWICE]
        (second,) = stores.log.read(after=EVENTS, limit=1)
        assert (type(second.kind), second.event_id, second.content) == (Repeated, pem_id(TWICE), None)


def test_a_copy_sets_the_second_aside_as_well(folder: Path) -> None:
    with doubled(folder, follows=False) as stores:
        target = InMemoryEventLog()

        copy_log(stores.log, target)

        assert target.head() == stores.log.head()
        assert [type(e.kind) is Repeated for e in target.read()].index(True) == EVENTS


def test_no_event_is_hidden_by_marking_it_as_a_second(folder: Path) -> None:
    with open_stores(folder) as stores:
        stores.log.mend_ids()
        stores.tamper_with_database(
            "UPDATE event SET event_id = ? WHERE position = 9", marked_id(pem_id(9), 9)
        )

        report = stores.log.verify_chain()
        found = CheckedReader(stores.log).read

        assert (report.intact, report.position) == (False, 9)
        with pytest.raises(Exception, match="somebody hid it"):
            found(after=8, limit=1)


# ------------------------------------------------------------------------------------------------ without edges


def test_a_second_event_that_says_something_else_does_not_take_the_place_of_the_first(folder: Path) -> None:
    other = pem(TWICE, Type="forged")  # without artifacts and predecessors nothing of it is there already
    with open_stores(folder) as stores, stores.following():
        assert stores.log.append([other])[0].verdict is Verdict.ACCEPTED  # that is the damage
        flush(stores.log, stores.graph, timeout_seconds=30)

        (seventh,) = stores.graph.events([pem_id(TWICE)])

    assert (seventh.position, seventh.type) == (TWICE, "train")


@pytest.fixture
def without_constraint(tmp_path: Path) -> Path:
    """A data folder whose log was made anew without the index that keeps ids apart, and has an id twice."""
    with open_stores(tmp_path) as stores:
        stores.append(*chain_of_pems(EVENTS))
        made_by = "SELECT sql FROM sqlite_master WHERE name = 'event'"
        with contextlib.closing(sqlite3.connect(tmp_path / "provgraph.db")) as connection, connection:
            sql = connection.execute(made_by).fetchone()[0].replace(" UNIQUE", "")
            connection.executescript("ALTER TABLE event RENAME TO was; DROP INDEX event_by_acceptance")
            connection.execute(sql)
            connection.executescript("INSERT INTO event SELECT * FROM was; DROP TABLE was")
    with open_stores(tmp_path) as stores:
        assert stores.log.append([pem(TWICE, Type="forged")])[0].verdict is Verdict.ACCEPTED
    return tmp_path


def test_verify_names_a_second_event_where_the_database_finds_nothing_wrong(without_constraint: Path) -> None:
    with open_stores(without_constraint) as stores, stores.following():
        found = verify(stores.log, stores.catalog, stores.graph, deep=True, timeout_seconds=30)

        assert not found.in_sync
        assert f"row {EVENTS + 1} is the second under its id" in found.message
        assert "no unique index" in found.message
        assert stores.log.faults() == []
        assert [each.verdict for each in stores.log.append([pem(EVENTS, Type="forged")])] == [
            Verdict.CONFLICT
        ]
