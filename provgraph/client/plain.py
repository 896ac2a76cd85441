"""
JSON, checked before it is sent.

The rules are those of the service's door (`provgraph.events.canonical`): what passes here is read back there as it
was written, and what does not is refused with the place where it stands, instead of becoming something else on the way.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NoReturn, TypeAlias

from provgraph.client.errors import UnsendableError
from provgraph.events.canonical import MAX_INTEGER, MIN_INTEGER

# Where a value stands: its container's place, and its key in there.
_Place: TypeAlias = "tuple[_Place | str, str | int]"
_SHOWN = 60
# The encoder's own limit is 254; the wire form puts some levels around a value.
MAX_DEPTH = 240


def plain(value: object, field: str) -> Any:
    """
    Return a copy of a JSON value in Python's own types, so that nothing that happens to the original reaches it.

    Tuples become lists; numbers and texts of other libraries that are Python's own by inheritance become those.

    :param field: what it is called in the error
    :raises UnsendableError: JSON does not have it, or the service does not take it; ``field`` leads to the place
    """
    return _plain(value, field, 0)


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


def plain_object(value: object, field: str) -> dict[str, Any]:
    """
    Return a copy of a JSON object; see `plain`.

    :raises UnsendableError: it is none, or holds what may not be sent
    """
    if not isinstance(value, dict):
        _refuse(f"is not a JSON object (a dict): {_shown(value)}", field, "object")
    copy: dict[str, Any] = _plain(value, field, 0)
    return copy


def _plain(value: object, at: _Place | str, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value, at)
    if isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            _refuse("is an integer that does not fit into 64 bits", at, "integer-64-bit")
        return int(value)
    if isinstance(value, float):
        if not isfinite(value):
            _refuse(f"is {float(value)!r}, which JSON does not have", at, "json")
        return float(value)
    return _container(value, at, depth + 1)


def _container(value: object, at: _Place | str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        _refuse(f"is nested deeper than {MAX_DEPTH} levels", _beginning(at), "depth")
    if isinstance(value, dict):
        return {_key(key, at): _plain(each, (at, key), depth) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, (at, index), depth) for index, each in enumerate(value)]
    return _refuse(f"is not JSON: {_shown(value)}", at, "json")


def _key(key: object, at: _Place | str) -> str:
    if not isinstance(key, str):
        _refuse(f"has a key that is not a text: {_shown(key)}", at, "json")
    return _text(key, at)


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
