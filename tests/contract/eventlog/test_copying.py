"""From any log to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.errors import ConflictError, CorruptStoreError, StoreError
from provgraph.eventlog import EventLog, InMemoryEventLog, SQLiteEventLog
from provgraph.eventlog.base import NOTHING_ACCEPTED
from provgraph.eventlog.copying import copy_log
from provgraph.families.tag.events import TAG_SET, tag_set
from tests.contract.builders import pem, pem_id
from tests.contract.eventlog.vectors import stored, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from provgraph.eventlog import Head
    from provgraph.events import RecordedEvent
    from provgraph.families.acceptance.events import ChangeAccepted

MANY = 4_500


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SQLiteEventLog]:
    """A log on SQLite with more events than fit into one part, in its second epoch."""
    source = SQLiteEventLog(tmp_path / "source.db")
    source.append([pem(1), tag_set("ns", "t", pem_id(1))])
    source.clean(keep=[TAG_SET])
    source.append([pem(number, uses=["a"], Properties={"n": number}) for number in range(MANY)])
    yield source
    source.close()


class Interrupted(InMemoryEventLog):
    """A log that can be restored into so many times; then it fails."""

    def __init__(self, log: EventLog, times: int) -> None:
        super().__init__()
        self._log = log
        self._times = times

    def head(self) -> Head:
        return self._log.head()

    def count(self, *, after: int = 0) -> int:
        return self._log.count(after=after)

    def restore(
        self,
        events: Sequence[RecordedEvent],
        *,
        epoch: str,
        accepted: Mapping[int, ChangeAccepted] = NOTHING_ACCEPTED,
    ) -> Head:
        if events and not self._times:
            raise StoreError("the target is gone")
        self._times -= bool(events)
        return self._log.restore(events, epoch=epoch, accepted=accepted)


def test_a_copy_has_the_same_positions_digests_times_and_epoch(log: EventLog, source: SQLiteEventLog) -> None:
    copied = copy_log(source, log)

    assert copied == (MANY + 2, MANY + 2, source.head())
    assert log.head() == source.head()
    assert log.read(limit=10_000) == source.read(limit=10_000)
    assert log.verify_chain() == source.verify_chain()


def test_a_copy_can_be_copied_back(log: EventLog, source: SQLiteEventLog, tmp_path: Path) -> None:
    copy_log(source, log)
    back = SQLiteEventLog(tmp_path / "back.db")

    copy_log(log, back)

    assert back.read(limit=10_000) == source.read(limit=10_000)
    back.close()


@pytest.mark.parametrize("times", [0, 1, 2])
def test_an_interrupted_copy_goes_on_where_it_was(log: EventLog, source: SQLiteEventLog, times: int) -> None:
    with pytest.raises(StoreError):
        copy_log(source, Interrupted(log, times))
    assert log.count() == 2_000 * times

    assert copy_log(source, log).copied == MANY + 2 - 2_000 * times
    assert log.read(limit=10_000) == source.read(limit=10_000)


def test_copying_again_takes_what_came_since(log: EventLog, source: SQLiteEventLog) -> None:
    copy_log(source, log)
    assert copy_log(source, log).copied == 0

    source.append([pem(MANY + 1)])

    assert copy_log(source, log) == (1, MANY + 3, source.head())


def test_a_copy_goes_on_as_the_source_would(log: EventLog, source: SQLiteEventLog) -> None:
    copy_log(source, log)

    log.append([pem(MANY + 1)])

    assert log.verify_chain().intact
    assert log.head().position == source.head().position + 1


def test_an_empty_log_can_be_copied(log: EventLog) -> None:
    source = InMemoryEventLog()

    assert copy_log(source, log) == (0, 0, source.head())
    assert log.head() == source.head()


def test_a_target_with_events_of_its_own_is_refused(log: EventLog, source: SQLiteEventLog) -> None:
    log.append([pem(1)])
    head = log.head()

    with pytest.raises(ConflictError, match="other events"):
        copy_log(source, log)

    assert (log.head(), log.count()) == (head, 1)


def test_a_target_that_went_on_by_itself_is_refused(log: EventLog, source: SQLiteEventLog) -> None:
    copy_log(source, log)
    log.append([pem(MANY + 1)])
    source.append([pem(MANY + 2), pem(MANY + 3)])

    with pytest.raises(ConflictError, match="other events"):
        copy_log(source, log)


def test_a_source_that_was_cleaned_since_is_refused(log: EventLog, source: SQLiteEventLog) -> None:
    copy_log(source, log)
    source.clean(keep=())

    with pytest.raises(ConflictError):
        copy_log(source, log)


def test_a_source_that_is_cleaned_meanwhile_is_refused(log: EventLog, source: SQLiteEventLog) -> None:
    def clean(done: int, _total: int) -> None:
        if done:
            source.clean(keep=())

    with pytest.raises(ConflictError, match="cleaned"):
        copy_log(source, log, progress=clean)


def test_events_that_arrive_meanwhile_are_copied_too(log: EventLog, source: SQLiteEventLog) -> None:
    number = MANY

    def append(_done: int, _total: int) -> None:
        nonlocal number
        if number < MANY + 5:
            number += 1
            source.append([pem(number)])

    copied = copy_log(source, log, progress=append)

    assert copied.events == MANY + 7
    assert log.head() == source.head()


@pytest.mark.parametrize("damage", ["payload = '{}'", "recorded_us = recorded_us + 1"])
def test_a_damaged_source_is_not_copied_beyond_the_damage(
    log: EventLog, source: SQLiteEventLog, tmp_path: Path, damage: str
) -> None:
    source._writer.execute(f"UPDATE event SET {damage} WHERE position = 3000")  # noqa: S608 - our own text
    damaged = SQLiteEventLog(tmp_path / "source.db")  # has nothing in memory

    with pytest.raises((ConflictError, CorruptStoreError), match="3000"):
        copy_log(damaged, log)

    assert log.head().position == 2_999
    damaged.close()


def test_progress_rises_to_its_total(log: EventLog, source: SQLiteEventLog) -> None:
    told: list[tuple[int, int]] = []

    copy_log(source, log, progress=lambda done, total: told.append((done, total)))

    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[0] == (0, 2 * (MANY + 2))
    assert told[-1] == (2 * (MANY + 2), 2 * (MANY + 2))


def test_a_copy_has_the_same_salts_and_senders(log: EventLog, tmp_path: Path) -> None:
    source = SQLiteEventLog(tmp_path / "mixed.db")
    epoch, events = vectors()
    source.restore(events[:10], epoch=epoch)  # with and without salt; those after them are of unknown kinds
    source.append([pem(1).sent_by("1" * 32), pem(2)])

    copy_log(source, log)

    assert stored(log) == stored(source)
    assert [event.sender for event in stored(log)[-2:]] == ["1" * 32, None]
    source.close()
