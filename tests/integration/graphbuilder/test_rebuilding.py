"""Rebuilds: on request, beside the served graph, through crashes."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from graphbuilder import rebuilding
from graphbuilder.comparing import require_what_the_log_says
from graphbuilder.projector import Projector
from provgraph.errors import StoreError
from provgraph.eventlog import PROJECTOR_LEASE
from provgraph.families.operation.events import rebuild_requested
from provgraph.graphstore.base import Checkpoint, GraphCounts
from provgraph.graphstore.projection import project
from provgraph.operations.flush import flush
from provgraph.operations.rebuild import (
    DistantGraphBuilder,
    is_rebuild_due,
    rebuild_catalog,
    rebuild_graph,
    request_rebuild,
)
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, eventually, open_stores, pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import GraphStore
    from tests.unit.operations.stores import Stores

_FORGE = "INSERT INTO artifact VALUES (4711, 'forged', '{}', '2020-01-01 00:00:00', 0, 0, 0)"


class Gate:
    """Holds every rebuild back until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        build = rebuilding.Rebuild._build

        def held(rebuild: rebuilding.Rebuild) -> None:
            while not (self._open.wait(0.005) or rebuild._cancelled.is_set()):
                pass
            build(rebuild)

        monkeypatch.setattr(rebuilding.Rebuild, "_build", held)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.open()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let even a short log take several batches."""
    monkeypatch.setattr(rebuilding, "_BATCH_EVENTS", 10)
    monkeypatch.setattr(rebuilding, "_HANDOVER_EVENTS", 5)


@pytest.fixture
def switches(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[Checkpoint]:
    """Where the graph was after each switch of generations."""
    seen: list[Checkpoint] = []
    switch = stores.graph.switch

    def counting(*, covers: int) -> None:
        switch(covers=covers)
        seen.append(stores.graph.checkpoint())

    monkeypatch.setattr(stores.graph, "switch", counting)
    return seen


def caught_up(stores: Stores) -> None:
    flush(stores.log, stores.graph, timeout_seconds=30)


def is_right(stores: Stores) -> bool:
    return verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync


def is_done(projector: Projector) -> bool:
    return eventually(lambda: not projector.should_rebuild)


def test_a_rebuild_yields_the_same_graph(stores: Stores) -> None:
    stores.append(*chain_of_pems(53))
    with stores.following() as projector:
        caught_up(stores)
        before = stores.graph.digest()

        rebuild_graph(projector)

        assert stores.graph.digest() == before
        assert not projector.should_rebuild
        assert projector.rebuilding is None


def test_what_only_the_graph_had_is_gone_after_a_rebuild(stores: Stores) -> None:
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        caught_up(stores)
        stores.tamper_with_graph(_FORGE)
        assert not is_right(stores)

        rebuild_graph(projector)

        assert is_right(stores)


def test_a_request_in_the_log_is_enough(stores: Stores, switches: list[Checkpoint]) -> None:
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        request_rebuild(stores.log)
        caught_up(stores)

        assert is_done(projector)
        assert len(switches) == 1


def test_a_request_before_the_first_event_is_met(stores: Stores) -> None:
    with stores.following() as projector:
        rebuild_graph(projector)

        assert stores.graph.counts() == GraphCounts(0, 0, 0)


def test_a_rebuild_is_due_from_the_request_until_the_switch(stores: Stores, gate: Gate) -> None:
    stores.append(*chain_of_pems(20))
    request_rebuild(stores.log)
    with stores.following() as projector:
        assert projector.should_rebuild
        assert eventually(stores.graph.has_next_generation)
        position = projector.request_rebuild()
        assert is_rebuild_due(stores.log, stores.graph)
        assert not projector.has_rebuilt(position)

        gate.open()

        assert is_done(projector)
        assert projector.has_rebuilt(position)
        assert not is_rebuild_due(stores.log, stores.graph)


def test_nothing_is_due_once_the_new_graph_is_served_although_the_old_one_is_still_being_removed(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = stores.graph.switch

    def lingering(*, covers: int) -> None:
        switch(covers=covers)
        time.sleep(0.3)

    monkeypatch.setattr(stores.graph, "switch", lingering)
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        position = request_rebuild(stores.log)
        caught_up(stores)

        assert not projector.should_rebuild
        assert projector.has_rebuilt(position)


def test_the_served_graph_goes_on_following_meanwhile(
    stores: Stores, gate: Gate, switches: list[Checkpoint]
) -> None:
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        projector.request_rebuild()
        assert eventually(stores.graph.has_next_generation)
        stores.append(*chain_of_pems(20, start=21))
        assert eventually(lambda: stores.graph.counts().pems == 40)
        assert switches == []

        gate.open()

        assert is_done(projector)
        assert is_right(stores)
        assert stores.graph.counts().pems == 40


def test_events_that_arrive_while_the_log_is_copied_are_kept(stores: Stores) -> None:
    stores.append(*chain_of_pems(200))
    with stores.following() as projector:
        caught_up(stores)
        projector.request_rebuild()
        for start in range(201, 401, 5):
            stores.append(*chain_of_pems(5, start=start))
        caught_up(stores)

        assert is_done(projector)
        assert stores.graph.counts().pems == 400
        assert is_right(stores)


def test_requests_before_a_rebuild_begins_are_met_by_it(stores: Stores, switches: list[Checkpoint]) -> None:
    stores.append(*chain_of_pems(20), *[rebuild_requested() for _ in range(3)])

    with stores.following() as projector:
        caught_up(stores)
        assert is_done(projector)
        stores.append(pem(99))
        caught_up(stores)

    assert len(switches) == 1


def test_requests_during_a_rebuild_ask_for_one_more(
    stores: Stores, gate: Gate, switches: list[Checkpoint]
) -> None:
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        projector.request_rebuild()
        assert eventually(lambda: projector.rebuilding is not None)
        last = [projector.request_rebuild() for _ in range(3)][-1]

        gate.open()

        assert is_done(projector)
        assert projector.has_rebuilt(last)
        assert len(switches) == 2


def test_progress_counts_events(stores: Stores, gate: Gate) -> None:
    stores.append(*chain_of_pems(20))
    with stores.following() as projector:
        projector.request_rebuild()
        assert eventually(lambda: projector.rebuilding is not None)

        assert projector.rebuilding == (0, 21)

        gate.open()
        assert is_done(projector)


def test_a_rebuild_that_a_crash_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores:
        stores.append(*chain_of_pems(30), rebuild_requested())
        epoch = stores.log.head().epoch
        everything, half = stores.log.read(), stores.log.read(limit=15)
        stores.graph.apply(
            project(everything), expected=Checkpoint(), to=Checkpoint(epoch, everything[-1].position)
        )
        following = stores.graph.next_generation()
        following.apply(project(half), expected=Checkpoint(), to=Checkpoint(epoch, 15))
        names = json.loads((tmp_path / "graph" / "generations.json").read_text())

    with open_stores(tmp_path) as stores, stores.following() as projector:
        assert projector.should_rebuild
        assert is_done(projector)

        served = json.loads((tmp_path / "graph" / "generations.json").read_text())
        assert served == {"served": names["next"]}
        assert is_right(stores)


def test_a_resumed_rebuild_does_not_copy_again_what_it_has(tmp_path: Path, gate: Gate) -> None:
    with open_stores(tmp_path) as stores:
        stores.append(*chain_of_pems(30), rebuild_requested())
        half = stores.log.read(limit=15)
        stores.graph.next_generation().apply(
            project(half), expected=Checkpoint(), to=Checkpoint(stores.log.head().epoch, 15)
        )

    with open_stores(tmp_path) as stores, stores.following() as projector:
        assert eventually(lambda: projector.rebuilding is not None)
        assert projector.rebuilding == (15, 31)

        gate.open()
        assert is_done(projector)
        assert is_right(stores)


def test_stopping_in_the_middle_keeps_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_stores(tmp_path) as stores, monkeypatch.context() as patched:
        gate = Gate(patched)
        stores.append(*chain_of_pems(30))
        with stores.following() as projector:
            caught_up(stores)
            stores.tamper_with_graph(_FORGE)
            projector.request_rebuild()
            assert eventually(stores.graph.has_next_generation)
        patched.undo()
        gate.open()

    with open_stores(tmp_path) as stores, stores.following() as projector:
        assert is_done(projector)
        assert is_right(stores)


def test_a_request_that_nobody_had_noticed_survives_a_restart(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores, stores.following():
        stores.append(*chain_of_pems(30))
        caught_up(stores)
        stores.tamper_with_graph(_FORGE)
    with open_stores(tmp_path) as stores:
        request_rebuild(stores.log)

    with open_stores(tmp_path) as stores, stores.following() as projector:
        caught_up(stores)
        assert is_done(projector)
        assert is_right(stores)


def test_a_damaged_next_generation_is_begun_anew(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores:
        stores.append(*chain_of_pems(30), rebuild_requested())
        stores.graph.next_generation()
    names = json.loads((tmp_path / "graph" / "generations.json").read_text())
    (tmp_path / "graph" / names["next"]).write_bytes(b"no database at all" * 100)

    with open_stores(tmp_path) as stores, stores.following() as projector:
        assert is_done(projector)
        caught_up(stores)
        assert is_right(stores)


def test_cleaning_the_log_gives_a_rebuild_up(stores: Stores, gate: Gate, switches: list[Checkpoint]) -> None:
    stores.append(*chain_of_pems(30))
    with stores.following() as projector:
        position = projector.request_rebuild()
        assert eventually(lambda: projector.rebuilding is not None)

        stores.log.clean(keep=())
        stores.append(pem(99, produces=["new"]))
        caught_up(stores)

        assert is_done(projector)
        assert projector.has_rebuilt(position)
        assert switches == []
        assert stores.graph.counts() == GraphCounts(1, 1, 0)
        gate.open()
        rebuild_graph(projector)
        assert is_right(stores)


def test_a_rebuild_that_fails_is_told_and_tried_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, tries = rebuilding.Rebuild._copy_batch, 0

    def failing(rebuild: rebuilding.Rebuild, target: int) -> bool:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise StoreError("the disk is full")
        return copy(rebuild, target)

    monkeypatch.setattr(rebuilding.Rebuild, "_copy_batch", failing)
    stores.append(*chain_of_pems(30))
    with stores.following() as projector:
        projector.request_rebuild()
        assert eventually(lambda: projector.rebuild_failure == "the disk is full")
        assert projector.failure is None

        assert is_done(projector)
        assert projector.rebuild_failure is None
        assert is_right(stores)


def test_a_graph_that_cannot_follow_is_mended_by_a_rebuild(stores: Stores) -> None:
    stores.append(*chain_of_pems(30))
    with stores.following() as projector:
        caught_up(stores)
        # Nothing can be inserted into the served graph from now on.
        stores.tamper_with_graph(
            "CREATE TRIGGER broken BEFORE INSERT ON pem BEGIN SELECT RAISE(FAIL, 'no'); END"
        )
        stores.append(*chain_of_pems(30, start=31))
        assert eventually(lambda: projector.failure is not None)

        rebuild_graph(projector)

        caught_up(stores)
        assert eventually(lambda: projector.failure is None)
        assert is_right(stores)


def test_a_rebuilt_catalog_is_equal(stores: Stores) -> None:
    stores.append(*chain_of_pems(30))
    before = stores.catalog.digest()
    stores.tamper_with_database("DELETE FROM artifact")
    reports: list[tuple[int, int]] = []

    events = rebuild_catalog(
        stores.log, stores.catalog, report=lambda done, total: reports.append((done, total))
    )

    assert events == 30
    assert reports[-1] == (30, 30)
    assert stores.catalog.digest() == before


# ------------------------------------------------------------------------------------------------ compared with the log


@contextmanager
def comparing(stores: Stores) -> Iterator[Projector]:
    """Run a projector that compares what it built anew with the log."""
    lease = stores.log.lease(PROJECTOR_LEASE)
    with Projector(
        stores.log, stores.graph, lease=lease, interval_seconds=0.02, compares_rebuilds=True
    ) as projector:
        yield projector


@pytest.fixture
def forging(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Have somebody write into each next generation before it is compared."""
    compare = require_what_the_log_says

    def forge(*arguments: Any, **named: Any) -> None:
        names = json.loads((stores.folder / "graph" / "generations.json").read_text())
        with closing(sqlite3.connect(stores.folder / "graph" / names["next"])) as connection, connection:
            connection.execute(_FORGE)
        compare(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "require_what_the_log_says", forge)
        patched.setattr("provgraph.operations.rebuild._PATIENCE_SECONDS", 0.05)
        yield patched


