"""Generations: a graph that is built beside the one that is served."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import StoreError
from provgraph.graphstore import (
    Checkpoint,
    Corrections,
    Direction,
    GraphCounts,
    TagFacts,
    WalkQuery,
    WalkStart,
)
from provgraph.graphstore.neo4j import Neo4jGraphStore, generations
from provgraph.graphstore.neo4j.generations import GRAPH, Generations
from provgraph.graphstore.neo4j.server import Server
from provgraph.graphstore.neo4j.statements.statement import FORMAT
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.neo4j.helpers import eventually, public_names, values
from tests.contract.graphstore.stores import apply
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.graphstore.stores import Neo4jOpener


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
    assert values(neo4j_stores, "MATCH (p:PEM) RETURN count(p), count(p.position)") == [[3, 3]]
    assert values(neo4j_stores, "MATCH (p:Unreported) RETURN p.rk_id, p.position") == [[pem_id(2), None]]
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

    def fail_later(server: Server, work: Any, *, graph: str) -> Any:
        left[0] -= 1
        if left[0] < 0:
            store._generations._closing.set()
            raise StoreError("killed")
        return writes(server, work, graph=graph)

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
    for _ in range(quick_or_long(4, 40)):
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
        [TagFacts("", "t", "", at_us(0), 2)],  # neither where it points nor where it was moved
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


@pytest.fixture
def asking(neo4j_stores: Neo4jOpener) -> Iterator[Generations]:
    """The generations as another process sees them, which tidies them too."""
    with closing(Generations(neo4j_stores.server, GRAPH)) as found:
        yield found


def test_who_asks_during_switches_sees_whole_states(store: Neo4jGraphStore, asking: Generations) -> None:
    store.checkpoint()
    done = threading.Event()
    seen = []

    def ask() -> None:
        while not done.is_set():
            seen.append(asking.state())

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(quick_or_long(6, 60)):
            store.next_generation()
            store.switch()
    finally:
        done.set()
        for asker in askers:
            asker.join()

    tokens: dict[str, str] = {}
    for state in seen:
        for generation in filter(None, (state.served, state.next)):
            assert generation.letter in GRAPH.letters
            assert tokens.setdefault(generation.token, generation.letter) == generation.letter
        assert state.next != state.served


@pytest.mark.parametrize("letter", [None, "b"])
def test_what_was_next_is_not_so_any_more_once_it_is_served(
    store: Neo4jGraphStore,
    asking: Generations,
    neo4j_stores: Neo4jOpener,
    monkeypatch: pytest.MonkeyPatch,
    letter: str | None,
) -> None:
    store.checkpoint()
    asking.state()
    asking.close()  # nobody tidies by what is made up here
    # What Neo4j answers when a switch comes between two looks at the same node.
    monkeypatch.setattr(neo4j_stores.server, "read", lambda *_, **__: ["b", "token", letter, "token", False])

    assert asking.state().next is None
    assert asking.state().served.letter == "b"
