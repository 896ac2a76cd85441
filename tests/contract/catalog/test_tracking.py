from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import ConflictError, InvalidInputError, NotFoundError
from provgraph.events import clock
from provgraph.families.credential.events import CREDENTIAL_CREATED
from provgraph.families.tracking.events import TRACKED
from provgraph.tracking import (
    Closing,
    GroupFilter,
    Limit,
    ObjectFilter,
    PlanError,
    RunClosedError,
    Save,
    SweepLimitError,
    UniqueError,
    reading,
)
from tests.contract.catalog.tracked import KIND, Script, command

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores


def test_a_run_lists_in_its_group_what_it_saved(script: Script) -> None:
    report = script.once("A", "B", "C")

    group = script.work.group(report["group"], with_members=True)
    assert group["name"] == "MYID-11aaec5206c3dca37cbbcaaabf121550"
    assert group["description"] == "one: 1, two: two"
    assert [one["key"] for one in group["members"]] == ["A", "B", "C"]
    assert report["retired"] == []


def test_what_a_run_does_not_save_any_more_is_retired(script: Script) -> None:
    first = script.once("A", "B", "C")
    second = script.once("A")

    gone = [script.work.object(id_) for id_ in second["retired"]]
    assert [one["key"] for one in gone] == ["B", "C"]
    assert not any(one["live"] for one in gone)
    assert second["group"] == first["group"]
    assert script.members(second["group"]) == ["A"]


def test_without_the_sweep_the_list_is_replaced_and_nothing_is_retired(script: Script) -> None:
    first = script.once("A", "B", "C")
    second = script.once("A", "B", sweep=False)

    assert script.members(second["group"]) == ["A", "B"]
    assert second["retired"] == []
    assert all(script.live(id_) for id_ in first["added"])


def test_a_run_that_saved_nothing_sweeps_everything_and_makes_no_group(script: Script) -> None:
    assert script.once()["group"] is None
    first = script.once("A", "B")

    emptied = script.once()

    assert emptied["retired"] == first["added"]
    assert script.members(emptied["group"]) == []


def test_a_run_that_saved_nothing_leaves_the_group_alone_without_the_sweep(script: Script) -> None:
    first = script.once("A", "B")

    assert script.once(sweep=False)["group"] == first["group"]
    assert script.members(first["group"]) == ["A", "B"]


def test_an_object_that_another_group_lists_is_released_and_lives_on(stores: Stores, script: Script) -> None:
    other = Script(stores, identifier="OTHER")
    script.once("S", "A")
    theirs = other.once("S")

    report = script.once("A")

    assert report["released"] == theirs["added"]
    assert script.live(theirs["added"][0])
    assert other.once()["retired"] == theirs["added"]


def test_a_protected_object_is_refused_stays_a_member_and_is_tried_again(script: Script) -> None:
    run = script.open()
    d, e, f = script.save(run, "D", "E", "F")
    script.tracker.save(command(), [Save(id=e, protected=True)], run_id=run)
    script.close(run)

    report = script.once()

    assert report["retired"] == [d, f]
    assert [one["id"] for one in report["refused"]] == [e]
    assert script.members(report["group"]) == ["E"]
    script.tracker.save(command(), [Save(id=e, protected=False)])
    assert script.once()["retired"] == [e]


def test_children_go_with_their_parent(script: Script) -> None:
    run = script.open()
    (parent,) = script.save(run, "P")
    children = script.save(run, "c1", "c2", parent=parent)
    script.close(run)

    report = script.once()

    assert sorted(report["retired"]) == sorted([parent, *children])
    assert report["refused"] == []


def test_a_parent_stays_while_a_child_that_was_saved_needs_it(script: Script) -> None:
    run = script.open()
    (parent,) = script.save(run, "P")
    (child,) = script.save(run, "c1", parent=parent)
    script.close(run)

    report = script.once("c1")

    assert [one["id"] for one in report["refused"]] == [parent]
    assert script.live(child)
    assert script.live(parent)


def test_closing_twice_gives_the_same_answer_and_one_event(stores: Stores, script: Script) -> None:
    run = script.open()
    script.save(run, "A")
    first = script.close(run)
    position = stores.log.head().position

    assert script.close(run) == first
    assert stores.log.head().position == position


def test_a_command_that_is_sent_again_changes_nothing(stores: Stores, script: Script) -> None:
    request = uuid.uuid4().hex
    first = script.tracker.save(command(request), [Save(KIND, {"name": "A"})])
    position = stores.log.head().position

    again = script.tracker.save(command(request), [Save(KIND, {"name": "A"})])

    assert (again.answer, again.position, again.repeated) == (first.answer, first.position, True)
    assert stores.log.head().position == position


