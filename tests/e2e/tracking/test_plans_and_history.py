"""What tracking does beyond keeping a group: plans, limits, the history of runs, groups without a script, lineage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import ContradictionError, NotThereError
from provgraph.client.tracking import (
    ChangedSinceError,
    Limit,
    Mode,
    NotAllRetiredError,
    PlanChangedError,
    SweepLimitError,
    Tracking,
)
from tests.e2e.builders import unique

if TYPE_CHECKING:
    from provgraph.client.tracking import Run
    from tests.e2e.tracking.sides import Side


async def test_a_plan_says_what_the_run_would_retire_and_writes_nothing(side: Side) -> None:
    await side.run("A", "B", "C", "D")

    async with side.tracking(delete_unused_nodes=True) as tracking:
        await side.save("A")
        plan = await side.do(tracking.group_context.plan())
        assert await side.live() == {"A", "B", "C", "D"}
        report = await side.do(tracking.group_context.update_group(plan=plan))

    assert [member.key for member in plan.retire] == ["B", "C", "D"]
    assert plan.share == 75.0
    assert report.retired == tuple(member.id for member in plan.retire)
    assert await side.live() == {"A"}


async def test_a_plan_is_carried_out_exactly_or_not_at_all(side: Side) -> None:
    await side.run("A", "B")
    side.client.tracking.start_tracking(side.identifier, delete_unused_nodes=True)
    context = side.client.tracking.group_context
    await side.save("A")
    plan = await side.do(context.plan())
    await side.another().run("A", "B", "C")

    with pytest.raises(PlanChangedError):
        await side.do(context.update_group(plan=plan.token))
    untouched = await side.live()
    again = await side.do(context.plan())
    await side.do(context.update_group(plan=again))
    spared = await side.live()
    await side.another().run("A", delete_unused_nodes=True)

    # What another run has saved since this one began is not this one's to retire.
    assert untouched == spared == {"A", "B", "C"}
    assert await side.live() == {"A"}


@pytest.mark.parametrize("limit", [1, Limit(count=1), Limit(percent=60)])
async def test_a_run_that_would_retire_too_much_is_stopped(side: Side, limit: Limit | int) -> None:
    await side.run("A", "B", "C")

    with pytest.raises(SweepLimitError) as stopped:
        await side.run("A", delete_unused_nodes=True, limit=limit)

    assert [member.key for member in stopped.value.retire] == ["B", "C"]
    assert await side.live() == await side.members() == {"A", "B", "C"}
    assert [run.state for run in await side.runs()] == ["failed", "done"]


async def test_a_run_within_its_limit_is_not_stopped(side: Side) -> None:
    await side.run("A", "B", "C")

    await side.run("A", delete_unused_nodes=True, limit=Limit(count=2, percent=67))

    assert await side.live() == {"A"}


async def test_who_has_seen_the_plan_needs_no_limit(side: Side) -> None:
    await side.run("A", "B", "C")
    side.client.tracking.start_tracking(side.identifier, delete_unused_nodes=True, limit=1)
    context = side.client.tracking.group_context
    await side.save("A")

    with pytest.raises(SweepLimitError) as stopped:
        await side.do(context.update_group())
    await side.do(context.update_group(plan=stopped.value.plan))

    assert await side.live() == {"A"}


async def test_unused_objects_can_be_swept_by_hand(side: Side) -> None:
    await side.run("A", "B")
    side.client.tracking.start_tracking(side.identifier)
    await side.save("A")

    await side.do(side.client.tracking.group_context.delete_unused())

    assert await side.live() == {"A"}


async def test_runs_are_listed_newest_first_and_page_by_page(side: Side) -> None:
    for name in ("A", "B", "C"):
        await side.run(name)

    listed = await side.runs(limit=2)

    operations = [await side.do(side.client.tracking.runs.operations(run)) for run in listed]
    assert [done[0].key for done in operations] == ["C", "B", "A"]
    assert await side.do(side.client.tracking.runs.get(listed[0].id)) == listed[0]
    assert [run.id for run in await side.runs(group=listed[0].group.id)] == [run.id for run in listed]


async def test_two_runs_can_be_compared(side: Side) -> None:
    await side.run("A", "B")
    async with side.tracking():
        await side.save("B", role="edge")
        await side.save("C")
    await side.run("C")
    third, second, first = await side.runs()

    diff = await side.do(side.client.tracking.runs.diff(second))
    last = await side.do(side.client.tracking.runs.diff(third.id, with_=first))

    assert [[member.key for member in part] for part in (diff.added, diff.kept, diff.dropped)] == [
        ["C"],
        ["B"],
        ["A"],
    ]
    assert [(one.key, one.before, one.after) for one in diff.changed] == [
        ("B", {"name": "B"}, {"name": "B", "role": "edge"})
    ]
    assert (last.from_run, last.to_run) == (first.id, third.id)
    with pytest.raises(NotThereError):
        await side.do(side.client.tracking.runs.diff(first))


async def test_a_rollback_can_be_forced_over_what_changed_since(side: Side) -> None:
    await side.run("A")
    async with side.tracking():
        await side.save("A", role="edge")
    await side.another().save("A", role="theirs")
    (run, _) = await side.runs()

    await side.do(side.client.tracking.runs.rollback(run, force=True))

    node = await side.do(side.another().client.tracking.get(side.kind, name__value="A"))
    assert node.values == {"name": "A"}


async def test_a_rollback_brings_back_what_a_run_swept(side: Side) -> None:
    await side.run("A", "B", delete_unused_nodes=True)
    context = await side.run("A", delete_unused_nodes=True)

    await side.do(side.client.tracking.runs.rollback(context.report.run))

    assert await side.live() == await side.members() == {"A", "B"}


async def test_a_group_whose_parameters_were_renamed_is_found_and_adopted(side: Side) -> None:
    await side.run("A", "B", params={"site": 1})
    await side.run("A", params={"location": 1})

    (orphan,) = await side.do(side.client.tracking.groups.orphaned(identifier=side.identifier))
    heir = await side.group(params={"location": 1})
    assert heir is not None
    adopted = await side.do(side.client.tracking.groups.adopt(orphan, into=heir))

    assert "location" in (orphan.orphaned or "")
    assert {member.key for member in adopted.into.members} == {"A", "B"}
    assert not adopted.group.live
    assert await side.do(side.client.tracking.groups.orphaned(identifier=side.identifier)) == ()


async def test_a_group_nobody_needs_is_removed_with_its_members(side: Side) -> None:
    async with side.tracking():
        await side.save("A")
        await side.save("B")
    async with side.tracking(unique("other-")):
        await side.save("B")
    group = await side.group()
    assert group is not None

    with pytest.raises(ContradictionError, match="would retire"):
        await side.do(side.client.tracking.groups.remove(group, limit=0))
    removed = await side.do(side.client.tracking.groups.remove(group))

    assert len(removed.released) == 1
    assert await side.group() is None
    assert await side.live() == {"B"}
    assert not (await side.do(side.client.tracking.groups.get(group.id))).live


async def test_groups_are_listed(side: Side) -> None:
    await side.run("A", params={"site": 1})
    await side.run("B", params={"site": 2})

    listed = side.client.tracking.groups.list(identifier=side.identifier, members=True)
    groups = [group async for group in listed] if hasattr(listed, "__aiter__") else list(listed)

    assert [[member.key for member in group.members] for group in groups] == [["A"], ["B"]]


async def test_what_a_run_read_is_what_its_next_save_used(side: Side) -> None:
    async with side.tracking():
        source = await side.save("source")
    async with side.tracking() as tracking:
        await side.do(tracking.get(side.kind, id=source.id))
        made = await side.save("made")

    assert source.artifact in await used_by(side, made.artifact)


async def test_what_a_run_read_last_is_what_its_end_used(side: Side) -> None:
    other = unique("other-")
    async with side.tracking(other):
        await side.save("source", role="core")
    async with side.tracking() as tracking:
        await side.save("made")
        await side.do(tracking.filters(side.kind, role__value="core"))

    (run,) = await side.runs()
    assert f"{side.kind}/source" in await used_by(side, f"run/{run.id}")


async def used_by(side: Side, artifact: str) -> set[str]:
    """Return what the event that made the latest version of an artifact used."""
    (run, *_) = await side.runs()
    answer = await side.do(side.client.lineage(f"artifact:{artifact}", depth=1, wait=run.position))
    return {edge["target"] for edge in answer.edges if edge["type"] == "USES"}


async def test_group_and_run_are_in_the_state_and_in_the_difference(side: Side) -> None:
    before = await settled(side)
    await side.run("A", delete_unused_nodes=True)
    (run,) = await side.runs()
    middle = await settled(side)
    await side.run(delete_unused_nodes=True)
    after = await settled(side)
    wanted = {f"{side.kind}/A", f"CoreStandardGroup/{side.identifier}", f"run/{run.id}"}

    there = {each["artifact"]: each for each in await states(side, middle)}
    appeared = await changes(side, before, middle)
    changed = await changes(side, middle, after)

    assert wanted <= there.keys()
    assert there[f"CoreStandardGroup/{side.identifier}"]["properties"]["members"] == [f"{side.kind}/A"]
    assert {appeared[name] for name in wanted} == {"appeared"}
    assert changed[f"{side.kind}/A"] == "disappeared"
    assert changed[f"CoreStandardGroup/{side.identifier}"] == "changed"


async def settled(side: Side) -> int:
    """Return the log's position, once the graph has everything up to it."""
    flushed = await side.do(side.client.admin.flush())
    position: int = flushed["position"]
    return position


