"""What Neo4j shows of a node while a commit changes it is read again before it is taken for damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from provgraph.errors import CorruptStoreError, OverloadedError
from provgraph.graphstore.base import Checkpoint, Direction, WalkQuery, WalkStart
from provgraph.graphstore.neo4j import history, reader, walking
from provgraph.graphstore.neo4j.generations import Generation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row

_BEFORE = ["", "", 0, 0, 7, 0]
_AFTER = ["e1", "d1", 7, 0, 7, 0]
_EVENT = ["p1", "T", "e", "{}", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z", 1]
_EVENT_REST: list[Any] = ["2026-01-01T00:00:00.000000Z", [], [], [], [], None, None, None, 1]


class _Graph:
    """Gives one answer after the other, and the last one for ever."""

    def __init__(self, *answers: Row) -> None:
        self._answers = list(answers)
        self.asked = 0

    def ask(self, *_: Any, **__: Any) -> Row:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def ask_of(self, *_: Any, **__: Any) -> Row:
        return self.ask()

    def generations(self) -> Iterator[Generation]:
        yield Generation("a", "t")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_SETTLING_SECONDS", (0.0, 0.0, 0.0))


def _asker(*answers: Row) -> Asker:
    return cast("Asker", _Graph(*answers))


@pytest.mark.parametrize("missing", range(6))
def test_a_value_that_is_missing_for_a_moment_is_waited_for(missing: int) -> None:
    torn = [None if index == missing else value for index, value in enumerate(_AFTER)]

    found = reader.facts(_asker([torn, torn], [torn, _AFTER], [_AFTER, _AFTER]))

    assert found.checkpoint == Checkpoint("e1", 7)


def test_old_values_beside_new_ones_are_not_taken_for_a_state() -> None:
    torn = [*_BEFORE[:1], *_AFTER[1:]]

    assert reader.facts(_asker([torn, _AFTER], [_AFTER, _AFTER])).checkpoint == Checkpoint("e1", 7)


def test_what_stays_wrong_is_damage() -> None:
    wrong = [None, *_AFTER[1:]]

    with pytest.raises(CorruptStoreError, match="changed by hand"):
        reader.facts(_asker([wrong, wrong]))


def test_an_event_that_lacks_something_for_a_moment_is_waited_for() -> None:
    torn = [*_EVENT[:3], None, *_EVENT[4:], *_EVENT_REST]
    whole = [*_EVENT, *_EVENT_REST]

    (found,) = history.events(_asker([[torn]], [[whole]]), ["p1"])

    assert found.properties == "{}"
    with pytest.raises(CorruptStoreError, match="p1"):
        history.events(_asker([[torn]]), ["p1"])


@pytest.mark.parametrize("direction", list(Direction))
def test_a_walk_does_not_begin_in_a_state_without_an_epoch(direction: Direction) -> None:
    query = WalkQuery(WalkStart(("p1",)), direction, depth=None, max_nodes=10)
    state: list[Any] = [None, 7, 0, True, *([[]] * 3)]

    with pytest.raises(OverloadedError, match="ask again"):
        walking.walk(_asker(*[state] * 4, [_AFTER, _AFTER]), query, walking.WalkMemory())
    with pytest.raises(CorruptStoreError):
        walking.walk(_asker(*[state] * 4, [[None, *_AFTER[1:]]] * 2), query, walking.WalkMemory())
