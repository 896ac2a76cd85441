"""Several processes on one graph."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from neo4j import Transaction
from neo4j.exceptions import IncompleteCommit, TransientError

from provgraph.errors import CheckpointMismatchError
from provgraph.eventlog import InMemoryEventLog
from provgraph.graphstore import (
    Checkpoint,
    Direction,
    EmbeddedGraphStore,
    GraphCounts,
    WalkQuery,
    WalkStart,
    project,
)
from provgraph.graphstore.neo4j import Neo4jGraphStore, writer
from tests.contract.builders import pem, pem_id
from tests.contract.graphstore.stores import EPOCH, apply
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.graphstore.stores import Neo4jOpener


def test_what_one_process_serves_another_one_reads_at_once(
    store: Neo4jGraphStore, other: Neo4jGraphStore
) -> None:
    apply(store, pem(1))
    assert other.counts().pems == 1
    for number in range(2, 6):
        apply(store.next_generation(), *(pem(event) for event in range(number)))
        store.switch()

        assert other.counts().pems == number
        assert other.checkpoint() == store.checkpoint()


def test_what_one_process_clears_is_gone_for_another_one(
    store: Neo4jGraphStore, other: Neo4jGraphStore
) -> None:
    apply(store, pem(1, uses=["a"]))
    assert other.has_pem(pem_id(1))

    store.clear(covers=7)

    assert (other.counts(), other.checkpoint(), other.covers()) == (GraphCounts(0, 0, 0), Checkpoint(), 7)
    assert other.walk(WalkQuery(WalkStart((pem_id(1),)), Direction.UPSTREAM, 3, 100)).pems == []


def test_who_takes_over_does_not_wait_for_one_that_was_stopped_while_it_wrote(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(store, pem(1))
    given = neo4j_stores.neo4j
    other = Neo4jGraphStore(given.uri, user=given.user or "neo4j", password=given.password)
    writes, goes_on = threading.Event(), threading.Event()
    write = writer.write

    def write_and_stop(*arguments: Any, **more: Any) -> None:
        write(*arguments, **more)
        if threading.current_thread() is stopped and not writes.is_set():
            writes.set()
            goes_on.wait(60)

    monkeypatch.setattr(writer, "write", write_and_stop)
    failures: list[Exception] = []

    def write_one() -> None:
        try:
            apply(store, pem(2))
        except CheckpointMismatchError as error:
            failures.append(error)

    stopped = threading.Thread(target=write_one)
    stopped.start()
    try:
        assert writes.wait(60)

        other.end_other_writers()
        begun = time.monotonic()
        apply(other, pem(3))
        assert time.monotonic() - begun < 30
    finally:
        goes_on.set()
        stopped.join()
        other.close()

    assert len(failures) == 1  # it wakes up, and finds the graph elsewhere
    assert sorted(each.id for each in store.pems()) == [pem_id(1), pem_id(3)]


def test_a_rebuild_goes_on_in_another_process(store: Neo4jGraphStore, other: Neo4jGraphStore) -> None:
    apply(store.next_generation(), pem(1), pem(2))

    assert other.has_next_generation()
    assert other.next_checkpoint() == Checkpoint(EPOCH, 2)
    apply(other.next_generation(), pem(3))
    other.switch()

    assert (store.counts().pems, store.has_next_generation()) == (3, False)


def test_two_who_write_at_once_let_each_batch_in_once(
    store: Neo4jGraphStore, other: Neo4jGraphStore, tmp_path: Path
) -> None:
    log = InMemoryEventLog()
    log.append(
        [
            pem(number, at=number % 7, uses=[f"a{number % 5}", "hub"], produces=["hub", f"a{number % 3}"])
            for number in range(300)
        ]
    )
    done: list[int] = []
    refused = threading.Event()
    both_begin = threading.Barrier(2)

    def follow(graph: Neo4jGraphStore) -> None:
        while True:
            here = graph.checkpoint()
            events = log.read(after=here.position, limit=10)
            if not events:
                return
            if here == Checkpoint():
                with suppress(threading.BrokenBarrierError):  # one of them may be here twice
                    both_begin.wait(timeout=1)
            try:
                graph.apply(project(events), expected=here, to=Checkpoint(EPOCH, events[-1].position))
                done.append(here.position)
            except CheckpointMismatchError:
                refused.set()

    threads = [threading.Thread(target=follow, args=(graph,)) for graph in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == list(range(0, 300, 10))
    assert refused.is_set()
    with closing(EmbeddedGraphStore(tmp_path / "embedded")) as right:
        right.apply(project(log.read()), expected=Checkpoint(), to=Checkpoint(EPOCH, 300))
        assert store.digest() == right.digest()


def test_who_asks_how_far_the_graph_is_while_it_is_written_hears_of_whole_states(
    store: Neo4jGraphStore, other: Neo4jGraphStore
) -> None:
    written = {(Checkpoint(), "")}
    done = threading.Event()
    seen: set[tuple[Checkpoint, str]] = set()

    def ask() -> None:
        while not done.is_set():
            found = other.followed()
            seen.add((found.checkpoint, found.digest))

    store.checkpoint()
    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for start in range(quick_or_long(6, 60)):
            store.clear(covers=start)
            here = Checkpoint()
            for position in (1, 40, 2**40):
                to = Checkpoint(f"{start:032x}", position)
                digest = f"{position:064x}"
                written.add((to, digest))
                store.apply(project([]), expected=here, to=to, digest=digest)
                here = to
    finally:
        done.set()
        for asker in askers:
            asker.join()

    assert seen <= written


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_acknowledgement_of_a_commit_changes_nothing(
    store: Neo4jGraphStore, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    apply(store, pem(1, produces=["a"]))
    commit = Transaction.commit
    lost: list[int] = []

    def commit_and_lose(transaction: Transaction) -> None:
        if lost:
            commit(transaction)
            return
        lost.append(1)
        if committed:
            commit(transaction)
        else:
            transaction.rollback()
        raise IncompleteCommit("the connection was lost")

    monkeypatch.setattr(Transaction, "commit", commit_and_lose)
    there = apply(store, pem(2, uses=["a"], produces=["b"]), pem(3, uses=["b"]))

    assert lost
    assert (store.checkpoint(), store.counts().pems) == (there, 3)
    assert store.versions("b") == [pem_id(2)]


def test_what_may_succeed_the_next_time_is_tried_again(
    store: Neo4jGraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Transaction.commit
    failures = [
        TransientError._hydrate_neo4j(
            code="Neo.TransientError.Transaction.DeadlockDetected", message="deadlock"
        )
        for _ in range(2)
    ]

    def commit_later(transaction: Transaction) -> None:
        if failures:
            raise failures.pop()
        commit(transaction)

    monkeypatch.setattr(Transaction, "commit", commit_later)
    apply(store, pem(1))

    assert (failures, store.counts().pems) == ([], 1)
