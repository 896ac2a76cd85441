"""Any order of arrival, any batching, any repeats: the graph that the set of events makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.eventlog import InMemoryEventLog
from provgraph.graphstore import Checkpoint, GraphDigest, project
from tests.contract.graphstore.history import Made, Reference, histories
from tests.contract.graphstore.stores import EPOCH, apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Opener


def follow(store: GraphStore, log: InMemoryEventLog, sizes: Sequence[int]) -> GraphDigest:
    """Let a store follow a log in batches of the given sizes, and then to its end."""
    for size in (*sizes, 1_000):
        here = store.checkpoint()
        events = log.read(after=here.position, limit=size)
        if events:
            store.apply(project(events), expected=here, to=Checkpoint(EPOCH, events[-1].position))
    return store.digest()


def shape(store: GraphStore) -> object:
    """Return what depends on the set of events alone, in plain types."""
    return (
        {
            facts.id: (facts.occurred_us, list(facts.predecessors), facts.uses, facts.produces)
            for facts in store.pems()
        },
        [artifact.name for artifact in store.artifacts()],
        list(store.placeholders()),
    )


def expected(history: Sequence[Made]) -> object:
    """Return the same from the set of events."""
    reference = Reference(history)
    pems = {
        made.id: (
            made.event().content.occurred_us,  # type: ignore[attr-defined] # it is a Pem
            sorted(Made(number, 0).id for number in made.after),
            reference.uses(made),
            reference.produces(made),
        )
        for made in history
    }
    return pems, reference.artifacts(), reference.placeholders()


@settings(max_examples=examples(25))
@given(histories(), st.data())
def test_the_graph_is_what_the_set_of_events_makes_it(stores: Opener, history: list[Made], data: Any) -> None:
    arrival = data.draw(st.permutations(history))
    cuts = data.draw(st.lists(st.integers(1, 3), max_size=7))
    log = InMemoryEventLog()
    log.append([made.event() for made in arrival])

    with stores.empty() as store:
        follow(store, log, cuts)

        assert shape(store) == expected(history)


@settings(max_examples=examples(12))
@given(histories(), st.data())
def test_any_order_any_batching_and_any_repeats_give_one_digest(
    stores: Opener, history: list[Made], data: Any
) -> None:
    digests = set()
    for _ in range(2):
        arrival = data.draw(st.permutations(history))
        repeats = data.draw(st.lists(st.sampled_from(history), max_size=4)) if history else []
        log = InMemoryEventLog()
        for made in [*arrival, *repeats]:
            log.append([made.event()])
        with stores.empty() as store:
            digests.add(follow(store, log, data.draw(st.lists(st.integers(1, 3), max_size=7))).lineage)

    assert len(digests) == 1


@settings(max_examples=examples(12))
@given(histories(), st.lists(st.integers(1, 3), max_size=7))
def test_one_log_gives_one_content_in_any_batching(
    stores: Opener, history: list[Made], cuts: list[int]
) -> None:
    log = InMemoryEventLog()
    log.append([made.event() for made in history])

    with stores.empty() as one, stores.empty() as other:
        assert follow(one, log, []) == follow(other, log, cuts)


@settings(max_examples=examples(12))
@given(histories())
def test_who_produced_an_artifact_is_told_the_latest_first(stores: Opener, history: list[Made]) -> None:
    reference = Reference(history)

    with stores.filled([made.event() for made in history]) as store:
        for name in "ab":
            assert store.versions(name) == reference.versions(name)


@settings(max_examples=examples(15))
@given(histories(), st.data())
def test_a_late_event_is_noted_when_it_changes_what_older_events_say(
    stores: Opener, history: list[Made], data: Any
) -> None:
    arrival = data.draw(st.permutations(history))

    with stores.empty() as store:
        noted_until = 0
        for index, made in enumerate(arrival):
            before, after = expected(arrival[:index]), expected(arrival[: index + 1])
            apply(store, made.event())
            changed_at = store.resolutions_changed_at()
            if _changes_what_was_there(before, after):
                assert changed_at == store.checkpoint().position
                noted_until = changed_at
            else:
                assert changed_at == noted_until


def _changes_what_was_there(before: Any, after: Any) -> bool:
    pems_before, _, placeholders_before = before
    pems_after, _, placeholders_after = after
    return any(pems_after[id_] != facts for id_, facts in pems_before.items()) or not set(
        placeholders_before
    ) <= set(placeholders_after)
