"""Whoever makes something of a log checks its digest chain on the way, and an operator's word lets it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import (
    ChangedEventError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnreadableEventError,
)
from provgraph.eventlog import InMemoryEventLog
from provgraph.eventlog.checking import CheckedReader
from provgraph.eventlog.copying import copy_log
from provgraph.events import SetAside
from provgraph.families.acceptance.events import ChangeAccepted
from provgraph.families.operation.events import LOG_CLEANED
from provgraph.families.pem.events import PEM
from provgraph.families.tag.events import tag_set
from provgraph.operations.integrity import accept_change
from tests.contract.builders import pem, pem_id
from tests.contract.eventlog import tampering

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog

EVENTS = 6
FORGED = pem(3, Properties={"auc": 0.99}).payload


@pytest.fixture
def filled(log: EventLog) -> EventLog:
    """A log with some events."""
    log.append([pem(number) for number in range(1, EVENTS + 1)])
    return log


def ending_of(reader: CheckedReader, *, limit: int) -> tuple[list[int], int]:
    """Return the positions of everything before a change, and the position of that."""
    found: list[int] = []
    try:
        while events := reader.read(after=found[-1] if found else 0, limit=limit):
            found += [event.position for event in events]
    except ChangedEventError as error:
        return found, error.position
    return found, 0


def positions(reader: CheckedReader, *, limit: int = 100) -> list[int]:
    """Return the positions of everything that a reader gives, from the beginning."""
    found: list[int] = []
    while events := reader.read(after=found[-1] if found else 0, limit=limit):
        found += [event.position for event in events]
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_an_untouched_log_is_read_to_its_end(filled: EventLog, limit: int) -> None:
    assert positions(CheckedReader(filled), limit=limit) == list(range(1, EVENTS + 1))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_reading_ends_before_a_changed_event_and_names_it(filled: EventLog, limit: int) -> None:
    tampering.change(filled, 3, payload=FORGED)

    assert ending_of(CheckedReader(filled), limit=limit) == ([1, 2], 3)
    with pytest.raises(ChangedEventError, match="accept-change 3"):
        CheckedReader(filled).read(after=2, limit=limit)


def test_a_reader_that_begins_in_the_middle_checks_as_well(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)

    with pytest.raises(ChangedEventError):
        CheckedReader(filled).read(after=2, limit=10)
    assert [event.position for event in CheckedReader(filled).read(after=3, limit=10)] == [4, 5, 6]


def test_a_missing_event_is_told_at_the_next_one(filled: EventLog) -> None:
    tampering.remove(filled, 3)

    with pytest.raises(ChangedEventError, match="between it and position 2 is gone"):
        CheckedReader(filled).read(after=2, limit=10)


def test_what_was_cleaned_meanwhile_is_no_change(filled: EventLog) -> None:
    reader = CheckedReader(filled)
    last = reader.read(after=0, limit=3)[-1]

    filled.clean(keep=())

    assert reader.read(after=last.position, limit=10) == []
    assert [event.kind for event in reader.read(after=0, limit=10)] == [LOG_CLEANED]


def test_an_accepted_change_is_passed_over_and_named(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)
    (before,) = filled.read(after=2, limit=1, unparsed=True)

    said = accept_change(filled, 3, " the disk flipped a bit ")

    stated = said.content
    assert isinstance(stated, ChangeAccepted)
    assert (stated.position, stated.changed_id, stated.reason) == (3, pem_id(3), "the disk flipped a bit")
    assert stated.recorded_digest == before.digest.hex() != stated.found_digest
    assert positions(CheckedReader(filled)) == list(range(1, EVENTS + 2))
    report = filled.verify_chain()
    assert report.intact
    assert [place.position for place in report.accepted] == [3]
    assert "the disk flipped a bit" in report.accepted[0].sentence


def test_who_builds_from_a_log_reads_what_is_stored_also_in_the_process_that_recorded_it(
    filled: EventLog,
) -> None:
    tampering.change(filled, 3, payload=FORGED, is_remembered=True)

    assert ending_of(CheckedReader(filled), limit=EVENTS) == ([1, 2], 3)
    # Behind what was there when it began, who follows takes what was recorded.
    assert ending_of(CheckedReader(filled, remembered_after=EVENTS), limit=EVENTS) == ([1, 2], 3)


def test_an_accepted_event_counts_as_it_stands_now_for_the_process_that_recorded_it_too(
    filled: EventLog,
) -> None:
    tampering.change(filled, 3, payload=FORGED, is_remembered=True)

    accept_change(filled, 3, "by hand")

    (found,) = CheckedReader(filled).read(after=2, limit=1)
    assert found.payload == FORGED


@pytest.mark.parametrize("after", range(EVENTS))
def test_a_changed_digest_is_accepted_as_well_wherever_a_reader_begins(filled: EventLog, after: int) -> None:
    tampering.set_digest(filled, 3, b"\x07" * 32)

    accept_change(filled, 3, "by hand")

    found = CheckedReader(filled).read(after=after, limit=100)
    assert [event.position for event in found] == list(range(after + 1, EVENTS + 2))


def test_what_was_changed_again_is_not_what_was_accepted(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)
    accept_change(filled, 3, "once")

    tampering.change(filled, 3, payload=pem(3, Properties={"auc": 1}).payload)

    with pytest.raises(ChangedEventError):
        CheckedReader(filled).read(after=2, limit=1)
    assert not filled.verify_chain().intact


def test_accepting_twice_is_recorded_once(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)

    assert accept_change(filled, 3, "once") == accept_change(filled, 3, "twice")


def test_two_changes_running_are_accepted_one_by_one(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)
    tampering.change(filled, 4, payload=FORGED)
    assert [place.position for place in filled.verify_chain().wrong] == [3, 4]

    accept_change(filled, 3, "first")
    with pytest.raises(ChangedEventError, match="position 4"):
        CheckedReader(filled).read(after=3, limit=1)
    accept_change(filled, 4, "second")

    assert positions(CheckedReader(filled)) == list(range(1, EVENTS + 3))


def test_there_is_nothing_to_accept_where_nothing_was_changed(filled: EventLog) -> None:
    with pytest.raises(ConflictError):
        accept_change(filled, 3, "why not")
    with pytest.raises(NotFoundError):
        accept_change(filled, 99, "why not")
    with pytest.raises(InvalidInputError):
        accept_change(filled, 3, " ")
    assert filled.count() == EVENTS


@pytest.mark.parametrize(
    "payload", [b"\xff{", pem(3, produces=["made"]).payload.replace(b'{"Name":"made"}', b'"made"')]
)
def test_what_nobody_can_read_is_named_and_counts_nowhere_once_accepted(
    filled: EventLog, payload: bytes
) -> None:
    if isinstance(filled, InMemoryEventLog):
        pytest.skip("nothing is parsed there")
    tampering.change(filled, 3, payload=payload)
    assert [event.position for event in CheckedReader(filled).read(after=0, limit=10)] == [1, 2]
    with pytest.raises(UnreadableEventError, match="position 3"):
        filled.read(after=2)
    with pytest.raises(ChangedEventError, match="position 3"):
        CheckedReader(filled).read(after=2, limit=1)

    accept_change(filled, 3, "unreadable")

    found = [e for after in (0, 2, 3) for e in CheckedReader(filled).read(after=after, limit=10)]
    assert {event.position for event in found} == set(range(1, EVENTS + 2))
    assert [type(event.kind) for event in found if event.position == 3] == [SetAside]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"2020-01-01 00:00:00", b"2020-01-01 00:00:xx"),
        (b'"Name":"made"', b'"Name":[5]'),
        (b"dd", b"\\u0000"),
    ],
)
def test_what_can_be_read_and_says_what_nobody_wrote_counts_nowhere_once_accepted(
    filled: EventLog, right: bytes, wrong: bytes
) -> None:
    made = {"Name": "made", "CreatedAt": "2020-01-01 00:00:00", "Digest": "dd"}
    payload = pem(3, produces=[made]).payload
    assert payload.count(right) == 1
    tampering.change(filled, 3, payload=payload.replace(right, wrong))

    accept_change(filled, 3, "no version wrote that")

    found = CheckedReader(filled).read(after=0, limit=10)
    assert [event.position for event in found if isinstance(event.kind, SetAside)] == [3]
    assert len(found) == EVENTS + 1


def test_an_accepted_change_that_says_what_it_may_counts(filled: EventLog) -> None:
    tampering.change(filled, 3, payload=FORGED)

    accept_change(filled, 3, "it may")

    (found,) = CheckedReader(filled).read(after=2, limit=1)
    assert found.kind is PEM
    assert found.payload == FORGED


def test_a_copy_ends_before_a_changed_event_and_takes_an_accepted_one_along(filled: EventLog) -> None:
    target = InMemoryEventLog()
    tampering.change(filled, 3, payload=FORGED)
    with pytest.raises(ChangedEventError, match="position 3"):
        copy_log(filled, target)
    assert target.count() == 2

    accept_change(filled, 3, "kept")
    copy_log(filled, target)

    assert target.head() == filled.head()
    assert [place.position for place in target.verify_chain().accepted] == [3]


@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    position=st.integers(1, 16),
    limit=st.integers(1, 5),
)
def test_however_it_is_read_a_change_is_found_where_it_is(
    lengths: list[int], position: int, limit: int
) -> None:
    log = InMemoryEventLog()
    for number, length in enumerate(lengths):
        log.append([tag_set("ns", f"{number}-{each}", pem_id(each)) for each in range(length)])
    last = log.head().position
    if position <= last:
        tampering.change(log, position, payload=tag_set("ns", "forged", pem_id(1)).payload)

    found, changed = ending_of(CheckedReader(log), limit=limit)

    is_there = position <= last
    assert (found, changed) == (list(range(1, position if is_there else last + 1)), position * is_there)
