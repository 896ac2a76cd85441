"""A log that is cleaned while a question is answered, at every single look at the graph: the answer says so."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import ConflictError, CorruptStoreError, NotFoundError
from provgraph.graphstore import Checkpoint, Direction, View, project
from provgraph.lineage.gaps import Gaps, gaps
from provgraph.lineage.impact import Impact, impact
from provgraph.lineage.lineage import lineage
from provgraph.lineage.past import Known, look_back
from provgraph.lineage.path import Path, path
from provgraph.lineage.request import LineageRequest
from provgraph.lineage.state import diff, state
from provgraph.lineage.trace import BOTH, Trace, trace
from provgraph.lineage.why import Why, why
from tests.contract.builders import at_us, pem, pem_id, recorded, version
from tests.contract.graphstore.stores import EmbeddedOpener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provgraph.graphstore import GraphStore, HistoryReader

    Question = Callable[[HistoryReader], object]

# Uses of what came later, of versions by label and by id, predecessors of the same moment, one that never came, a tag.
LOG = [
    pem(1, at=0, produces=["a"]),
    pem(2, at=1, uses=["a", "never"], produces=[version("b", "x")], Tag="latest", TagNamespace="n"),
    pem(3, at=1, uses=[version("b", "x"), version("c", 5)], produces=["d"], after=[2, 9]),
    pem(4, at=3, uses=["d", "e"], produces=["a"]),
    pem(5, at=4, uses=["a"], produces=["c", version("e", pem_id(8))]),
    pem(6, at=4, uses=["c", version("e", 8), "a"], produces=["f"], after=[5]),
    pem(7, at=4, uses=["f"], produces=["a"], after=[6]),
    pem(8, at=2, uses=["a"], produces=["e", "a"]),
]
_END = View(len(LOG))
_PAST: list[dict[str, Any]] = [{}, {"known_at": 6, "as_of_us": at_us(4)}]


def _questions() -> Iterator[tuple[str, Question]]:
    for index, when in enumerate(_PAST):
        for node in ("artifact:a", "tag:n/latest"):
            named = f"{node}-{index}"
            yield f"impact-{named}", partial(_impact, asked=Impact(node, **when))
            yield f"why-{named}", partial(why, asked=Why(node, **when))
            for direction in (Direction.UPSTREAM, Direction.DOWNSTREAM, BOTH):
                for any_version in (False, True):
                    asked = Trace(node, direction, any_version=any_version, **when)
                    yield f"trace-{direction}-{any_version}-{named}", partial(trace, asked=asked)
        yield f"path-{index}", partial(path, asked=Path("artifact:a", "artifact:f", **when))
        yield f"gaps-{index}", partial(gaps, asked=Gaps(present_us=0, **when))
        yield f"state-{index}", partial(state, **when)
    yield "diff", partial(diff, before=View(2), after=_END)
    yield "lineage", partial(_lineage, asked=LineageRequest("artifact:a", Direction.UPSTREAM))


def _impact(graph: HistoryReader, asked: Impact) -> object:
    found = impact(graph, asked)
    return list(found.items), found.closing


def _lineage(graph: HistoryReader, asked: LineageRequest) -> object:
    return lineage(graph, asked, detailed_by=graph)


QUESTIONS = dict(_questions())


class Looks:
    """A graph that counts how often it is looked at, and at one time is another one."""

    def __init__(self, store: GraphStore, *, becomes: GraphStore, at: int) -> None:
        self._store = store
        self._becomes = becomes
        self._at = at
        self.number = 0

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def look(*args: Any, **kwargs: Any) -> object:
            self.number += 1
            store = self._store if self.number < self._at else self._becomes
            return getattr(store, name)(*args, **kwargs)

        return look


@pytest.fixture(scope="module")
def full() -> Iterator[GraphStore]:
    with EmbeddedOpener().filled(LOG) as store:
        yield store


@pytest.fixture(scope="module", params=[[], LOG[3:6]], ids=["empty", "filled"])
def cleaned(request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    """The graph of the log that follows, as far as it is."""
    events = recorded(request.param)
    with EmbeddedOpener().empty() as store:
        if events:
            reached = Checkpoint("another", events[-1].position)
            store.apply(project(events), expected=Checkpoint(), to=reached)
        yield store


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_clean_at_any_moment_of_a_question_is_told_or_comes_too_late(
    full: GraphStore, cleaned: GraphStore, name: str
) -> None:
    ask = QUESTIONS[name]
    undisturbed = Looks(full, becomes=cleaned, at=10**9)
    right = ask(undisturbed)  # type: ignore[arg-type] # it answers as one

    for at in range(2, undisturbed.number + 1):
        # What is asked about is not there after the clean: that is true, and told as ever.
        with suppress(ConflictError, NotFoundError):
            assert ask(Looks(full, becomes=cleaned, at=at)) == right, at  # type: ignore[arg-type] # the same


def test_an_event_that_the_graph_lost_is_no_clean(full: GraphStore) -> None:
    past = look_back(full)

    with pytest.raises(CorruptStoreError, match="repaired"):
        Known(full, past)[pem_id(9)]
