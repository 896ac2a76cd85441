"""The projector follows the log, whatever happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from graphbuilder import projector as module
from graphbuilder.projector import Projector
from provgraph.errors import LostEventsError, StoreError, TooMuchAtOnceError
from provgraph.graphstore import EmbeddedGraphStore
from provgraph.graphstore.base import Checkpoint, GraphCounts
from provgraph.graphstore.projection import project
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, eventually, open_stores, pem, tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provgraph.graphstore.base import GraphStore
    from provgraph.graphstore.projection import GraphBatch
    from tests.unit.operations.stores import Stores


def caught_up(stores: Stores) -> None:
    flush(stores.log, stores.graph, timeout_seconds=30)


def is_right(stores: Stores) -> bool:
    return verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync


def test_what_was_in_the_log_before_is_in_the_graph(stores: Stores) -> None:
    stores.append(*chain_of_pems(20), tag("latest", 3))

    with stores.following():
        caught_up(stores)
        assert is_right(stores)


def test_what_arrives_later_is_in_the_graph(stores: Stores) -> None:
    with stores.following():
        for start in (1, 11, 21):
            stores.append(*chain_of_pems(10, start=start))
            caught_up(stores)
            assert stores.graph.counts().pems == start + 9


def test_more_than_a_batch_is_followed(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH_EVENTS", 7)
    stores.append(*chain_of_pems(100))

    with stores.following():
        caught_up(stores)
        assert is_right(stores)


def test_a_restart_goes_on_at_the_checkpoint(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores, stores.following():
        stores.append(*chain_of_pems(10))
        caught_up(stores)

    with open_stores(tmp_path) as stores:
        # Were it to start from the beginning, this would be gone.
        stores.tamper_with_graph(
            "INSERT INTO artifact VALUES (4711, 'kept', '{}', '2020-01-01 00:00:00', 0, 0, 0)"
        )
        with stores.following():
            stores.append(*chain_of_pems(10, start=11))
            caught_up(stores)
            assert stores.graph.counts() == GraphCounts(20, 22, 0)


def test_a_cleaned_log_empties_the_graph(stores: Stores) -> None:
    with stores.following():
        stores.append(*chain_of_pems(10))
        caught_up(stores)

        stores.log.clean(keep=())
        stores.append(pem(99, produces=["new"]))
        caught_up(stores)

        assert stores.graph.counts() == GraphCounts(1, 1, 0)
        assert is_right(stores)


def test_a_log_cleaned_while_nobody_followed_empties_the_graph(stores: Stores) -> None:
    with stores.following():
        stores.append(*chain_of_pems(10))
        caught_up(stores)
    stores.log.clean(keep=())

    with stores.following():
        caught_up(stores)
        assert stores.graph.counts() == GraphCounts(0, 0, 0)


def test_a_graph_ahead_of_its_log_is_kept_until_the_loss_is_accepted_and_then_starts_over(
    stores: Stores,
) -> None:
    position = stores.append(*chain_of_pems(10))
    beyond = Checkpoint(stores.log.head().epoch, position + 100)
    stores.graph.apply([], expected=Checkpoint(), to=beyond, digest="ab" * 32)

    with stores.following() as projector:
        assert eventually(lambda: "up to position 110" in (projector.failure or ""))
        with pytest.raises(LostEventsError):
            stores.append(*chain_of_pems(1, start=11))
        assert stores.graph.checkpoint() == beyond

        stores.log.accept_loss("restored from last week's backup")

        assert eventually(lambda: stores.graph.counts().pems == 10)
        assert stores.append(*chain_of_pems(1, start=11)) == position + 102
        caught_up(stores)
        assert is_right(stores)


def test_a_graph_that_saw_another_event_at_its_checkpoint_tells_that_the_log_was_put_back(
    stores: Stores,
) -> None:
    stores.append(*chain_of_pems(10))
    there = Checkpoint(stores.log.head().epoch, 7)
    stores.graph.apply([], expected=Checkpoint(), to=there, digest="ab" * 32)

    with stores.following() as projector:
        assert eventually(
            lambda: (
                "the event at position 7 of the event log is missing, or another one"
                in (projector.failure or "")
            )
        )
        assert stores.log.loss() == ("the graph", there.epoch, 7, "ab" * 32)


def test_the_graph_of_another_log_is_left_alone_unless_it_may_be_taken_over(stores: Stores) -> None:
    stores.append(*chain_of_pems(3))
    foreign = Checkpoint("f" * 32, 2)
    stores.graph.apply([], expected=Checkpoint(), to=foreign)
    lease = stores.log.lease("projector")

    with Projector(
        stores.log, stores.graph, lease=lease, interval_seconds=1, may_take_over=False
    ) as projector:
        assert eventually(lambda: "follows another log" in (projector.failure or ""))
        assert "PROVGRAPH_GRAPH_TAKE_OVER" in (projector.failure or "")
    assert stores.graph.checkpoint() == foreign

    with Projector(stores.log, stores.graph, lease=lease, interval_seconds=1, may_take_over=True):
        caught_up(stores)
        assert is_right(stores)


@pytest.mark.parametrize("cleans", [1, 3])
def test_a_log_that_was_cleaned_still_owns_its_graph(stores: Stores, cleans: int) -> None:
    stores.append(*chain_of_pems(3))
    with stores.following():
        caught_up(stores)
    for _ in range(cleans):
        stores.log.clean(keep=())
    lease = stores.log.lease("projector")

    with Projector(stores.log, stores.graph, lease=lease, interval_seconds=1, may_take_over=False):
        caught_up(stores)
        assert stores.graph.counts() == GraphCounts(0, 0, 0)


def test_a_graph_that_is_emptied_while_nothing_happens_is_filled_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_SECONDS", 0.05)
    stores.append(*chain_of_pems(3))
    with stores.following():
        caught_up(stores)
        stores.graph.clear()

        assert eventually(lambda: stores.graph.counts().pems == 3)


def test_another_writer_of_the_graph_does_not_stop_it(stores: Stores) -> None:
    with stores.following():
        stores.append(*chain_of_pems(5))
        caught_up(stores)

    with stores.following() as projector:
        assert eventually(lambda: projector.failure is None)
        events = chain_of_pems(5, start=6)
        at = stores.graph.checkpoint()
        recorded = [appended.recorded for appended in stores.log.append(events)]
        _apply_if_first(stores.graph, recorded, at)
        caught_up(stores)

        stores.append(*chain_of_pems(5, start=11))
        caught_up(stores)
        assert is_right(stores)
        assert projector.failure is None


def _apply_if_first(graph: GraphStore, recorded: Sequence[Any], at: Checkpoint) -> None:
    try:
        graph.apply(project(recorded), expected=at, to=Checkpoint(at.epoch, recorded[-1].position))
    except StoreError:
        return  # the projector was faster: also good


def test_a_store_that_fails_is_told_once_and_tried_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    apply, tries = stores.graph.apply, 0

    def failing(batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str) -> None:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise StoreError("the disk is full")
        apply(batch, expected=expected, to=to, digest=digest)

    monkeypatch.setattr(stores.graph, "apply", failing)
    with caplog.at_level(logging.INFO), stores.following() as projector:
        stores.append(*chain_of_pems(5))
        assert eventually(lambda: projector.failure == "the disk is full")
        caught_up(stores)
        assert eventually(lambda: projector.failure is None)

    told = [record.getMessage() for record in caplog.records if record.name == "graphbuilder.health"]
    assert told == [
        "following the log failed, it is tried again: the disk is full",
        "following the log works again",
    ]


def test_what_is_too_much_for_one_transaction_is_applied_in_several(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, sizes = EmbeddedGraphStore.apply, []

    def narrow(
        self: EmbeddedGraphStore, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str
    ) -> None:
        events = sum(len(step.pems) for step in batch)
        if events > 8:
            raise TooMuchAtOnceError("no memory left")
        sizes.append(events)
        apply(self, batch, expected=expected, to=to, digest=digest)

    monkeypatch.setattr(EmbeddedGraphStore, "apply", narrow)
    stores.append(*chain_of_pems(2_100))
    with stores.following() as projector:
        caught_up(stores)
        position = projector.request_rebuild()
        assert eventually(lambda: projector.has_rebuilt(position))
        assert projector.failure is None
        assert is_right_again(stores, monkeypatch)
    assert sum(sizes) == 2 * 2_100
    # It is not tried with too many each time.
    assert len(sizes) < 2 * 2_100 / 3


def is_right_again(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.undo()
    return is_right(stores)


def test_one_event_that_is_too_much_is_told(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise TooMuchAtOnceError("no memory left")

    with monkeypatch.context() as patched, stores.following() as projector:
        patched.setattr(stores.graph, "apply", full)
        stores.append(*chain_of_pems(5))
        assert eventually(lambda: projector.failure == "no memory left")
        patched.undo()

        caught_up(stores)
        assert is_right(stores)


def test_a_batch_that_cannot_be_projected_is_told_and_tried_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_events: object) -> NoReturn:
        raise KeyError("unheard of")

    with monkeypatch.context() as patched, stores.following() as projector:
        patched.setattr(module, "project", broken)
        stores.append(*chain_of_pems(5))
        assert eventually(lambda: "the service's log says what" in (projector.failure or ""))
        assert "unheard of" in caplog.text
        patched.undo()

        caught_up(stores)
        assert eventually(lambda: projector.failure is None)


def test_a_projector_that_does_not_run_says_so(stores: Stores) -> None:
    with stores.following() as projector:
        assert eventually(lambda: projector.failure is None)

    assert projector.failure == "The graph builder is not running"
