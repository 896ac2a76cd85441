"""Objects as a program holds them: created, found, changed, deleted."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING

import pytest

from provgraph.client import Client, ContradictionError, NotThereError
from provgraph.client.infrahub import InfrahubClient, InfrahubClientSync
from provgraph.client.tracking import (
    AsyncGroupContext,
    AsyncGroups,
    AsyncNode,
    AsyncRuns,
    AsyncTrackingClient,
    GroupContext,
    Groups,
    ImpossibleNameError,
    Node,
    NoSuchNodeError,
    NotJsonError,
    NotSavedError,
    NotStoredError,
    Runs,
    SeveralNodesError,
    TrackingClient,
    commands,
)
from tests.e2e.builders import new_id

if TYPE_CHECKING:
    from tests.e2e.tracking.sides import Sent, Side


async def test_a_value_is_read_and_changed_by_its_name(side: Side) -> None:
    node = await side.save("A", role="core")

    node.role.value = "edge"
    node.site.value = "bln"
    await side.do(node.save())

    found = await side.do(side.another().client.tracking.get(side.kind, key="A"))
    assert (found.role.value, found.values) == ("edge", {"name": "A", "role": "edge", "site": "bln"})


async def test_a_save_sends_what_changed_and_keeps_what_others_wrote(side: Side) -> None:
    mine = await side.save("A", role="core", site="bln")
    theirs = await side.do(side.another().client.tracking.get(side.kind, id=mine.id))
    theirs.site.value = "muc"
    await side.do(theirs.save())

    mine.role.value = "edge"
    await side.do(mine.save())

    assert side.wire.sent[-1].body["objects"][0]["values"] == {"role": "edge"}
    assert mine.values == {"name": "A", "role": "edge", "site": "muc"}


async def test_a_value_inside_a_value_counts_as_a_change(side: Side) -> None:
    node = await side.save("A", tags=["x"], flag=1)

    node.values["tags"].append("y")
    node.flag.value = True
    await side.do(node.save())

    assert side.wire.sent[-1].body["objects"][0]["values"] == {"tags": ["x", "y"], "flag": True}


async def test_a_new_object_does_not_take_anothers_key(side: Side) -> None:
    await side.save("A")
    second = await side.create("A")

    with pytest.raises(ContradictionError, match="already"):
        await side.do(second.save())
    assert second.id is None
    await side.do(second.save(allow_upsert=True))
    assert second.id is not None


async def test_an_upsert_is_advised_only_where_it_would_help(side: Side) -> None:
    holder = await side.save("A")
    other = await side.save("B")
    other.name.value = "A"

    with pytest.raises(ContradictionError, match="save it with upsert"):
        await side.do((await side.create("A")).save())
    with pytest.raises(ContradictionError) as refused:
        await side.do(other.save(allow_upsert=True))

    assert str(refused.value).endswith(
        f"already, with the id {holder.id}: {other.id} cannot have the same key"
    )


async def test_a_save_that_fails_is_no_member(side: Side) -> None:
    await side.save("A")
    async with side.tracking() as tracking:
        node = await side.create("A")
        with pytest.raises(ContradictionError):
            await side.do(node.save())
        assert tracking.group_context.related_node_ids == []


async def test_many_objects_are_saved_with_few_requests_all_or_none(side: Side) -> None:
    nodes = [await side.create(name) for name in "ABC"]
    await side.save("taken")
    side.wire.sent.clear()

    with pytest.raises(ContradictionError):
        await side.do(side.client.tracking.save_all([*nodes, await side.create("taken")]))
    before = await side.live()
    async with side.tracking():
        await side.do(side.client.tracking.save_all([*nodes, nodes[0]]))

    assert before == {"taken"}
    assert side.wire.what() == ["POST objects", "POST runs", "POST objects", "POST runs close"]
    assert await side.members() == {"A", "B", "C"}
    assert side.client.tracking.store.get("B", kind=side.kind) is nodes[1]


async def test_an_object_can_have_a_key_that_is_not_its_name(side: Side) -> None:
    node = await side.create("the same", key="first")
    await side.do(node.save())
    other = await side.create("the same", key="second")
    await side.do(other.save())

    assert (await side.do(side.client.tracking.get(side.kind, key="second"))).id == other.id
    with pytest.raises(SeveralNodesError):
        await side.do(side.client.tracking.get(side.kind, name__value="the same"))


async def test_objects_are_found_by_their_values(side: Side) -> None:
    await side.save("A", role="core", active=True)
    await side.save("B", role="edge", active=True)
    await side.save("C", role="edge", active=False)

    async def keys(**values: object) -> list[str]:
        return [node.key for node in await side.do(side.client.tracking.filters(side.kind, **values))]

    assert await keys(role__value="edge") == ["B", "C"]
    assert await keys(role__value="edge", active__value=True) == ["B"]
    assert await keys(role__value="none") == []
    with pytest.raises(TypeError, match="name__value"):
        await keys(role="edge")


async def test_an_object_that_is_not_there_is_said_so(side: Side) -> None:
    node = await side.save("A")

    with pytest.raises(NotThereError, match="There is no"):
        await side.do(side.client.tracking.get(side.kind, name__value="B"))
    with pytest.raises(NoSuchNodeError):
        await side.do(side.client.tracking.get(side.kind, id=new_id()))
    with pytest.raises(LookupError):
        await side.do(side.client.tracking.get("Other", id=node.id))
    with pytest.raises(LookupError):
        await side.do(side.client.tracking.delete("Other", node.id))


async def test_an_object_is_deleted_by_its_kind_and_id(side: Side) -> None:
    node = await side.save("A")

    await side.do(side.client.tracking.delete(side.kind, node.id))

    assert await side.live() == set()
    with pytest.raises(NoSuchNodeError):
        await side.do(side.client.tracking.delete(side.kind, node.id))
    with pytest.raises(NotStoredError):
        side.client.tracking.store.get(node.id)


async def test_a_deleted_object_leaves_every_group(side: Side) -> None:
    async with side.tracking():
        await side.save("A")
        node = await side.save("B")

    await side.do(node.delete())

    assert not node.live
    assert await side.members() == {"A"}


async def test_the_store_finds_objects_by_id_key_and_names_of_ones_own(side: Side) -> None:
    node = await side.save("A")
    store = side.client.tracking.store
    store.set(key="mine", node=node)

    assert store.get(node.id) is store.get("A", kind=side.kind) is store.get("mine") is node
    with pytest.raises(NotStoredError, match="holds no"):
        store.get("A")
    with pytest.raises(KeyError):
        store.get(node.id, kind="Other")


@pytest.mark.parametrize("kind", ["", " ", "a/b", "a b", "a~b", "a\nb", "x" * 1_001, 7])
async def test_an_impossible_kind_is_refused_before_anything_is_sent(side: Side, kind: str) -> None:
    with pytest.raises(ImpossibleNameError):
        await side.do(side.client.tracking.create(kind, name="A"))
    with pytest.raises(ValueError, match="kind"):
        side.client.tracking.start_tracking(side.identifier, group_type=kind or " ")
    assert side.wire.sent == []


async def test_impossible_names_are_refused_before_anything_is_sent(side: Side) -> None:
    with pytest.raises(ImpossibleNameError, match="key"):
        await side.create("A", key="\x00")
    with pytest.raises(ImpossibleNameError, match="branch"):
        await side.create("A", branch="")
    with pytest.raises(ImpossibleNameError, match="identifier"):
        side.client.tracking.start_tracking("a\ud800b")
    node = await side.create("A", parent=await side.create("P"))
    with pytest.raises(NotSavedError):
        await side.do(node.save())
    odd = await side.create("A", made=object())
    with pytest.raises(NotJsonError, match="made"):
        await side.do(odd.save())
    assert side.wire.sent == []


@pytest.mark.parametrize(
    ("waiting", "awaited"),
    [
        (TrackingClient, AsyncTrackingClient),
        (InfrahubClientSync, InfrahubClient),
        (GroupContext, AsyncGroupContext),
        (Node, AsyncNode),
        (Runs, AsyncRuns),
        (Groups, AsyncGroups),
    ],
)
def test_both_clients_have_the_same_names_and_parameters(waiting: type, awaited: type) -> None:
    assert public(waiting) == public(awaited)


def public(of: type) -> dict[str, list[str]]:
    """Return the parameters of what is tracking's in a class, by name."""
    found = {}
    for name in dir(of):
        member = inspect.getattr_static(of, name)
        function = getattr(member, "_function", member)
        module = getattr(getattr(member, "fget", None) or function, "__module__", "")
        if not name.startswith("_") and module.startswith("provgraph.client.track"):
            found[name] = list(inspect.signature(function).parameters) if callable(function) else []
    assert found
    return found


async def test_an_object_that_others_save_meanwhile_is_listed_once(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "nodes", partial(commands.nodes, limit=2))
    for name in "abcde":
        await side.save(name)
    other = Client(side.url)
    asked: list[str] = []

    def save_between(sent: Sent) -> bool:
        if sent.what == "GET objects" and "cursor" in sent.parameters:
            other.tracking.create(side.kind, name="a", changed=len(asked)).save(allow_upsert=True)
            asked.append(sent.parameters["cursor"])
        return False

    monkeypatch.setattr(side.wire, "_lose", save_between)

    found = await side.do(side.client.tracking.all(side.kind))

    other.close()
    assert len(asked) == 2
    assert [node.key for node in found] == list("abcde")
