"""
Infrahub's SDK 1.23.2, unmodified, against this service: what its tracking promises, by its sync and its async client.

Each test is one script, run by both clients: `done` waits for what the async one has still to do.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from infrahub_sdk import Config, InfrahubClient, InfrahubClientSync
from infrahub_sdk.exceptions import AuthenticationError, GraphQLError, NodeNotFoundError

from tests.e2e.builders import new_id, unique
from tests.e2e.service import PROJECT
from tests.e2e.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.e2e.conftest import Secured
    from tests.e2e.wire import Wire

PARAMS = {"one": 1, "two": "two"}
DIGEST = "11aaec5206c3dca37cbbcaaabf121550"
KIND = "TestNodeKind"
# A loaded machine is no wrong answer.
TIMEOUT_SECONDS = 60


class Sdk(NamedTuple):
    """One of the two clients' classes, for the service at ``url``."""

    url: str
    is_async: bool

    def client(self, **config: Any) -> Any:
        """Return a client of its own store and context."""
        settings = Config(address=self.url, timeout=TIMEOUT_SECONDS, **config)
        return InfrahubClient(config=settings) if self.is_async else InfrahubClientSync(config=settings)


@pytest.fixture(params=["sync", "async"])
def sdk(request: pytest.FixtureRequest, wire: Wire) -> Sdk:
    return Sdk(wire.url, request.param == "async")


@pytest.fixture(params=["sync", "async"])
def guarded_sdk(request: pytest.FixtureRequest, secured: Secured) -> Sdk:
    return Sdk(secured.service.url, request.param == "async")


async def done(value: Any) -> Any:
    """Return what either client gives."""
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def tracking(client: Any, identifier: str, **options: Any) -> AsyncIterator[Any]:
    """Run a block as a tracked run of either client."""
    tracked = client.start_tracking(identifier=identifier, **options)
    if isinstance(client, InfrahubClient):
        async with tracked as entered:
            yield entered
    else:
        with tracked as entered:
            yield entered


async def save(client: Any, name: str, *, upsert: bool = False, kind: str = KIND, **values: Any) -> Any:
    """Create a node and save it."""
    node = await done(client.create(kind=kind, name=name, **values))
    await done(node.save(allow_upsert=upsert))
    return node


def group_of(wire: Wire, name: str) -> Any:
    """Return the group of this name as the native API tells of it."""
    answer = wire.get("/api/v1/groups", name=name, members="true")
    assert answer.status == 200, answer
    (group,) = answer.json()["groups"]
    return group


def runs_of(wire: Wire, group: Any) -> Any:
    """Return the runs of a group, the newest first."""
    return wire.get("/api/v1/runs", group=group["id"]).json()["runs"]


def keys(group: Any) -> set[str]:
    return {member["key"] for member in group["members"]}


# The tutorials


def test_the_tracking_tutorial_runs(sdk: Sdk, wire: Wire) -> None:
    identifier, name = unique("tutorial-"), unique("Example-")

    async def script() -> Any:
        client = sdk.client()
        client.start_tracking(identifier=identifier, params=PARAMS)
        node = await save(client, name)
        await done(client.group_context.update_group())
        return node

    node = asyncio.run(script())

    group = group_of(wire, f"{identifier}-{DIGEST}")
    assert [member["id"] for member in group["members"]] == [node.id.replace("-", "")]
    assert (group["kind"], group["description"]) == ("CoreStandardGroup", "one: 1, two: two")


def test_the_group_tutorial_runs_on_a_client_that_is_new(sdk: Sdk) -> None:
    identifier, name = unique("tutorial-"), unique("Example-")

    async def script() -> Any:
        async with tracking(sdk.client(), identifier, params=PARAMS) as client:
            node = await save(client, name)
        later = sdk.client()
        later.set_context_properties(identifier=identifier, params=PARAMS)
        group = await done(later.group_context.get_group(store_peers=True))
        (member,) = group.members.peers
        return node, later.store.get(kind=KIND, key=member.id), later.group_context.previous_members

    node, stored, previous = asyncio.run(script())

    assert stored.id == node.id
    assert [(member.id, member.typename) for member in previous] == [(node.id, KIND)]


