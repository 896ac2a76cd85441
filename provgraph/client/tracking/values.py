"""The values of objects, checked before they are sent: what is stored is what was stated, or nothing is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from enum import Enum
from math import isfinite
from typing import NoReturn

import orjson

from provgraph.client.tracking.errors import NotJsonError
from provgraph.events.canonical import MAX_INTEGER, MIN_INTEGER


def spelled(name: str, value: object) -> bytes:
    """
    Return a value as JSON, keys sorted: two that are spelled alike are the same.

    :raises NotJsonError: JSON cannot hold it
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise NotJsonError(f"{name} cannot be sent, for JSON cannot hold it: {error}", field=name) from error


def check(name: str, value: object) -> None:
    """
    Refuse a value that would not be stored as it is: the encoder makes null of NaN and Infinity.

    :raises NotJsonError: it holds NaN, Infinity, an integer beyond 64 bits or NUL; ``field`` says where, such as
        ``runs[2].loss``
    """
    if isinstance(value, str | bool | None):
        if isinstance(value, str) and "\0" in value:
            _refuse(name, "it holds the character NUL")
    elif isinstance(value, float):
        if not isfinite(value):
            _refuse(name, f"it is {float(value)!r}, which JSON does not have")
    elif isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            _refuse(name, "it is an integer that does not fit into 64 bits")
    else:
        for place, inner in _inside(name, value):
            check(place, inner)


def _inside(name: str, value: object) -> Iterable[tuple[str, object]]:
    """Return what is in a value that the encoder looks into, each with its place."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            check(f"A key of {name}", key)
            yield f"{name}.{key}", each
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield f"{name}[{index}]", each
    elif isinstance(value, Enum):
        yield name, value.value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for one in dataclasses.fields(value):
            yield f"{name}.{one.name}", getattr(value, one.name)


def _refuse(name: str, reason: str) -> NoReturn:
    raise NotJsonError(f"{name} cannot be sent: {reason}", field=name)
