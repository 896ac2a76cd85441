"""What the store on Neo4j owes beyond: many processes, a server that goes away, names of any length, plans."""

from __future__ import annotations

import importlib
import pkgutil
import re
import threading
import time
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from neo4j import Transaction
from neo4j.exceptions import IncompleteCommit, TransientError

from provgraph.errors import CheckpointMismatchError, SettingsError, StoreError
from provgraph.eventlog import InMemoryEventLog
from provgraph.graphstore import (
    Checkpoint,
    Corrections,
    Direction,
    EmbeddedGraphStore,
    GraphCounts,
    TagFacts,
    WalkQuery,
    WalkStart,
    project,
)
from provgraph.graphstore.neo4j import Neo4jGraphStore, generations, statements
from provgraph.graphstore.neo4j.generations import GRAPH, Generations
from provgraph.graphstore.neo4j.server import Server
from provgraph.graphstore.neo4j.statements import checks, graphs, mends
from provgraph.graphstore.neo4j.statements.statement import FORMAT, Statement
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.stores import EPOCH, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.graphstore.stores import Neo4jOpener
    from tests.servers.fixtures import NewTCPProxy

_SOON_SECONDS = 20.0


@pytest.fixture
def store(neo4j_stores: Neo4jOpener, tmp_path: Path) -> Iterator[Neo4jGraphStore]:
    """An empty store."""
    with neo4j_stores.at(tmp_path) as opened:
        yield opened


@pytest.fixture
def other(neo4j_stores: Neo4jOpener, store: Neo4jGraphStore) -> Iterator[Neo4jGraphStore]:
    """The same graph as another process sees it."""
    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        yield opened