def test_a_group_that_nobody_wrote_is_none(sdk: Sdk) -> None:
    async def script() -> Any:
        client = sdk.client()
        client.set_context_properties(identifier=unique("nobody-"))
        return await done(client.group_context.get_group(store_peers=True))

    assert asyncio.run(script()) is None


def test_the_script_of_the_howto_runs_as_it_stands(wire: Wire) -> None:
    page = (PROJECT / "docs" / "howto" / "infrahub.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)

    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", script.replace("http://127.0.0.1:8082", wire.url)], check=True, cwd=PROJECT
        )

    assert keys(group_of(wire, f"my-script-{DIGEST}")) == {"Example"}


# Tracking


def test_what_a_second_run_does_not_save_is_deleted(sdk: Sdk, wire: Wire) -> None:
    identifier, a, b, c = (unique(f"{part}-") for part in ("run", "a", "b", "c"))

    async def script() -> Any:
        client = sdk.client()
        for names in ((a, b, c), (a,)):
            async with tracking(client, identifier, params=PARAMS, delete_unused_nodes=True):
                for name in names:
                    await save(client, name, upsert=True)
        return client

    client = asyncio.run(script())

    group = group_of(wire, f"{identifier}-{DIGEST}")
    assert keys(group) == {a}
    assert len(client.group_context.previous_members) == 3
    assert len(client.group_context.unused_member_ids) == 2
    for name, left in ((a, 1), (b, 0), (c, 0)):
        assert len(wire.get("/api/v1/objects", kind=KIND, key=name).json()["objects"]) == left


def test_a_script_with_upserts_may_run_again_and_again(sdk: Sdk, wire: Wire) -> None:
    identifier, name = unique("again-"), unique("a-")

    async def script() -> list[str]:
        ids = []
        for _ in range(3):
            async with tracking(sdk.client(), identifier, delete_unused_nodes=True) as client:
                ids.append((await save(client, name, upsert=True, description="the same")).id)
        return ids

    ids = asyncio.run(script())

    assert len(set(ids)) == 1
    told = wire.get(f"/api/v1/objects/{ids[0]}/operations").json()["operations"]
    assert [one["operation"] for one in told] == ["created", "unchanged", "unchanged"]


def test_each_group_upsert_is_a_run_with_its_history(sdk: Sdk, wire: Wire) -> None:
    identifier, a, b = (unique(f"{part}-") for part in ("history", "a", "b"))

    async def script() -> None:
        client = sdk.client()
        for names in ((a, b), (b,)):
            async with tracking(client, identifier, params=PARAMS):
                for name in names:
                    await save(client, name, upsert=True)

    asyncio.run(script())

    newest, first = runs_of(wire, group_of(wire, f"{identifier}-{DIGEST}"))
    assert (newest["state"], newest["identifier"], newest["params"]) == ("done", identifier, {})
    assert (len(first["members"]), len(newest["members"]), len(newest["report"]["dropped"])) == (2, 1, 1)
    difference = wire.get(f"/api/v1/runs/{newest['id']}/diff").json()
    assert [one["key"] for one in difference["dropped"]] == [a]


def test_a_run_that_raises_leaves_the_group_as_it_was(sdk: Sdk, wire: Wire) -> None:
    identifier, a, b = (unique(f"{part}-") for part in ("raising", "a", "b"))

    async def script() -> None:
        client = sdk.client()
        async with tracking(client, identifier):
            await save(client, a)
        async with tracking(client, identifier, delete_unused_nodes=True):
            await save(client, b)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        asyncio.run(script())

    assert keys(group_of(wire, identifier)) == {a}
    assert len(wire.get("/api/v1/objects", kind=KIND, key=b).json()["objects"]) == 1


def test_groups_may_be_of_another_kind_and_have_a_label(sdk: Sdk, wire: Wire) -> None:
    identifier = unique("generator-")

    async def script() -> None:
        async with tracking(
            sdk.client(), identifier, group_type="CoreGeneratorGroup", group_params={"label": "Nice"}
        ) as client:
            await save(client, unique("a-"))

    asyncio.run(script())

    group = group_of(wire, identifier)
    assert (group["kind"], group["values"]["label"]) == ("CoreGeneratorGroup", "Nice")


