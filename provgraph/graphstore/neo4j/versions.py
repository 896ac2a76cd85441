"""
Which version a use means, and which uses a late production takes over. Pure: the graph is asked elsewhere.

Of every artifact the graph keeps its earliest and its latest production, and they come with the artifact. Nearly every
use lies behind the latest one, or was made by the same batch, so nearly all of them are resolved here; the few that lie
between need the two productions next to them, which the graph finds through an index.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.neo4j import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore.neo4j.content import Artifact, Production, Use

# The productions in the graph next to a moment: the one before it and the one behind it.
Neighbours = tuple[str | None, str | None]
NONE: Neighbours = (None, None)


def neighbours(artifact: Artifact, at: str) -> Neighbours | None:
    """Return the productions in the graph next to a moment, or None when the graph has to be asked."""
    last = artifact.last
    if last is None:
        return NONE
    if last < at:
        return last, None
    first = artifact.first or last
    return (None, first) if at < first else None


def seen(at: str, there: Neighbours, made: Sequence[str]) -> str | None:
    """
    Return the moment of the version that a use at ``at`` means, or None: it came from outside.

    :param there: the productions in the graph next to that moment
    :param made: the productions of this batch, in order
    """
    before, behind = there
    if made:
        index = bisect_left(made, at)
        if index and (before is None or before < made[index - 1]):
            before = made[index - 1]
        if index < len(made) and (behind is None or made[index] < behind):
            behind = made[index]
    if before is not None:
        return before
    # An event does not use what it made itself, nor, when that is the earliest version, one behind it.
    return None if behind == at else behind


def named(use: Use, there: Neighbours, produced_at: str | None) -> str | None:
    """
    Return the moment of the version that a use means by its label: an event that produced it, else by its name.

    :param there: the productions in the graph with that label next to the use
    :param produced_at: when the event that the label names produced it, if the graph has that
    """
    id_, artifact, at, label, _ = use
    if label != id_:
        if produced_at is not None:
            return produced_at
        for made in artifact.made:
            if keys.pem_of(made) == label:
                return made
    return seen(at, there, artifact.made_with(label or ""))


class TakeOver(NamedTuple):
    """Uses that late productions take over: those with a moment behind the first window's begin, up to ``end``."""

    artifact: Artifact
    windows: list[tuple[str, str]]  # begin, and the production that takes over what lies behind it; in order
    end: str
    held_by: str | None  # the production whose uses those are so far; None: they come from outside
    is_earliest: bool  # these are the earliest productions now: uses before them are out of order


def taken_over(artifact: Artifact, beside: Sequence[Neighbours]) -> list[TakeOver]:
    """
    Return what the productions of this batch take over of an artifact that was there before.

    :param beside: for each of them, the productions in the graph next to it
    """
    found: list[TakeOver] = []
    for at, (before, behind) in zip(artifact.made, beside, strict=True):
        is_earliest = before is None
        held_by = before or behind
        if found and (found[-1].held_by, found[-1].is_earliest) == (held_by, is_earliest):
            found[-1].windows.append((at, at))
        elif is_earliest or behind is not None or (artifact.used or "") > at:
            windows = [("" if is_earliest else at, at)]
            found.append(TakeOver(artifact, windows, behind or keys.END, held_by, is_earliest))
        # else nothing was used behind what was the latest production
    return found


class NamedTakeOver(NamedTuple):
    """Uses that name a version and that a production takes over: those with entries behind ``begin``, up to ``end``."""

    begin: str
    end: str
    production: Production
    label: str


def taken_over_by_label(production: Production, there: Neighbours) -> NamedTakeOver:
    """
    Return what a production takes over of the uses that name its label.

    :param there: the productions in the graph with that label next to it
    """
    label = production.label or ""
    before, behind = there
    together = production.artifact.made_with(label)
    index = together.index(production.at)
    is_earliest = before is None and index == 0
    following = [at for at in (behind, *together[index + 1 : index + 2]) if at is not None]
    begin = keys.label_entry(production.artifact.name, label)
    return NamedTakeOver(
        begin + ("" if is_earliest else production.at),
        begin + min(following, default=keys.END),
        production,
        label,
    )


def taken_over_by_id(production: Production) -> NamedTakeOver:
    """Return what a production takes over of the uses that name its event."""
    begin = keys.label_entry(production.artifact.name, production.pem_id)
    return NamedTakeOver(begin, begin + keys.END, production, production.pem_id)
