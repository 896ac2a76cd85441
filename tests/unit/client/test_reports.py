from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import Artifact, AsyncClient, Client, UnsendableError, current
from tests.contract.client.service import FakeService

if TYPE_CHECKING:
    from collections.abc import Iterator


def _names(event: dict[str, Any], field: str) -> list[str]:
    return [artifact["Name"] for artifact in event.get(field, [])]


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    with Client("http://service.test", emitter="trainer", transport=service.transport) as made:
        yield made


def test_each_call_of_a_function_is_an_event(client: Client, service: FakeService) -> None:
    @client.reports("train", uses=["table"], properties={"a": 1})
    def train(factor: int, *, offset: int = 0) -> int:
        """Do it."""
        run = current()
        assert run is not None
        run.produces(f"model/{factor}")
        return factor + offset

    assert (train(2), train(3, offset=1), train.__doc__) == (2, 4, "Do it.")
    assert [_names(event, "ProducesArtifacts") for event in service.sent] == [["model/2"], ["model/3"]]
    assert [_names(event, "UsesArtifacts") for event in service.sent] == [["table"], ["table"]]
    assert len({event["ID"] for event in service.sent}) == 2


def test_a_function_without_a_type_is_reported_by_its_name(client: Client, service: FakeService) -> None:
    @client.reports()
    def clean() -> None:
        pass

    clean()

    assert service.sent[0]["Type"] == "clean"


def test_arguments_and_result_tell_the_artifacts(client: Client, service: FakeService) -> None:
    @client.reports(uses=lambda table: [table], produces=lambda model: [Artifact(model, {"auc": 1})])
    def train(table: str) -> str:
        return f"model-of-{table}"

    train("customers")

    assert _names(service.sent[0], "UsesArtifacts") == ["customers"]
    assert _names(service.sent[0], "ProducesArtifacts") == ["model-of-customers"]


def test_a_function_that_fails_is_reported_and_its_error_goes_on(
    client: Client, service: FakeService
) -> None:
    @client.reports("train")
    def train() -> None:
        raise LookupError("no data")

    with pytest.raises(LookupError, match="no data"):
        train()

    assert service.sent[0]["Properties"]["failure"] == {"type": "LookupError", "message": "no data"}


def test_functions_that_call_each_other_are_each_others_predecessors(
    client: Client, service: FakeService
) -> None:
    @client.reports()
    def inner() -> None:
        pass

    @client.reports()
    def outer() -> None:
        inner()
        inner()

    outer()

    *inners, last = service.sent
    assert last["Predecessors"] == [event["ID"] for event in inners]


def test_a_coroutine_is_reported_by_a_client_that_waits_without_stopping_the_loop(
    client: Client, service: FakeService
) -> None:
    @client.reports("train", produces=lambda result: [result])
    async def train() -> str:
        await asyncio.sleep(0)
        assert current() is not None
        return "model"

    assert asyncio.run(train()) == "model"
    assert _names(service.sent[0], "ProducesArtifacts") == ["model"]


def test_a_coroutine_is_reported_by_a_client_for_loops(service: FakeService) -> None:
    async def run() -> list[int]:
        async with AsyncClient(
            "http://service.test", emitter="trainer", transport=service.transport
        ) as client:

            @client.reports("step")
            async def step(number: int) -> int:
                await asyncio.sleep(0)
                if number == 2:
                    raise LookupError(number)
                return number

            @client.reports("all")
            async def everything() -> list[Any]:
                return await asyncio.gather(*map(step, range(4)), return_exceptions=True)

            return [each for each in await everything() if isinstance(each, int)]

    assert asyncio.run(run()) == [0, 1, 3]
    *steps, last = service.sent
    assert set(last["Predecessors"]) == {event["ID"] for event in steps}
    assert sum("failure" in event["Properties"] for event in steps) == 1


def test_a_cancelled_coroutine_is_reported(client: Client, service: FakeService) -> None:
    @client.reports("wait")
    async def wait() -> None:
        await asyncio.sleep(3600)

    async def run() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert service.sent[0]["Properties"]["failure"]["type"] == "CancelledError"


def test_a_plain_function_cannot_be_reported_by_a_client_for_loops(service: FakeService) -> None:
    async def run() -> None:
        async with AsyncClient(
            "http://service.test", emitter="trainer", transport=service.transport
        ) as client:
            with pytest.raises(TypeError, match="Client"):
                client.reports("x")(lambda: None)()

    asyncio.run(run())


def test_a_generator_cannot_be_reported(client: Client) -> None:
    def rows() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        client.reports("x")(rows)


def test_what_cannot_be_stated_is_refused_when_the_function_is_decorated(client: Client) -> None:
    with pytest.raises(UnsendableError):
        client.reports("x", uses=[""])(lambda: None)
