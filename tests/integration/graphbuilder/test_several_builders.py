"""Several graph builders on the same stores: one works, the others stand by; and those who watch from elsewhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import pytest

from graphbuilder import projector as module
from graphbuilder import rebuilding
from provgraph.errors import StoreError
from provgraph.graphstore import Checkpoint, project
from provgraph.operations.flush import flush
from provgraph.operations.rebuild import DistantGraphBuilder, rebuild_graph
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, eventually

if TYPE_CHECKING:
    from tests.unit.operations.stores import Stores


class Desk:
    """Where leases are kept: one holder at a time, or as many as ask when it is split."""

    def __init__(self) -> None:
        self.is_split = False
        self.is_away = False
        self._holder: DeskLease | None = None
        self._lock = threading.Lock()

    def lease(self) -> DeskLease:
        return DeskLease(self)

    def take(self, lease: DeskLease) -> bool:
        with self._lock:
            if self.is_away:
                raise StoreError("nobody keeps leases at the moment")
            if self._holder is None:
                self._holder = lease
            return self.is_split or self._holder is lease

    def give_back(self, lease: DeskLease) -> None:
        with self._lock:
            if self._holder is lease:
                self._holder = None

    def pass_on(self, lease: DeskLease) -> None:
        with self._lock:
            self._holder = lease

    @property
    def is_taken(self) -> bool:
        return self._holder is not None


class DeskLease:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> Self:
        return self

    def held(self) -> bool:
        return self._desk.take(self)

    def is_held_by_anyone(self) -> bool:
        return self._desk.is_taken

    def release(self) -> None:
        self._desk.give_back(self)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STANDBY_SECONDS", 0.01)


def caught_up(stores: Stores) -> None:
    flush(stores.log, stores.graph, timeout_seconds=30)


def is_right(stores: Stores) -> bool:
    return verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync


def test_one_works_and_the_other_takes_over_when_it_ends(stores: Stores, desk: Desk) -> None:
    with stores.following(lease=desk.lease()) as second_to_end:
        with stores.following(lease=desk.lease()):
            stores.append(*chain_of_pems(20))
            caught_up(stores)
        stores.append(*chain_of_pems(20, start=21))
        caught_up(stores)

        assert second_to_end.failure is None
        assert is_right(stores)


def test_one_that_stands_by_writes_nothing_and_is_well(stores: Stores, desk: Desk) -> None:
    desk.pass_on(desk.lease())
    with stores.following(lease=desk.lease()) as standing_by:
        stores.append(*chain_of_pems(5))

        assert not stores.log.wait(after=5, timeout_seconds=0.2)
        assert stores.graph.counts().pems == 0
        assert standing_by.failure is None


def test_a_lease_that_moves_back_and_forth_disturbs_nothing(stores: Stores, desk: Desk) -> None:
    leases = desk.lease(), desk.lease()
    with stores.following(lease=leases[0]), stores.following(lease=leases[1]):
        for turn in range(10):
            desk.pass_on(leases[turn % 2])
            stores.append(*chain_of_pems(10, start=1 + 10 * turn))
        caught_up(stores)

        assert is_right(stores)


def test_two_that_both_believe_to_be_the_one_let_each_batch_in_once(
    stores: Stores, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH_EVENTS", 7)
    desk.is_split = True
    with stores.following(lease=desk.lease()), stores.following(lease=desk.lease()):
        for start in range(1, 400, 20):
            stores.append(*chain_of_pems(20, start=start))
        caught_up(stores)

        assert stores.graph.counts().pems == 400
        assert is_right(stores)


def test_without_whoever_keeps_the_leases_it_waits_and_says_why(stores: Stores, desk: Desk) -> None:
    with stores.following(lease=desk.lease()) as projector:
        desk.is_away = True
        assert eventually(lambda: "nobody keeps leases" in (projector.failure or ""))
        stores.append(*chain_of_pems(5))
        desk.is_away = False

        caught_up(stores)
        assert eventually(lambda: projector.failure is None)


def test_a_rebuild_is_gone_on_with_by_the_one_that_takes_over(
    stores: Stores, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "_BATCH_EVENTS", 10)
    monkeypatch.setattr(rebuilding, "_HANDOVER_EVENTS", 5)
    leases = desk.lease(), desk.lease()
    stores.append(*chain_of_pems(200))
    with stores.following(lease=leases[0]) as first, stores.following(lease=leases[1]) as second:
        caught_up(stores)
        desk.pass_on(leases[0])
        position = first.request_rebuild()
        assert eventually(lambda: stores.graph.has_next_generation() or first.has_rebuilt(position))
        desk.pass_on(leases[1])

        assert eventually(lambda: second.has_rebuilt(position))
        # It learns of that once it notices that another one works.
        assert eventually(lambda: first.has_rebuilt(position))
        assert is_right(stores)


def test_one_that_stands_by_tells_how_far_the_rebuild_of_the_other_is(stores: Stores, desk: Desk) -> None:
    desk.pass_on(desk.lease())
    stores.append(*chain_of_pems(20))
    epoch = stores.log.head().epoch
    following = stores.graph.next_generation()
    following.apply(
        project(stores.log.read(limit=5)), expected=following.checkpoint(), to=Checkpoint(epoch, 5)
    )
    with stores.following(lease=desk.lease()) as standing_by:
        assert standing_by.rebuilding == (5, 20)

        stores.graph.drop_next_generation()
        assert standing_by.rebuilding is None


# Watching from another process


def distant(stores: Stores, trouble: str | None = None) -> DistantGraphBuilder:
    return DistantGraphBuilder(stores.log, stores.graph, trouble=lambda: trouble)


def test_a_rebuild_can_be_asked_for_and_waited_for_from_elsewhere(stores: Stores) -> None:
    stores.append(*chain_of_pems(30))
    seen: list[tuple[int, int]] = []
    with stores.following():
        caught_up(stores)
        position = rebuild_graph(distant(stores), report=lambda done, total: seen.append((done, total)))

        assert stores.graph.covers() >= position
        assert not distant(stores).should_rebuild
        assert all(0 <= done <= total for done, total in seen)
        assert is_right(stores)


def test_a_rebuild_that_nobody_begins_is_due_and_told(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.operations.rebuild._PATIENCE_SECONDS", 0.05)
    stores.append(*chain_of_pems(3))

    with pytest.raises(StoreError, match="No graph builder is running"):
        rebuild_graph(distant(stores, trouble="No graph builder is running"))

    assert distant(stores).should_rebuild
    assert distant(stores).rebuilding is None


def test_a_rebuild_that_was_met_stays_met_after_a_restart(stores: Stores) -> None:
    stores.append(*chain_of_pems(10))
    with stores.following() as projector:
        position = rebuild_graph(projector)
    with stores.following() as restarted:
        assert restarted.has_rebuilt(position)
        assert not restarted.has_rebuilt(position + 1)


def test_cleaning_meets_what_was_asked_for_before(stores: Stores) -> None:
    stores.append(*chain_of_pems(10))
    with stores.following():
        caught_up(stores)
        position = distant(stores).request_rebuild()
        stores.log.clean(keep=())

        assert eventually(lambda: distant(stores).has_rebuilt(position))
        assert not distant(stores).should_rebuild