def test_tracking_by_hand_writes_the_group_each_time(sdk: Sdk, wire: Wire) -> None:
    identifier, a, b = (unique(f"{part}-") for part in ("manual", "a", "b"))

    async def script() -> list[set[str]]:
        client = sdk.client()
        client.start_tracking(identifier=identifier)
        seen = []
        for name in (a, b):
            await save(client, name)
            await done(client.group_context.update_group())
            seen.append(keys(group_of(wire, identifier)))
        return seen

    assert asyncio.run(script()) == [{a}, {a, b}]


def test_a_node_deleted_in_its_own_run_is_no_member(sdk: Sdk, wire: Wire) -> None:
    identifier, a, b = (unique(f"{part}-") for part in ("deleting", "a", "b"))

    async def script() -> None:
        async with tracking(sdk.client(), identifier) as client:
            await save(client, a)
            gone = await save(client, b)
            await done(gone.delete())

    asyncio.run(script())

    assert keys(group_of(wire, identifier)) == {a}


def test_a_group_of_a_thousand_members_shrinks(sdk: Sdk, wire: Wire) -> None:
    identifier = unique("thousand-")
    names = [unique("n-") for _ in range(1_000)]
    saved = wire.post_json(
        "/api/v1/objects",
        {"request": new_id(), "objects": [{"kind": KIND, "values": {"name": name}} for name in names]},
    )
    ids = [str(uuid.UUID(one["id"])) for one in saved.json()["objects"]]

    async def script() -> int:
        client = sdk.client()
        async with tracking(client, identifier):
            await done(client.group_context.add_related_nodes(ids))
        async with tracking(client, identifier, delete_unused_nodes=True):
            await save(client, names[0], upsert=True)
            await done(client.group_context.add_related_nodes(ids[100:]))
        return len(client.group_context.previous_members)

    assert asyncio.run(script()) == 1_000
    assert keys(group_of(wire, identifier)) == {names[0], *names[100:]}
    left = wire.get("/api/v1/objects", kind=KIND, key=names[99]).json()["objects"]
    assert left == []


def test_members_in_another_spelling_are_refused_before_the_sdk_deletes_them(sdk: Sdk, wire: Wire) -> None:
    identifier, name = unique("spelling-"), unique("a-")

    async def script() -> None:
        client = sdk.client()
        async with tracking(client, identifier):
            node = await save(client, name)
        async with tracking(client, identifier, delete_unused_nodes=True):
            await done(client.group_context.add_related_nodes([node.id.replace("-", "")]))

    with pytest.raises(GraphQLError, match="Spell the member"):
        asyncio.run(script())

    assert keys(group_of(wire, identifier)) == {name}


def test_a_run_on_a_branch_stays_there(sdk: Sdk, wire: Wire) -> None:
    identifier, name = unique("branch-"), unique("a-")

    async def script() -> Any:
        client = sdk.client(default_branch="b1")
        async with tracking(client, identifier, branch="b1"):
            return await save(client, name)

    node = asyncio.run(script())

    assert group_of(wire, identifier)["branch"] == "b1"
    assert wire.get(f"/api/v1/objects/{node.id}").json()["artifact"] == f"branch~b1/{KIND}/{name}"
    with pytest.raises(NodeNotFoundError):
        asyncio.run(done_in(sdk.client(), lambda client: client.get(kind=KIND, id=node.id)))


async def done_in(client: Any, call: Callable[[Any], Any]) -> Any:
    """Make one call on a client."""
    return await done(call(client))


def test_why_and_state_know_what_the_sdk_did(sdk: Sdk, wire: Wire) -> None:
    identifier, name = unique("why-"), unique("a-")

    async def script() -> None:
        async with tracking(sdk.client(), identifier) as client:
            await save(client, name)

    asyncio.run(script())
    run = runs_of(wire, group_of(wire, identifier))[0]

    why = eventually(
        lambda: wire.get("/api/v1/why", node=f"artifact:CoreStandardGroup/{identifier}").json().get("text")
    )
    assert f"{KIND}/{name}" in why
    assert f"run/{run['id']}" in why
    lineage = wire.get("/api/v1/lineage", node=f"artifact:run/{run['id']}").json()
    assert f"{KIND}/{name}" in {node["id"] for node in lineage["nodes"]}


# Nodes


