"""
JSON, checked before it is sent.

The rules are those of the service's door (`provgraph.events.canonical`): what passes here is read back there as it
was written. What JSON does not have becomes something that it has, by the rules of `provgraph.client.values`; what no
rule names is refused with the place where it stands.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite, isnan
from typing import Any, NoReturn, TypeAlias

import orjson

from provgraph.client.errors import UnsendableError
from provgraph.client.texts import sendable
from provgraph.client.values import NoRuleError, simpler
from provgraph.events.canonical import MAX_INTEGER, MAX_LEVELS, MIN_INTEGER

logger = logging.getLogger(__name__)

# Where a value stands: its container's place, and its key in there.
_Place: TypeAlias = "tuple[_Place | str, str | int]"
_SHOWN = 60
# How many levels an event has around its own properties (itself), and around those of an artifact (itself, the list,
# the artifact). What is left of the levels that the service takes is a value's.
AROUND_PROPERTIES = 1
AROUND_PROPERTIES_OF_ARTIFACT = 3


def plain(value: object, field: str, *, around: int = AROUND_PROPERTIES) -> Any:
    """
    Return a value as JSON in Python's own types: a copy, so that nothing that happens to the original reaches it.

    Tuples become lists; numbers and texts of other libraries that are Python's own by inheritance become those. NaN and
    the infinities become texts, and a warning in the log names the first of them.

    :param field: what it is called in the error
    :param around: how many levels of objects and lists the event has around it
    :raises UnsendableError: JSON does not have it, or the service does not take it; ``field`` leads to the place
    """
    no_numbers: list[tuple[_Place | str, str]] = []
    copy = _plain(value, field, around, no_numbers)
    if no_numbers:
        at, written = no_numbers[0]
        more = f", and {len(no_numbers) - 1} more values" if len(no_numbers) > 1 else ""
        logger.warning(
            "%s%s: JSON has no such number, so it is kept as the text %r", _named(at), more, written
        )
    return copy


def text(value: object, field: str) -> str:
    """
    Return a text that may stand in an event, and is not empty.

    :raises UnsendableError: it may not; ``field`` is ``field``
    """
    if not isinstance(value, str):
        _refuse(f"is not a text: {_shown(value)}", field, "text")
    if not value:
        _refuse("is empty", field, "required")
    return _text(value, field)


def plain_object(value: object, field: str, *, around: int = AROUND_PROPERTIES) -> dict[str, Any]:
    """
    Return a mapping as a JSON object; see `plain`.

    :raises UnsendableError: it is none, or holds what may not be sent
    """
    if not isinstance(value, Mapping):
        _refuse(f"is not a JSON object (a dict): {_shown(value)}", field, "object")
    copy: dict[str, Any] = plain(value, field, around=around)
    return copy


def _plain(value: object, at: _Place | str, depth: int, no_numbers: list[tuple[_Place | str, str]]) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value, at)
    if isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            _refuse("is an integer that does not fit into 64 bits", at, "integer-64-bit")
        return int(value)
    if isinstance(value, float):
        if isfinite(value):
            return float(value)
        written = "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
        no_numbers.append((at, written))
        return written
    return _container(value, at, depth + 1, no_numbers)


def _container(
    value: object, at: _Place | str, depth: int, no_numbers: list[tuple[_Place | str, str]]
) -> Any:
    if depth > MAX_LEVELS:
        _refuse(
            f"is nested too deep: its event would have more than {MAX_LEVELS} levels", _beginning(at), "depth"
        )
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - the first is quick, and nearly always so
        return _object(value, at, depth, no_numbers)
    if isinstance(value, list | tuple):
        return [_plain(each, (at, index), depth, no_numbers) for index, each in enumerate(value)]
    if isinstance(value, set | frozenset):  # in an order of their own, so that equal sets are equal texts
        return sorted([_plain(each, (at, "{}"), depth, no_numbers) for each in value], key=_order)
    return _plain(_simpler(value, at), at, depth, no_numbers)


def _object(
    value: Mapping[Any, Any], at: _Place | str, depth: int, no_numbers: list[tuple[_Place | str, str]]
) -> dict[str, Any]:
    copy: dict[str, Any] = {}
    for key, each in value.items():
        name = _key(key, at)
        if name in copy:
            _refuse(f"has two keys that are both {name[:_SHOWN]!r} as text", at, "json")
        copy[name] = _plain(each, (at, name), depth, no_numbers)
    return copy


def _simpler(value: object, at: _Place | str) -> object:
    try:
        return simpler(value)
    except NoRuleError as error:
        return _refuse(str(error) or f"is not JSON: {_shown(value)}", at, "json")
    except Exception as error:  # noqa: BLE001 - what other libraries' values do is not known here
        return _refuse(f"is not JSON: {_shown(value)} ({sendable(str(error))[:_SHOWN]})", at, "json")


def _order(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _key(key: object, at: _Place | str) -> str:
    """Return the name of a member. Whole numbers, and what becomes a text or such a number, are written as texts."""
    named = key
    while not isinstance(named, str | int | float | list | tuple | bytes | None):
        named = _simpler(named, at)
    if isinstance(named, int) and not isinstance(named, bool):
        named = str(int(named))
    if not isinstance(named, str):
        _refuse(f"has a key that is not a text: {_shown(key)}", at, "json")
    return _text(named, at)


def _text(value: str, at: _Place | str) -> str:
    if "\0" in value:
        _refuse("holds the character NUL", at, "no-nul")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            _refuse("holds a lone surrogate", at, "no-lone-surrogate")
    # A text of another class, an enumeration's for instance, becomes a plain one; a plain one stays as it is.
    return str.__str__(value)


def _refuse(reason: str, at: _Place | str, rule: str) -> NoReturn:
    field = _named(at)
    raise UnsendableError(f"PEM cannot be sent: {field} {reason}", field=field, rule=rule)


def _named(at: _Place | str) -> str:
    """Return a place as people write it: ``Properties.runs[2].name``."""
    keys = []
    while not isinstance(at, str):
        at, key = at
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key[:_SHOWN]}")
    # The name goes into messages and logs, which have no place for what a text should not hold.
    return (at + "".join(reversed(keys))).encode(errors="replace").decode().replace("\0", "?")


def _beginning(at: _Place | str) -> str:
    while not isinstance(at, str):
        at = at[0]
    return at


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - a value that cannot even be shown is refused all the same
        shown = "a value"
    shown = f"{shown[: _SHOWN - 3]}..." if len(shown) > _SHOWN else shown
    return f"{type(value).__name__} {shown}".encode(errors="replace").decode()
