"""The tracking tutorial of Infrahub's SDK, with the clients that are called as there. Each part has its own branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import Client
from provgraph.client.infrahub import InfrahubClient, InfrahubClientSync
from provgraph.client.tracking import Tracking
from tests.e2e.builders import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.service import Service

PARAMS = {"data_source": "external", "analysis_type": "ipam_data"}


@pytest.fixture
def address(service: Service) -> str:
    """Where the service is."""
    return service.url


@pytest.fixture
def tracking() -> Tracking:
    """A branch on which nothing is."""
    return Tracking(branch=unique("tutorial-"))


def members(client: Client, tracking: Tracking, params: dict[str, Any] | None = None) -> list[str | None]:
    """Return the keys of the tutorial's group."""
    (group,) = client.tracking.groups.list(
        branch=tracking.branch, identifier="my_tracking_session", members=True
    )
    assert group.params == (params or {})
    return [member.key for member in group.members or ()]


@pytest.fixture
def reader(address: str) -> Iterator[Client]:
    """Another program."""
    with Client(address) as client:
        yield client


async def test_tracking_as_an_async_context_manager(address: str, tracking: Tracking, reader: Client) -> None:
    async with InfrahubClient(address, tracking=tracking) as client:
        another_node = await client.create(kind="MyNodeKind", data={"name": "Another"})
        await another_node.save()
        group = await client.create(kind="CoreStandardGroup", data={"name": "A group"})
        await group.save()

        async with client.start_tracking(
            identifier="my_tracking_session", params=PARAMS, delete_unused_nodes=True
        ) as session:
            node = await session.create(kind="MyNodeKind", data={"name": "Example"})
            await node.save()

            await session.group_context.add_related_nodes([another_node.id or ""])
            await session.group_context.add_related_groups([group.id or ""])

    assert set(members(reader, tracking, PARAMS)) == {"Example", "Another", "A group"}


def test_tracking_as_a_context_manager(address: str, tracking: Tracking, reader: Client) -> None:
    with InfrahubClientSync(address, tracking=tracking) as client:
        another_node = client.create(kind="MyNodeKind", data={"name": "Another"})
        another_node.save()
        group = client.create(kind="CoreStandardGroup", data={"name": "A group"})
        group.save()

        with client.start_tracking(
            identifier="my_tracking_session", params=PARAMS, delete_unused_nodes=True
        ) as session:
            node = session.create(kind="MyNodeKind", data={"name": "Example"})
            node.save()

            session.group_context.add_related_nodes([another_node.id or ""])
            session.group_context.add_related_groups([group.id or ""])

    assert set(members(reader, tracking, PARAMS)) == {"Example", "Another", "A group"}


async def test_tracking_by_hand_awaited(address: str, tracking: Tracking, reader: Client) -> None:
    client = InfrahubClient(address, tracking=tracking)

    await client.start_tracking(identifier="my_tracking_session")
    node = await client.create(kind="MyNodeKind", data={"name": "Example"})
    await node.save()

    await client.group_context.update_group()

    await client.close()
    assert members(reader, tracking) == ["Example"]


def test_tracking_by_hand(address: str, tracking: Tracking, reader: Client) -> None:
    client = InfrahubClientSync(address, tracking=tracking)

    client.start_tracking(identifier="my_tracking_session")
    node = client.create(kind="MyNodeKind", data={"name": "Example"})
    node.save()

    client.group_context.update_group()

    client.close()
    assert members(reader, tracking) == ["Example"]


def test_a_group_is_retrieved(address: str, tracking: Tracking) -> None:
    with (
        InfrahubClientSync(address, tracking=tracking) as script,
        script.start_tracking(identifier="my_tracking_session", params=PARAMS),
    ):
        script.create(kind="MyNodeKind", name="Example").save()
    met = []

    with InfrahubClientSync(address, tracking=tracking) as client:
        client.set_context_properties(identifier="my_tracking_session", params=PARAMS)
        group = client.group_context.get_group(store_peers=True)
        if group and client.group_context.previous_members:
            for member in client.group_context.previous_members:
                obj = client.store.get(kind=member._typename, key=member.id)
                met.append(obj.name.value)

    assert met == ["Example"]


async def test_a_group_is_retrieved_awaited(address: str, tracking: Tracking) -> None:
    async with (
        InfrahubClient(address, tracking=tracking) as script,
        script.start_tracking(identifier="my_tracking_session", params=PARAMS),
    ):
        node = await script.create(kind="MyNodeKind", name="Example")
        await node.save()
    met = []

    async with InfrahubClient(address, tracking=tracking) as client:
        await client.set_context_properties(identifier="my_tracking_session", params=PARAMS)
        group = await client.group_context.get_group(store_peers=True)
        if group and client.group_context.previous_members:
            for member in client.group_context.previous_members:
                obj = client.store.get(kind=member._typename, key=member.id)
                met.append(obj.name.value)

    assert met == ["Example"]
