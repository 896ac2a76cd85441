"""
Strict JSON at the door, and the one canonical form that is stored.

The wire may hold things that JSON or the stores cannot keep exactly: NaN, lone surrogates, NUL, integers beyond
64 bits. They are refused here with a reason, so that no reader behind the log ever meets them.

Canonical form: keys sorted, no white space, UTF-8. An event is brought into it once, when it is accepted; from
then on the stored bytes are the event, and are never serialised again.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from provgraph.errors import InvalidInputError
from provgraph.events.places import named

if TYPE_CHECKING:
    from provgraph.events.places import Place

# How deep what is stored may be nested, the outermost object or array counted: as deep as the writer goes.
MAX_LEVELS = 254
# How many values a text may have, at any depth. An empty list is two bytes, and thirty times as much once it is read;
# nothing else in the process can interrupt the reading.
MAX_VALUES = 500_000
MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)

# orjson turns integers beyond 64 bits into floats without a word. A body that may hold one goes through the slower
# exact parser. To find out quickly, a body is reduced to its shape: what may stand before a number, digits, the rest.
_SHAPE = bytes(
    ord(":") if byte in b":,[- \t\r\n" else ord("0") if byte in b"0123456789" else ord("x")
    for byte in range(256)
)
_MANY_DIGITS = b":" + b"0" * 19
# Each value of a list or an object stands after one of these, but for those in texts.
_BEFORE_VALUES = (b",", b"[", b"{")
_TEXT_OR_VALUE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([,\[{])', re.DOTALL)


def loads(body: bytes) -> Any:
    """
    Parse a JSON text strictly. Of two equal keys the last one counts; see `provgraph.events.unkept` for who tells it.

    What is nested deeper than `MAX_LEVELS` may pass here: `dumps` refuses it, so nothing of it is stored.

    :raises InvalidInputError: not UTF-8, not JSON (NaN and Infinity are not), a lone surrogate, NUL, an integer
        beyond 64 bits, too many values, or nested much too deep; where it can be told, ``field`` says where
    """
    if may_hold_too_much(body) and _holds_too_much(body):
        raise InvalidInputError(f"JSON has too many values: at most {MAX_VALUES:,}", rule="values")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _explain(body, error)
    return value if is_plain(body) else _exact(body)


def may_hold_too_much(body: bytes) -> bool:
    """Tell whether a JSON text may have more values than `loads` takes. Quick; in doubt the answer is yes."""
    return len(body) > MAX_VALUES and sum(map(body.count, _BEFORE_VALUES)) > MAX_VALUES


def is_plain(body: bytes) -> bool:
    """Tell whether a JSON text holds neither NUL nor huge integers. Quick; in doubt the answer is no."""
    return b"\\u0000" not in body and not _may_hold_a_huge_integer(body)


def dumps(value: Any) -> bytes:
    """
    Return the canonical bytes of a JSON value.

    :raises InvalidInputError: nested too deep, or holds what JSON cannot
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:  # orjson's encode error is a TypeError
        if "Recursion limit" in str(error):
            raise _too_deep() from error
        raise InvalidInputError(f"Value cannot be stored: {error}", rule="json") from error


def text(value: Any) -> str:
    """Return the canonical form as text, non-ASCII characters as they are."""
    return dumps(value).decode()


def same(one: Any, other: Any) -> bool:
    """
    Tell whether two JSON values are one, to the byte.

    To Python 1, 1.0 and true are equal, and so are lists and objects that hold them: a value that was changed from one
    to the other would count as unchanged.
    """
    return dumps(one) == dumps(other)


def _holds_too_much(body: bytes) -> bool:
    # One by one, so that other threads get their turn meanwhile.
    count = 0
    for found in _TEXT_OR_VALUE.finditer(body):
        if found.lastindex:
            count += 1
            if count > MAX_VALUES:
                return True
    return False


def _may_hold_a_huge_integer(body: bytes) -> bool:
    return _MANY_DIGITS in body.translate(_SHAPE) or body[:1].isdigit()


def _exact(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_int=_integer)
    except RecursionError:  # this parser goes less deep than the quick one; what is stored is flatter still
        raise _too_deep() from None
    _refuse_what_cannot_be_kept(value)
    return value


class _Huge(str):
    """The digits of an integer that does not fit into 64 bits."""

    __slots__ = ()


def _integer(digits: str) -> int | _Huge:
    # 20 characters hold every 64-bit integer; int() of a longer text may itself be refused by Python.
    if len(digits) > 20 or not MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        return _Huge(digits)
    return int(digits)


def _refuse_what_cannot_be_kept(value: Any) -> None:
    pending: list[tuple[Place, Any]] = [(None, value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, _Huge):
            shown = item if len(item) <= 24 else f"{item[:20]}... ({len(item)} digits)"
            _refuse(f"Integer does not fit into 64 bits: {shown}", place, "integer-64-bit")
        elif isinstance(item, str):
            _refuse_nul(item, place)
        elif isinstance(item, list):
            pending.extend(((place, index), each) for index, each in enumerate(item))
        elif isinstance(item, dict):
            for key, each in item.items():
                _refuse_nul(key, (place, key))
                pending.append(((place, key), each))


def _refuse_nul(text: str, place: Place) -> None:
    if "\0" in text:
        _refuse("Text holds the character NUL (\\u0000)", place, "no-nul")


def _refuse(reason: str, place: Place, rule: str) -> NoReturn:
    field = named(place)
    raise InvalidInputError(reason if field is None else f"{reason}, in {field}", field=field, rule=rule)


def _too_deep() -> InvalidInputError:
    return InvalidInputError(f"JSON is nested too deep: at most {MAX_LEVELS} levels", rule="depth")


def _explain(body: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    """Raise with the most helpful reason why ``body`` is not acceptable JSON."""
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        raise InvalidInputError(
            f"Body is not UTF-8: byte {bad.start} cannot be read", rule="utf-8"
        ) from error
    reason = str(error)
    if "depth limit" in reason:
        raise _too_deep() from error
    if "surrogate" in reason:
        raise InvalidInputError(f"Text holds a lone surrogate: {reason}", rule="no-lone-surrogate") from error
    if re.search(rb"\b(NaN|Infinity)\b", body):
        reason += " (NaN and Infinity are not JSON)"
    raise InvalidInputError(f"Body is not JSON: {reason}", rule="json") from error
