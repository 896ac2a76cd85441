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
from typing import Any, NoReturn

import orjson

from provgraph.errors import InvalidInputError

MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)

# orjson turns integers beyond 64 bits into floats without a word. A body that may hold one goes through the slower
# exact parser. To find out quickly, a body is reduced to its shape: what may stand before a number, digits, the rest.
_SHAPE = bytes(
    ord(":") if byte in b":,[- \t\r\n" else ord("0") if byte in b"0123456789" else ord("x")
    for byte in range(256)
)
_MANY_DIGITS = b":" + b"0" * 19


def loads(body: bytes) -> Any:
    """
    Parse a JSON text strictly.

    :raises InvalidInputError: not UTF-8, not JSON (NaN and Infinity are not), a lone surrogate, NUL, an integer
        beyond 64 bits, or nested too deep
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _explain(body, error)
    if b"\\u0000" in body or _may_hold_a_huge_integer(body):
        return _exact(body)
    return value


def dumps(value: Any) -> bytes:
    """
    Return the canonical bytes of a JSON value.

    :raises InvalidInputError: nested too deep, or holds what JSON cannot
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:  # orjson's encode error is a TypeError
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


def _may_hold_a_huge_integer(body: bytes) -> bool:
    return _MANY_DIGITS in body.translate(_SHAPE) or body[:1].isdigit()


def _exact(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_int=_integer)
    except RecursionError:  # this parser goes less deep than the quick one; what is stored is flatter still
        raise InvalidInputError("Body is nested too deep", rule="depth") from None
    _refuse_nul(value)
    return value


def _integer(digits: str) -> int:
    # 20 characters hold every 64-bit integer; int() of a longer text may itself be refused by Python.
    if len(digits) > 20 or not MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        shown = digits if len(digits) <= 24 else f"{digits[:20]}... ({len(digits)} digits)"
        raise InvalidInputError(f"Integer does not fit into 64 bits: {shown}", rule="integer-64-bit")
    return int(digits)


def _refuse_nul(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise InvalidInputError("Text holds the character NUL (\\u0000)", rule="no-nul")
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())


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
        raise InvalidInputError("Body is nested too deep: at most 1,024 levels", rule="depth") from error
    if "surrogate" in reason:
        raise InvalidInputError(f"Text holds a lone surrogate: {reason}", rule="no-lone-surrogate") from error
    if re.search(rb"\b(NaN|Infinity)\b", body):
        reason += " (NaN and Infinity are not JSON)"
    raise InvalidInputError(f"Body is not JSON: {reason}", rule="json") from error
