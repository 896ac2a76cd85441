"""
The two clocks: reading the emitter's, and the total order it gives.

Inside, times are integers: microseconds since 1970-01-01T00:00:00Z, negative before. Order on the emitter's clock is
(``occurred_at``, rank, event id): total, and independent of the order of arrival. The rank puts an event after those of
the same ``occurred_at`` that it names as its predecessors: see `provgraph.graphstore.groups`.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import time_ns

from provgraph.errors import InvalidEventError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from times without a zone, which are UTC
_MICROSECOND = timedelta(microseconds=1)
LATEST_US = 253_402_300_799_999_999  # the last microsecond of the year 9999
# 100-nanosecond steps between the UUID epoch (1582-10-15) and 1970-01-01, RFC 9562.
_UUID_EPOCH_OFFSET = 0x01B21DD213814000
_MOMENT_OFFSET = 2**63
_MOMENT = struct.Struct(">QI")
# Second 60, up to which the time is one that Python knows, and its zone.
_SECOND_60 = re.compile(
    r"([0-9W-]+[^0-9][0-9]{2}:?[0-9]{2}:?)60(?:[.,][0-9]+)?([Zz]|[+-][0-9:.]+)?"
).fullmatch
_IN_RECORD_KEEPERS_FORM = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]").fullmatch


def now_us() -> int:
    """Return the present on this machine's clock, in microseconds."""
    return time_ns() // 1000


def to_datetime(us: int) -> datetime:
    """Return microseconds as an aware datetime in UTC."""
    return _EPOCH + us * _MICROSECOND


@lru_cache(maxsize=16_384)  # lineage answers come back to the same events
def rfc3339(us: int) -> str:
    """Return microseconds as ``2026-01-02T03:04:05.678901Z``."""
    return (_NAIVE_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=1024)  # the events of a batch share their time
def second_text(us: int) -> str:
    """Return microseconds as Record Keeper writes times: ``2026-01-02 03:04:05``, UTC."""
    return to_datetime(us).isoformat(sep=" ", timespec="seconds")[:19]


def from_iso(text: str) -> datetime:
    """
    Return a time in any ISO 8601 form, as RFC 3339 has it too: ``t`` and ``z`` may stand for ``T`` and ``Z``.

    Second 60 is the first instant of the next second, whatever fraction it has: a leap second has no number of its own
    in any count of seconds, and what comes after it must not come before.

    :raises ValueError: it is none
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        leap = _SECOND_60(text)
        if leap is not None:
            until, zone = leap.groups(default="")
            return datetime.fromisoformat(f"{until}59{zone.upper()}") + timedelta(seconds=1)
        if not text.endswith("z"):
            raise
        return datetime.fromisoformat(text[:-1] + "Z")


def parse_time(stated: object, *, field: str) -> int:
    """
    Read a time in any form that `from_iso` takes; without a zone it is UTC.

    :returns: microseconds since 1970
    :raises InvalidEventError: not a text, or not a time
    """
    return _microseconds(_read(stated, field))


def parse_second(stated: object, *, field: str) -> tuple[int, str]:
    """
    Read a time as `parse_time` does, and give it in Record Keeper's form as well.

    :returns: microseconds since 1970, and ``YYYY-MM-DD HH:MM:SS`` in UTC
    :raises InvalidEventError: not a text, or not a time
    """
    moment = _read(stated, field)
    us = _microseconds(moment)
    if moment.tzinfo is None and _IN_RECORD_KEEPERS_FORM(stated):  # type: ignore[call-overload] # _read took it
        return us, stated  # type: ignore[return-value] # it is in that form already
    return us, second_text(us)


def parse_zoned(stated: object, *, field: str) -> int:
    """
    Read a time that must name its zone (RFC 3339).

    :returns: microseconds since 1970
    :raises InvalidEventError: not a text, not a time, or without a zone
    """
    moment = _read(stated, field)
    if moment.tzinfo is None:
        raise InvalidEventError(
            f"PEM is not valid: {field} names no zone, use RFC 3339: {stated!r}", field=field, rule="zone"
        )
    return _microseconds(moment)


def refine(second_us: int, event_id: str) -> int:
    """
    Return ``second_us`` refined by the time inside a version-1 UUID when both name the same second.

    Record Keeper's clock has whole seconds only, but its event ids carry 100 nanoseconds.
    """
    if event_id[12] != "1" or second_us % 1_000_000:
        return second_us
    steps = int(event_id[13:16] + event_id[8:12] + event_id[:8], 16) - _UUID_EPOCH_OFFSET
    exact_us = steps // 10
    return exact_us if exact_us // 1_000_000 == second_us // 1_000_000 else second_us


def moment(occurred_us: int, event_id: str, rank: int = 0) -> bytes:
    """Return a key of 28 bytes whose byte order is the order on the emitter's clock."""
    return _MOMENT.pack(occurred_us + _MOMENT_OFFSET, rank) + bytes.fromhex(event_id)


def split_moment(key: bytes) -> tuple[int, str, int]:
    """Return the time in microseconds, the event id and the rank that `moment` put together."""
    us, rank = _MOMENT.unpack_from(key)
    return us - _MOMENT_OFFSET, key[_MOMENT.size :].hex(), rank


def _read(stated: object, field: str) -> datetime:
    if not isinstance(stated, str):
        raise InvalidEventError(f"PEM is not valid: {field} is not a text", field=field, rule="text")
    try:
        moment = from_iso(stated)
        # Years 1 to 9999 must still hold once the zone is taken off.
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEventError(
            f"PEM is not valid: {field} is not a time, use YYYY-MM-DD HH:MM:SS (UTC) or RFC 3339: {stated[:40]!r}",
            field=field,
            rule="time",
        ) from None


def _microseconds(moment: datetime) -> int:
    since = moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
