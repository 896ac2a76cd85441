from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidEventError
from provgraph.events import clock

EARLIEST_US = -62_135_596_800_000_000  # year 1
LATEST_US = 253_402_300_799_999_999  # year 9999
moments = st.integers(EARLIEST_US, LATEST_US)
ids = st.uuids().map(lambda id_: id_.hex)


@pytest.mark.parametrize(
    ("stated", "us"),
    [
        ("1970-01-01 00:00:00", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("0001-01-01T00:00:00Z", EARLIEST_US),
        ("9999-12-31T23:59:59.999999Z", LATEST_US),
    ],
)
def test_times_are_microseconds_since_1970_in_utc(stated: str, us: int) -> None:
    assert clock.parse_time(stated, field="At") == us


@given(moments)
def test_every_moment_of_the_calendar_is_written_and_read_back(us: int) -> None:
    assert clock.parse_zoned(clock.rfc3339(us), field="At") == us
    assert clock.to_datetime(us) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@given(moments)
def test_record_keepers_form_is_the_second_that_has_begun(us: int) -> None:
    text = clock.second_text(us)

    assert len(text) == 19
    assert 0 <= us - clock.parse_time(text, field="At") < 1_000_000


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001 - gets one
def test_the_zone_is_taken_off(naive: datetime, minutes: int) -> None:
    zoned = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert clock.to_datetime(clock.parse_zoned(zoned.isoformat(), field="At")) == zoned


@given(st.datetimes())
def test_a_second_reads_back_as_the_same_second(naive: datetime) -> None:
    us, text = clock.parse_second(str(naive), field="At")

    assert text == str(naive.replace(microsecond=0))
    assert clock.parse_second(text, field="At") == (us - us % 1_000_000, text)


@pytest.mark.parametrize(
    ("stated", "same"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31t23:59:60z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.999999Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31 23:59:60", "2017-01-01 00:00:00"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
        ("20161231T235960Z", "2017-01-01T00:00:00Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"),
        ("2026-01-02t03:04:05.678z", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02T03:04:05z", "2026-01-02T03:04:05Z"),
        ("2026-01-02t03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
    ],
)
def test_times_of_rfc_3339_may_have_second_60_and_small_letters(stated: str, same: str) -> None:
    assert clock.parse_time(stated, field="At") == clock.parse_time(same, field="At")
    assert clock.parse_second(stated, field="At") == clock.parse_second(same, field="At")


@pytest.mark.parametrize(
    "stated",
    [
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:60:60Z",
        "9999-12-31T23:59:60Z",
        "2016-12-31T60Z",
        "z",
        "60",
        "2016-12-60",
    ],
)
def test_what_is_no_time_with_second_60_either_is_refused(stated: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        clock.parse_time(stated, field="At")

    assert refused.value.rule == "time"


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_happens_in_second_60_comes_before_nothing_that_follows(minute: datetime) -> None:
    text = minute.replace(microsecond=0).isoformat()[:17]

    before, leap = (clock.parse_time(f"{text}{second}Z", field="At") for second in ("59.999999", "60.5"))

    assert before < leap
    assert leap % 60_000_000 == 0


def test_an_error_names_the_field() -> None:
    with pytest.raises(InvalidEventError, match="Arrival is not a time") as refused:
        clock.parse_time("never", field="Arrival")

    assert refused.value.field == "Arrival"


# ------------------------------------------------------------------------------------------------ refinement


def version_1(us: int) -> str:
    """Return a version-1 UUID made at ``us``."""
    steps = us * 10 + 0x01B21DD213814000
    low, middle, high = steps & 0xFFFFFFFF, steps >> 32 & 0xFFFF, steps >> 48 & 0x0FFF | 0x1000
    made = uuid.UUID(fields=(low, middle, high, 0x80, 0x01, 0x0123456789AB))
    assert made.time == steps
    return made.hex


@given(st.integers(-10_000_000_000_000_000, LATEST_US // 4))
def test_a_second_is_refined_by_a_version_1_id_of_the_same_second(us: int) -> None:
    second = us - us % 1_000_000

    assert clock.refine(second, version_1(us)) == us


@pytest.mark.parametrize("seconds", [-1, 1, 3_600])
def test_a_version_1_id_of_another_second_says_nothing(seconds: int) -> None:
    us = 1_767_323_045_678_901

    assert clock.refine((us // 1_000_000 + seconds) * 1_000_000, version_1(us)) == us // 10**6 * 10**6 + (
        seconds * 1_000_000
    )


def test_a_time_with_a_fraction_is_exact_already() -> None:
    us = 1_767_323_045_678_901

    assert clock.refine(us - 1, version_1(us)) == us - 1


@given(st.integers(0, 2**60), ids.filter(lambda id_: id_[12] != "1"))
def test_other_ids_say_nothing_about_time(seconds: int, id_: str) -> None:
    assert clock.refine(seconds * 1_000_000, id_) == seconds * 1_000_000


# ------------------------------------------------------------------------------------------------ order


@given(
    st.lists(
        st.tuples(moments | st.integers(-2, 2), st.integers(0, 2) | st.integers(0, 2**32 - 1), ids),
        max_size=8,
    )
)
def test_keys_sort_by_time_then_by_rank_and_then_by_id(events: list[tuple[int, int, str]]) -> None:
    keys = sorted(clock.moment(us, id_, rank) for us, rank, id_ in events)

    assert [(us, rank, id_) for us, id_, rank in map(clock.split_moment, keys)] == sorted(events)
    assert {len(key) for key in keys} <= {28}