def values(opener: Neo4jOpener, query: str, **parameters: Any) -> list[list[Any]]:
    """Return what a query of a user gives."""
    with opener.neo4j.driver() as driver:
        records, _, _ = driver.execute_query(query, parameters, database_=opener.neo4j.database)
    return [list(record.values()) for record in records]


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something that happens in the background."""
    give_up_at = time.monotonic() + _SOON_SECONDS
    while not holds():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.02)
    return True


# ------------------------------------------------------------------------------------------------ many processes


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


# ------------------------------------------------------------------------------------------------ generations


def public_names(opener: Neo4jOpener) -> list[list[Any]]:
    return values(opener, "MATCH (a:Artifact) RETURN a.rk_id ORDER BY a.rk_id")


def test_users_queries_see_what_is_served_and_nothing_else(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1, uses=["old"], Tag="t"))
    apply(store.next_generation(), pem(1, uses=["new"], Tag="t", after=[2]), pem(3, uses=["newer"]))
    assert public_names(neo4j_stores) == [["old"]]

    store.switch()
    assert eventually(lambda: not store.is_publishing())

    assert public_names(neo4j_stores) == [["new"], ["newer"]]
    apply(store, pem(4, uses=["newest"]))
    assert public_names(neo4j_stores) == [["new"], ["newer"], ["newest"]]
    assert values(neo4j_stores, "MATCH (a:Artifact) RETURN count(a);") == [[3]]
    assert values(neo4j_stores, "MATCH (p:PEM) RETURN count(p), count(p.position)") == [[4, 3]]
    assert values(
        neo4j_stores, "MATCH (t:Tag)-[:MARKS]->(p:PEM)-[:EMITTED_BY]->(e:Emitter) RETURN e.rk_id"
    ) == [["trainer"]]


def test_the_graph_reads_in_cypher_as_it_is_documented(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(
        store,
        pem(
            1,
            at=1,
            produces=[{"Name": "a", "Version": "v1", "Kind": "table", "Digest": "d", "Properties": {"x": 1}}],
        ),
        pem(2, at=0.5, uses=["a", version("a", "v1"), "b"], after=[1]),
    )

    assert values(
        neo4j_stores,
        "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at "
        "ORDER BY rk_id",
    ) == [["a", '{"x":1}', "1970-01-01 00:00:01"], ["b", "{}", "1970-01-01 00:00:02"]]
    assert values(
        neo4j_stores,
        "MATCH (p:PEM {rk_id: $id})-[u:USES]->(a:Artifact) RETURN a.rk_id, u.version, u.out_of_order "
        "ORDER BY a.rk_id, u.version",
        id=pem_id(2),
    ) == [["a", "v1", True], ["a", None, True], ["b", None, None]]
    assert (
        values(
            neo4j_stores,
            "MATCH (p:PEM)-[i:INFORMED_BY {artifact: 'a'}]->(q:PEM) RETURN p.occurred_at, p.recorded_at, q.position",
        )
        == [["2026-01-02T03:04:05.500000Z", "1970-01-01T00:00:02.000000Z", 1]] * 2
    )
    assert values(
        neo4j_stores,
        "MATCH (:PEM)-[m:PRODUCES]->(:Artifact) RETURN m.version, m.digest, m.kind, m.properties",
    ) == [["v1", "d", "table", '{"x":1}']]


def test_what_a_switch_left_to_do_is_done_by_who_opens_the_store_next(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(store, *(pem(number, uses=["old"]) for number in range(30)))
    following = store.next_generation()
    apply(following, pem(1, uses=["new"]))
    with monkeypatch.context() as patched:
        patched.setattr(Generations, "tidy_in_background", lambda _: None)  # as if it were killed here
        store.switch()
    assert (store.counts().pems, store.is_publishing()) == (1, True)
    assert public_names(neo4j_stores) == [["old"]]

    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        assert opened.counts().pems == 1
        assert eventually(lambda: values(neo4j_stores, "MATCH (p:_PEM_a) RETURN count(p)") == [[0]])

        assert not opened.is_publishing()
        assert public_names(neo4j_stores) == [["new"]]


@pytest.mark.parametrize("at", range(4))
def test_a_switch_that_was_interrupted_at_any_time_is_finished(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(generations, "_PUBLISHED_AT_ONCE", 3)
    monkeypatch.setattr(generations, "_REMOVED_AT_ONCE", 3)
    apply(store, *(pem(number, uses=[f"old{number}"]) for number in range(10)))
    apply(store.next_generation(), *(pem(number, uses=[f"new{number}"]) for number in range(10)))
    writes = Server.write
    left = [at * 6]

    def fail_later(server: Server, work: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            store._generations._closing.set()
            raise StoreError("killed")
        return writes(server, work)

    with monkeypatch.context() as patched:
        patched.setattr(Generations, "tidy_in_background", lambda _: None)
        store.switch()
        patched.setattr(Server, "write", fail_later)
        with pytest.raises(StoreError):
            store._generations._tidy(kept_seconds=None)

    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        assert opened.counts() == GraphCounts(10, 10, 0)
        assert eventually(
            lambda: values(neo4j_stores, "MATCH (n:_PEM_a|_Artifact_a) RETURN count(n)") == [[0]]
        )
        assert public_names(neo4j_stores) == sorted([f"new{number}"] for number in range(10))


def test_rebuilds_may_follow_each_other_while_the_graphs_before_are_still_removed(
    store: Neo4jGraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "_REMOVED_AT_ONCE", 1)
    for number in range(1, 7):
        apply(store.next_generation(), *(pem(event, uses=[f"a{event}"]) for event in range(number)))
        if number % 3:
            store.switch()
            assert store.counts() == GraphCounts(number, number, 0)
        else:
            store.drop_next_generation()

    assert store.digest() == store.digest()
    assert eventually(lambda: sum(store._generations._left_of(letter)[0] for letter in GRAPH.letters) == 11)


def test_a_dropped_generation_says_so(store: Neo4jGraphStore) -> None:
    dropped = store.next_generation()
    apply(dropped, pem(1))
    store.drop_next_generation()

    with pytest.raises(StoreError, match="dropped"):
        dropped.counts()
    with pytest.raises(StoreError, match="dropped"):
        apply(dropped, pem(2))


def test_a_scan_of_a_graph_that_another_process_removed_says_so(
    store: Neo4jGraphStore, other: Neo4jGraphStore
) -> None:
    apply(store, *(pem(number) for number in range(1_000)))
    scan = other.pems()
    next(scan)

    store.clear()
    assert eventually(lambda: store._generations._left_of("a") == (0, None))

    with pytest.raises(StoreError, match="replaced"):
        list(scan)


def test_a_switch_to_nothing_is_refused(store: Neo4jGraphStore) -> None:
    apply(store, pem(1))

    with pytest.raises(StoreError):
        store.switch()
    assert store.counts().pems == 1


def test_the_next_generation_may_be_emptied(store: Neo4jGraphStore) -> None:
    following = store.next_generation()
    apply(following, pem(1), pem(2))

    following.clear()

    assert (following.counts().pems, following.checkpoint()) == (0, Checkpoint())
    apply(following, pem(3))
    store.switch()
    assert store.counts().pems == 1


def test_nobody_who_reads_notices_a_switch(store: Neo4jGraphStore, other: Neo4jGraphStore) -> None:
    apply(store, pem(1, produces=["a"]), pem(2, after=[1]))
    errors: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        try:
            while not over.is_set():
                assert other.versions("a") == [pem_id(1)]
                walk = other.walk(WalkQuery(WalkStart((pem_id(2),)), Direction.UPSTREAM, None, 100))
                assert len(walk.pems) == 2
                assert [facts.id for facts in other.pems()] == [pem_id(1), pem_id(2)]
        except BaseException as error:  # noqa: BLE001 - whatever it is, there must be none
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        apply(store.next_generation(), pem(1, produces=["a"]), pem(2, after=[1]))
        store.switch()
    over.set()
    for thread in threads:
        thread.join()

    assert errors == []


def of_an_earlier_version(opener: Neo4jOpener) -> None:
    """Make all generations look as if an earlier version had written them."""
    values(opener, "MATCH (c:Checkpoint) SET c.format = 1")
    values(opener, "MATCH (c:Checkpoint) WHERE NOT c.served REMOVE c.format")


def test_a_graph_of_another_format_is_begun_anew(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, caplog: pytest.LogCaptureFixture
) -> None:
    apply(store, pem(1, uses=["old"], Tag="t"))
    apply(store.next_generation(), pem(1, uses=["next"]))
    of_an_earlier_version(neo4j_stores)

    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        assert (opened.counts(), opened.checkpoint()) == (GraphCounts(0, 0, 0), Checkpoint())
        assert not opened.has_next_generation()
        assert "another format" in caplog.text

        apply(opened, pem(1, uses=["new"]))
        assert eventually(lambda: public_names(neo4j_stores) == [["new"]])
        assert eventually(lambda: values(neo4j_stores, "MATCH (c:Checkpoint) RETURN c.format") == [[FORMAT]])
        apply(opened.next_generation(), pem(1, uses=["newer"]))
        opened.switch()
        assert [artifact.name for artifact in opened.artifacts()] == ["newer"]
        assert store.checkpoint() == opened.checkpoint()


def test_a_graph_of_another_format_is_begun_anew_also_when_what_is_left_takes_all_the_room(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            Generations, "tidy_in_background", lambda _: None
        )  # as if it were killed before it could
        apply(store, pem(1, uses=["old"]))
        apply(store.next_generation(), pem(1, uses=["older"], Tag="t"))
        store.switch()
        apply(store.next_generation(), pem(1, uses=["next"]))
    of_an_earlier_version(neo4j_stores)
    assert values(neo4j_stores, "MATCH (c:Checkpoint) RETURN count(c)") == [[3]]

    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        assert opened.checkpoint() == Checkpoint()
        apply(opened, pem(1, uses=["new"]))

        assert eventually(lambda: public_names(neo4j_stores) == [["new"]])


def test_where_tags_were_goes_with_its_generation(store: Neo4jGraphStore, neo4j_stores: Neo4jOpener) -> None:
    apply(store, pem(1, Tag="t"), pem(2, Tag="t"), pem(3, Tag="u"))
    assert values(neo4j_stores, "MATCH (m:_TagMoves_a) RETURN count(m)") == [[2]]
    apply(store.next_generation(), pem(1))

    store.switch()

    assert eventually(lambda: store._generations._left_of("a") == (0, None))
    assert values(neo4j_stores, "MATCH (m:_TagMoves_a) RETURN count(m)") == [[0]]
    assert list(store.tags()) == []


_MEDDLED_TAGS = {
    "marks another one": (
        "MATCH (t:Tag {tag: 't'})-[r:MARKS]->() MATCH (p:PEM {rk_id: $id}) DELETE r CREATE (t)-[:MARKS]->(p)",
        [TagFacts("", "t", pem_id(3), at_us(0), 2)],
    ),
    "is gone": ("MATCH (t:Tag {tag: 't'}) DETACH DELETE t", []),
    "lost its moves": (
        "MATCH (m:_TagMoves_a {_tag: 't'}) DELETE m",
        [TagFacts("", "t", pem_id(2), 0, 0)],
    ),
    "was made up": (
        "MATCH (p:PEM {rk_id: $id}) CREATE (:_Tag_a:Tag {_key: '\\u0000s', namespace: '', tag: 's'})-[:MARKS]->(p)",
        [TagFacts("", "s", pem_id(3), 0, 0)],
    ),
}


@pytest.mark.parametrize("meddled", sorted(_MEDDLED_TAGS))
def test_a_tag_that_somebody_meddled_with_shows_and_is_put_right(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, meddled: str
) -> None:
    apply(store, pem(1, Tag="t"), pem(2, Tag="t"), pem(3, Tag="u"))
    right = list(store.tags())
    statement, surplus = _MEDDLED_TAGS[meddled]

    values(neo4j_stores, statement, id=pem_id(3))
    wrong = list(store.tags())
    assert wrong == sorted(wrong, key=lambda move: (move.namespace, move.tag, move.position))
    assert sorted(set(wrong) - set(right)) == surplus

    store.mend(
        Corrections(tags=sorted(set(right) - set(wrong)), surplus_tags=surplus), expected=store.checkpoint()
    )
    assert list(store.tags()) == right
    assert values(neo4j_stores, "MATCH (t:Tag)-[:MARKS]->(p:PEM) RETURN t.tag, p.rk_id ORDER BY t.tag") == [
        ["t", pem_id(2)],
        ["u", pem_id(3)],
    ]


def test_a_tag_whose_node_is_gone_is_not_where_its_last_move_was(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1, Tag="t"), pem(2, Tag="t"), pem(3, Tag="u"))

    values(neo4j_stores, "MATCH (t:Tag {tag: 't'}) DETACH DELETE t")

    assert [(move.tag, move.position) for move in store.tags()] == [("t", 1), ("u", 3)]


# ------------------------------------------------------------------------------------------------ long names


def long_ones(size: int) -> list[str]:
    """Return names of some size that begin alike, and shorter ones that lie between them."""
    return ["n" * size + end for end in ("b", "a", "Ä", "")] + ["n" * 1_900, "n" * 2_000, "n" * 1_901, "n"]


def test_names_versions_tags_and_properties_may_be_very_long(store: Neo4jGraphStore, tmp_path: Path) -> None:
    names = long_ones(100_000)
    label, other_label = "v" * 50_000 + "1", "v" * 50_000 + "2"
    events = [
        pem(1, at=1, produces=[version(names[0], label), *names[1:]], Properties={"x": "y" * 1_000_000}),
        pem(2, at=2, produces=[version(names[0], other_label)], Type="t" * 30_000, Emitter="e" * 30_000),
        pem(
            3, at=3, uses=[version(names[0], label), version(names[0], other_label), *names], Tag="t" * 20_000
        ),
        pem(4, at=1.5, produces=[names[2]], Tag="t" * 20_000 + "u", TagNamespace="n" * 20_000),
    ]
    with closing(EmbeddedGraphStore(tmp_path / "embedded")) as right:
        for graph in (store, right):
            for event in events:
                apply(graph, event)
        assert store.digest() == right.digest()
        assert [artifact.name for artifact in store.artifacts()] == sorted(names)
        assert list(store.tags()) == list(right.tags())
        for name in names:
            assert store.has_artifact(name)
            assert store.versions(name) == right.versions(name)
        assert store.versions(names[0], version=label) == [pem_id(1)]
        for direction in Direction:
            for start in (WalkStart((pem_id(3),)), WalkStart((pem_id(1), pem_id(2)), names[0])):
                query = WalkQuery(start, direction, None, 1_000)
                ours, theirs = store.walk(query), right.walk(query)
                assert sorted(ours.pems) == sorted(theirs.pems)
                assert set(ours.uses) == set(theirs.uses)
                assert set(ours.produces) == set(theirs.produces)


def test_a_name_does_not_pass_for_the_key_of_a_longer_one(store: Neo4jGraphStore) -> None:
    name = "n" * 5_000
    apply(store, pem(1, produces=[name]))
    (key,) = store._server.read("MATCH (a:_Artifact_a) RETURN a._key") or [None]
    assert isinstance(key, str)
    apply(store, pem(2, uses=[key]))

    assert key != name
    assert not store.walk(WalkQuery(WalkStart((pem_id(2),)), Direction.UPSTREAM, None, 10)).produces
    assert {artifact.name for artifact in store.artifacts()} == {name, key}


# ------------------------------------------------------------------------------------------------ large graphs


def test_forty_layers_of_diamonds_are_walked_once(store: Neo4jGraphStore) -> None:
    width, layers = 10, 40
    apply(
        store,
        *(
            pem(
                layer * width + index + 1,
                at=layer,
                uses=[f"{layer - 1}-{below}" for below in range(width)] if layer else [],
                produces=[f"{layer}-{index}"],
            )
            for layer in range(layers)
            for index in range(width)
        ),
    )
    top, bottom = WalkStart((pem_id(width * layers),)), WalkStart((pem_id(1),))

    up = store.walk(WalkQuery(top, Direction.UPSTREAM, None, 100_000))
    down = store.walk(WalkQuery(bottom, Direction.DOWNSTREAM, None, 100_000))

    for walk in (up, down):
        assert len(walk.pems) == (layers - 1) * width + 1
        assert len(walk.uses) == (layers - 2) * width * width + width
        assert walk.cut_by is None


def test_an_event_with_very_many_effects_is_walked_up_to_the_limit(store: Neo4jGraphStore) -> None:
    many = 5_000
    apply(store, pem(1, at=1, produces=["hub"]))
    users = [
        pem(100 + number, at=2, uses=["hub"], produces=[f"x{number}"], after=[1]) for number in range(many)
    ]
    # The last of them is found earlier on another way.
    users[-1] = pem(99 + many, at=2, uses=["hub", "y"], after=[1])
    apply(store, *users[:-1], pem(50, at=1.5, uses=["hub"], produces=["y"]), users[-1])

    for start in (WalkStart((pem_id(1),)), WalkStart((pem_id(1),), "hub", outside=True)):
        whole = store.walk(WalkQuery(start, Direction.DOWNSTREAM, None, 100_000))
        assert len(whole.pems) == many + 1 + (start.artifact is None)
        for most in (1, 10, 700):
            part = store.walk(WalkQuery(start, Direction.DOWNSTREAM, None, most))
            assert (part.cut_by, part.pems) == ("limit", whole.pems[: len(part.pems)])
            found = {event[0] for event in part.pems}
            assert set(part.uses) == {
                use for use in whole.uses if use[0] in found and (use[2] in found or use[1] == start.artifact)
            }
            assert set(part.predecessors) == {edge for edge in whole.predecessors if found.issuperset(edge)}


# ------------------------------------------------------------------------------------------------ plans

# Reads everything there is of a kind. Some remove what they find first, or look for what no index finds; counting reads
# the store of counts.
_READS_EVERYTHING = re.compile(
    "AllNodesScan|ByLabelScan|IndexScan|TypeScan|IndexContains|IndexEndsWith|^Sort|ByAll"
)
_MAY_READ_EVERYTHING = {
    statement.of("a")
    for statement in (
        *graphs.REMOVE_NODES,
        mends.MARK_AGAIN,
        *checks.COUNT_UNREACHABLE.values(),
        *checks.DELETE_UNREACHABLE.values(),
    )
}
_REPEATED = re.compile(r"\$([a-z_]+)")


def all_statements() -> Iterator[str]:
    """Yield every statement on the graph in its form for one generation."""
    modules = [
        importlib.import_module(f"{statements.__name__}.{found.name}")
        for found in pkgutil.iter_modules(statements.__path__)
    ]
    for name, value in [each for module in modules for each in vars(module).items()]:
        if not name.isupper() or name.startswith("_") or name.endswith("_SCHEMA"):
            continue
        for statement in (
            value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
        ):
            if isinstance(statement, Statement):
                yield from (statement.of("a"), statement.of("a", served=True))
            elif isinstance(statement, str) and not statement.startswith(("SHOW", "CALL")):
                yield statement


def operators(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the operators of a plan."""
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", ()):
        yield from operators(child)


