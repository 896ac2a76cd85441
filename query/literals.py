"""
Values as Python literals: Record Keeper's client reads graph answers with ``ast.literal_eval``.

JSON's spellings (``null``, ``true``, ``NaN``) would break it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from provgraph.errors import UnsupportedQueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Python's own parser takes no more than two hundred brackets in one another.
_DEEPEST = 100


def rows(values: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield each row as a literal of a list, in UTF-8."""
    for row in values:
        yield literal(list(row)).encode()


def literal(value: object, *, depth: int = 0) -> str:
    """
    Return a value as a Python literal.

    Infinity is ``1e999``, NaN is ``None``, times are quoted texts; what else there may be is quoted as its text.

    :raises UnsupportedQueryError: nested deeper than Python can read back
    """
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return repr(str(value))  # escapes quotes, line ends, controls and lone surrogates
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime):
        return repr(_moment(value))
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (bytes, bytearray)):
        return _container(value, depth)
    return repr(value.isoformat() if isinstance(value, (date, time)) else str(value))


def _container(value: Mapping[object, object] | Sequence[object], depth: int) -> str:
    if depth >= _DEEPEST:
        raise UnsupportedQueryError(f"The answer is nested deeper than {_DEEPEST} levels", rule="depth")
    inner = depth + 1
    if isinstance(value, Mapping):
        pairs = [f"{literal(str(key))}: {literal(item, depth=inner)}" for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    return "[" + ", ".join([literal(item, depth=inner) for item in value]) + "]"


def _float(value: float) -> str:
    if math.isnan(value):
        return "None"
    if math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(float(value))


def _moment(value: datetime) -> str:
    """Return a time as Record Keeper writes them, in UTC; a fraction is kept."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(sep=" ")
