"""
The items of a JSON array as texts, found without reading them.

One item that cannot be read then says nothing about the others: each is judged by itself, as lines are.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import overload

# A text, what nests, what parts; a quotation mark alone begins a text that never ends. Nothing is tried twice.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_OPENING = frozenset((b"[", b"{"))
_CLOSING = frozenset((b"]", b"}"))


class Items(Sequence[bytes]):
    """The items of an array, each as it stands in the body."""

    def __init__(self, body: bytes, ends: array[int]) -> None:
        """
        Take an array apart.

        :param ends: where the bracket or comma before each item stands, and then the closing bracket
        """
        self._body = body
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self._body[self._ends[index] + 1 : self._ends[index + 1]].strip()


def items(body: bytes) -> Items | None:
    """
    Return the items of a JSON array; None when its brackets and commas are not those of an array.

    What stands between them need not be JSON.
    """
    ends = array("Q")
    level = 0
    end = None
    for token in _TOKEN.finditer(body):
        found = token[0]
        if found in _OPENING:
            level += 1
            if level == 1:
                if found == b"{" or body[: token.start()].strip():
                    return None
                ends.append(token.start())
        elif found in _CLOSING:
            level -= 1
            if level == 0:
                end = token
                break
        elif found == b"," and level == 1:
            ends.append(token.start())
        elif found == b'"' or level == 0:
            return None
    if end is None or end[0] != b"]" or body[end.end() :].strip():
        return None
    ends.append(end.start())
    found_items = Items(body, ends)
    if len(found_items) == 1 and not found_items[0]:
        return Items(body, ends[:1])
    return found_items if _has_no_gap(body, ends) else None


def _has_no_gap(body: bytes, ends: array[int]) -> bool:
    return all(body[ends[at] + 1 : ends[at + 1]].strip() for at in range(len(ends) - 1))
