"""
How much the tests try: little and quickly by default, much where ``PROVGRAPH_TEST_LONG`` is 1 (``make test-long``).

Every subject has a small case in the default set. What the long set adds is more of the same: more examples, more
kills, larger histories. Tests that only make sense large have the marker ``long``.
"""

from __future__ import annotations

import os
from typing import TypeVar

VARIABLE = "PROVGRAPH_TEST_LONG"
IS_LONG = os.environ.get(VARIABLE) == "1"

_T = TypeVar("_T")
_EXAMPLES = 30
_MORE = 10


def quick_or_long(quick: _T, long: _T) -> _T:
    """Return the size that this run wants."""
    return long if IS_LONG else quick


def examples(quick: int = _EXAMPLES) -> int:
    """Return how many examples a property is tried with: so many, or ten times as many in the long set."""
    return quick_or_long(quick, quick * _MORE)


def patience(quick: float) -> float:
    """Return how many seconds a test may take: so many, or ten times as many in the long set."""
    return quick_or_long(quick, quick * _MORE)
