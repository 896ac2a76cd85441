"""
How many items a batch has, found without reading them.

A number and a comma are two bytes, and as a value that is looked at, with its verdict, a hundred times as much. So what
has too many of them is told before anything is made of it.
"""

from __future__ import annotations

import re
from itertools import islice

from provgraph.errors import ProvgraphError
from provgraph.events import canonical

MOST_ITEMS = 10_000
# A text, what nests, what parts. A quotation mark alone begins a text that never ends. Nothing is tried twice.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_LINE = re.compile(rb"\S[^\n]*")
_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


class BatchTooLongError(ProvgraphError):
    """A batch has more items than the service judges in one request."""

    status = 413
    title = "Too large"


def check_count(items: int) -> None:
    """
    Refuse what has too many items.

    :raises BatchTooLongError: it has
    """
    if items > MOST_ITEMS:
        raise _too_long()


def may_be_crowded(body: bytes) -> bool:
    """Tell whether a JSON text may have so many values that it cannot be read as a whole."""
    return canonical.may_hold_too_much(body)


def check_array(body: bytes) -> None:
    """
    Refuse a JSON array of too many items. Whether it is one at all is not looked at.

    :raises BatchTooLongError: it has too many
    """
    level = items = 0
    for token in _TOKEN.finditer(body):
        found = token[0]
        if found == b",":
            items += level == 1
            if items >= MOST_ITEMS:
                raise _too_long()
        else:
            level += _DEEPER.get(found, 0)


def lines(body: bytes) -> list[bytes]:
    """
    Return the lines that are not blank.

    :raises BatchTooLongError: there are too many
    """
    found = [line[0] for line in islice(_LINE.finditer(body), MOST_ITEMS + 1)]
    check_count(len(found))
    return found


def _too_long() -> BatchTooLongError:
    return BatchTooLongError(f"The batch has more than {MOST_ITEMS:,} events: send it in parts")