async def states(side: Side, known_at: int) -> list[dict[str, Any]]:
    """Return the artifacts of a state."""
    pages = side.client.states(known_at=known_at, limit=1_000)
    found = [page async for page in pages] if hasattr(pages, "__aiter__") else list(pages)
    return [artifact for page in found for artifact in page.document["artifacts"]]


async def changes(side: Side, before: int, after: int) -> dict[str, str]:
    """Return how artifacts changed, by name."""
    page = await side.do(side.client.diff(before, after, clock="recorded", limit=1_000))
    found = page.document["changes"]
    return {change["artifact"]: change["change"] for change in found if "artifact" in change}


async def test_why_tells_of_the_run(side: Side) -> None:
    async with side.tracking():
        node = await side.save("A")
    (run,) = await side.runs()

    answer = await side.do(side.client.why(f"artifact:{node.artifact}", wait=run.position))

    assert any(step.type == "run.opened" for step in answer.steps)


async def test_who_did_it_is_recorded_unless_that_is_switched_off(side: Side) -> None:
    named, unnamed = side.another(Tracking(actor="ada")), side.another(Tracking(actor=None))

    async def actors(of: Side) -> list[str | None]:
        await of.run("A")
        run: Run = (await of.runs())[0]
        done = await of.do(of.client.tracking.runs.operations(run))
        return [run.actor, *(one.actor for one in done)]

    assert set(await actors(named)) == {"ada"}
    assert set(await actors(unnamed)) == {None}
    assert "@" in str((await actors(side))[0])


