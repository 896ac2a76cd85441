"""
The two clocks of a question: which events it counts.

Every question is asked through a `View`. Its log position is fixed when the question is, so an answer that takes many
looks at the graph, or several pages, is one picture, whatever arrives meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ConflictError
from provgraph.events.clock import rfc3339
from provgraph.graphstore import View

if TYPE_CHECKING:
    from provgraph.graphstore import HistoryReader


class Past(NamedTuple):
    """What a question counts, and of which log."""

    view: View
    epoch: str
    is_behind: bool  # whether the graph has more, recorded behind the view

    @property
    def whole(self) -> bool:
        """Whether that is everything the graph has, so that nothing needs to be left out."""
        return self.view.as_of_us is None and not self.is_behind

    @property
    def when(self) -> str:
        """Where what is not known is not known, as the end of a sentence."""
        then = [] if self.view.as_of_us is None else [f"at {rfc3339(self.view.as_of_us)}"]
        if self.is_behind:
            then.append(f"up to log position {self.view.position}")
        return ", ".join(then) or "in the graph"


def look_back(
    graph: HistoryReader,
    *,
    as_of_us: int | None = None,
    known_at: int | None = None,
    epoch: str | None = None,
) -> Past:
    """
    Fix what a question counts.

    :param as_of_us: only what occurred up to this time, on the emitters' clocks
    :param known_at: only what was recorded up to this log position
    :param epoch: of the log that the first page was about
    :raises ConflictError: the log was cleaned since
    """
    checkpoint = graph.checkpoint()
    if epoch is not None and epoch != checkpoint.epoch:
        raise _cleaned()
    position = checkpoint.position if known_at is None else min(known_at, checkpoint.position)
    return Past(View(position, as_of_us), checkpoint.epoch, position < checkpoint.position)


def check(graph: HistoryReader, past: Past) -> None:
    """
    Refuse an answer that was read from two graphs.

    :raises ConflictError: the log was cleaned meanwhile
    """
    # Before the first event there is no epoch, and nothing up to position 0 in any.
    if past.epoch and graph.checkpoint().epoch != past.epoch:
        raise _cleaned()


def _cleaned() -> ConflictError:
    return ConflictError("The log was cleaned meanwhile; ask again without cursor")
