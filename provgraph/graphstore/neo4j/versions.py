"""
Which version a use means, and which uses a late production takes over. Pure: the graph is asked by the writer.

Of every artifact the graph keeps its earliest and its latest production, and they come with the artifact. Nearly every
use lies behind the latest one, or was made by the same batch, so nearly all of them are resolved here; the few that lie
between need the two productions next to them, which the graph finds through an index.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.neo4j.keys import END, pem_of, stated_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

# The productions next to a moment: the one before it and the one behind it.
Neighbours = tuple[str | None, str | None]
NONE: Neighbours = (None, None)


# Of an artifact: earliest production if there are several, latest one, latest use that names no version if there are
# several productions, and whether uses name versions.
Noted = tuple[str | None, str | None, str | None, bool | None]


class Artifact:
    """What a batch knows of one artifact. Moments are texts of `keys.moment`."""

    __slots__ = (
        *("first", "is_new", "key", "last", "made", "made_named", "name", "named", "node"),
        *("used", "used_now", "uses_named_now"),
    )

    def __init__(self, name: str, key: str) -> None:
        """Begin with an artifact that nothing is known of."""
        self.name = name
        self.key = key
        self.node = -1
        self.is_new = True
        self.first: str | None = None  # earliest and latest production in the graph
        self.last: str | None = None
        self.used: str | None = (
            None  # latest use in the graph that names no version, if there are several productions
        )
        self.named: bool | None = None  # whether a use names a version of it
        self.made: list[str] = []  # productions of this batch, in order
        self.made_named: dict[str, list[str]] = {}  # those of them that name their version, by label
        self.used_now = ""  # latest use in this batch that names no version
        self.uses_named_now = False  # whether a use in this batch names a version

    def has_several(self) -> bool:
        """Tell whether there are several productions by the end of the batch."""
        return self.first is not None or (self.last is not None) + len(self.made) > 1

    def noted(self) -> Noted:
        """Return what the graph is to keep with the artifact by the end of the batch."""
        ends = [at for at in (self.first, self.last, *self.made[:1], *self.made[-1:]) if at is not None]
        several = self.has_several()
        used = max(self.used or "", self.used_now) if several else ""
        return (
            min(ends) if several else None,
            max(ends, default=None),
            used or None,
            self.named or self.uses_named_now or None,
        )

    def neighbours(self, at: str) -> Neighbours | None:
        """Return the productions in the graph next to a moment, or None when the graph has to be asked."""
        last = self.last
        if last is None:
            return NONE
        if last < at:
            return last, None
        first = self.first or last
        return (None, first) if at < first else None


def seen(at: str, there: Neighbours, made: Sequence[str]) -> str | None:
    """
    Return the moment of the version that a use at ``at`` means, or None: it came from outside.

    :param there: the productions in the graph next to that moment
    :param made: the productions of this batch, in order
    """
    before, behind = there
    index = bisect_left(made, at)
    if index and (before is None or before < made[index - 1]):
        before = made[index - 1]
    if before is not None:
        return before
    if index < len(made) and (behind is None or made[index] < behind):
        behind = made[index]
    # An event does not use what it made itself, nor, when that is the earliest version, one behind it.
    return None if behind == at else behind


class TakeOver(NamedTuple):
    """Uses that late productions take over: those with a moment behind the first window's begin, up to ``end``."""

    artifact: Artifact
    windows: list[tuple[str, str]]  # begin, and the production that takes over what lies behind it; in order
    end: str
    held_by: str | None  # the production whose uses those are so far; None: they come from outside
    is_earliest: bool  # these are the earliest productions now: uses before them are out of order


def taken_over(artifact: Artifact, neighbours: Sequence[Neighbours]) -> list[TakeOver]:
    """
    Return what the productions of this batch take over of an artifact that was there before.

    :param neighbours: for each of them, the productions in the graph next to it
    """
    found: list[TakeOver] = []
    for at, (before, behind) in zip(artifact.made, neighbours, strict=True):
        held_by = before or behind
        if found and found[-1].held_by == held_by and found[-1].is_earliest == (before is None):
            found[-1].windows.append((at, at))
            continue
        is_earliest = before is None
        if not is_earliest and behind is None and (artifact.used or "") <= at:
            continue  # nothing was used behind the latest production
        windows = [("" if is_earliest else at, at)]
        found.append(TakeOver(artifact, windows, behind or END, held_by, is_earliest))
    return found


def stated(window: tuple[str, str]) -> str:
    """Return a window's begin as statements compare it."""
    return stated_moment(window[0]) if window[0] else ""


def stated_end(taken: TakeOver) -> str:
    """Return the end of the last window as statements compare it."""
    return taken.end if taken.end == END else stated_moment(taken.end)


def producer(window: tuple[str, str]) -> str:
    """Return the id of the event that takes over."""
    return pem_of(window[1])
