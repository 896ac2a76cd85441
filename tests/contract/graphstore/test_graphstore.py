"""What every graph store owes, by example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.errors import CheckpointMismatchError
from provgraph.families.artifact.events import artifacts_removed
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import (
    ArtifactFacts,
    Checkpoint,
    Direction,
    GraphCounts,
    GraphStore,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
    View,
    WalkQuery,
    WalkStart,
    project,
)
from tests.contract.builders import at_us, pem, pem_id, recorded, version
from tests.contract.graphstore.stores import EPOCH, apply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.graphstore.stores import Opener


def producers(store: GraphStore) -> dict[str, list[str | None]]:
    """Return for each event the events whose versions it used."""
    return {facts.id: [use.producer for use in facts.uses] for facts in store.pems()}


# ------------------------------------------------------------------------------------------------ checkpoint


def test_a_new_graph_has_followed_nothing(store: GraphStore) -> None:
    assert store.checkpoint() == Checkpoint()
    assert store.counts() == GraphCounts(0, 0, 0)


def test_the_checkpoint_moves_with_the_batch(store: GraphStore) -> None:
    store.apply(project(recorded([pem(1)])), expected=Checkpoint(), to=Checkpoint("e", 17))

    assert store.checkpoint() == Checkpoint("e", 17)


def test_the_same_batch_twice_is_refused_and_changes_nothing(store: GraphStore) -> None:
    batch = project(recorded([pem(1, uses=["a"], produces=["b"], after=[9], Tag="t")]))
    store.apply(batch, expected=Checkpoint(), to=Checkpoint("e", 1))
    digest = store.digest()

    with pytest.raises(CheckpointMismatchError):
        store.apply(batch, expected=Checkpoint(), to=Checkpoint("e", 1))

    assert (store.digest(), store.checkpoint()) == (digest, Checkpoint("e", 1))


@pytest.mark.parametrize(
    "expected", [Checkpoint(), Checkpoint("e", 0), Checkpoint("e", 2), Checkpoint("f", 1)]
)
def test_who_expects_another_checkpoint_changes_nothing(store: GraphStore, expected: Checkpoint) -> None:
    store.apply([], expected=Checkpoint(), to=Checkpoint("e", 1))

    with pytest.raises(CheckpointMismatchError):
        store.apply(project(recorded([pem(1)])), expected=expected, to=Checkpoint("e", 5))

    assert (store.checkpoint(), store.counts().pems) == (Checkpoint("e", 1), 0)


def test_a_batch_that_cannot_be_written_leaves_no_trace(store: GraphStore) -> None:
    apply(store, pem(1, produces=["a"]))
    digest, here = store.digest(), store.checkpoint()
    good, bad = project(recorded([pem(2, uses=["a", "b"])])), project(recorded([pem(3)]))
    bad[0].pems.append((None, 0))  # type: ignore[arg-type] # it is there to fail

    with pytest.raises(AttributeError):
        store.apply([*good, *bad], expected=here, to=Checkpoint(EPOCH, 9))

    assert (store.digest(), store.checkpoint()) == (digest, here)
    apply(store, pem(2, uses=["a", "b"]), pem(4, uses=["b"]))
    assert producers(store)[pem_id(2)] == [pem_id(1), None]


def test_a_graph_opened_again_is_as_it_was(stores: Opener, tmp_path: Path) -> None:
    with stores.at(tmp_path) as store:
        apply(store, pem(1, produces=["a"], after=[7]), tag_set("n", "t", pem_id(1)))
        digest, here = store.digest(), store.checkpoint()

    with stores.at(tmp_path) as store:
        assert (store.digest(), store.checkpoint()) == (digest, here)
        apply(store, pem(2, uses=["a", "b"], Emitter="other"))
        assert producers(store)[pem_id(2)] == [pem_id(1), None]


def test_clearing_removes_everything_the_checkpoint_too(store: GraphStore) -> None:
    empty = store.digest()
    apply(store, pem(2, at=1, uses=["a"]), pem(1, produces=["a"], after=[9], Tag="t"))

    store.clear()

    assert (store.digest(), store.checkpoint()) == (empty, Checkpoint())
    assert (store.counts(), store.resolutions_changed_at()) == (GraphCounts(0, 0, 0), 0)


def test_a_cleared_graph_is_filled_as_a_new_one(stores: Opener, store: GraphStore) -> None:
    events = [pem(1, produces=["a"]), pem(2, at=1, uses=["a"], after=[1, 9])]
    apply(store, pem(5, uses=["z", "a"], Emitter="before"))
    store.clear()
    apply(store, *events)

    with stores.filled(events) as other:
        assert store.digest() == other.digest()


def test_walks_of_a_graph_that_was_cleared_and_filled_again_do_not_mix_it_with_the_one_before(
    store: GraphStore,
) -> None:
    def upstream(number: int) -> list[str]:
        start = WalkStart((pem_id(number),))
        return [pem[0] for pem in store.walk(WalkQuery(start, Direction.UPSTREAM, None, 100)).pems]

    apply(store, pem(1), pem(2, after=[1]), pem(3, after=[2]))
    assert upstream(3) == [pem_id(3), pem_id(2), pem_id(1)]

    store.clear()
    apply(store, pem(6), pem(5, after=[6]), pem(4, after=[5]))

    assert upstream(4) == [pem_id(4), pem_id(5), pem_id(6)]


# ------------------------------------------------------------------------------------------------ nodes


def test_everything_that_a_pem_says_is_in_the_graph(store: GraphStore) -> None:
    event = pem(
        1,
        at=0.25,
        Type="tr\u00e4in",
        Emitter="e",
        TimestampClient="2020-01-01 00:00:00",
        Properties={"b": 1, "a": ["ä"]},
        uses=["in", version("in", "v1"), {"Name": "in2", "Digest": "d"}],
        produces=[{"Name": "out", "Version": "v2", "Digest": "sha", "Kind": "table"}, "also"],
        after=[9, 8],
    )
    apply(store, pem(3), event)

    (facts,) = (facts for facts in store.pems() if facts.id == pem_id(1))
    assert facts == PemFacts(
        pem_id(1),
        "träin",
        "e",
        '{"a":["ä"],"b":1}',
        "2020-01-01 00:00:00",
        1_767_323_045_250_000,
        2,
        2_000_000,
        (pem_id(8), pem_id(9)),
        (UseFacts("in", None, None), UseFacts("in", "v1", None), UseFacts("in2", None, None, digest="d")),
        (ProductionFacts("also", None, None, None), ProductionFacts("out", "v2", "sha", "table")),
    )


def test_a_predecessor_that_is_not_there_is_a_placeholder_until_it_comes(store: GraphStore) -> None:
    apply(store, pem(2, after=[1, 9]))
    assert (store.counts(), list(store.placeholders())) == (
        GraphCounts(1, 0, 2),
        [pem_id(1), pem_id(9)],
    )
    assert store.has_pem(pem_id(1))

    apply(store, pem(1, Type="first"))

    assert (store.counts(), list(store.placeholders())) == (GraphCounts(2, 0, 1), [pem_id(9)])
    assert [(facts.id, facts.type) for facts in store.pems()] == [
        (pem_id(1), "first"),
        (pem_id(2), "train"),
    ]


def test_an_event_that_was_only_named_is_called_unreported_until_it_comes(store: GraphStore) -> None:
    first, second, named = (pem_id(number) for number in (7_001, 7_002, 7_009))

    def asked(query: str) -> list[list[object]]:
        # Other graphs in the same database have nodes of these labels, too.
        given = {"ids": [first, second, named], "first": first}
        return [list(row) for row in store.cypher(query, given).rows]

    apply(store, pem(7_001, after=[7_009], Tag="t"), pem(7_002, after=[7_001]))

    assert asked("MATCH (p:PEM) WHERE p.rk_id IN $ids RETURN count(p)") == [[2]] == [[store.counts().pems]]
    unreported = "MATCH (u:Unreported) WHERE u.rk_id IN $ids RETURN u.rk_id, u.position, u.type"
    assert asked(unreported) == [[named, None, None]]
    hop = "MATCH (p:PEM {rk_id: $first})-[:PREDECESSOR]->"
    assert asked(hop + "(q:Unreported) RETURN q.rk_id") == [[named]]
    assert asked(hop + "(q:PEM) RETURN q.rk_id") == []
    assert asked(hop + "(q) RETURN q.rk_id, labels(q)") == [[named, ["Unreported"]]]

    apply(store, pem(7_009))

    assert asked("MATCH (p:PEM) WHERE p.rk_id IN $ids RETURN count(p)") == [[3]]
    assert asked(unreported) == []
    assert asked(hop + "(q:PEM) RETURN labels(q)") == [[["PEM"]]]
    assert list(store.flaws()) == []


def test_the_first_properties_that_are_not_empty_stay(store: GraphStore) -> None:
    def stated(number: int, **properties: int) -> object:
        return pem(number, uses=[{"Name": "a", "Properties": properties}])

    apply(store, pem(1, uses=["a"]))
    apply(store, pem(2, uses=["a"]), pem(3, produces=[{"Name": "a", "Properties": {"x": 1}}]))
    apply(store, pem(4, uses=[{"Name": "a", "Properties": {"x": 2}}]), pem(5, uses=["a"]))

    assert [(artifact.properties, artifact.described) for artifact in store.artifacts()] == [('{"x":1}', 3)]


def test_an_artifact_is_known_since_the_earliest_event_and_since_the_first_one_recorded(
    store: GraphStore,
) -> None:
    apply(store, pem(1, at=5, uses=["a"]), pem(2, at=4, produces=["a"]), pem(3, at=6, uses=["a"]))
    apply(store, pem(4, at=3, uses=["a"]), pem(5, at=9, uses=["a"]))

    assert [(artifact.since_us, artifact.since) for artifact in store.artifacts()] == [(at_us(3), 1)]


def test_an_artifact_was_created_when_it_was_first_recorded_or_as_stated_then(store: GraphStore) -> None:
    apply(store, pem(1, uses=["a", {"Name": "b", "CreatedAt": "2020-01-01 00:00:00"}]))
    apply(store, pem(2, uses=[{"Name": "a", "CreatedAt": "2020-01-01 00:00:00"}, "b"]))

    assert list(store.artifacts()) == [
        ArtifactFacts("a", "{}", "1970-01-01 00:00:01", at_us(0), 1, 0),
        ArtifactFacts("b", "{}", "2020-01-01 00:00:00", at_us(0), 1, 0),
    ]


def test_a_tag_marks_the_event_that_had_it_last(store: GraphStore) -> None:
    apply(store, pem(1, Tag="latest", TagNamespace="n"), pem(2, Tag="latest"), pem(3))
    apply(store, tag_set("n", "latest", pem_id(3)), pem(4, Tag="other"), tag_set("", "other", pem_id(1)))

    assert list(store.tags()) == [
        TagFacts("", "latest", pem_id(2), at_us(0), 2),
        TagFacts("", "other", pem_id(4), at_us(0), 5),
        TagFacts("", "other", pem_id(1), 6_000_000, 6),
        TagFacts("n", "latest", pem_id(1), at_us(0), 1),
        TagFacts("n", "latest", pem_id(3), 4_000_000, 4),
    ]
    now = store.tag_states(View(6), after=("", ""), limit=10)
    assert [tag.pem_id for tag in now] == [pem_id(2), pem_id(1), pem_id(3)]


def test_scans_are_ordered_by_code_points_also_across_their_chunks(store: GraphStore) -> None:
    names = [f"{letter}{number}" for letter in "aZÄ\U0001f600\ufffd" for number in range(500)]
    apply(
        store,
        *(pem(3 * number + 1, uses=[name], after=[3 * number]) for number, name in enumerate(names)),
    )

    assert [artifact.name for artifact in store.artifacts()] == sorted(names)
    assert [facts.id for facts in store.pems()] == [pem_id(3 * number + 1) for number in range(2_500)]
    assert list(store.placeholders()) == [pem_id(3 * number) for number in range(2_500)]


def test_what_is_there_is_told_from_what_is_not(store: GraphStore) -> None:
    apply(store, pem(1, uses=["a"]))

    assert (store.has_pem(pem_id(1)), store.has_pem(pem_id(2))) == (True, False)
    assert (store.has_artifact("a"), store.has_artifact("A")) == (True, False)


def test_families_that_do_not_show_in_the_graph_move_the_checkpoint_alone(store: GraphStore) -> None:
    digest = store.digest()

    apply(store, *[tag_set("n", "t", pem_id(1))] * 0)
    store.apply([], expected=store.checkpoint(), to=Checkpoint(EPOCH, 5))

    assert (store.digest(), store.checkpoint()) == (digest, Checkpoint(EPOCH, 5))


def test_the_digest_of_lineage_does_not_know_the_order_of_arrival_and_that_of_content_does(
    stores: Opener,
) -> None:
    events = [pem(1, produces=["a"]), pem(2, uses=["a"])]

    with stores.filled(events) as one, stores.filled(events[::-1]) as other:
        assert one.digest().lineage == other.digest().lineage
        assert one.digest().content != other.digest().content


@pytest.mark.parametrize(
    "changed",
    [
        pem(1, at=1, uses=["a"], produces=["b"], after=[9]),
        pem(1, uses=["c"], produces=["b"], after=[9]),
        pem(1, uses=[version("a", "v")], produces=["b"], after=[9]),
        pem(1, uses=["a"], produces=[version("b", "v")], after=[9]),
        pem(1, uses=["a"], produces=[{"Name": "b", "Digest": "d"}], after=[9]),
        pem(1, uses=["a"], produces=["b"], after=[8]),
        pem(1, uses=["a"], produces=["b"], after=[9], Type="other"),
        pem(1, uses=["a"], produces=["b"], after=[9], Emitter="other"),
        pem(1, uses=["a"], produces=["b"], after=[9], Properties={"x": 1}),
    ],
)
def test_a_digest_tells_different_graphs_apart(stores: Opener, changed: object) -> None:
    with (
        stores.filled([pem(1, uses=["a"], produces=["b"], after=[9])]) as one,
        stores.filled([changed]) as other,  # type: ignore[list-item] # parametrize forgets the type
    ):
        assert one.digest().lineage != other.digest().lineage


# ------------------------------------------------------------------------------------------------ versions


def test_a_use_sees_the_latest_version_before_it(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a"]),
        pem(2, at=2, produces=["a"]),
        pem(3, at=2.5, uses=["a"]),
        pem(4, at=3, produces=["a"]),
    )

    assert producers(store)[pem_id(3)] == [pem_id(2)]


def test_ties_in_time_are_decided_by_the_event_id(store: GraphStore) -> None:
    apply(store, *(pem(number, produces=["a"]) for number in (5, 1, 3)), pem(4, uses=["a"]))

    assert producers(store)[pem_id(4)] == [pem_id(3)]
    assert store.versions("a") == [pem_id(5), pem_id(3), pem_id(1)]


def test_a_late_event_changes_what_older_uses_see(store: GraphStore) -> None:
    apply(store, pem(5, at=5, uses=["a"]))
    seen = [producers(store)[pem_id(5)]]
    for number, at in ((9, 9), (7, 7), (1, 1), (3, 3), (2, 2), (6, 6)):
        apply(store, pem(number, at=at, produces=["a"]))
        seen.append(producers(store)[pem_id(5)])

    assert seen == [[None if number is None else pem_id(number)] for number in (None, 9, 7, 1, 3, 3, 3)]


def test_an_event_does_not_use_its_own_version(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a"]),
        pem(2, at=2, uses=["a"], produces=["a"]),
        pem(3, at=3, uses=["a"]),
    )

    assert producers(store) == {pem_id(1): [], pem_id(2): [pem_id(1)], pem_id(3): [pem_id(2)]}


@pytest.mark.parametrize("together", [True, False])
def test_the_first_update_of_an_artifact_used_what_came_from_outside(
    store: GraphStore, together: bool
) -> None:
    updates = [pem(number, at=number, uses=["a"], produces=["a"]) for number in (1, 2)]
    for batch in [updates] if together else [[update] for update in updates]:
        apply(store, *batch)

    assert producers(store) == {pem_id(1): [None], pem_id(2): [pem_id(1)]}


def test_a_use_may_name_its_version_by_label_or_by_event(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=[version("a", "v1")]),
        pem(2, at=2, produces=[version("a", "v2")]),
        pem(3, at=3, produces=["a"]),
        pem(4, at=4, uses=["a", version("a", "v1"), version("a", 2), version("a", "v9")]),
    )

    (facts,) = (facts for facts in store.pems() if facts.id == pem_id(4))
    assert facts.uses == (
        UseFacts("a", None, pem_id(3)),
        UseFacts("a", pem_id(2), pem_id(2)),
        UseFacts("a", "v1", pem_id(1)),
        UseFacts("a", "v9", None),
    )


def test_a_label_that_is_a_uuid_is_found_in_any_spelling(store: GraphStore) -> None:
    dashed = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
    apply(store, pem(1, produces=[version("a", dashed)]), pem(2, produces=["a"]))
    apply(store, pem(3, uses=[version("a", dashed.lower().replace("-", ""))]))

    assert producers(store)[pem_id(3)] == [pem_id(1)]
    assert store.versions("a", version=dashed) == [pem_id(1)]


def test_one_version_named_in_two_spellings_is_one_use(store: GraphStore) -> None:
    dashed = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
    apply(store, pem(1, uses=[version("a", dashed), version("a", dashed.lower())]))

    assert producers(store)[pem_id(1)] == [None]


def test_versions_are_told_by_label_by_event_and_up_to_a_limit(store: GraphStore) -> None:
    apply(
        store,
        *(pem(number, at=number, produces=[version("a", "v" + str(number % 2))]) for number in range(1, 6)),
    )

    assert store.versions("a", limit=2) == [pem_id(5), pem_id(4)]
    assert store.versions("a", version="v0") == [pem_id(4), pem_id(2)]
    assert store.versions("a", version="v1", limit=1) == [pem_id(5)]
    assert store.versions("a", version=pem_id(3)) == [pem_id(3)]
    assert store.versions("a", version="v") == store.versions("b") == []


def test_a_late_event_is_noted(store: GraphStore) -> None:
    apply(store, pem(1, at=1, produces=["a"]), pem(5, at=5, uses=["a"], after=[8]))
    assert store.resolutions_changed_at() == 0

    apply(store, pem(6, at=6, produces=["a"]))
    assert store.resolutions_changed_at() == 0

    apply(store, pem(3, at=3, produces=["a"]))
    assert store.resolutions_changed_at() == store.checkpoint().position

    apply(store, pem(8))  # was a placeholder
    assert store.resolutions_changed_at() == store.checkpoint().position


# ------------------------------------------------------------------------------------------------ removal


def test_only_artifacts_that_nothing_is_connected_to_are_removed(store: GraphStore) -> None:
    apply(store, pem(1, at=1, uses=["outside"], produces=["made"]), pem(2, at=2, uses=["made"]))
    digest = store.digest()

    apply(store, artifacts_removed(["outside", "made", "never there"], report_id=pem_id(1)))

    assert store.digest() == digest
    assert store.unconnected_artifacts() == []


def test_a_removal_is_applied_between_the_events_before_and_behind_it(store: GraphStore) -> None:
    apply(store, artifacts_removed(["a"], report_id=pem_id(1)), pem(1, uses=["a"]))

    assert store.has_artifact("a")


# ------------------------------------------------------------------------------------------------ generations


def test_there_is_no_next_generation_until_one_is_begun(store: GraphStore) -> None:
    assert not store.has_next_generation()

    store.next_generation()

    assert store.has_next_generation()


def test_the_next_generation_is_built_beside_the_served_one(store: GraphStore) -> None:
    apply(store, pem(1))

    apply(store.next_generation(), pem(1), pem(2))

    assert (store.counts().pems, store.next_generation().counts().pems) == (1, 2)


def test_a_switch_serves_the_next_generation(store: GraphStore) -> None:
    apply(store, pem(1))
    following = store.next_generation()
    apply(following, pem(2), pem(3))
    digest, here = following.digest(), following.checkpoint()

    store.switch()

    assert (store.digest(), store.checkpoint()) == (digest, here)
    assert not store.has_next_generation()
    apply(store, pem(4))
    assert store.counts().pems == 3


def test_the_next_generation_survives_a_restart_and_so_does_the_switch(
    stores: Opener, tmp_path: Path
) -> None:
    with stores.at(tmp_path) as store:
        apply(store, pem(1))
        apply(store.next_generation(), pem(2), pem(3))

    with stores.at(tmp_path) as store:
        assert store.has_next_generation()
        assert (store.counts().pems, store.next_generation().counts().pems) == (1, 2)
        store.switch()

    with stores.at(tmp_path) as store:
        assert store.counts().pems == 2
        assert not store.has_next_generation()


def test_a_dropped_generation_is_begun_from_nothing(store: GraphStore) -> None:
    apply(store, pem(1))
    apply(store.next_generation(), pem(2), pem(3))

    store.drop_next_generation()

    assert not store.has_next_generation()
    assert store.counts().pems == 1
    assert store.next_generation().checkpoint() == Checkpoint()


def test_dropping_nothing_is_fine(store: GraphStore) -> None:
    apply(store, pem(1))

    store.drop_next_generation()

    assert store.counts().pems == 1


def test_who_reads_during_a_switch_reads_the_generation_before_to_its_end(store: GraphStore) -> None:
    apply(store, *(pem(number) for number in range(3_000)))
    apply(store.next_generation(), pem(5_000))
    scan = store.pems()
    read = [next(scan).id]

    store.switch()

    assert store.counts().pems == 1
    read += [facts.id for facts in scan]
    assert read == [pem_id(number) for number in range(3_000)]


def test_generations_may_follow_each_other(store: GraphStore) -> None:
    for number in range(1, 4):
        apply(store.next_generation(), *(pem(event) for event in range(number)))
        store.switch()

        assert store.counts().pems == number


def test_a_graph_takes_room_or_does_not_know(store: GraphStore) -> None:
    apply(store, pem(1, uses=["a"]))

    assert store.stored_bytes() is None or (store.stored_bytes() or 0) > 0