def test_a_node_is_found_changed_and_deleted(sdk: Sdk) -> None:
    name, text = unique("a-"), 'it\'s "quoted", $dollar {braces}\nand ünïcode'

    async def script() -> None:
        client = sdk.client()
        node = await save(client, name, description=text)
        by_id = await done(client.get(kind=KIND, id=node.id))
        by_name = await done(client.get(kind=KIND, name__value=name, property=True))
        by_hfid = await done(client.get(kind=KIND, hfid=[name]))
        assert {by_id.id, by_name.id, by_hfid.id} == {node.id}
        assert (by_id.description.value, by_id.display_label, by_id.hfid) == (text, name, [name])

        by_name.description.value = "short"
        await done(by_name.save())
        assert (await done(client.get(kind=KIND, id=node.id))).description.value == "short"
        assert [one.id for one in await done(client.filters(kind=KIND, ids=[node.id]))] == [node.id]
        assert await done(client.count(kind=KIND, name__value=name)) == 1

        await done(by_id.delete())
        assert await done(client.get(kind=KIND, id=node.id, raise_when_missing=False)) is None

    asyncio.run(script())


def test_lists_come_in_pages_that_changes_do_not_move(sdk: Sdk) -> None:
    kind = own_kind()

    async def script() -> tuple[int, int, int]:
        client = sdk.client(pagination_size=3)
        loaded = await done(client.schema.load([schema(kind)]))
        assert loaded.schema_updated, loaded.errors
        for number in range(10):
            await save(client, f"n{number}", kind=f"Sdk{kind}")
        everything = await done(client.all(kind=f"Sdk{kind}"))
        seen = 0
        for node in everything:
            node.height.value = 7
            await done(node.save())
            seen += len(await done(client.filters(kind=f"Sdk{kind}", offset=seen, limit=1)))
        return len(everything), seen, await done(client.count(kind=f"Sdk{kind}", height__value=7))

    assert asyncio.run(script()) == (10, 10, 10)


def test_deleting_what_is_gone_says_what_the_async_client_listens_for(sdk: Sdk) -> None:
    async def script() -> None:
        client = sdk.client()
        node = await save(client, unique("a-"))
        await done(client.delete(kind=KIND, id=node.id))
        await done(client.delete(kind=KIND, id=node.id))

    with pytest.raises(GraphQLError, match="Unable to find the node"):
        asyncio.run(script())


def test_the_async_client_passes_over_members_that_went_with_another(wire: Wire) -> None:
    identifier = unique("cascade-")
    device = own_kind()
    interface = f"{device}port"

    async def script() -> Any:
        client = InfrahubClient(config=Config(address=wire.url, timeout=TIMEOUT_SECONDS))
        kinds = schema(device)
        kinds["nodes"].append(
            {
                "namespace": "Sdk",
                "name": interface,
                "human_friendly_id": ["name__value"],
                "attributes": [{"name": "name", "kind": "Text"}],
                "relationships": [parent_of(f"Sdk{device}")],
            }
        )
        await client.schema.load([kinds])
        async with tracking(client, identifier, delete_unused_nodes=True):
            parent = await save(client, "switch", kind=f"Sdk{device}")
            for name in ("eth0", "eth1"):
                await save(client, name, kind=f"Sdk{interface}", device=parent)
        async with tracking(client, identifier, delete_unused_nodes=True):
            await save(client, unique("other-"))
        return await client.count(kind=f"Sdk{interface}"), await client.count(kind=f"Sdk{device}")

    assert asyncio.run(script()) == (0, 0)


def parent_of(peer: str) -> dict[str, Any]:
    """Return the relationship of what goes with a node of another kind."""
    return {"name": "device", "peer": peer, "kind": "Parent", "cardinality": "one", "optional": False}


def test_a_name_that_is_taken_is_refused_unless_it_is_an_upsert(sdk: Sdk) -> None:
    name = unique("taken-")

    async def script() -> None:
        client = sdk.client()
        await save(client, name)
        await save(client, name)

    with pytest.raises(GraphQLError, match="already"):
        asyncio.run(script())


