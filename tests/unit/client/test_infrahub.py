"""The clients that have the calls of Infrahub's SDK on themselves."""

from __future__ import annotations

import asyncio
import inspect

import infrahub_sdk
import pytest

from provgraph.client import AsyncClient, Client
from provgraph.client import infrahub as facade
from provgraph.client.tracking import AsyncTrackingClient, Mode, Tracking, TrackingClient

# What the facade has of the SDK's client.
_CALLS = (
    *("create", "get", "all", "filters", "delete"),
    *("start_tracking", "set_context_properties", "group_context", "mode", "store"),
)
_URL = "http://service.test"


@pytest.mark.parametrize("name", facade.__all__)
@pytest.mark.parametrize("call", _CALLS)
def test_the_calls_are_where_the_sdk_has_them(name: str, call: str) -> None:
    assert hasattr(getattr(facade, name), call)
    assert hasattr(getattr(infrahub_sdk, name), call) or call in ("group_context", "mode", "store")


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("call", [*_CALLS, "runs", "groups", "save_all", "end_tracking", "tracking_session"])
def test_a_client_itself_has_none_of_them(client: type, call: str) -> None:
    assert not hasattr(client, call)


@pytest.mark.parametrize(
    ("short", "long"),
    [(facade.InfrahubClientSync, TrackingClient), (facade.InfrahubClient, AsyncTrackingClient)],
)
@pytest.mark.parametrize("call", _CALLS)
def test_a_short_form_is_the_call_of_tracking(short: type, long: type, call: str) -> None:
    assert inspect.getattr_static(short, call) is inspect.getattr_static(long, call)


def test_the_short_forms_and_tracking_share_what_is_in_force() -> None:
    client = facade.InfrahubClientSync(_URL, tracking=Tracking(identifier="mine"))

    session = client.start_tracking("script").__enter__()
    node = session.create("Device", name="A")
    client.tracking.store.set(node, key="held")

    assert session is client
    assert client.tracking.mode is client.mode is Mode.TRACKING
    assert client.tracking.group_context is client.group_context
    assert client.store.get("held") is node
    client.close()


def test_the_short_forms_are_awaited_on_a_loop() -> None:
    async def body() -> None:
        async with facade.InfrahubClient(_URL) as client:
            session = await client.start_tracking("script")
            assert session is client
            assert (await session.create("Device", name="A")).name.value == "A"
            assert client.tracking.mode is Mode.TRACKING
            assert client.tracking.group_context.identifier == "script"
            await client.set_context_properties("other")
            assert client.group_context.identifier == "other"

    asyncio.run(body())
