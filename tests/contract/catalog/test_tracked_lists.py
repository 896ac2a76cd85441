"""Lists of tracked work that is changed while they are read, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.tracking import GroupFilter, Listing, ObjectFilter, Save
from tests.contract.catalog.tracked import KIND, Script, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.catalog.stores import Stores

    Page = Callable[[int], tuple[list[dict[str, Any]], int | None]]


def saved(script: Script, name: str, **values: Any) -> str:
    done = script.tracker.save(command(), [Save(KIND, {"name": name, **values})], upsert=True)
    return str(done.answer["objects"][0]["id"])


def pages(page: Page) -> Iterator[list[str]]:
    """Yield the ids on one page after the other."""
    following: int | None = 0
    while following is not None:
        found, following = page(following)
        yield [one["id"] for one in found]


def test_an_object_that_is_saved_meanwhile_is_listed_once(script: Script) -> None:
    ids = [saved(script, name) for name in "abcdef"]
    listed: list[str] = []
    wanted = ObjectFilter(KIND, "main")

    for number, page in enumerate(pages(lambda after: script.work.objects(wanted, after=after, limit=2))):
        listed += page
        saved(script, "a", changed=number)
        saved(script, "f", changed=number)

    assert listed == ids


def test_what_is_made_meanwhile_comes_last(script: Script) -> None:
    ids = [saved(script, name) for name in "abc"]
    listed: list[str] = []

    for page in pages(lambda after: script.work.objects(ObjectFilter(KIND, "main"), after=after, limit=2)):
        listed += page
        ids += [saved(script, "new")] if len(ids) == 3 else []

    assert listed == ids


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 4),
    changes=st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=3), max_size=8),
)
def test_each_object_that_is_there_all_the_time_is_listed_once(
    script: Script, limit: int, changes: list[list[tuple[bool, int]]]
) -> None:
    kind = f"Kind{command().request}"
    ids: dict[int, str] = {}

    def save(number: int, **values: Any) -> None:
        done = script.tracker.save(command(), [Save(kind, {"name": str(number), **values})], upsert=True)
        ids[number] = done.answer["objects"][0]["id"]

    for number in range(6):
        save(number)
    stable, retired = set(ids.values()), set()
    listed: list[str] = []
    steps = iter(changes)
    for page in pages(
        lambda after: script.work.objects(ObjectFilter(kind, "main"), after=after, limit=limit)
    ):
        listed += page
        for is_retired, number in next(steps, []):
            if is_retired and number in ids:
                script.tracker.retire(command(), [ids[number]])
                retired.add(ids.pop(number))
            else:
                save(number, change=len(listed))

    assert len(listed) == len(set(listed))
    assert stable - retired <= set(listed)


def test_a_group_that_is_written_meanwhile_is_listed_once(stores: Stores, script: Script) -> None:
    groups = [Script(stores, identifier=f"S{number}").once("x")["group"] for number in range(5)]
    listed: list[str] = []

    def page(after: int) -> Any:
        return script.work.groups(GroupFilter(), after=after, limit=2, with_members=False)

    for found in pages(page):
        listed += found
        Script(stores, identifier="S0").once("x", "y")

    assert listed == groups


def test_a_retired_object_that_is_changed_no_more_keeps_its_place(script: Script) -> None:
    ids = [saved(script, name) for name in "abc"]
    for id_ in reversed(ids):
        script.tracker.retire(command(), [id_])

    found, _ = script.work.objects(ObjectFilter(KIND, "main", live=False), after=0, limit=10)

    assert [one["id"] for one in found] == ids


def test_pages_of_infrahubs_lists_are_in_the_same_order(script: Script) -> None:
    ids = [saved(script, name) for name in "abcd"]
    first = script.reads.page_of_kinds(branch="main", kinds=[KIND], offset=0, limit=2)
    saved(script, "a", changed=True)
    saved(script, "e")

    second = script.reads.page_of_kinds(branch="main", kinds=[KIND], offset=2, limit=2)

    assert [one.state.id for one in (*first, *second)] == ids


def test_an_object_keeps_its_place_when_a_group_lists_it_and_when_it_comes_back(script: Script) -> None:
    ids = [saved(script, name) for name in "abc"]
    run = script.open()
    script.tracker.retire(command(), [ids[0]], run_id=run)
    script.close(run)
    script.tracker.close_group(command(), Listing("CoreStandardGroup", (ids[1],), {"name": "g"}))
    script.tracker.roll_back(command(), run)

    found, _ = script.work.objects(ObjectFilter(KIND, "main"), after=0, limit=10)

    assert [one["id"] for one in found] == ids


@pytest.mark.parametrize("filters", [{"unlisted": True}, {"values": {"role": "core"}}])
def test_filtered_lists_go_on_likewise(script: Script, filters: dict[str, Any]) -> None:
    ids = [saved(script, name, role="core") for name in "abcd"]
    listed: list[str] = []
    wanted = ObjectFilter(KIND, "main", **filters)

    for page in pages(lambda after: script.work.objects(wanted, after=after, limit=1)):
        listed += page
        saved(script, "a", changed=len(listed))

    assert listed == ids