def test_a_member_that_nobody_knows_is_refused(sdk: Sdk, wire: Wire) -> None:
    identifier = unique("unknown-")

    async def script() -> None:
        client = sdk.client()
        async with tracking(client, identifier):
            await done(client.group_context.add_related_nodes(["5f0c7bd1-3f57-4d16-9f02-0123456789ab"]))

    with pytest.raises(GraphQLError, match="Unable to find the node 5f0c7bd1"):
        asyncio.run(script())

    assert wire.get("/api/v1/groups", name=identifier).json()["groups"] == []


def test_what_is_not_served_says_what_is(sdk: Sdk) -> None:
    with pytest.raises(GraphQLError, match="Served here are"):
        asyncio.run(done_in(sdk.client(), lambda client: client.branch.create("b2")))


# Schema


def own_kind() -> str:
    """Return the name of a kind, without its namespace, that no other test uses."""
    return unique("Kind")


def schema(name: str) -> dict[str, Any]:
    """Return a schema with a generic and a kind that inherits from it."""
    return {
        "version": "1.0",
        "generics": [
            {
                "namespace": "Sdk",
                "name": f"{name}base",
                "human_friendly_id": ["name__value"],
                "attributes": [{"name": "name", "kind": "Text", "unique": True}],
            }
        ],
        "nodes": [
            {
                "namespace": "Sdk",
                "name": name,
                "inherit_from": [f"Sdk{name}base"],
                "attributes": [
                    {"name": "height", "kind": "Number", "optional": True},
                    {"name": "status", "kind": "Text", "default_value": "planned"},
                ],
                "relationships": [
                    {"name": "neighbours", "peer": KIND, "cardinality": "many", "optional": True}
                ],
            }
        ],
    }


def test_a_users_own_kind_is_loaded_and_used(sdk: Sdk, wire: Wire) -> None:
    name = own_kind()
    kind = f"Sdk{name}"

    async def script() -> Any:
        client = sdk.client()
        loaded = await done(client.schema.load([schema(name)], wait_until_converged=True))
        again = await done(client.schema.load([schema(name)]))
        assert (loaded.schema_updated, again.schema_updated) == (True, False)
        neighbour = await save(client, unique("n-"))
        node = await save(client, "rack", kind=kind, height=42, neighbours=[neighbour])
        found = await done(client.get(kind=kind, id=node.id, include=["neighbours"]))
        assert [peer.id for peer in found.neighbours.peers] == [neighbour.id]
        bases = await done(client.all(kind=f"{kind}base"))
        assert [one.id for one in bases] == [node.id]
        return found

    node = asyncio.run(script())

    assert (node.height.value, node.status.value, node.hfid) == (42, "planned", ["rack"])
    stored = wire.get(f"/api/v1/objects/{node.id}").json()
    assert (stored["artifact"], stored["values"]["height"]) == (f"{kind}/rack", 42)


def interfaces_of(device: str) -> dict[str, Any]:
    """Return a schema with devices, and with interfaces that are called by their device's name and their own."""
    kinds = schema(device)
    kinds["nodes"].append(
        {
            "namespace": "Sdk",
            "name": f"{device}port",
            "human_friendly_id": ["device__name__value", "name__value"],
            "uniqueness_constraints": [["device", "name__value"]],
            "attributes": [{"name": "name", "kind": "Text"}],
            "relationships": [parent_of(f"Sdk{device}")],
        }
    )
    return kinds


def test_runs_again_and_again_save_one_interface_of_a_device(sdk: Sdk) -> None:
    name = own_kind()
    device, interface = f"Sdk{name}", f"Sdk{name}port"

    async def script() -> Any:
        client = sdk.client()
        await done(client.schema.load([interfaces_of(name)]))
        for _ in range(3):
            async with tracking(client, unique("ports-"), delete_unused_nodes=True):
                for called in ("r1", "r2"):
                    parent = await save(client, called, upsert=True, kind=device)
                    await save(client, "eth0", upsert=True, kind=interface, device=parent)
        found = await done(client.get(kind=interface, hfid=["r2", "eth0"]))
        return await done(client.all(kind=interface)), found, parent

    interfaces, found, parent = asyncio.run(script())

    assert sorted(one.hfid for one in interfaces) == [["r1", "eth0"], ["r2", "eth0"]]
    assert (found.hfid, found.device.id) == (["r2", "eth0"], parent.id)


