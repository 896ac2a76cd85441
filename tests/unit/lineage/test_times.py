"""Times as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from provgraph.eventlog.memory import InMemoryEventLog
from provgraph.events.clock import parse_time, rfc3339
from provgraph.families.tag.events import tag_set
from provgraph.lineage.times import Clocks, position_at, read_duration, read_time
from tests.contract.builders import pem

NOW = parse_time("2026-03-01T12:00:00Z", field="now")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-01-31T13:45:00Z", "2026-01-31T13:45:00.000000Z"),
        ("2026-01-31T13:45:00.5+01:00", "2026-01-31T12:45:00.500000Z"),
        ("2026-01-31T13:45:00 01:00", "2026-01-31T12:45:00.000000Z"),  # a plus that became a blank in a URL
        ("2026-01-31t13:45:00z", "2026-01-31T13:45:00.000000Z"),
        ("2026-01-31t13:45:00 01:00", "2026-01-31T12:45:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2026-01-31 13:45:00", "2026-01-31T13:45:00.000000Z"),
        ("2026-01-31T13:45", "2026-01-31T13:45:00.000000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000000Z"),
        (" now ", "2026-03-01T12:00:00.000000Z"),
        ("NOW-2h", "2026-03-01T10:00:00.000000Z"),
        ("now - 90s", "2026-03-01T11:58:30.000000Z"),
        ("now-1d12h", "2026-02-28T00:00:00.000000Z"),
        ("now+15m", "2026-03-01T12:15:00.000000Z"),
        ("now-2w", "2026-02-15T12:00:00.000000Z"),
        ("today", "2026-03-01T00:00:00.000000Z"),
        ("yesterday", "2026-02-28T00:00:00.000000Z"),
        ("now-999999999w", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_is_read_in_every_form_that_people_write(text: str, means: str) -> None:
    assert rfc3339(read_time(text, field="as_of", present_us=NOW)) == means


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "\uff12",
        "now-\uff12h",
        "position:",
        "2026-13-01",
        "2026-02-30",
        "now-",
        "now-2",
        "now-2y",
        "2h",
        "13:45",
        "-5",
        "1.5",
        "\0",
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"RFC 3339.*now-2h.*log position") as refused:
        Clocks(InMemoryEventLog(), present_us=NOW).occurred(text, field="as_of")

    assert refused.value.field == "as_of"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2h", 7_200), ("1d12h", 129_600), ("2W", 1_209_600)]
)
def test_a_length_of_time_is_read(text: str, seconds: int) -> None:
    assert read_duration(text, field="silent_after") == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "2", "h", "2h ago", "-2h", "\uff12h"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="1d12h"):
        read_duration(text, field="silent_after")


def test_a_position_stands_for_when_its_event_occurred_or_for_itself() -> None:
    log = InMemoryEventLog()
    log.append([pem(1, at=7), tag_set("n", "t", pem(1).event_id)])
    clocks = Clocks(log)

    assert rfc3339(clocks.occurred("1", field="as_of")) == "2026-01-02T03:04:12.000000Z"
    assert clocks.occurred("2", field="as_of") == next(iter(log.read(after=1, limit=1))).recorded_us
    assert clocks.recorded("2", field="known_at") == 2
    assert clocks.recorded("position:2", field="known_at") == 2
    assert clocks.occurred(" Position:1 ", field="as_of") == clocks.occurred("1", field="as_of")
    with pytest.raises(InvalidInputError, match="ends at 2"):
        clocks.occurred("3", field="as_of")


@pytest.mark.parametrize("text", ["3", "position:3", "20260301", "1772323200", "999999999999999999"])
def test_a_position_beyond_the_logs_end_is_refused(text: str) -> None:
    log = InMemoryEventLog()
    log.append([pem(1), pem(2)])

    with pytest.raises(InvalidInputError, match="beyond the log's end at 2") as refused:
        Clocks(log).recorded(text, field="known_at")

    assert (refused.value.field, refused.value.rule) == ("known_at", "in-the-log")


@pytest.mark.parametrize(
    ("text", "date"), [("2026", "2026-01-01"), ("1900", "1900-01-01"), ("20260301", "2026-03-01")]
)
def test_a_number_that_may_be_a_date_is_not_taken_for_an_event(text: str, date: str) -> None:
    with pytest.raises(InvalidInputError, match=f"write {date}, or position:{text}$"):
        Clocks(InMemoryEventLog()).occurred(text, field="as_of")


@pytest.mark.parametrize("text", ["2101", "1899", "12345678", "position:2026"])
def test_a_number_that_cannot_be_a_date_is_a_position(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is no position of the log"):
        Clocks(InMemoryEventLog()).occurred(text, field="as_of")


@given(counts=st.lists(st.integers(1, 4), max_size=6))
def test_the_position_at_a_time_is_that_of_the_last_event_recorded_by_then(counts: list[int]) -> None:
    log, number = InMemoryEventLog(), 0
    for count in counts:
        log.append([pem(number + each) for each in range(1, count + 1)])
        number += count
    recorded = [(event.position, event.recorded_us) for event in log.read(after=0, limit=100)]

    for us in {us + step for _, us in recorded for step in (-1, 0, 1)} | {0, NOW * 2}:
        assert position_at(log, us) == max(
            (at for at, recorded_us in recorded if recorded_us <= us), default=0
        )
