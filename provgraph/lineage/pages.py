"""Pages of the questions about the past: what each is true for, and where it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, InvalidInputError
from provgraph.lineage.cursor import Cursor
from provgraph.lineage.past import Past, look_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore import HistoryReader
    from provgraph.lineage.cursor import Cursors

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000


class Page(NamedTuple):
    """Where a page begins."""

    past: Past
    since: list[Any] | None  # what `encode` was given; None: at the beginning


def begin(
    graph: HistoryReader,
    question: Sequence[object],
    cursor: str | None,
    *,
    as_of_us: int | None,
    known_at: int | None,
    cursors: Cursors,
) -> Page:
    """
    Return what a page is true for and where it begins.

    :param question: what makes it the same question, as plain values; the first is its name
    :param cursors: who wrote the cursor
    :raises InvalidInputError: the cursor is none of theirs, or belongs to another question
    :raises ConflictError: the log was cleaned since the first page, or the graph is not so far any more
    """
    if cursor is None:
        return Page(look_back(graph, as_of_us=as_of_us, known_at=known_at), None)
    stated = cursors.decode(cursor, question)
    found = look_back(graph, as_of_us=stated.as_of_us, known_at=stated.position, epoch=stated.epoch)
    if found.view.position < stated.position:
        raise ConflictError("The graph is not as far as it was for the first page; ask again without cursor")
    return Page(found, stated.since)


def encode(cursors: Cursors, question: Sequence[object], past: Past, since: Sequence[object]) -> str:
    """Return a cursor as opaque text."""
    view = past.view
    return cursors.encode(question, Cursor(past.epoch, view.position, view.as_of_us, list(since)))


def check_limit(limit: int, *, most: int = LARGEST_LIMIT) -> None:
    """
    Refuse a limit out of bounds.

    :raises InvalidInputError: it is
    """
    if not 1 <= limit <= most:
        raise InvalidInputError(f"limit must be from 1 to {most:,}", field="limit", rule=f"1-to-{most}")
