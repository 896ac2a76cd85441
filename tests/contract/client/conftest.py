"""Both clients, before a service that is played."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.client.driver import AsyncDriver, Driver, SyncDriver
from tests.contract.client.service import FakeService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A way to drive one of the clients."""
    made: Driver = request.param()
    yield made
    made.close()


@pytest.fixture
def service() -> FakeService:
    """A service of the test's own."""
    return FakeService()


@pytest.fixture
def pauses() -> list[float]:
    """How long the client rested, each time."""
    return []


@pytest.fixture
def make(driver: Driver, service: FakeService, pauses: list[float]) -> Callable[..., Any]:
    """Makes clients of that service, with these options."""
    return partial(driver.client, transport=service.transport, pauses=pauses, emitter="trainer")


@pytest.fixture
def strict(make: Callable[..., Any]) -> Any:
    """A client of that service whose activities raise what goes wrong with their reports."""
    return make(on_error="raise")


@pytest.fixture
def client(make: Callable[..., Any]) -> Any:
    """A client of that service."""
    return make()