def test_a_second_interface_of_the_same_name_is_refused(sdk: Sdk) -> None:
    name = own_kind()

    async def script() -> None:
        client = sdk.client()
        await done(client.schema.load([interfaces_of(name)]))
        parent = await save(client, "r1", kind=f"Sdk{name}")
        for _ in range(2):
            await save(client, "eth0", kind=f"Sdk{name}port", device=parent)

    with pytest.raises(GraphQLError, match="'r1/eth0' already"):
        asyncio.run(script())


def test_nodes_are_read_with_the_properties_of_what_they_say(sdk: Sdk) -> None:
    name = own_kind()

    async def script() -> Any:
        client = sdk.client()
        await done(client.schema.load([interfaces_of(name)]))
        parent = await save(client, "r1", kind=f"Sdk{name}", neighbours=[await save(client, unique("n-"))])
        await save(client, "eth0", kind=f"Sdk{name}port", device=parent)
        (device,) = await done(client.all(kind=f"Sdk{name}", property=True, include=["neighbours"]))
        return device, await done(client.all(kind=f"Sdk{name}port", property=True))

    device, (interface,) = asyncio.run(script())

    (neighbour,) = device.neighbours.peers
    assert (neighbour.updated_at, interface.device.updated_at) == (None, None)
    assert interface.name.updated_at is not None


def test_a_schema_that_the_sdk_could_not_read_back_is_refused(sdk: Sdk) -> None:
    bad = {"version": "1.0", "nodes": [{"namespace": "MyNode", "name": "Kind"}]}

    async def script() -> Any:
        client = sdk.client()
        return await done(client.schema.load([bad])), await done(client.schema.check([bad]))

    loaded, (is_good, told) = asyncio.run(script())

    assert "namespace" in loaded.errors["errors"][0]["message"]
    assert not is_good
    assert told["errors"]


# Who may


def test_an_api_key_is_a_credentials_token(guarded_sdk: Sdk, secured: Secured) -> None:
    name = unique("keyed-")

    async def script() -> Any:
        async with tracking(
            guarded_sdk.client(api_token=secured.tokens["puc", "writer"]), name, params=PARAMS
        ) as client:
            return await save(client, name)

    node = asyncio.run(script())

    stored = secured.admin.get(f"/api/v1/objects/{node.id}").json()
    assert stored["updated_by"] == "writer puc"
    assert runs_of(secured.admin, group_of(secured.admin, f"{name}-{DIGEST}"))[0]["actor"] == "writer puc"


def test_a_login_is_a_credentials_name_and_token(guarded_sdk: Sdk, secured: Secured) -> None:
    name = unique("login-")

    async def script() -> Any:
        client = guarded_sdk.client(username="writer user", password=secured.tokens["user", "writer"])
        node = await save(client, name)
        await done(client.login(refresh=True))
        return await done(client.get(kind=KIND, id=node.id))

    assert asyncio.run(script()).name.value == name


@pytest.mark.parametrize("kind", ["user", "puc"])
def test_a_reader_reads_and_changes_nothing(guarded_sdk: Sdk, secured: Secured, kind: str) -> None:
    async def script() -> None:
        client = guarded_sdk.client(api_token=secured.tokens[kind, "reader"])
        await done(client.all(kind=KIND))
        await save(client, unique("a-"))

    with pytest.raises(AuthenticationError, match="role"):
        asyncio.run(script())


def test_who_may_write_alone_saves_and_deletes_with_a_schema_of_its_own(
    guarded_sdk: Sdk, secured: Secured
) -> None:
    name = unique("sent-")
    asked = json.dumps({"name": "sender", "kind": "puc", "rights": ["write"]})
    token = secured.admin.call("POST", "/admin/credentials", body=asked).json()["token"]
    schema = secured.admin.get("/api/schema").json()

    async def script() -> tuple[Any, Any]:
        client = guarded_sdk.client(api_token=token)
        client.schema.set_cache(schema)
        node = await save(client, name)
        again = await save(client, name, upsert=True, description="again")
        gone = await save(client, f"{name}-gone")
        await done(gone.delete())
        return node, again

    node, again = asyncio.run(script())

    assert node.id == again.id
    assert secured.admin.get(f"/api/v1/objects/{node.id}").json()["values"]["description"] == "again"


