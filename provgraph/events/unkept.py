"""
What a JSON text says that is not kept: the first of two equal keys, and digits that no 64-bit float has.

JSON allows both, and readers disagree about them. The service keeps the last of equal keys and the nearest float, and
tells it, for the sender may have meant something else.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.events.places import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.events.places import Place

# What may stand before a number, what is part of one, the rest.
_SHAPE = bytes(
    ord(":") if byte in b":,[- \t\r\n" else ord("0") if byte in b"0123456789." else ord("x")
    for byte in range(256)
)
# A float keeps 15 digits, wherever its point is.
_MANY_DIGITS = b":" + b"0" * 16
_LONG_NUMBER = re.compile(rb"[:,\[]\s*+(-?[0-9.]{15}[0-9.eE+-]++)")
# Only with such an exponent may a number of fewer digits be too small to be kept.
_TINY = re.compile(rb"[0-9][eE]-[0-9]{3,}\s*[,\]}]")
_MOST = 10
_DIGITS_SHOWN = 40


class Unkept(NamedTuple):
    """Something that was sent and not kept."""

    field: str | None  # where it stands
    rule: str  # "doubled-key", "inexact-number", "field-name", or "further" for what is not listed
    detail: str  # a sentence

    def members(self) -> dict[str, str]:
        """Return it as an answer shows it."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def unkept(body: bytes, value: Any) -> tuple[Unkept, ...]:
    """
    Return what ``body`` says beyond the ``value`` that it was read as; the first ten, and how many more there are.

    :param value: what `canonical.loads` made of the body
    """
    if is_kept(body, value):
        return ()
    try:
        found = list(_found(body))
    except RecursionError:
        return ()  # it is nested deeper than what is stored may be, and refused for that
    more = len(found) - _MOST
    rest = (Unkept(None, "further", f"{more} more of what was sent is not kept"),) if more > 0 else ()
    return (*found[:_MOST], *rest)


def is_kept(body: bytes, value: Any) -> bool:
    """
    Tell whether a value has every key and digit of the text that it was read from. Quick; in doubt the answer is no.

    Compact JSON is the same text when it is written again, and that is all there is to see. Other forms are compared
    by what a lost key or digit would change.
    """
    try:
        written = orjson.dumps(value)
    except TypeError:  # nested too deep
        return False
    return written == body or (_has_each_key(body, written) and _has_each_digit(body))


def _has_each_key(body: bytes, written: bytes) -> bool:
    # Every key has its colon; those in texts are the same on both sides, unless they are escaped.
    return body.count(b":") == written.count(b":") and b"\\u003" not in body


def _has_each_digit(body: bytes) -> bool:
    if body[:1] in b"-0123456789.":  # nothing stands before it
        return False
    if (b"e-" in body or b"E-" in body) and _TINY.search(body):
        return False
    if _MANY_DIGITS not in body.translate(_SHAPE):
        return True
    return _are_shortest([number for number in _LONG_NUMBER.findall(body) if not _is_integer(number)])


def _is_integer(number: bytes) -> bool:
    return len(number) < 19 and number.removeprefix(b"-").isdigit()


def _are_shortest(numbers: list[bytes]) -> bool:
    try:
        written = orjson.dumps([float(number) for number in numbers])
    except ValueError:  # it stands in a text, and is none
        return False
    return written == b"[%b]" % b",".join(numbers)


class _Number(float):
    """A float that knows its text."""

    text: str


class _Pairs(dict[str, Any]):
    """An object that knows which of its keys were given more than once, and how often."""

    doubled: dict[str, int]


def _number(text: str) -> float:
    number = _Number(text)
    number.text = text
    return number


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _Pairs(pairs)
    if len(found) == len(pairs):
        found.doubled = {}
    else:
        found.doubled = {key: times for key, times in Counter(key for key, _ in pairs).items() if times > 1}
    return found


def _found(body: bytes) -> Iterator[Unkept]:
    value = json.loads(body, parse_float=_number, parse_int=lambda _digits: None, object_pairs_hook=_pairs)
    pending: list[tuple[Place, Any]] = [(None, value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, _Number):
            if not _is_same(item.text, item):
                yield _inexact(place, item)
        elif isinstance(item, list):
            pending.extend(((place, index), item[index]) for index in reversed(range(len(item))))
        elif isinstance(item, _Pairs):
            for key, times in item.doubled.items():
                yield _doubled((place, key), times)
            pending.extend(((place, key), item[key]) for key in reversed(item))


def _is_same(text: str, number: float) -> bool:
    shortest = float.__repr__(number)
    if shortest == text:
        return True
    try:
        return Decimal(text) == Decimal(shortest)
    except (
        InvalidOperation
    ):  # an exponent beyond all bounds; the number was read, so it is nothing or next to nothing
        return not re.search("[1-9]", text.lower().partition("e")[0])


def _doubled(place: Place, times: int) -> Unkept:
    field = named(place)
    how_often = "twice" if times == 2 else f"{times:,} times"
    return Unkept(field, "doubled-key", f"{field} is given {how_often}; the last one is kept")


def _inexact(place: Place, number: _Number) -> Unkept:
    field = named(place)
    shown = number.text if len(number.text) <= _DIGITS_SHOWN else f"{number.text[: _DIGITS_SHOWN - 3]}..."
    where = "The number" if field is None else field
    return Unkept(
        field,
        "inexact-number",
        f"{where} is {shown}, kept as {float.__repr__(number)}, the nearest 64-bit float",
    )
