"""
What becomes of values that JSON does not have: docs/howto/emit.md has the table.

Values of other libraries are known by how they behave (``dtype``, ``item``, ``tolist``, ``__index__``), so that none of
those libraries is needed here.
"""

from __future__ import annotations

import operator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import prod
from pathlib import PurePath
from typing import Any
from uuid import UUID

# What has more elements belongs into a file, which an event names as an artifact.
MOST_ELEMENTS = 10_000


class NoRuleError(Exception):
    """No rule says what becomes of a value; the text says why, where that helps."""


def simpler(value: object) -> object:
    """
    Return what takes the place of a value that is none of JSON's: one that is, or one that is nearer to it.

    :raises NoRuleError: nothing does
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    if hasattr(value, "dtype") and not isinstance(value, type):
        return _of_another_library(value)
    if hasattr(value, "__index__") and not isinstance(value, type):
        return operator.index(value)
    raise NoRuleError


def _of_another_library(value: Any) -> object:
    shape = tuple(getattr(value, "shape", ()))
    if prod(shape) > MOST_ELEMENTS:
        raise NoRuleError(
            f"has {prod(shape)} elements, more than {MOST_ELEMENTS}: put it into a file, and name that as an artifact"
        )
    if getattr(value.dtype, "kind", "") in ("m", "M"):  # in nanoseconds they would become bare numbers
        value = value.astype(f"{value.dtype.kind}8[us]")
    plainer = value.tolist() if shape else value.item()
    if type(plainer) is type(value):  # a number wider than Python's stays what it is
        plainer = float(value)
    return plainer