def test_a_key_belongs_to_one_live_object(script: Script) -> None:
    script.save(None, "A")

    with pytest.raises(UniqueError, match="'A' already"):
        script.tracker.save(command(), [Save(KIND, {"name": "A"})])


def test_a_retired_object_gives_its_key_away(script: Script) -> None:
    (old,) = script.save(None, "A")
    script.tracker.retire(command(), [old])

    (new,) = script.save(None, "A")

    assert new != old
    assert script.work.object(new)["artifact"] == script.work.object(old)["artifact"]


def test_objects_are_saved_all_or_none(stores: Stores, script: Script) -> None:
    position = stores.log.head().position

    with pytest.raises(NotFoundError, match="Unable to find the node"):
        script.tracker.save(command(), [Save(KIND, {"name": "A"}), Save(id="0" * 32)])

    assert stores.log.head().position == position


def test_an_object_that_is_deleted_leaves_every_group(script: Script) -> None:
    report = script.once("A", "B")
    run = script.open()
    (a, _) = script.save(run, "A", "C")
    script.tracker.retire(command(), [a], run_id=run)

    assert script.members(report["group"]) == ["B"]
    closed = script.close(run)
    assert script.members(closed["group"]) == ["C"]
    operations = [one["operation"] for one in script.work.run_operations(run) if one["object"] == a]
    assert operations == ["unchanged", "retired"]


def test_a_failed_run_leaves_the_group_alone_and_knows_what_it_touched(script: Script) -> None:
    report = script.once("A", "B", "C")
    run = script.open()
    ids = script.save(run, "A", "D")
    script.tracker.fail(command(), run, "boom")

    failed = script.work.run(run)
    assert (failed["state"], failed["error"]) == ("failed", "boom")
    assert [one["object"] for one in script.work.run_operations(run)] == ids
    assert script.members(report["group"]) == ["A", "B", "C"]
    with pytest.raises(RunClosedError):
        script.close(run)


def test_a_plan_is_applied_exactly_or_not_at_all(script: Script) -> None:
    script.once("A", "B")
    run = script.open()
    script.save(run, "A")
    plan = script.tracker.plan(run, Closing())
    assert [one["key"] for one in plan["retire"]] == ["B"]
    script.save(run, "C")

    with pytest.raises(PlanError, match="plan it again"):
        script.close(run, plan=plan["plan"])

    newer = script.tracker.plan(run, Closing())
    assert script.close(run, plan=newer["plan"])["retired"] == [one["id"] for one in newer["retire"]]


@pytest.mark.parametrize("limit", [Limit(objects=1), Limit(percent=50), Limit(objects=5, percent=66)])
def test_a_sweep_beyond_its_limit_is_refused_whole(script: Script, limit: Limit) -> None:
    first = script.once("A", "B", "C")
    run = script.open()
    script.save(run, "A")

    with pytest.raises(SweepLimitError, match="would retire 2 objects"):
        script.close(run, limit=limit)

    assert all(script.live(id_) for id_ in first["added"])
    assert script.close(run, limit=Limit(objects=2, percent=67))["retired"] == first["added"][1:]


def test_two_runs_differ_by_what_was_added_kept_dropped_and_changed(script: Script) -> None:
    script.once("A", "B")
    run = script.open()
    (a, _) = script.save(run, "A", "C")
    script.tracker.save(command(), [Save(id=a, values={"description": "new"})], run_id=run)
    script.close(run)

    difference = script.work.difference(run)

    assert [one["key"] for one in difference["added"]] == ["C"]
    assert [one["key"] for one in difference["kept"]] == ["A"]
    assert [one["key"] for one in difference["dropped"]] == ["B"]
    (changed,) = difference["changed"]
    assert (changed["before"], changed["after"]) == ({"name": "A"}, {"name": "A", "description": "new"})


def test_a_group_whose_script_has_other_parameters_by_now_is_an_orphan(
    stores: Stores, script: Script
) -> None:
    old = script.once("A")
    assert script.work.orphaned(GroupFilter(), not_since_us=None) == []

    Script(stores, renamed=1).once("B")

    (orphan,) = script.work.orphaned(GroupFilter(), not_since_us=None)
    assert orphan["id"] == old["group"]
    assert "other parameters by now: renamed" in orphan["orphaned"]


def test_a_group_takes_an_orphans_members_over(stores: Stores, script: Script) -> None:
    old = script.once("A", "B")
    new = Script(stores, renamed=1).once("B", "C")

    script.tracker.adopt(command(), old["group"], into=new["group"])

    assert script.members(new["group"]) == ["B", "C", "A"]
    assert not script.live(old["group"])