def test_a_graph_that_is_what_the_log_says_is_served(stores: Stores, switches: list[Checkpoint]) -> None:
    stores.append(*chain_of_pems(53))
    with comparing(stores) as projector:
        caught_up(stores)
        stores.tamper_with_graph(_FORGE)

        position = rebuild_graph(projector)

        assert len(switches) == 1
        assert is_right(stores)
        assert projector.gave_up(position) is None


def test_events_that_arrive_while_graph_and_log_are_compared_are_kept(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = require_what_the_log_says

    def slowly(*arguments: Any, **named: Any) -> None:
        stores.append(*chain_of_pems(40, start=31))
        assert eventually(lambda: stores.graph.counts().pems == 70)
        compare(*arguments, **named)

    monkeypatch.setattr(rebuilding, "require_what_the_log_says", slowly)
    stores.append(*chain_of_pems(30))
    with comparing(stores) as projector:
        rebuild_graph(projector)

        caught_up(stores)
        assert is_right(stores)


@pytest.mark.usefixtures("forging")
def test_a_graph_that_is_not_what_the_log_says_is_not_served(
    stores: Stores, switches: list[Checkpoint]
) -> None:
    stores.append(*chain_of_pems(30))
    with comparing(stores) as projector:
        caught_up(stores)
        before = stores.graph.digest()

        with pytest.raises(StoreError, match="Ask for another rebuild"):
            rebuild_graph(projector)

        assert switches == []
        assert stores.graph.digest() == before
        assert not stores.graph.has_next_generation()
        stores.append(pem(99))
        caught_up(stores)
        assert is_right(stores)
        assert projector.failure is None


def test_what_was_refused_once_may_be_asked_for_again(stores: Stores, forging: pytest.MonkeyPatch) -> None:
    stores.append(*chain_of_pems(30))
    with comparing(stores) as projector:
        with pytest.raises(StoreError, match="given up"):
            rebuild_graph(projector)
        forging.undo()

        position = rebuild_graph(projector)

        assert projector.gave_up(position) is None
        assert is_right(stores)


@pytest.mark.usefixtures("forging")
def test_who_waits_in_another_process_is_told_that_a_rebuild_was_given_up(stores: Stores) -> None:
    stores.append(*chain_of_pems(30))
    with comparing(stores):
        distant = DistantGraphBuilder(stores.log, stores.graph, trouble=lambda: None)

        with pytest.raises(StoreError, match="given up"):
            rebuild_graph(distant)


def test_a_comparison_that_is_stopped_is_made_by_who_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, compared = threading.Event(), threading.Event()

    def stopped(graph: GraphStore, log: EventLog, *, is_stopped: Callable[[], bool]) -> None:
        begun.set()
        assert eventually(is_stopped)
        require_what_the_log_says(graph, log, is_stopped=is_stopped)
        compared.set()

    with open_stores(tmp_path) as stores, monkeypatch.context() as patched:
        patched.setattr(rebuilding, "require_what_the_log_says", stopped)
        stores.append(*chain_of_pems(30), rebuild_requested())
        with comparing(stores):
            assert begun.wait(30)
        assert stores.graph.has_next_generation()
        assert not compared.is_set()

    with open_stores(tmp_path) as stores, comparing(stores) as projector:
        assert is_done(projector)
        assert is_right(stores)
