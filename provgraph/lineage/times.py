"""
Times as people write them.

Wherever a time is asked for, a log position will do as well: on the emitters' clocks it stands for the moment at which
that event occurred, on the log's for everything recorded up to it. It is written as a number, or ``position:NUMBER``. A
number that could as well be a year or a date is refused where it would stand for the time of an event.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from provgraph.errors import InvalidEventError, InvalidInputError
from provgraph.events.clock import LATEST_US, now_us, parse_time

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog

FORMS = (
    "2026-01-31T13:45:00+01:00 (RFC 3339; without a zone it is UTC), 2026-01-31 (its first moment, UTC), "
    "now, today, yesterday, now-2h (units s, m, h, d, w; also now-1d12h), or a log position such as 1234 or "
    "position:1234"
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_RELATIVE = re.compile(r"now\s*([+-])\s*((?:[0-9]{1,9}[smhdw])+)").fullmatch
_PART = re.compile(r"([0-9]+)([smhdw])").findall
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhdw])+").fullmatch
_POSITION = re.compile(r"(position:)?([0-9]{1,18})", re.IGNORECASE).fullmatch
_LIKE_A_YEAR = re.compile(r"(?:19|20)[0-9]{2}|2100").fullmatch
_DATE_DIGITS = 8
_SECOND = 1_000_000
_EARLIEST_US = -62_135_596_800_000_000  # the first one of the year 1


class Clocks:
    """Reads the times of one question, all against the same present."""

    def __init__(self, log: EventLog, *, present_us: int | None = None) -> None:
        """
        Take the log that positions are about.

        :param present_us: what ``now`` means; None: the present
        """
        self._log = log
        self._now_us = now_us() if present_us is None else present_us

    @property
    def now_us(self) -> int:
        """What ``now`` means."""
        return self._now_us

    def occurred(self, text: str, *, field: str) -> int:
        """
        Return a time on the emitters' clocks, in microseconds since 1970.

        :raises InvalidInputError: it is none; the text names the accepted forms
        """
        position = _position(text)
        if position is None:
            return read_time(text, field=field, present_us=self._now_us)
        _refuse_date(text.strip(), field=field)
        for event in self._log.read(after=position - 1, limit=1):
            if event.position == position:
                return int(getattr(event.content, "occurred_us", event.recorded_us))
        raise InvalidInputError(
            f"{field}={position} is no position of the log, which ends at {self._log.head().position}",
            field=field,
            rule="in-the-log",
        )

    def recorded(self, text: str, *, field: str) -> int:
        """
        Return the log position up to which everything was recorded at a time on the log's clock.

        :raises InvalidInputError: it is no time (the text names the accepted forms), or a position beyond the log's end
        """
        position = _position(text)
        if position is not None:
            head = self._log.head().position
            if position > head:
                raise InvalidInputError(
                    f"{field}={position} is beyond the log's end at {head}", field=field, rule="in-the-log"
                )
            return position
        return position_at(self._log, read_time(text, field=field, present_us=self._now_us))

    def present(self, text: str | None, *, field: str) -> int:
        """
        Return what was the present on the log's clock at a time as `recorded` takes it; None: what ``now`` means.

        :raises InvalidInputError: it is no time; the text names the accepted forms
        """
        if text is None:
            return self._now_us
        position = _position(text)
        if position is None:
            return read_time(text, field=field, present_us=self._now_us)
        following = next(iter(self._log.read(after=position - 1, limit=1)), None)
        return self._now_us if following is None else following.recorded_us


def read_time(text: str, *, field: str, present_us: int) -> int:
    """
    Return a time in microseconds since 1970.

    :raises InvalidInputError: it is none; the text names the accepted forms
    """
    stated = text.strip().lower()
    if stated == "now":
        return present_us
    if stated in ("today", "yesterday"):
        day = present_us // (86_400 * _SECOND) - (stated == "yesterday")
        return day * 86_400 * _SECOND
    if relative := _RELATIVE(stated):
        sign, duration = relative.groups()
        return _bounded(present_us + (1 if sign == "+" else -1) * _seconds(duration) * _SECOND)
    try:
        return parse_time(_with_plus(text.strip()), field=field)
    except InvalidEventError:
        raise InvalidInputError(
            f"{field} is not a time: {text[:40]!r}; write {FORMS}", field=field, rule="time"
        ) from None


def read_duration(text: str, *, field: str) -> int:
    """
    Return a length of time such as ``90s``, ``2h`` or ``1d12h`` in microseconds.

    :raises InvalidInputError: it is none
    """
    if not _DURATION(text.strip().lower()):
        raise InvalidInputError(
            f"{field} is not a length of time: {text[:40]!r}; write 90s, 15m, 2h, 7d, 2w or 1d12h",
            field=field,
            rule="duration",
        )
    return _seconds(text.strip().lower()) * _SECOND


def position_at(log: EventLog, us: int) -> int:
    """
    Return the position of the last event recorded up to a time, or 0.

    The log's clock never runs backwards, so it is found by halving.
    """
    low, high = 0, log.head().position
    while low < high:
        middle = (low + high) // 2
        following = next(iter(log.read(after=middle, limit=1)), None)
        if following is None or following.recorded_us > us:
            high = middle
        else:
            low = following.position
    return low


def _position(text: str) -> int | None:
    """Return the log position that a text is, if it is one."""
    stated = _POSITION(text.strip())
    return None if stated is None else int(stated.group(2))


def _refuse_date(number: str, *, field: str) -> None:
    """
    Refuse a number that is more likely meant as a year or a date.

    :raises InvalidInputError: it is
    """
    if _LIKE_A_YEAR(number):
        date = f"{number}-01-01"
    elif len(number) == _DATE_DIGITS and _is_date(number):
        date = f"{number[:4]}-{number[4:6]}-{number[6:]}"
    else:
        return
    raise InvalidInputError(
        f"{field}={number} may be a date or a log position; write {date}, or position:{number}",
        field=field,
        rule="no-date",
    )


def _is_date(number: str) -> bool:
    try:
        datetime.strptime(number, "%Y%m%d")  # noqa: DTZ007 - whether there is such a day, in whatever zone
    except ValueError:
        return False
    return True


def _seconds(duration: str) -> int:
    return sum(int(count) * _UNITS[unit] for count, unit in _PART(duration))


def _bounded(us: int) -> int:
    return max(_EARLIEST_US, min(us, LATEST_US))


def _with_plus(text: str) -> str:
    """Return a time whose zone lost its plus sign to URL decoding as it was meant: it became a blank."""
    return re.sub(r"([Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (\d{2}:?\d{2})$", r"\1+\2", text)
