"""Events of one moment: one that names another as its predecessor comes after it, whatever their ids and arrival."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.graphstore import PemFacts, View
from provgraph.lineage.gaps import Gaps, gaps
from provgraph.lineage.impact import Impact, impact
from provgraph.lineage.past import ReorderedError, check, look_back
from provgraph.lineage.state import diff, state
from provgraph.lineage.trace import Trace, trace
from provgraph.lineage.why import Why, why
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import NewEvent
    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Opener

# Yesterday's table; and in one second, what made today's (9) and what used it (2). By their ids they are the wrong way
# round.
YESTERDAY = pem(5, at=-86_400, produces=["table"])
MADE = pem(9, at=0, produces=["table"])
USED = pem(2, at=0, uses=["table"], produces=["report"], after=[9])


def facts(store: GraphStore, number: int) -> PemFacts:
    (found,) = store.events([pem_id(number)])
    return found


def producer(store: GraphStore, number: int) -> str | None:
    """Return which version of the one artifact that it used an event used."""
    (use,) = facts(store, number).uses
    return use.producer


def batches(events: Sequence[NewEvent], size: int) -> list[Sequence[NewEvent]]:
    """Cut events into batches."""
    return [events[begin : begin + size] for begin in range(0, len(events), size)]


@pytest.mark.parametrize("arrival", list(itertools.permutations([YESTERDAY, MADE, USED])))
@pytest.mark.parametrize("batch", [1, 3])
def test_what_follows_another_event_in_its_second_uses_what_that_made(
    stores: Opener, arrival: Sequence[NewEvent], batch: int
) -> None:
    with stores.filled(*batches(arrival, batch)) as store:
        answer = why(store, Why(pem_id(2)))
        upstream = trace(store, Trace(pem_id(2)))

        assert producer(store, 2) == pem_id(9)
        assert store.versions("table") == [pem_id(9), pem_id(5)]

    (used,) = answer["steps"][0]["used"]
    assert (used["version"]["event"], used.get("out_of_order")) == (pem_id(9), None)
    assert {edge.get("version") for edge in upstream["edges"] if edge["type"] == "USES"} == {pem_id(9)}


def test_across_different_times_the_clock_alone_decides(stores: Opener) -> None:
    late = pem(2, at=0, uses=["table"], after=[9])
    with stores.filled(
        [pem(9, at=0.000001, produces=["table"]), pem(5, at=-1, produces=["table"]), late]
    ) as store:
        assert producer(store, 2) == pem_id(5)
        assert facts(store, 2).rank == 0


def test_the_longest_chain_counts_and_the_chain_goes_on_through_events_that_name_no_artifact(
    stores: Opener,
) -> None:
    events = [
        pem(3, at=0, after=[9]),
        pem(1, at=0, uses=["table"], after=[3]),
        pem(2, at=0, uses=["table"], after=[8, 9]),
    ]
    with stores.filled([YESTERDAY, *events], [MADE]) as store:
        assert [facts(store, number).rank for number in (9, 3, 1, 2)] == [0, 1, 2, 1]
        assert [producer(store, number) for number in (1, 2)] == [pem_id(9), pem_id(9)]


def test_a_circle_counts_as_0_and_what_follows_it_comes_after_all_of_it(stores: Opener) -> None:
    circle = [
        pem(8, at=0, produces=["a"], after=[9]),
        pem(9, at=0, produces=["a"], after=[7]),
        pem(7, at=0, after=[8]),
    ]
    user = pem(1, at=0, uses=["a"], after=[8])
    for arrival in ([*circle, user], [user, *circle[::-1]]):
        with stores.filled(*batches(arrival, 1)) as store:
            assert [facts(store, number).rank for number in (7, 8, 9, 1)] == [0, 0, 0, 1]
            assert producer(store, 1) == pem_id(9)


def test_uses_of_later_moments_move_when_the_last_version_of_a_moment_is_another_one(stores: Opener) -> None:
    early = [pem(9, at=0, produces=["a"]), pem(1, at=0, produces=["a"], after=[4]), pem(6, at=1, uses=["a"])]
    with stores.filled(early) as store:
        before = producer(store, 6)
        changed = store.resolutions_changed_at()
        position = apply(store, pem(4, at=0, after=[9])).position

        assert (before, producer(store, 6)) == (pem_id(9), pem_id(1))
        assert (changed, store.resolutions_changed_at()) == (0, position)


def test_a_use_that_names_a_label_follows_as_well(stores: Opener) -> None:
    made = [pem(9, at=0, produces=[version("a", "v")]), pem(5, at=-1, produces=[version("a", "v")])]
    user = pem(2, at=0, uses=[version("a", "v"), version("a", 5)], after=[3])
    with stores.filled([*made, user]) as store:
        before = [use.producer for use in facts(store, 2).uses]
        apply(store, pem(3, at=0, after=[9]))
        after = [use.producer for use in facts(store, 2).uses]

    assert (before, after) == ([pem_id(5), pem_id(5)], [pem_id(5), pem_id(9)])


def test_a_view_of_the_past_has_the_order_of_its_own_events(stores: Opener) -> None:
    before = View(3)  # 4 is not there: nothing says that 2 comes after 9
    events = [YESTERDAY, MADE, pem(2, at=0, uses=["table"], produces=["report"], after=[4])]
    with stores.filled(events, [pem(4, at=0, after=[9])]) as store:
        then: dict[str, Any] = {"known_at": before.position}
        assert sorted(store.unsettled(before)) == [pem_id(2)]
        assert store.unsettled(View(4)) == []

        assert producer(store, 2) == pem_id(9)
        (used,) = why(store, Why(pem_id(2), **then))["steps"][0]["used"]
        assert used["version"]["event"] == pem_id(5)
        (used,) = why(store, Why(pem_id(2)))["steps"][0]["used"]
        assert used["version"]["event"] == pem_id(9)
        affected = {number: _affected(store, number, then) for number in (5, 9)}
        assert affected == {5: [pem_id(2)], 9: []}
        assert {number: _affected(store, number, {}) for number in (5, 9)} == {
            5: [],
            9: [pem_id(2), pem_id(4)],
        }


def _affected(store: GraphStore, number: int, when: dict[str, Any]) -> list[str]:
    return sorted(item["event"] for item in impact(store, Impact(pem_id(number), **when)).items)


def test_state_diff_and_gaps_have_the_order_of_the_past(stores: Opener) -> None:
    made = [
        pem(9, at=0, produces=[{"Name": "a", "Properties": {"by": 9}}]),
        pem(1, at=0, produces=[{"Name": "a", "Properties": {"by": 1}}], after=[4]),
        pem(3, at=0, uses=["b"], after=[4]),
        pem(8, at=0, produces=["b"]),
    ]
    with stores.filled(made, [pem(4, at=0, after=[9, 8])]) as store:
        then, now = View(4), View(5)
        shown = {
            position: {
                each["artifact"]: each["properties"] for each in state(store, known_at=position)["artifacts"]
            }
            for position in (4, 5)
        }
        (change,) = diff(store, then, now)["changes"]
        gaps_then, gaps_now = (gaps(store, Gaps(known_at=view.position)) for view in (then, now))

    assert shown == {4: {"a": {"by": 9}, "b": {}}, 5: {"a": {"by": 1}, "b": {}}}
    assert (change["before"]["version"]["event"], change["after"]["version"]["event"]) == (
        pem_id(9),
        pem_id(1),
    )
    assert [item["event"] for item in gaps_then["out_of_order"]["items"]] == [pem_id(3)]
    assert gaps_now["out_of_order"]["items"] == []


def test_an_answer_is_not_made_of_two_orders(store: GraphStore) -> None:
    apply(store, YESTERDAY, MADE, pem(2, at=0, uses=["table"], after=[4]))
    past = look_back(store)
    check(store, past)
    apply(store, pem(7, at=0))
    check(store, past)  # nothing that counts stands elsewhere

    apply(store, pem(4, at=0, after=[9]))

    with pytest.raises(ReorderedError):
        check(store, past)
    assert look_back(store, known_at=past.view.position).order.moved.keys() == {pem_id(2)}


def test_a_question_is_asked_again_when_the_order_changes_meanwhile(store: GraphStore) -> None:
    apply(store, YESTERDAY, MADE, pem(2, at=0, uses=["table"], after=[4]))
    events, late = store.events, [pem(4, at=0, after=[9])]

    def read_while_one_arrives(ids: Sequence[str]) -> list[PemFacts]:
        found = events(ids)
        if late:
            apply(store, late.pop())
        return found

    store.events = read_while_one_arrives  # type: ignore[method-assign] # a reader that somebody comes between
    answer = why(store, Why(pem_id(2)))

    (used,) = answer["steps"][0]["used"]
    assert (answer["position"], used["version"]["event"]) == (4, pem_id(9))


@pytest.mark.parametrize("turn", [1, -1])
def test_a_chain_of_a_thousand_events_in_one_moment_is_in_order(stores: Opener, turn: int) -> None:
    count = 1_000
    numbers = list(range(count + 5, 5, -1))  # ids against the chain
    chain = [
        pem(number, at=0, uses=["a"], produces=["a"], after=numbers[index - 1 : index] if index else [])
        for index, number in enumerate(numbers)
    ]
    with stores.filled(*batches(chain[::turn], 300)) as store:
        assert store.versions("a", limit=2) == [pem_id(6), pem_id(7)]
        assert [facts(store, number).rank for number in (numbers[0], numbers[1], 6)] == [0, 1, count - 1]
        assert [producer(store, number) for number in numbers] == [None, *map(pem_id, numbers[:-1])]
        moved = store.resolutions_changed_at()

    # In the order of the chain nothing that was written is touched again.
    assert (moved == 0) == (turn == 1)


@pytest.mark.parametrize("turn", [1, -1])
def test_many_chains_that_meet_again_and_again_are_in_order(stores: Opener, turn: int) -> None:
    levels, width = 24, 3  # more chains from the first to the last than anybody can walk one by one
    web = [
        pem(
            number,
            at=0,
            uses=["a"],
            produces=["a"] if number % width == 0 else [],
            after=list(range(number - number % width - width, number - number % width))
            if number >= 2 * width
            else [],
        )
        for number in range(width, (levels + 1) * width)
    ]
    with stores.filled(*batches(web[::turn], 7)) as store:
        ranks = [facts(store, number).rank for number in range(width, (levels + 1) * width)]
        late = store.unsettled(View(levels * width - 1))

    assert ranks == [number // width - 1 for number in range(width, (levels + 1) * width)]
    assert len(late) == (0 if turn == 1 else width * (levels - 1))


def test_times_in_ids_count_and_whole_seconds_begin_their_second(stores: Opener) -> None:
    """What occurred later by the time in its id is not of the same moment, though both state the same second."""
    exact = "b2a8e620e78711f08000000000000001"  # a version-1 UUID of 2026-01-02T03:04:05.25Z
    second: dict[str, Any] = {"OccurredAt": None, "TimestampClient": "2026-01-02 03:04:05"}
    made = pem(9, produces=["a"], **second, ID=exact)
    with stores.filled([made, pem(2, uses=["a"], **second, Predecessors=[exact])]) as store:
        (its,) = store.events([exact])
        (use,) = facts(store, 2).uses
        (gap,) = gaps(store, Gaps())["out_of_order"]["items"]

    assert its.occurred_us == at_us(0.25)
    assert (use.producer, facts_of_gap(gap)) == (exact, (pem_id(2), 0.25))


def facts_of_gap(gap: dict[str, Any]) -> tuple[str, float]:
    return gap["event"], gap["seconds_early"]