@pytest.mark.parametrize("config", [{"api_token": "wrong"}, {}])
def test_a_wrong_key_is_told_so(guarded_sdk: Sdk, secured: Secured, config: dict[str, str]) -> None:
    async def script() -> None:
        client = guarded_sdk.client(**config)
        await done(client.execute_graphql(query="query { InfrahubInfo { version } }"))

    with pytest.raises(AuthenticationError, match="credential"):
        asyncio.run(script())


def test_a_wrong_password_is_refused(guarded_sdk: Sdk, secured: Secured) -> None:
    async def script() -> None:
        client = guarded_sdk.client(username="reader user", password=secured.tokens["user", "writer"])
        await save(client, unique("a-"))

    with pytest.raises((httpx.HTTPStatusError, AuthenticationError), match=r"401|Wrong"):
        asyncio.run(script())


def test_an_open_service_takes_any_login_and_remembers_who_it_was(sdk: Sdk, wire: Wire) -> None:
    async def script() -> Any:
        client = sdk.client(username="ada", password="whatever")
        node = await save(client, unique("a-"))
        await done(client.login(refresh=True))
        node.description.value = "again"
        await done(node.save())
        return node

    node = asyncio.run(script())

    assert wire.get(f"/api/v1/objects/{node.id}").json()["updated_by"] == "ada"


def test_an_open_service_tells_of_itself(sdk: Sdk) -> None:
    version = asyncio.run(done_in(sdk.client(), lambda client: client.get_version()))
    server = asyncio.run(done_in(sdk.client(), lambda client: client.get_server_information()))

    assert version == server.version
    assert len(server.deployment_id) == 36


# What is one thing to Python, or as a joined text, and two to people


def things(name: str) -> dict[str, Any]:
    """Return a schema with a kind that takes any value."""
    attributes = [{"name": part, "kind": kind, "optional": True} for part, kind in _OF_ANY_VALUE.items()]
    node = {"namespace": "Sdk", "name": name, "human_friendly_id": ["name__value"], "attributes": attributes}
    return {"version": "1.0", "nodes": [node]}


_OF_ANY_VALUE = {"name": "Text", "document": "JSON", "something": "Any"}


@pytest.mark.parametrize(("was", "now"), [(1, True), (True, 1), (0, False), (1, 1.0)])
def test_a_value_of_another_type_is_stored(sdk: Sdk, wire: Wire, was: Any, now: Any) -> None:
    name = own_kind()

    async def script() -> Any:
        client = sdk.client()
        await done(client.schema.load([things(name)]))
        await save(client, "a", upsert=True, kind=f"Sdk{name}", document={"in": [was]}, something=was)
        return await save(client, "a", upsert=True, kind=f"Sdk{name}", document={"in": [now]}, something=now)

    node = asyncio.run(script())

    stored = wire.get(f"/api/v1/objects/{node.id}").json()["values"]
    assert repr((stored["document"], stored["something"])) == repr(({"in": [now]}, now))


def test_nodes_whose_texts_give_the_same_when_they_are_joined_are_two(sdk: Sdk, wire: Wire) -> None:
    name = own_kind()
    interface = f"Sdk{name}port"

    async def script() -> Any:
        client = sdk.client()
        await done(client.schema.load([interfaces_of(name)]))
        ids = []
        for _ in range(2):
            async with tracking(client, unique("ports-"), delete_unused_nodes=True):
                for device, port in (("eu/fra", "core"), ("eu", "fra/core"), ("core-1", "xe-0/0/1")):
                    parent = await save(client, device, upsert=True, kind=f"Sdk{name}")
                    node = await save(client, port, upsert=True, kind=interface, device=parent)
                    ids.append(node.id)
        found = await done(client.get(kind=interface, hfid=["eu", "fra/core"]))
        return ids, found, await done(client.all(kind=interface))

    ids, found, everything = asyncio.run(script())

    assert ids[:3] == ids[3:]
    assert len(set(ids)) == len(everything) == 3
    assert (found.id, found.hfid) == (ids[1], ["eu", "fra/core"])
    stored = wire.get(f"/api/v1/objects/{ids[2]}").json()
    assert (stored["key"], stored["artifact"]) == (
        "core-1/xe-0%2F0%2F1",
        f"{interface}/core-1/xe-0%2F0%2F1",
    )


