"""
The two clocks of a question: which events it counts.

Every question is asked through a `View`. Its log position is fixed when the question is, so an answer that takes many
looks at the graph, or several pages, is one picture, whatever arrives meanwhile. Should an event arrive meanwhile that
changes the order among the events that a question counts, it is asked once more.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, NamedTuple, NoReturn, ParamSpec, TypeVar

from provgraph.errors import ConflictError, CorruptStoreError
from provgraph.events.clock import rfc3339
from provgraph.graphstore import PemFacts, View
from provgraph.lineage.order import AS_STORED, Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.graphstore import HistoryReader

_P = ParamSpec("_P")
_T = TypeVar("_T")
_ATTEMPTS = 5


class ReorderedError(ConflictError):
    """Events arrived that changed the order among those that a question counts; ask again."""


class Past(NamedTuple):
    """What a question counts, and of which log."""

    view: View
    epoch: str
    is_behind: bool  # whether the graph has more, recorded behind the view
    order: Order = AS_STORED

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
        raise cleaned()
    position = checkpoint.position if known_at is None else min(known_at, checkpoint.position)
    view, is_behind = View(position, as_of_us), position < checkpoint.position
    return Past(view, checkpoint.epoch, is_behind, Order.of(graph, view) if is_behind else AS_STORED)


def at(graph: HistoryReader, past: Past, view: View) -> Past:
    """Return another view of the same log as a question counts it."""
    is_behind = past.is_behind or view.position < past.view.position
    return Past(view, past.epoch, is_behind, Order.of(graph, view) if is_behind else AS_STORED)


def steadily(question: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a question that is asked again when events arrive meanwhile that change the order of what it counts."""

    @wraps(question)
    def asked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return question(*args, **kwargs)
            except ReorderedError:
                continue
        return question(*args, **kwargs)

    return asked


def check(graph: HistoryReader, past: Past) -> None:
    """
    Refuse an answer that was read from two graphs, or by two orders of the same events.

    :raises ConflictError: the log was cleaned meanwhile
    :raises ReorderedError: see there
    """
    # Before the first event there is no epoch, and nothing up to position 0 in any.
    if not past.epoch:
        return
    checkpoint = graph.checkpoint()
    if checkpoint.epoch != past.epoch:
        raise cleaned()
    if (
        checkpoint.position > past.view.position
        and set(graph.unsettled(past.view)) != past.order.moved.keys()
    ):
        raise ReorderedError("Events keep arriving that change the order of those that count; ask again")


class Known(dict[str, PemFacts]):
    """
    What a question knows of events, by id. Whoever looks one up here was told of it by the graph.

    So one that is missing was there a moment ago, and most likely the log was cleaned since. Looking it up raises
    `ConflictError` then, and `CorruptStoreError` when the graph has lost it otherwise.
    """

    def __init__(self, graph: HistoryReader, past: Past) -> None:
        """Know of nothing yet."""
        super().__init__()
        self._graph = graph
        self._past = past

    def __missing__(self, id_: str) -> NoReturn:
        raise _missing(self._graph, self._past, id_)


def event(graph: HistoryReader, past: Past, id_: str) -> PemFacts:
    """
    Return an event that the graph told of.

    :raises ConflictError: it is not there, for the log was cleaned meanwhile
    :raises CorruptStoreError: it is not there, though the log was not cleaned
    """
    for facts in graph.events([id_]):
        return facts
    raise _missing(graph, past, id_)


def _missing(graph: HistoryReader, past: Past, id_: str) -> CorruptStoreError:
    """Return why an event is not there that the graph told of; raise when the log was cleaned meanwhile."""
    check(graph, past)
    return CorruptStoreError(
        f"The graph tells of the event {id_}, and does not have it: have the graph verified and repaired"
    )


def cleaned() -> ConflictError:
    """Return the refusal of what is about a log that was cleaned since."""
    return ConflictError("The log was cleaned meanwhile; ask again without cursor")
