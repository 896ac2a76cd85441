"""
Every test here runs over both clients, against a real service; see `tests.e2e.tracking.sides`.

What differs between the clients is the same whatever the stores: on other pairs one of them is enough.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.pairs import IS_LOCAL
from tests.e2e.tracking.sides import AsyncSide, Side, SyncSide
from tests.effort import IS_LONG

if TYPE_CHECKING:
    from tests.e2e.service import Service


_SIDES: dict[str, type[Side]] = {"sync": SyncSide, **({"async": AsyncSide} if IS_LOCAL or IS_LONG else {})}


@pytest.fixture(params=[*_SIDES.values()], ids=[*_SIDES])
def make_side(request: pytest.FixtureRequest) -> type[Side]:
    """Which of the clients."""
    kind: type[Side] = request.param
    return kind


@pytest.fixture
def side(make_side: type[Side], service: Service) -> Side:
    """A client of the shared service; the hook below closes it."""
    return make_side(service.url)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, and close its clients on the same event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(_run(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


async def _run(test: Any, arguments: dict[str, Any]) -> None:
    try:
        await test(**arguments)
    finally:
        for argument in arguments.values():
            if isinstance(argument, Side):
                await argument.close()
