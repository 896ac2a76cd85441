"""
When a commit was made, as its object says: git itself shows nothing for dates that it cannot read.

The number after the committer's address is the time, in seconds since 1970, whatever stands after it. What is no
number, or lies outside the years 1 to 9999, is no time: such a commit gets 1970-01-01.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
# What git shows for a date that it has read. A nought may stand for one that it has not.
_READ_BY_GIT = re.compile("[1-9][0-9]*")
_WHOLE = re.compile(rb"[+-]?[0-9]{1,15}")


def committed_at(shown: str, commit_object: Callable[[], bytes]) -> datetime | None:
    """
    Return when a commit was made; None when it does not say.

    :param shown: what git shows as the seconds
    :param commit_object: returns the commit's own bytes; called only when git shows nothing to rely on
    """
    seconds = shown.encode() if _READ_BY_GIT.fullmatch(shown) else _stated(commit_object())
    if seconds is None or not _WHOLE.fullmatch(seconds):
        return None
    try:
        return UNDATED + timedelta(seconds=int(seconds))
    except OverflowError:
        return None


def _stated(commit_object: bytes) -> bytes | None:
    """Return the word after the committer's address."""
    header = commit_object.partition(b"\n\n")[0]
    for line in header.split(b"\n"):
        if line.startswith(b"committer "):
            _, bracket, after = line.rpartition(b">")
            words = after.split()
            return words[0] if bracket and words else None
    return None
