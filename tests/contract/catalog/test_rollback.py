"""Rollback of a run: everything is as it was before, or nothing is done."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from provgraph.tracking import ChangedSinceError, GroupFilter, ObjectFilter, Save, UniqueError
from tests.contract.catalog.tracked import KIND, Script, command
from tests.effort import examples

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores


def test_a_rollback_restores_what_was_before(script: Script) -> None:
    first = script.once("A", "B", "C")
    run = script.open()
    (a,) = script.save(run, "A")
    script.tracker.save(command(), [Save(id=a, values={"description": "new"})], run_id=run)
    (d,) = script.save(run, "D")
    script.close(run)

    undone = script.tracker.roll_back(command(), run).answer

    assert undone["retired"] == [d]
    assert script.work.object(a)["values"] == {"name": "A"}
    assert all(script.live(id_) for id_ in first["added"])
    assert script.members(first["group"]) == ["A", "B", "C"]
    assert script.work.run(run)["state"] == "rolled-back"


def test_a_rollback_is_refused_when_somebody_changed_it_since(stores: Stores, script: Script) -> None:
    run = script.open()
    (d,) = script.save(run, "D")
    script.tracker.fail(command(), run, "boom")
    script.tracker.save(command(actor="somebody"), [Save(id=d, values={"description": "mine"})])
    position = stores.log.head().position

    with pytest.raises(ChangedSinceError) as refused:
        script.tracker.roll_back(command(), run)

    conflicts: Any = refused.value.members["conflicts"]
    (conflict,) = conflicts
    assert (conflict["id"], conflict["actor"]) == (d, "somebody")
    assert stores.log.head().position == position
    assert script.tracker.roll_back(command(), run, force=True).answer["retired"] == [d]


def test_what_was_changed_and_put_back_does_not_stand_in_the_way_of_a_rollback(script: Script) -> None:
    run = script.open()
    (a,) = script.save(run, "A")
    script.close(run)
    later = script.open()
    script.tracker.save(command(), [Save(id=a, values={"description": "later"})], run_id=later)
    script.close(later)

    script.tracker.roll_back(command(), later)

    assert script.tracker.roll_back(command(), run).answer["retired"] != []


def test_a_rollback_is_refused_when_the_group_lists_others_since(stores: Stores, script: Script) -> None:
    script.once("A")
    run = script.open()
    script.save(run, "A", "B")
    group = script.close(run)["group"]
    theirs = Script(stores, identifier="OTHER").once("X", "Y")
    script.tracker.adopt(command(), theirs["group"], into=group)

    with pytest.raises(ChangedSinceError, match="rolled back"):
        script.tracker.roll_back(command(), run)

    assert script.members(group) == ["A", "B", "X", "Y"]


def test_a_rollback_is_refused_when_a_child_would_stay_without_its_parent(script: Script) -> None:
    run = script.open()
    (parent,) = script.save(run, "P")
    script.close(run)
    script.save(None, "child", parent=parent)

    with pytest.raises(ChangedSinceError) as refused:
        script.tracker.roll_back(command(), run)

    assert "child goes with it" in str(refused.value.members)
    assert script.live(parent)


def test_a_rollback_puts_no_deleted_member_back(script: Script) -> None:
    first = script.once("A", "B")
    run = script.open(sweep=False)
    script.save(run, "A")
    script.close(run)
    script.tracker.retire(command(), [first["added"][1]])

    script.tracker.roll_back(command(), run)

    assert script.members(first["group"]) == ["A"]


def test_a_forced_rollback_skips_what_cannot_be_put_back(script: Script) -> None:
    script.once("A", "b")
    run = script.open()
    script.save(run, "A")
    (old,) = script.close(run)["retired"]
    script.save(None, "b")

    with pytest.raises(ChangedSinceError):
        script.tracker.roll_back(command(), run)
    undone = script.tracker.roll_back(command(), run, force=True).answer

    assert undone["skipped"] == [old]
    assert not script.live(old)


def rename(script: Script, run: str, *renamed: tuple[str, str]) -> None:
    """Give objects new names, one after the other."""
    for id_, name in renamed:
        script.tracker.save(command(), [Save(id=id_, values={"name": name})], run_id=run)


def test_a_rollback_lists_again_what_was_deleted_in_a_run_that_failed(script: Script) -> None:
    first = script.once("A", "B")
    run = script.open()
    script.tracker.retire(command(), [first["added"][0]], run_id=run)
    script.tracker.fail(command(), run, "boom")
    assert script.members(first["group"]) == ["B"]

    script.tracker.roll_back(command(), run)

    assert sorted(script.members(first["group"])) == ["A", "B"]
    assert script.once("B")["retired"] == [first["added"][0]]


def test_a_rollback_lists_again_in_every_group_that_listed_it(stores: Stores, script: Script) -> None:
    first = script.once("S")
    theirs = Script(stores, identifier="OTHER").once("S", "Y")
    run = script.open()
    script.tracker.retire(command(), first["added"], run_id=run)
    script.save(run, "T")
    script.close(run)

    script.tracker.roll_back(command(), run)

    assert script.members(first["group"]) == ["S"]
    assert sorted(script.members(theirs["group"])) == ["S", "Y"]


def test_a_group_that_went_with_a_sweep_lists_its_members_again(stores: Stores, script: Script) -> None:
    inner = Script(stores, identifier="INNER").once("P", "Q")
    run = script.open()
    script.save(run, "Z")
    outer = script.close(run, inner["group"])
    swept = script.open()
    script.save(swept, "Z")
    assert script.close(swept)["retired"] == [inner["group"]]

    script.tracker.roll_back(command(), swept)

    assert script.live(inner["group"])
    assert script.members(inner["group"]) == ["P", "Q"]
    assert sorted(script.members(outer["group"])) == sorted([script.work.object(inner["group"])["key"], "Z"])


@pytest.mark.parametrize("order", ["last first", "first first"])
def test_names_that_went_from_one_object_to_the_next_go_back(script: Script, order: str) -> None:
    a, b, c = script.once("a", "b", "c")["added"]
    run = script.open()
    script.save(run, "a", "b", "c")
    rename(script, run, (c, "d"))
    rename(script, run, (b, "c"))
    rename(script, run, (a, "b"))
    if order == "first first":
        rename(script, run, (a, "e"))
        rename(script, run, (a, "b"))
    script.close(run)

    undone = script.tracker.roll_back(command(), run).answer

    assert undone["skipped"] == []
    assert [script.work.object(id_)["key"] for id_ in (a, b, c)] == ["a", "b", "c"]


def test_names_that_were_exchanged_go_back(script: Script) -> None:
    a, b = script.once("a", "b")["added"]
    run = script.open()
    script.save(run, "a", "b")
    rename(script, run, (a, "between"))
    rename(script, run, (b, "a"))
    rename(script, run, (a, "b"))
    script.close(run)

    undone = script.tracker.roll_back(command(), run).answer

    assert undone["skipped"] == []
    assert [script.work.object(id_)["key"] for id_ in (a, b)] == ["a", "b"]
    assert [script.work.object(id_)["artifact"] for id_ in (a, b)] == [f"{KIND}/a", f"{KIND}/b"]


def test_a_rollback_that_comes_again_is_answered_and_does_nothing(stores: Stores, script: Script) -> None:
    run = script.open()
    script.save(run, "A")
    script.close(run)
    script.tracker.roll_back(command(), run)
    position = stores.log.head().position

    again = script.tracker.roll_back(command(), run)

    assert again.answer == {"run": run, "restored": [], "retired": [], "skipped": []}
    assert stores.log.head().position == position


def test_the_difference_of_a_run_is_what_it_did_and_not_what_a_rollback_did(script: Script) -> None:
    script.once("A", "B")
    run = script.open()
    (a,) = script.save(run, "A")
    script.tracker.save(command(), [Save(id=a, values={"description": "new"})], run_id=run)
    script.close(run)
    before = script.work.difference(run)

    script.tracker.roll_back(command(), run)

    after = script.work.difference(run)
    assert [one["id"] for one in after["changed"]] == [one["id"] for one in before["changed"]] == [a]


NAMES = st.sampled_from("abcd")
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("save"), NAMES, NAMES),
        st.tuples(st.just("note"), NAMES, NAMES),
        st.tuples(st.just("rename"), NAMES, st.sampled_from("abcdef")),
        st.tuples(st.just("retire"), NAMES, NAMES),
        st.tuples(st.just("child"), NAMES, st.sampled_from("abcdef")),
    ),
    max_size=8,
)


def do(script: Script, run: str, deed: tuple[str, str, str]) -> None:
    """Do something to the object of a name, if there is one and it can be done."""
    what, name, other = deed
    stored = script.reads.live_object(branch="main", kind=KIND, key=name)
    if what == "save":
        script.save(run, name)
    elif stored is not None and what == "retire":
        script.tracker.retire(command(), [stored.state.id], run_id=run)
    elif stored is not None and what == "child":
        with suppress(InvalidInputError):  # it would be above itself
            script.save(run, other, parent=stored.state.id)
    elif stored is not None:
        values = {"name": other} if what == "rename" else {"description": other}
        with suppress(UniqueError):
            script.tracker.save(command(), [Save(id=stored.state.id, values=values)], run_id=run)


def picture(script: Script) -> dict[str, Any]:
    """Return what there is: live objects as they are, and whom the groups list."""
    live, _ = script.work.objects(ObjectFilter(KIND, "main"), after=0, limit=100)
    groups, _ = script.work.groups(GroupFilter(), after=0, limit=100, with_members=True)
    return {
        "objects": {one["id"]: (one["key"], one["artifact"], one["values"], one["parent"]) for one in live},
        "groups": {one["name"]: sorted(member["id"] for member in one["members"]) for one in groups},
    }


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(st.booleans(), st.sets(NAMES)), max_size=4),
    is_listed=st.booleans(),
    deeds=DEEDS,
    sweep=st.booleans(),
    fails=st.booleans(),
)
def test_after_a_rollback_everything_is_as_it_was_before_the_run(
    stores: Stores,
    before: list[tuple[bool, set[str]]],
    is_listed: bool,
    deeds: list[tuple[str, str, str]],
    sweep: bool,
    fails: bool,
) -> None:
    stores.log.clean(keep=())
    script = Script(stores)
    groups = {
        is_own: (script if is_own else Script(stores, identifier="OTHER")).once(*sorted(names))["group"]
        for is_own, names in before
    }
    if is_listed and groups.get(False):  # one group lists the other
        script.close(script.open(), groups[False])
    was = picture(script)
    run = script.open(sweep=sweep)
    for deed in deeds:
        do(script, run, deed)
    if fails:
        script.tracker.fail(command(), run, "boom")
    else:
        script.close(run)

    script.tracker.roll_back(command(), run)

    assert picture(script) == was
