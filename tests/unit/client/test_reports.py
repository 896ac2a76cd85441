from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.client import (
    Artifact,
    AsyncClient,
    Client,
    DeliveryError,
    NoopDelivery,
    Retry,
    UnreachableError,
    UnsendableError,
    current,
)
from tests.contract.client.service import FakeService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


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
    assert (service.sent[0]["Outcome"], service.sent[0]["Error"]) == ("failed", "LookupError: no data")


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
    assert (service.sent[0]["Outcome"], service.sent[0]["Error"]) == ("aborted", "CancelledError")


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
        client.reports("x", uses=[""], on_error="raise")(lambda: None)


def test_a_text_that_a_function_names_is_one_artifact(client: Client, service: FakeService) -> None:
    @client.reports(uses=lambda table: table, produces=Artifact)
    def clean(table: str) -> str:
        return f"{table}/clean"

    clean("abc")

    assert _names(service.sent[0], "UsesArtifacts") == ["abc"]
    assert _names(service.sent[0], "ProducesArtifacts") == ["abc/clean"]


@pytest.mark.parametrize("which", ["uses", "produces"])
def test_a_result_is_not_lost_when_its_report_cannot_be_made(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    @client.reports("train", **{which: lambda _: [3]})  # type: ignore[arg-type] # no artifact
    def train(table: str) -> str:
        return table

    assert train("result") == "result"
    assert "failure" not in service.sent[0]["Properties"]
    assert "A part of the report of 'train' is left out: UnsendableError" in caplog.text


@pytest.mark.parametrize("which", ["uses", "produces"])
def test_a_result_is_not_lost_when_what_names_its_artifacts_fails(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    @client.reports("train", **{which: lambda _: 1 // 0})  # type: ignore[arg-type] # it fails
    def train(table: str) -> str:
        return table

    assert train("result") == "result"
    assert "failure" not in service.sent[0]["Properties"]
    assert f"What train {which} is not reported: ZeroDivisionError" in caplog.text


def test_what_is_stated_wrongly_for_a_function_is_left_out_of_each_report(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    @client.reports("train", uses=["table", ""], properties={"a": 1, "b": object()}, produces=5)  # type: ignore[arg-type] # wrong
    def train() -> str:
        return "result"

    assert train() == "result"
    assert _names(service.sent[0], "UsesArtifacts") == ["table"]
    assert service.sent[0]["Properties"]["a"] == 1
    assert "is left out" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
def test_the_exception_of_a_function_is_not_changed_when_its_report_cannot_be_sent(
    client: Client, service: FakeService, is_async: bool
) -> None:
    service.troubles = [httpx.ConnectError("refused")] * 100
    client.retry = Retry(attempts=1)
    mine = LookupError("mine")

    @client.reports("train")
    def train() -> None:
        raise mine

    @client.reports("train")
    async def awaited() -> None:
        raise mine

    with pytest.raises(LookupError) as raised:
        asyncio.run(awaited()) if is_async else train()

    assert raised.value is mine
    assert not hasattr(mine, "__notes__")


@pytest.mark.parametrize("is_async", [False, True])
def test_with_raise_a_function_ends_with_what_went_wrong_with_its_report(
    client: Client, service: FakeService, is_async: bool
) -> None:
    service.troubles = [httpx.ConnectError("refused")] * 100
    client.retry = Retry(attempts=1)

    @client.reports("train", on_error="raise")
    def train() -> None:
        pass

    @client.reports("train", on_error="raise")
    async def awaited() -> None:
        pass

    with pytest.raises(UnreachableError):
        asyncio.run(awaited()) if is_async else train()


def test_with_raise_what_names_the_artifacts_of_a_function_may_fail_it(client: Client) -> None:
    @client.reports("train", produces=lambda _: 1 // 0, on_error="raise")  # type: ignore[arg-type,return-value] # it fails
    def train() -> None:
        pass

    with pytest.raises(ZeroDivisionError):
        train()


def test_an_artifact_that_cannot_be_sent_does_not_end_the_work_around_it(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with client.activity("train") as run:
        run.produces(
            Artifact("model", {"auc": 0.9, "net": object()}, version=7, digest="d"),  # type: ignore[arg-type] # wrong
            Artifact(""),
            client.prepare_artifact("plot", {"a": 1}),
        )

    assert service.sent[0]["ProducesArtifacts"] == [
        {"Name": "model", "Properties": {"auc": 0.9}, "Digest": "d"},
        {"Name": "plot", "Properties": {"a": 1}},
    ]
    assert "A part of the report of 'artifact model' is left out" in caplog.text
    assert "ProducesArtifacts[1].Name is empty" in caplog.text


def test_an_artifact_that_cannot_be_sent_is_refused_in_an_activity_that_raises(client: Client) -> None:
    with client.activity("outer"), client.activity("inner", on_error="raise"), pytest.raises(UnsendableError):
        Artifact("model", {"net": object()})


def test_a_spool_that_breaks_does_not_hide_what_a_block_ended_with(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = NoopDelivery()

    def broken() -> None:
        raise DeliveryError("the disk is gone")

    monkeypatch.setattr(delivery, "close", broken)

    with (
        pytest.raises(LookupError, match="mine"),
        Client("http://service.test", on_error="raise", transport=service.transport, delivery=delivery),
    ):
        raise LookupError("mine")
    with Client("http://service.test", transport=service.transport, delivery=delivery):
        pass
    with (
        pytest.raises(DeliveryError),
        Client("http://service.test", on_error="raise", transport=service.transport, delivery=delivery),
    ):
        pass

    assert caplog.text.count("the disk is gone") == 2


@pytest.mark.parametrize("is_async", [False, True])
def test_a_result_is_not_lost_when_its_report_cannot_be_sent(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    service.troubles = [httpx.ConnectError("refused")] * 100
    client.retry = Retry(attempts=1)

    @client.reports("train")
    def train() -> str:
        return "result"

    @client.reports("train")
    async def awaited() -> str:
        return "result"

    assert (asyncio.run(awaited()) if is_async else train()) == "result"
    assert "train is done and was not reported: UnreachableError" in caplog.text
    with pytest.raises(UnreachableError), client.activity("block", on_error="raise"):
        pass


def test_what_can_be_called_is_reported_like_a_function(client: Client, service: FakeService) -> None:
    class Model:
        def __call__(self, number: int) -> int:
            return number + 1

    class Later:
        async def __call__(self) -> str:
            return "later"

    assert client.reports()(functools.partial(pow, 2))(5) == 32
    assert client.reports()(Model())(1) == 2
    assert asyncio.run(client.reports()(Later())()) == "later"
    assert [event["Type"] for event in service.sent] == ["pow", "Model", "Later"]


def test_an_activity_in_a_generator_that_is_not_read_to_its_end_does_not_stay_current(
    client: Client, service: FakeService
) -> None:
    async def rows() -> AsyncIterator[int]:
        with client.activity("rows"):
            yield 1
            yield 2

    async def run() -> None:
        with client.activity("outer") as outer:
            async for _ in (opened := rows()):
                break
            await asyncio.create_task(_close(opened), context=contextvars.Context())
            assert current() is outer
        assert current() is None

    asyncio.run(run())
    assert [event["Type"] for event in service.sent] == ["rows", "outer"]


async def _close(generator: Any) -> None:
    await generator.aclose()