async def test_a_run_started_by_hand_in_anothers_place_marks_that_one_failed(side: Side) -> None:
    first, second = unique("first-"), unique("second-")
    side.client.tracking.start_tracking(first)
    await side.save("A")
    side.client.tracking.start_tracking(second)
    await side.save("B")
    await side.do(side.client.tracking.end_tracking())

    assert [run.state for run in await side.runs(identifier=first)] == ["failed"]
    assert [run.state for run in await side.runs(identifier=second)] == ["done"]


async def test_a_block_leaves_what_was_started_by_hand_in_force(side: Side) -> None:
    inner = unique("inner-")
    side.client.tracking.start_tracking(side.identifier)
    await side.save("O1")
    async with side.tracking(inner):
        await side.save("I1")
    await side.save("O2")
    await side.do(side.client.tracking.end_tracking())

    assert await side.members() == {"O1", "O2"}
    assert await side.members(inner) == {"I1"}


async def test_what_is_started_by_hand_in_a_block_ends_with_it(side: Side) -> None:
    inner = unique("inner-")
    async with side.tracking():
        await side.save("O1")
        side.client.tracking.start_tracking(inner)
        await side.save("I1")

    assert side.client.tracking.mode is Mode.DEFAULT
    assert await side.members() == {"O1"}
    assert [run.state for run in await side.runs(identifier=inner)] == ["failed"]