def test_a_script_goes_on_with_its_nodes_after_their_kind_is_loaded_with_another_name(sdk: Sdk) -> None:
    name, identifier = own_kind(), unique("renamed-")
    by_name, by_status = schema(name), schema(name)
    by_status["nodes"][0]["human_friendly_id"] = ["status__value", "name__value"]

    async def script() -> Any:
        client = sdk.client()
        ids = []
        for kinds in (by_name, by_status):
            loaded = await done(client.schema.load([kinds], wait_until_converged=True))
            assert loaded.schema_updated, loaded.errors
            async with tracking(client, identifier, delete_unused_nodes=True):
                for called in ("a", "b"):
                    node = await save(client, called, upsert=True, kind=f"Sdk{name}", status="planned")
                    ids.append(node.id)
        return ids, await done(sdk.client().all(kind=f"Sdk{name}"))

    ids, everything = asyncio.run(script())

    assert ids[:2] == ids[2:]
    assert sorted(one.hfid for one in everything) == [["planned", "a"], ["planned", "b"]]


# Components


def racks_of(device: str) -> dict[str, Any]:
    """Return a schema with devices that have interfaces as components, and units of those."""
    kinds = interfaces_of(device)
    ports, units = f"Sdk{device}port", f"Sdk{device}unit"
    kinds["nodes"][0]["relationships"].append(
        {"name": "interfaces", "peer": ports, "kind": "Component", "cardinality": "many", "optional": True}
    )
    unit = {
        "namespace": "Sdk",
        "name": f"{device}unit",
        "human_friendly_id": ["port__name__value", "name__value"],
        "attributes": [{"name": "name", "kind": "Text"}],
        "relationships": [{**parent_of(ports), "name": "port", "identifier": f"{units.lower()}__port"}],
    }
    kinds["nodes"].append(unit)
    return kinds


def test_a_run_deletes_devices_with_their_components(sdk: Sdk, wire: Wire) -> None:
    name, identifier = own_kind(), unique("components-")
    device, port, unit = (f"Sdk{name}{end}" for end in ("", "port", "unit"))

    async def once(client: Any, *devices: str) -> None:
        async with tracking(client, identifier, delete_unused_nodes=True):
            for called in devices:
                parent = await save(client, called, upsert=True, kind=device)
                for number in range(2):
                    its = await save(client, f"{called}-{number}", upsert=True, kind=port, device=parent)
                    await save(client, "0", upsert=True, kind=unit, port=its)

    async def script() -> Any:
        client = sdk.client()
        await done(client.schema.load([racks_of(name)]))
        await once(client, "r1", "r2", "r3")
        await once(client, "r1")
        return [len(await done(client.all(kind=kind))) for kind in (device, port, unit)]

    assert asyncio.run(script()) == [1, 2, 2]
    group = group_of(wire, identifier)
    assert keys(group) == {"r1", "r1/r1-0", "r1/r1-1", "r1-0/0", "r1-1/0"}
    left = wire.get("/api/v1/objects", kind=device, unlisted="true").json()["objects"]
    assert left == []


def test_what_a_login_saved_since_a_moment_is_rolled_back(sdk: Sdk, wire: Wire) -> None:
    login, kept, new = unique("script-"), unique("kept-"), unique("new-")
    client = sdk.client(username=login, password="whatever")
    asyncio.run(save(sdk.client(), kept, description="before"))
    since = datetime.now(UTC).isoformat()

    async def failing() -> None:
        async with tracking(client, unique("failing-"), delete_unused_nodes=True):
            await save(client, kept, upsert=True, description="broken")
            await save(client, new)
            raise ValueError("the source went away")

    with pytest.raises(ValueError, match="went away"):
        asyncio.run(failing())
    command = ["runs", "rollback", "--login", login, "--since", since, "--yes", "--url", wire.url]
    undone = subprocess.run(
        [sys.executable, "-m", "provgraph.cli", *command],
        check=True,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )

    assert undone.stdout == "Rolled back: 1 object restored, 1 retired.\n"
    (back,) = wire.get("/api/v1/objects", kind=KIND, key=kept).json()["objects"]
    assert back["values"]["description"] == "before"
    assert wire.get("/api/v1/objects", kind=KIND, key=new).json()["objects"] == []
