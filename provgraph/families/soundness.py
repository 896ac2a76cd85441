"""
Whether a stored event says what some version of provgraph would have written: what families need to tell it.

What comes through the door was checked there, and its digest shows that it is still so. That is no help where the event
was changed in the store and an operator accepted that: so such an event is read as strictly as the door reads, once.
Projections may rely on it then. An id is an id, a time can be read, a text is a text.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def of_its_types(_fields: Any, content: object) -> bool:
    """Tell whether each part of what an event says is of its type."""
    return is_of(content, type(content))


def is_of(value: object, type_: Any) -> bool:
    """Tell whether a value is of a type, and all that it holds of the types that are stated for that."""
    origin, parts = get_origin(type_), get_args(type_)
    if origin is UnionType:
        return any(is_of(value, part) for part in parts)
    if origin is tuple:
        return type(value) is tuple and all(is_of(each, parts[0]) for each in value)
    if origin is dict:
        return type(value) is dict
    if type_ is str:  # texts may be values of an enumeration
        return type(value) is str or (isinstance(value, str) and isinstance(value, Enum))
    held = _hints(type_)
    return type(value) is type_ and all(is_of(getattr(value, name), hint) for name, hint in held.items())


@cache
def _hints(type_: type) -> dict[str, Any]:
    """Return the types of what a named tuple holds; nothing for any other type."""
    return get_type_hints(type_) if hasattr(type_, "_fields") else {}


def is_hex(digest: str) -> bool:
    """Tell whether a text is a digest as it is stored; :raises ValueError: it is not even hex."""
    return bytes.fromhex(digest).hex() == digest