async def test_properties_that_change_in_a_run_begin_another_one(side: Side) -> None:
    renamed = unique("renamed-")
    async with side.tracking() as tracking:
        await side.save("A")
        tracking.set_context_properties(renamed, reset=False)
        await side.save("B")

    assert [run.state for run in await side.runs()] == ["failed"]
    assert await side.members(renamed) == {"A", "B"}


async def test_a_protected_object_is_not_deleted_by_name_either(side: Side) -> None:
    node = await side.save("A", protected=True)

    with pytest.raises(NotAllRetiredError, match="is protected"):
        await side.do(node.delete())

    assert node.live
    assert await side.live() == {"A"}


async def test_a_save_whose_answer_was_lost_is_the_same_command(side: Side) -> None:
    side.wire.lose_answer_once("POST objects")

    node = await side.create("A")
    await side.do(node.save())

    lost, again = side.wire.sent
    assert lost == again
    assert await side.live() == {"A"}


@pytest.mark.parametrize("said", ["a\0b", "caf\udce9", "\ud800\udfff"], ids=["NUL", "one", "two"])
async def test_a_run_whose_error_holds_what_no_event_can_is_failed_and_keeps_nothing_from_others(
    side: Side, said: str
) -> None:
    other = unique("other-")
    await side.run("A", "B")

    async def failing() -> None:
        async with side.tracking(other):
            await side.save("A")
            raise ValueError(said)

    with pytest.raises(ValueError, match=r".") as raised:
        await failing()
    (failed,) = await side.runs(identifier=other)

    report = (await side.run("B", delete_unused_nodes=True)).report

    assert str(raised.value) == said
    assert (failed.state, (failed.error or "")[:12]) == ("failed", "ValueError: ")
    assert len(report.retired) == 1
    assert await side.live() == {"B"}


async def test_what_a_login_did_since_a_moment_is_undone_but_not_what_others_did_meanwhile(
    side: Side,
) -> None:
    mine, theirs = unique("mine-"), unique("theirs-")
    me, them = side.another(Tracking(actor=mine)), side.another(Tracking(actor=theirs))
    await them.save("A", role="core")
    since = datetime.now(UTC)
    await me.save("A", role="edge")
    await me.save("B")
    await them.save("C")

    done = await side.do(side.client.tracking.runs.rollback_login(mine, since))

    assert (done.login, len(done.restored), len(done.retired)) == (mine, 1, 1)
    assert await side.live() == {"A", "C"}
    await me.save("D")
    await them.save("D", role="edge")
    with pytest.raises(ChangedSinceError) as refused:
        await side.do(side.client.tracking.runs.rollback_login(mine, since))
    assert [conflict.reason for conflict in refused.value.conflicts] == ["it was changed since"]
    with pytest.raises(NotThereError):
        await side.do(side.client.tracking.runs.rollback_login(unique("nobody-"), "now-1h"))