def test_a_group_is_removed_with_its_members_but_not_those_of_others(stores: Stores, script: Script) -> None:
    old = script.once("A", "B")
    Script(stores, identifier="OTHER").once("B")

    removed = script.tracker.remove(command(), old["group"]).answer

    a, b = old["added"]
    assert removed["retired"] == [a, old["group"]]
    assert removed["released"] == [b]
    assert script.live(b)


def test_a_run_only_reads_what_it_protects_by_naming_it(script: Script) -> None:
    first = script.once("A", "B")
    run = script.open()
    script.save(run, "A")

    report = script.close(run, first["added"][1])

    assert report["retired"] == []
    assert sorted(script.members(report["group"])) == ["A", "B"]


def test_a_member_that_nobody_knows_is_refused(script: Script) -> None:
    run = script.open()

    with pytest.raises(InvalidInputError, match="Unable to find the node"):
        script.close(run, "0" * 32)


def test_objects_of_a_branch_are_apart(script: Script) -> None:
    (main,) = script.save(None, "A")
    (branched,) = script.save(None, "A", branch="b1")

    assert main != branched
    assert script.work.object(branched)["artifact"] == f"branch~b1/{KIND}/A"


def test_a_rebuilt_catalog_is_the_same(stores: Stores, script: Script) -> None:
    _everything(stores, script)
    before = stores.catalog.digest()

    stores.catalog.rebuild(stores.log)

    assert stores.catalog.digest() == before
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.digest() == before
    assert script.once("after")["group"] is not None


def test_a_clean_forgets_tracked_work_and_goes_on(stores: Stores, script: Script) -> None:
    first = script.once("A")

    stores.log.clean(keep=frozenset({CREDENTIAL_CREATED}))

    with pytest.raises(NotFoundError):
        script.work.group(first["group"], with_members=False)
    assert script.once("A")["group"] != first["group"]


def test_the_log_tells_steps_as_it_was_told(stores: Stores, script: Script) -> None:
    _everything(stores, script)

    for event in stores.log.read(limit=10_000):
        tracked: Any = event.content
        assert event.kind is TRACKED
        assert tracked.pem.id == event.event_id
        assert stores.catalog.pem(event.event_id) is not None


