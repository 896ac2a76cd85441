"""
Values as they come from the graph, when somebody may have changed them by hand.

What is not of the type that it should be comes as a value that no event states. So it differs from what is right, which
is for verify to tell, and sorts and compares like any other.
"""

from __future__ import annotations

from provgraph.graphstore.neo4j import keys

NO_TEXT = "\0"  # events never hold NUL
NO_NUMBER = -1
NO_TIME_US = -(2**63)


def text(value: object) -> str:
    """Return a text."""
    return value if isinstance(value, str) else NO_TEXT


def optional(value: object) -> str | None:
    """Return a text or None."""
    return value if value is None or isinstance(value, str) else NO_TEXT


def number(value: object) -> int:
    """Return an integer that is not negative, like a log position."""
    return value if type(value) is int else NO_NUMBER  # a bool is an int, too


def rank(value: object) -> int:
    """Return an event's place in its moment."""
    try:
        return keys.rank_in(None if value is None else text(value))
    except ValueError:
        return NO_NUMBER


def time_us(value: object) -> int:
    """Return the microseconds since 1970 in a text as `occurred_at` has them."""
    try:
        return keys.microseconds(text(value))
    except (TypeError, ValueError):
        return NO_TIME_US