@pytest.mark.parametrize("filled", [False, True])
def test_no_statement_reads_everything_whatever_neo4j_believes_to_be_there(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, filled: bool
) -> None:
    store.checkpoint()  # makes the indexes
    if filled:
        apply(store, *(pem(number, uses=["a", f"b{number}"], after=[number + 1]) for number in range(500)))
    found: dict[str, set[str]] = {}
    with ExitStack() as stack:
        driver = stack.enter_context(neo4j_stores.neo4j.driver())
        session = stack.enter_context(driver.session(database=neo4j_stores.neo4j.database))
        for text in set(all_statements()) - _MAY_READ_EVERYTHING:
            parameters = dict.fromkeys(_REPEATED.findall(text))
            plan = session.run(f"EXPLAIN {text}", parameters).consume().plan
            assert plan is not None
            if bad := set(filter(_READS_EVERYTHING.search, operators(plan))):
                found[text] = bad

    assert found == {}


# ------------------------------------------------------------------------------------------------ the server


def test_a_server_that_writes_in_read_mode_is_not_used(
    store: Neo4jGraphStore, monkeypatch: pytest.MonkeyPatch, neo4j_stores: Neo4jOpener
) -> None:
    monkeypatch.setattr(graphs, "WRITE_IN_READ_MODE", "RETURN 1")  # as if it had written
    given = neo4j_stores.neo4j
    with (
        closing(Neo4jGraphStore(given.uri, user=given.user or "neo4j", password=given.password)) as opened,
        pytest.raises(StoreError, match="READ access mode"),
    ):
        opened.counts()