def test_commands_of_many_at_once_are_decided_one_after_the_other(stores: Stores) -> None:
    # Each with a lock of its own, as if in a process of its own: the log alone keeps them apart.
    scripts = [Script(stores, identifier="SHARED") for _ in range(4)]
    failures: list[Exception] = []

    def work(script: Script) -> None:
        try:
            for number in range(10):
                script.save(None, f"object-{number}")
        except ConflictError as error:  # pragma: no cover - what must not happen
            failures.append(error)

    threads = [threading.Thread(target=work, args=(script,)) for script in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    numbers = [event.content.step.sequence for event in stores.log.read(limit=1_000)]  # type: ignore[attr-defined] # a step's
    assert numbers == list(range(1, 41))
    known = scripts[0].reads.objects_of_kind(branch="main", kind=KIND, live=True)
    assert sorted(one.state.key or "" for one in known) == sorted(f"object-{number}" for number in range(10))


def _everything(stores: Stores, script: Script) -> None:
    script.once("A", "B", "C")
    script.once("A")
    run = script.open()
    (d,) = script.save(run, "D", parent=None)
    script.tracker.fail(command(), run, "boom")
    script.tracker.roll_back(command(), run)
    Script(stores, renamed=1).once("B", "ü€\n'\"")
    script.tracker.define(command(), {"nodes": [{"namespace": "Infra", "name": "Rack"}]})
    script.tracker.retire(command(), script.save(None, "gone"))
    assert not script.live(d)


def test_what_another_open_run_saved_is_not_swept_away_under_it(script: Script) -> None:
    first = script.once("S")
    one, other = script.open(), script.open()
    script.save(one, "S")
    script.save(other, "T")

    closed = script.close(other)

    assert [each["id"] for each in closed["deferred"]] == first["added"]
    assert script.members(closed["group"]) == ["T", "S"]
    closed = script.close(one)
    assert closed["retired"] == []
    assert script.members(closed["group"]) == ["S", "T"]
    assert len(script.once("S")["retired"]) == 1


def test_what_another_group_saves_at_the_same_time_lives_on(stores: Stores, script: Script) -> None:
    other = Script(stores, identifier="OTHER")
    script.once("S", "A")
    theirs = other.open()
    (shared,) = other.save(theirs, "S")

    deferred = script.once("A")["deferred"]

    assert [one["id"] for one in deferred] == [shared]
    assert other.members(other.close(theirs)["group"]) == ["S"]
    assert script.once("A")["released"] == [shared]


def test_an_open_run_that_did_nothing_for_a_day_keeps_nothing(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = script.once("S", "A")
    script.save(script.open(), "S")
    later = clock.now_us() + 25 * 3_600 * 1_000_000
    monkeypatch.setattr("provgraph.tracking.tracker.now_us", lambda: later)

    assert script.once("A")["retired"] == report["added"][:1]


def test_objects_that_are_saved_together_are_not_made_of_each_other(stores: Stores, script: Script) -> None:
    script.save(None, "A", "B", "C")

    events = stores.log.read(limit=10)
    produced = [[one.name for one in event.content.pem.produces] for event in events]  # type: ignore[attr-defined] # a step's
    assert produced == [[f"{KIND}/{name}"] for name in "ABC"]


def test_what_is_retired_is_no_part_of_what_the_group_is_made_of(stores: Stores, script: Script) -> None:
    script.once("A", "B")
    script.once("A")

    retired, closed = stores.log.read(limit=100)[-2:]
    assert [one.name for one in retired.content.pem.produces] == [f"{KIND}/B"]  # type: ignore[attr-defined] # a step's
    assert [one.name for one in retired.content.pem.uses] == [f"{KIND}/B"]  # type: ignore[attr-defined]
    assert f"{KIND}/B" not in [one.name for one in closed.content.pem.uses]  # type: ignore[attr-defined]


def test_a_renamed_object_is_found_under_both_names(stores: Stores, script: Script) -> None:
    (id_,) = script.save(None, "old")
    script.tracker.save(command(), [Save(id=id_, values={"name": "new"})])

    renamed = stores.log.read(limit=10)[-1].content.pem  # type: ignore[attr-defined] # a step's
    assert [one.name for one in renamed.uses] == [f"{KIND}/old"]
    assert [one.name for one in renamed.produces] == [f"{KIND}/new", f"{KIND}/old"]
    assert script.work.object(id_)["artifact"] == f"{KIND}/new"
    (again,) = script.save(None, "old")
    assert script.work.object(again)["artifact"] == f"{KIND}/old"


def test_an_object_cannot_go_with_what_goes_with_it(script: Script) -> None:
    (p,) = script.save(None, "p")
    (q,) = script.save(None, "q", parent=p)

    for parent in (p, q):
        with pytest.raises(InvalidInputError, match="cannot go with itself"):
            script.tracker.save(command(), [Save(id=p, parent=parent)])


def test_groups_of_two_branches_stay_apart(script: Script) -> None:
    main = script.once("A")
    run = script.open(branch="b1")
    script.save(run, "A")
    branched = script.close(run)

    with pytest.raises(InvalidInputError, match="different branches"):
        script.tracker.adopt(command(), branched["group"], into=main["group"])


@pytest.mark.parametrize("opening", [{"group_type": "Device"}, {"group_params": {"name": "other"}}])
def test_a_run_needs_a_kind_of_group_and_names_its_group_itself(
    script: Script, opening: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError, match="group"):
        script.open(**opening)


def test_a_group_does_not_list_itself(script: Script) -> None:
    group = script.once("A")["group"]
    run = script.open()
    script.save(run, "A")

    assert script.members(script.close(run, group)["group"]) == ["A"]


@pytest.mark.parametrize("at_once", [1, 500])
def test_objects_that_no_group_lists_are_found(
    script: Script, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(reading, "_AT_ONCE", at_once)
    script.once("A", "B", "C", sweep=False)
    script.once("A", sweep=False)

    found, _ = script.work.objects(ObjectFilter(KIND, "main", unlisted=True), after=0, limit=10)

    assert [one["key"] for one in found] == ["B", "C"]


_VALUES = (
    "plain",
    "Plain",
    "a%b",
    "a_b",
    "a/b",
    "a\\b",
    'a"b',
    "aé\u2028",
    "a\x00b",
    "x" * 1_001,
    "true",
    "5",
    "None",
)


@pytest.mark.parametrize("value", [*_VALUES, True, 5, 5.5, None])
def test_objects_are_found_by_a_value_whatever_it_is(script: Script, value: object) -> None:
    stored = [*_VALUES, True, 5, 5.5, None, "plainer", "axb"]
    wanted = [Save(KIND, {"name": f"object {number}", "note": one}) for number, one in enumerate(stored)]
    script.tracker.save(command(), wanted)
    asked = "true" if value is True else str(value)

    found, _ = script.work.objects(ObjectFilter(KIND, "main", values={"note": asked}), after=0, limit=100)

    assert [one["values"]["note"] for one in found] == [
        one for one in stored if ("true" if one is True else str(one)) == asked
    ]
