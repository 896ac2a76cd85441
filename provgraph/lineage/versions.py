"""
Which version a use means among the events of a view.

What the graph says is right as long as the version it names is in the view: fewer events cannot put another one between
the two, unless they stand in another order (see `provgraph.lineage.order`). A use whose version is not in the view, or
that this may concern, is looked up again, by the rule of `provgraph.graphstore.base`.
"""

from __future__ import annotations

from heapq import merge
from operator import attrgetter
from typing import TYPE_CHECKING

from provgraph.families.pem.events import version_label
from provgraph.graphstore import Moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore import HistoryReader, PemFacts, Production, View
    from provgraph.lineage.past import Past

_ID_LENGTH = 32
_HEX = set("0123456789abcdef")


def version_of(
    graph: HistoryReader, past: Past, user: PemFacts, artifact: str, named: str | None
) -> str | None:
    """
    Return the id of the event whose version of an artifact an event used, or None: it came from outside.

    :param user: the event that used it
    :param named: the version that it named
    """
    label = None if named is None else version_label(named)
    at = past.order.moment_of(user)
    if label is not None and label != user.id and (by_id := _produced_by(graph, past.view, artifact, label)):
        return by_id
    before = latest(graph, past, artifact, version=label, before=at)
    if before is not None:
        return before.event_id
    if any(made.artifact == artifact and label in (None, made.version) for made in user.produces):
        return None  # its own is the earliest, and it did not use that one
    behind = earliest(graph, past, artifact, version=label, after=at)
    return None if behind is None else behind.event_id


def is_event_id(label: str) -> bool:
    """Tell whether the label of a version is an event's id."""
    return len(label) == _ID_LENGTH and set(label) <= _HEX


def latest(
    graph: HistoryReader,
    past: Past,
    artifact: str,
    *,
    version: str | None = None,
    before: Moment | None = None,
) -> Production | None:
    """Return the latest production of an artifact in a view, or None."""
    return next(each(graph, past, artifact, version=version, before=before, newest_first=True), None)


def earliest(
    graph: HistoryReader,
    past: Past,
    artifact: str,
    *,
    version: str | None = None,
    after: Moment | None = None,
) -> Production | None:
    """Return the earliest production of an artifact in a view, or None."""
    return next(each(graph, past, artifact, version=version, after=after, newest_first=False), None)


def each(
    graph: HistoryReader,
    past: Past,
    artifact: str,
    *,
    version: str | None = None,
    before: Moment | None = None,
    after: Moment | None = None,
    newest_first: bool = True,
) -> Iterator[Production]:
    """Yield the productions of an artifact in a view, in the order of their moments there."""
    view, order = past.view, past.order
    stored = scanned(
        graph, view, artifact, version=version, before=before, after=after, newest_first=newest_first
    )
    stored = (
        made
        for made in stored
        if view.holds(made.occurred_us, made.position) and made.event_id not in order.moved
    )
    moved = [
        made
        for made in order.productions(artifact, version=version)
        if (before is None or made.moment < before) and (after is None or made.moment > after)
    ]
    by_moment = attrgetter("moment")
    moved.sort(key=by_moment, reverse=newest_first)
    return merge(moved, stored, key=by_moment, reverse=newest_first) if moved else stored


def scanned(
    graph: HistoryReader,
    view: View,
    artifact: str,
    *,
    version: str | None = None,
    before: Moment | None = None,
    after: Moment | None = None,
    newest_first: bool = True,
) -> Iterator[Production]:
    """Yield the productions of an artifact in the whole graph's order, few at first: most look at one only."""
    if newest_first and view.as_of_us is not None:
        # Nothing behind the time of the view is in it.
        end = Moment(view.as_of_us + 1, 0, "0" * _ID_LENGTH)
        before = end if before is None else min(before, end)
    page = 1
    while True:
        found = graph.productions(
            artifact, version=version, before=before, after=after, newest_first=newest_first, limit=page
        )
        yield from found
        if len(found) < page:
            return
        if newest_first:
            before = found[-1].moment
        else:
            after = found[-1].moment
        page = min(16 * page, 4_096)


def _produced_by(graph: HistoryReader, view: View, artifact: str, label: str) -> str | None:
    """Return the id of the event that a version names, if it produced the artifact and is in the view."""
    if not is_event_id(label):
        return None
    for facts in graph.events([label]):
        made = any(production.artifact == artifact for production in facts.produces)
        if made and view.holds(facts.occurred_us, facts.position):
            return label
    return None
