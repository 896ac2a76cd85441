"""What tracking promises, in the order in which one meets it: names, members, sweeps, failures, nesting, by hand."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import ServiceError
from provgraph.client.tracking import (
    ChangedSinceError,
    Mode,
    NotAllRetiredError,
    NotJsonError,
    Tracking,
)
from tests.e2e import pairs
from tests.e2e.builders import new_id, unique
from tests.e2e.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.tracking.sides import Side

PARAMS = {"one": 1, "two": "two"}
DIGEST = "11aaec5206c3dca37cbbcaaabf121550"


async def test_a_run_writes_one_group_that_lists_what_it_saved(side: Side) -> None:
    context = await side.run("A", "B", "C", params=PARAMS, delete_unused_nodes=True)

    group = await side.group(params=PARAMS)
    assert group is not None
    assert (group.name, group.description) == (f"{side.identifier}-{DIGEST}", "one: 1, two: two")
    assert {member.key for member in group.members or ()} == {"A", "B", "C"}
    assert context.previous_members is None
    assert side.client.tracking.mode is Mode.DEFAULT


async def test_the_order_of_parameters_does_not_make_another_group(side: Side) -> None:
    await side.run("A", params=PARAMS)
    await side.run("A", params={"two": "two", "one": 1})

    first, second = await side.runs()
    assert first.group == second.group


async def test_a_parameter_of_another_type_makes_another_group(side: Side) -> None:
    await side.run("A", params=PARAMS)
    context = await side.run("A", params={"one": "1", "two": "two"})

    assert context.name == f"{side.identifier}-d49e1ee8f95d1d30afdbb10f37355430"
    assert len({run.group.id for run in await side.runs()}) == 2


@pytest.mark.parametrize("params", [None, {}])
async def test_without_parameters_the_group_is_called_like_the_script(side: Side, params: Any) -> None:
    await side.run("A", params=params)

    group = await side.group()
    assert group is not None
    assert (group.name, group.description) == (side.identifier, "")


async def test_a_run_that_says_no_identifier_has_the_clients_or_python_sdk(side: Side) -> None:
    configured = side.another(Tracking(identifier="fromcfg"))

    async def name(of: Side, identifier: str | None = None) -> str:
        async with of.entered(of.client.tracking.start_tracking(identifier, branch=unique("b"))) as tracking:
            await of.save("A")
            name: str = tracking.group_context.name
        runs = tracking.runs.list(identifier=name)
        newest = [run async for run in runs] if hasattr(runs, "__aiter__") else list(runs)
        assert newest[0].group.name == name
        return name

    assert await name(side) == "python-sdk"
    assert await name(configured) == "fromcfg"
    assert await name(configured, "explicit") == "explicit"


async def test_a_run_that_keeps_the_unused_lists_its_own_and_reads_no_group(side: Side) -> None:
    await side.run("A", "B", "C", delete_unused_nodes=True)
    side.wire.sent.clear()

    await side.run("A", "B")

    assert side.wire.what("GET") == []
    assert await side.members() == {"A", "B"}
    assert await side.live() == {"A", "B", "C"}


async def test_what_a_run_does_not_save_is_gone_after_the_group_was_written(side: Side) -> None:
    await side.run("A", "B", "C", delete_unused_nodes=True)
    side.wire.sent.clear()

    context = await side.run("A", delete_unused_nodes=True)

    # One request does both, as one event: there is no moment at which only the objects are gone.
    assert side.wire.what() == ["POST runs", "POST objects", "POST runs close"]
    assert [member.key for member in context.previous_members] == ["A", "B", "C"]
    assert {member.typename for member in context.previous_members} == {side.kind}
    assert context.unused_member_ids == [member.id for member in context.previous_members[1:]]
    assert await side.members() == {"A"}
    assert await side.live() == {"A"}


async def failed(side: Side) -> None:
    """Leave a run that changed A and made D with an exception, after one that saved A, B, C."""
    await side.run("A", "B", "C", delete_unused_nodes=True)
    side.wire.sent.clear()
    problem = ValueError("boom")

    async def body() -> None:
        async with side.tracking(delete_unused_nodes=True):
            await side.save("A", role="changed")
            await side.save("D")
            raise problem

    with pytest.raises(ValueError, match="boom") as raised:
        await body()
    assert raised.value is problem


async def test_a_run_that_raises_leaves_its_group_alone_and_its_objects_there(side: Side) -> None:
    await failed(side)

    assert side.client.tracking.mode is Mode.DEFAULT
    assert side.wire.what() == ["POST runs", "POST objects", "POST objects", "POST runs fail"]
    assert await side.members() == {"A", "B", "C"}
    assert await side.live() == {"A", "B", "C", "D"}


async def test_what_a_failed_run_touched_is_known(side: Side) -> None:
    await failed(side)

    (run, _) = await side.runs()
    touched = await side.do(side.client.tracking.runs.operations(run))
    assert (run.state, run.error) == ("failed", "ValueError: boom")
    assert [(one.key, one.operation) for one in touched] == [("A", "updated"), ("D", "created")]
    assert touched[0].before == {"name": "A"}
    assert touched[0].after == {"name": "A", "role": "changed"}


async def test_a_failed_run_can_be_undone(side: Side) -> None:
    await failed(side)
    (run, _) = await side.runs(state=None)

    done = await side.do(side.client.tracking.runs.rollback(run))

    assert (len(done.restored), len(done.retired), done.run.state) == (1, 1, "rolled-back")
    assert await side.live() == {"A", "B", "C"}
    restored = await side.do(side.another().client.tracking.get(side.kind, name__value="A"))
    assert restored.values == {"name": "A"}


async def test_a_run_is_not_undone_over_what_somebody_changed_since(side: Side) -> None:
    await failed(side)
    (run, _) = await side.runs()
    other = side.another(Tracking(actor="somebody"))
    await other.save("D", role="theirs")

    with pytest.raises(ChangedSinceError) as refused:
        await side.do(side.client.tracking.runs.rollback(run))

    assert [(one.artifact, one.actor) for one in refused.value.conflicts] == [(f"{side.kind}/D", "somebody")]
    assert await side.live() == {"A", "B", "C", "D"}


async def test_a_run_that_saves_nothing_clears_its_group(side: Side) -> None:
    await side.run("A", "B", "C", delete_unused_nodes=True)

    await side.run(delete_unused_nodes=True)

    assert await side.members() == set()
    assert await side.live() == set()


async def test_a_run_that_saves_nothing_makes_no_group(side: Side) -> None:
    context = await side.run(delete_unused_nodes=True)

    assert context.report.group is None
    assert await side.group() is None
    assert [run.state for run in await side.runs()] == ["done"]


async def test_what_is_only_read_counts_as_unused(side: Side) -> None:
    await side.run("A", "B", delete_unused_nodes=True)

    async with side.tracking(delete_unused_nodes=True) as tracking:
        await side.do(tracking.get(side.kind, name__value="B"))
        await side.save("A")

    assert await side.live() == {"A"}


async def test_what_is_read_and_added_stays(side: Side) -> None:
    await side.run("A", "B", delete_unused_nodes=True)

    async with side.tracking(delete_unused_nodes=True) as tracking:
        read = await side.do(tracking.get(side.kind, name__value="B"))
        await side.save("A")
        await side.do(tracking.group_context.add_related_nodes([read.id]))

    assert await side.members() == {"A", "B"}
    assert await side.live() == {"A", "B"}


async def test_adding_outside_a_run_is_ignored(side: Side) -> None:
    context = side.client.tracking.group_context

    await side.do(context.add_related_nodes([new_id()]))
    await side.do(context.add_related_groups([new_id()]))

    assert (context.related_node_ids, context.related_group_ids) == ([], [])


async def test_a_single_save_can_stay_out_of_the_group(side: Side) -> None:
    async with side.tracking():
        await side.save("A")
        await side.save("B", member=False)

    assert await side.members() == {"A"}


async def test_a_single_save_outside_a_run_can_be_listed(side: Side) -> None:
    client = side.another(Tracking(identifier=side.identifier))
    node = await client.save("A", member=True)
    context = client.client.tracking.group_context
    assert context.related_node_ids == [node.id]

    await side.do(context.update_group())

    assert await side.members() == {"A"}


async def test_what_is_saved_twice_is_a_member_once(side: Side) -> None:
    async with side.tracking():
        node = await side.save("A")
        await side.do(node.save())

    group = await side.group()
    assert group is not None
    assert [member.key for member in group.members or ()] == ["A"]


async def test_a_group_that_is_saved_is_a_member_and_can_be_swept(side: Side) -> None:
    name = unique("group-")
    async with side.tracking(delete_unused_nodes=True) as tracking:
        group = await side.do(tracking.create("CoreStandardGroup", name=name))
        await side.do(group.save())
        assert tracking.group_context.related_group_ids == [group.id]
    listed = await side.members()

    await side.run("A", delete_unused_nodes=True)

    assert listed == {name}
    assert await side.members(name) is None


async def test_what_a_run_saves_and_deletes_is_no_member(side: Side) -> None:
    async with side.tracking():
        await side.save("A")
        deleted = await side.save("X")
        await side.do(deleted.delete())

    (run,) = await side.runs()
    done = await side.do(side.client.tracking.runs.operations(run))
    assert await side.members() == {"A"}
    assert [one.operation for one in done if one.key == "X"] == ["created", "retired"]


async def test_children_go_with_their_parent(side: Side) -> None:
    async with side.tracking(delete_unused_nodes=True):
        parent = await side.save("P")
        await side.save("c1", parent=parent)
        await side.save("c2", parent=parent.id)

    await side.run("other", delete_unused_nodes=True)

    assert await side.live() == {"other"}


async def test_what_may_not_be_retired_is_told_once_and_tried_again(side: Side) -> None:
    async with side.tracking(delete_unused_nodes=True):
        await side.save("D")
        protected = await side.save("E", protected=True)
        await side.save("F")

    for _ in range(2):
        with pytest.raises(NotAllRetiredError, match=f"{side.kind}/E") as refused:
            await side.run("A", delete_unused_nodes=True)
        assert [one.id for one in refused.value.refused] == [protected.id]
        assert side.client.tracking.mode is Mode.DEFAULT
        assert await side.live() == {"A", "E"}
        assert await side.members() == {"A", "E"}

    protected.protected = False
    await side.do(protected.save())
    await side.run("A", delete_unused_nodes=True)
    assert await side.live() == {"A"}


async def test_an_error_at_the_end_does_not_leave_tracking_on(side: Side) -> None:
    async def body() -> None:
        async with side.tracking() as tracking:
            await side.save("A")
            await side.do(tracking.group_context.add_related_nodes([new_id()]))

    with pytest.raises(ServiceError, match="Unable to find the node"):
        await body()

    assert side.client.tracking.mode is Mode.DEFAULT
    assert [run.state for run in await side.runs()] == ["failed"]


async def test_a_run_on_a_branch_touches_no_other(side: Side) -> None:
    branch = unique("b-")
    await side.run("A", "B")
    await side.run("A", "B", branch=branch, delete_unused_nodes=True)
    side.wire.sent.clear()

    await side.run("A", branch=branch, delete_unused_nodes=True)

    opened, saved, closed = side.wire.sent
    assert (opened.body["branch"], saved.body["objects"][0]["branch"]) == (branch, branch)
    assert "branch" not in closed.body
    assert await side.live(branch=branch) == {"A"}
    assert await side.members(branch=branch) == {"A"}
    assert await side.live() == await side.members() == {"A", "B"}


async def test_runs_nest(side: Side) -> None:
    inner = unique("inner-")
    async with side.tracking():
        await side.save("O1")
        async with side.tracking(inner):
            await side.save("I1")
        await side.save("O2")

    assert await side.members() == {"O1", "O2"}
    assert await side.members(inner) == {"I1"}
    assert side.client.tracking.mode is Mode.DEFAULT


async def test_two_runs_at_once_on_one_client_keep_apart(side: Side) -> None:
    meet = side.barrier(2)
    names = {"a": unique("a-"), "b": unique("b-")}

    def body(letter: str) -> Any:
        async def run() -> None:
            async with side.tracking(names[letter]):
                await meet()
                await side.save(f"{letter}1")
                await meet()
                await side.save(f"{letter}2")
                await meet()

        return run

    await side.together(body("a"), body("b"))

    assert await side.members(names["a"]) == {"a1", "a2"}
    assert await side.members(names["b"]) == {"b1", "b2"}
    assert side.client.tracking.mode is Mode.DEFAULT


async def _elsewhere(side: Side, name: str, **how: Any) -> None:
    """Save where no run is in force, as a worker thread does."""
    await asyncio.create_task(side.save(name, **how), context=contextvars.Context())


async def test_what_is_saved_in_a_thread_without_a_run_is_not_swept(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    await side.run("A", "B", "C", "D")

    async with side.tracking(delete_unused_nodes=True):
        await side.save("A")
        await _elsewhere(side, "B")
        await _elsewhere(side, "C", member=False)
        await _elsewhere(side, "new")

    assert await side.live() == {"A", "B", "new"}
    assert await side.members() == {"A", "B"}
    assert "1 members of the group" in caplog.text
    assert f"{side.kind}/B" in caplog.text


async def test_a_plan_spares_what_is_saved_in_a_thread_without_a_run(side: Side) -> None:
    await side.run("A", "B", "C")

    async with side.tracking(delete_unused_nodes=True) as tracking:
        await _elsewhere(side, "B")
        plan = await side.do(tracking.group_context.plan())
        await side.do(tracking.group_context.update_group(plan=plan))

    assert [member.key for member in plan.retire] == ["A", "C"]
    assert await side.live() == {"B"}


async def test_what_a_thread_saved_before_the_run_began_is_swept(side: Side) -> None:
    await side.run("A", "B")
    await _elsewhere(side, "B")

    await side.run("A", delete_unused_nodes=True)

    assert await side.live() == {"A"}


async def test_runs_in_threads_of_their_own_do_not_spare_each_others_members(side: Side) -> None:
    other = unique("other-")
    await side.run("A", "B")

    async with side.tracking(delete_unused_nodes=True):
        await side.save("A")

        async def tracked() -> None:
            async with side.tracking(other):
                await side.save("B")

        await asyncio.create_task(tracked(), context=contextvars.Context())

    assert await side.members() == {"A"}
    assert await side.live() == {"A", "B"}


async def test_what_another_group_lists_is_released_and_lives_on(side: Side) -> None:
    other = unique("other-")
    await side.run("S", "A", delete_unused_nodes=True)
    async with side.tracking(other, delete_unused_nodes=True):
        await side.save("S")

    context = await side.run("A", delete_unused_nodes=True)
    assert (len(context.report.released), context.report.retired) == (1, ())
    assert await side.members() == {"A"}
    assert await side.live() == {"A", "S"}

    async with side.tracking(other, delete_unused_nodes=True):
        await side.save("B")
    assert await side.live() == {"A", "B"}


async def test_by_hand_each_update_adds_to_the_same_group(side: Side) -> None:
    side.client.tracking.start_tracking(side.identifier)
    await side.save("A")
    await side.do(side.client.tracking.group_context.update_group())
    first = await side.members()
    await side.save("B")
    await side.do(side.client.tracking.group_context.update_group())

    assert first == {"A"}
    assert await side.members() == {"A", "B"}
    assert side.client.tracking.mode is Mode.TRACKING
    assert [run.state for run in await side.runs()] == ["done", "done"]


async def test_a_group_is_found_again_with_its_members(side: Side) -> None:
    await side.run("A", "B", params=PARAMS)
    fresh = side.another()
    tracking = fresh.client.tracking

    tracking.set_context_properties(identifier=side.identifier, params=PARAMS)
    group = await side.do(tracking.group_context.get_group(store_peers=True))

    assert group.name == f"{side.identifier}-{DIGEST}"
    members = tracking.group_context.previous_members
    held = [tracking.store.get(kind=member._typename, key=member.id) for member in members]
    assert [(node.id, node.name.value) for node in held] == [
        (member.id, member.key) for member in group.members
    ]
    tracking.set_context_properties(identifier=unique("nobody-"))
    assert await side.do(tracking.group_context.get_group(store_peers=True)) is None


async def test_setting_properties_is_not_tracking_and_deletes_by_default(side: Side) -> None:
    side.client.tracking.set_context_properties(side.identifier)
    assert (side.client.tracking.mode, side.client.tracking.group_context.delete_unused_nodes) == (
        Mode.DEFAULT,
        True,
    )

    async with side.tracking() as tracking:
        assert (tracking.mode, tracking.group_context.delete_unused_nodes) == (Mode.TRACKING, False)


async def test_a_kind_of_group_is_for_one_run(side: Side) -> None:
    special = await side.run("A", group_type="GeneratorGroup")
    standard = await side.run("A")

    assert special.report.group.kind == "GeneratorGroup"
    assert standard.report.group.kind == "CoreStandardGroup"


async def test_group_params_are_written_on_the_group(side: Side) -> None:
    await side.run("A", group_params={"label": "Nice"})

    group = await side.group()
    assert group is not None
    assert group.values["label"] == "Nice"


@pytest.fixture(scope="module")
def short_descriptions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose groups describe themselves in at most 20 characters."""
    folder: Path = tmp_path_factory.mktemp("short")
    schema = {
        "version": "1.0",
        "nodes": [
            {
                "namespace": "Core",
                "name": "StandardGroup",
                "inherit_from": ["CoreGroup"],
                "human_friendly_id": ["name__value"],
                "attributes": [
                    {"name": "name", "kind": "Text", "unique": True},
                    {"name": "description", "kind": "Text", "optional": True, "max_length": 20},
                ],
            }
        ],
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    settings = {"PROVGRAPH_SCHEMA_FILE": str(folder / "schema.json")}
    with Service(folder / "data", settings=settings) as started:
        yield started


@pairs.local_only
async def test_a_description_is_cut_to_what_the_kind_of_group_allows(
    make_side: type[Side], short_descriptions: Service
) -> None:
    side = make_side(short_descriptions.url)
    params = {"one": "xxxxxxxxxxx", "two": "yyyyyyyyyyy"}

    await side.run("A", params=params)

    group = await side.group(params=params)
    await side.close()
    assert group is not None
    assert group.description == "one: xxxxxxxxxx..."


async def test_parameters_that_are_not_json_are_refused_at_once(side: Side) -> None:
    today = datetime.date(2026, 3, 1)
    with pytest.raises(TypeError, match=r"params\.since is a date"):
        side.client.tracking.start_tracking(side.identifier, params={"since": today})
    with pytest.raises(ValueError, match=r"group_params\.since is a date"):
        side.client.tracking.set_context_properties(side.identifier, group_params={"since": today})
    with pytest.raises(NotJsonError):
        side.client.tracking.start_tracking(side.identifier, params={"share": float("nan")})

    assert side.client.tracking.mode is Mode.DEFAULT
    assert side.wire.sent == []


async def test_a_thousand_members_are_swept_in_one_request(side: Side) -> None:
    names = [f"n{number:04}" for number in range(1_000)]
    async with side.tracking(delete_unused_nodes=True) as tracking:
        nodes = [await side.create(name) for name in names]
        await side.do(tracking.save_all(nodes))
    side.wire.sent.clear()

    context = await side.run(names[0], delete_unused_nodes=True)

    assert side.wire.what() == ["POST runs", "POST objects", "POST runs close"]
    assert len(context.report.retired) == 999
    assert await side.members() == {names[0]}


async def test_a_block_works_in_every_spelling(side: Side) -> None:
    async with side.entered(side.client.tracking.start_tracking(side.identifier)) as tracking:
        assert tracking is side.client.tracking
        await side.save("A")
    assert side.client.tracking.mode is Mode.DEFAULT

    tracked = side.client.tracking.start_tracking(side.identifier)
    await side.do(tracked)  # awaited, on the client for event loops
    await side.save("B")
    await side.do(tracked.end_tracking())
    await side.do(side.client.tracking.set_context_properties(side.identifier))
    assert side.client.tracking.mode is Mode.DEFAULT

    assert await side.members() == {"B"}


async def test_closing_twice_changes_nothing(side: Side) -> None:
    side.client.tracking.start_tracking(side.identifier, delete_unused_nodes=True)
    await side.save("A")
    first = await side.do(side.client.tracking.group_context.update_group())
    side.wire.sent.clear()

    second = await side.do(side.client.tracking.group_context.update_group())

    assert second is first
    assert side.wire.sent == []


async def test_a_lost_answer_to_closing_changes_nothing(side: Side) -> None:
    await side.run("A", "B", delete_unused_nodes=True)
    side.wire.lose_answer_once("POST runs close")

    context = await side.run("A", delete_unused_nodes=True)

    *_, lost, again = side.wire.sent
    assert lost == again
    assert (len(context.report.kept), len(context.report.retired)) == (1, 1)
    assert [run.state for run in await side.runs()] == ["done", "done"]