def test_a_server_that_is_away_is_told_and_used_again_when_it_is_back(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, tcp_proxy: NewTCPProxy
) -> None:
    apply(store, pem(1))
    proxy = tcp_proxy(neo4j_stores.neo4j.uri)
    url = f"bolt://{proxy.address}"
    with closing(Neo4jGraphStore(url, user="me", password=neo4j_stores.neo4j.password or "secret")) as opened:
        proxy.cut()
        for _ in range(2):
            with pytest.raises(StoreError, match=re.escape(proxy.address)) as told:
                opened.probe()
            assert "secret" not in str(told.value)

        proxy.heal()
        assert opened.counts().pems == 1

        proxy.cut()
        with pytest.raises(StoreError):
            opened.counts()
        with pytest.raises(StoreError):
            opened.apply(
                [], expected=opened._asker.current() and Checkpoint(EPOCH, 1), to=Checkpoint(EPOCH, 2)
            )

        proxy.heal()
        apply(opened, pem(2))
        assert store.counts().pems == 2


def test_a_store_is_made_before_its_server_is_there() -> None:
    with (
        closing(Neo4jGraphStore("bolt://127.0.0.1:1", password="secret")) as opened,
        pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as told,
    ):
        opened.checkpoint()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7687", "bolt://", "bolt://host:port", "nonsense", "", "bolt://a b"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Neo4jGraphStore(url)


def test_an_address_is_told_without_its_password() -> None:
    with pytest.raises(SettingsError) as told:
        Neo4jGraphStore("bolt://me:secret@host:7687")
    assert "secret" not in str(told.value)


def test_a_graph_that_was_wiped_under_a_store_begins_anew(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1))
    neo4j_stores._wipe(GRAPH)

    assert (store.counts(), store.checkpoint()) == (GraphCounts(0, 0, 0), Checkpoint())
    apply(store, pem(2))
    assert store.counts().pems == 1


def test_a_graph_whose_checkpoint_was_removed_begins_anew(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1, uses=["a"]))
    values(neo4j_stores, "MATCH (c:Checkpoint) DELETE c")

    assert (store.counts(), store.checkpoint()) == (GraphCounts(0, 0, 0), Checkpoint())
    apply(store, pem(1, uses=["b"]))
    assert eventually(lambda: public_names(neo4j_stores) == [["b"]])
