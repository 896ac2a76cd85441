"""How tracking copes with a service that is away, slow or says no: what cannot be had from a real one at will."""

from __future__ import annotations

import asyncio
import contextvars
import getpass
import re
import socket
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.client import AsyncClient, Client, Retry, ServiceError, UnreachableError
from provgraph.client.texts import message_of
from provgraph.client.tracking import (
    ImpossibleLimitError,
    ImpossibleNameError,
    Limit,
    Mode,
    NotJsonError,
    Tracking,
    TrackingError,
)
from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[httpx.Request], httpx.Response]

_RUN = {
    "id": "r" * 32,
    "state": "open",
    "identifier": "script",
    "params": {},
    "branch": "main",
    "delete_unused": False,
    "actor": None,
    "group": {"id": None, "type": "CoreStandardGroup", "name": "script"},
    "opened_at": "2026-03-01T00:00:00Z",
    "closed_at": None,
    "error": None,
    "members": None,
    "previous_members": None,
    "report": None,
    "position": 1,
}
_REPORT: dict[str, Any] = {
    "run": _RUN,
    "group": None,
    "added": [],
    "kept": [],
    "dropped": [],
    "previous_members": None,
    "retired": [],
    "released": [],
    "refused": [],
    "position": 2,
}


class _Service:
    """Answers runs, unless a call is told to do something else."""

    def __init__(self, **otherwise: Answer) -> None:
        self._otherwise = otherwise
        self.asked: list[str] = []
        self.bodies: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        what = request.url.path.rpartition("/")[2]
        self.asked.append(what)
        self.bodies.append(orjson.loads(request.content or b"null"))
        if what in self._otherwise:
            return self._otherwise[what](request)
        answers: dict[str, Any] = {"runs": _RUN, "fail": _RUN, "close": _REPORT}
        return httpx.Response(200, content=orjson.dumps(answers[what]))

    def client(self, **options: Any) -> Client:
        return Client(
            "http://service.test",
            transport=httpx.MockTransport(self),
            sleep=lambda _: None,
            retry=Retry(attempts=3),
            **options,
        )

    def async_client(self) -> AsyncClient:
        return AsyncClient(
            "http://service.test",
            transport=httpx.MockTransport(self),
            sleep=lambda _: asyncio.sleep(0),
            retry=Retry(attempts=3),
        )


def _away(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def _broken(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500, content=b'{"detail": "disk full"}')


def _saved(request: httpx.Request) -> httpx.Response:
    """Answer with what is saved, as it is then."""
    objects = [
        {"id": f"{number:032x}", "is_group": False, "live": True, "artifact": each["kind"], **each}
        for number, each in enumerate(orjson.loads(request.content)["objects"])
    ]
    return httpx.Response(200, content=orjson.dumps({"objects": objects}))


@pytest.mark.parametrize("trouble", [_away, _broken])
@pytest.mark.parametrize("what", ["runs", "fail"])
def test_a_run_that_cannot_be_marked_failed_hides_nothing(what: str, trouble: Answer) -> None:
    service = _Service(**{what: trouble})
    client = service.client()

    with pytest.raises(ValueError, match="boom") as raised, client.tracking.start_tracking("script"):
        raise ValueError("boom")

    assert "could not be marked failed" in raised.value.__notes__[0]
    assert service.asked.count(what) == 1  # it is not waited for
    assert client.tracking.mode is Mode.DEFAULT


def test_an_interrupted_run_is_marked_failed() -> None:
    service = _Service()

    with pytest.raises(KeyboardInterrupt), service.client().tracking.start_tracking("script"):
        raise KeyboardInterrupt

    assert service.asked == ["runs", "fail"]
    assert service.bodies[1]["error"] == "KeyboardInterrupt"


def test_a_cancelled_run_is_marked_failed() -> None:
    service = _Service()

    async def body() -> None:
        client = service.async_client()
        async with client.tracking.start_tracking("script"):
            await asyncio.sleep(3600)

    async def cancelled() -> None:
        task = asyncio.create_task(body())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert service.asked == ["runs", "fail"]


def test_a_coroutine_that_is_thrown_away_waits_for_nothing() -> None:
    service = _Service()

    async def body() -> None:
        async with service.async_client().tracking.start_tracking("script"):
            await asyncio.sleep(0)

    coroutine = body()
    coroutine.send(None)
    coroutine.close()

    assert service.asked == []


@pytest.mark.parametrize(("trouble", "error"), [(_away, UnreachableError), (_broken, ServiceError)])
def test_a_run_that_cannot_be_closed_is_said_so_and_over(trouble: Answer, error: type[Exception]) -> None:
    service = _Service(close=trouble)
    client = service.client()

    with pytest.raises(error), client.tracking.start_tracking("script"):
        pass

    assert client.tracking.mode is Mode.DEFAULT


def test_a_close_is_repeated_as_the_same_command() -> None:
    service = _Service(close=_away)
    client = service.client()
    client.tracking.start_tracking("script")

    for _ in range(2):
        with pytest.raises(UnreachableError):
            client.tracking.group_context.update_group()

    requests = {body["request"] for body in service.bodies[1:]}
    assert service.asked == ["runs", *["close"] * 6]
    assert len(requests) == 1


def test_a_run_that_was_ended_inside_its_block_stays_ended() -> None:
    service = _Service()
    client = service.client()

    with client.tracking.start_tracking("script"):
        client.tracking.end_tracking()
        assert client.tracking.mode is Mode.DEFAULT

    assert service.asked == ["runs", "close"]
    with pytest.raises(TrackingError, match="Nothing is tracked"):
        client.tracking.end_tracking()


def test_a_block_is_entered_once() -> None:
    block = _Service().client().tracking.start_tracking("script")
    with block:
        pass

    with pytest.raises(TrackingError, match="ended"), block:
        pass


def test_a_block_can_be_entered_where_it_was_not_made() -> None:
    client = _Service().client()
    block = contextvars.copy_context().run(client.tracking.start_tracking, "script")
    assert client.tracking.mode is Mode.DEFAULT

    with block:
        assert client.tracking.group_context.identifier == "script"

    assert client.tracking.mode is Mode.DEFAULT


def test_two_clients_track_side_by_side() -> None:
    first, second = _Service().client(), _Service().client()

    with first.tracking.start_tracking("first"):
        assert (first.tracking.mode, second.tracking.mode) == (Mode.TRACKING, Mode.DEFAULT)
        with second.tracking.start_tracking("second"):
            assert first.tracking.group_context.identifier == "first"
            assert second.tracking.group_context.identifier == "second"
        assert (first.tracking.mode, second.tracking.mode) == (Mode.TRACKING, Mode.DEFAULT)


def test_what_was_started_by_hand_is_replaced_by_the_next() -> None:
    client = _Service().client(tracking=Tracking(identifier="configured"))
    assert client.tracking.group_context.identifier == "configured"
    client.tracking.start_tracking("first")
    client.tracking.start_tracking("second")

    client.tracking.end_tracking()

    assert client.tracking.mode is Mode.DEFAULT


def test_what_tracks_can_be_reached_through_what_start_tracking_returns() -> None:
    tracked = _Service().client().tracking.start_tracking("script")

    assert tracked.create("Node", name="A").name.value == "A"
    assert tracked.runs.tracking_session is tracked.groups.tracking_session
    assert tracked.mode is Mode.TRACKING


def test_a_value_that_is_not_there_is_said_so() -> None:
    node = _Service().client().tracking.create("Node", name="A")

    with pytest.raises(AttributeError, match="'role'; it has: name"):
        _ = node.role.value
    with pytest.raises(AttributeError, match=r"node\.role\.value = "):
        node.role = "core"
    with pytest.raises(AttributeError):
        _ = node._role
    assert repr(node) == "<Node A (not saved)>"


def test_values_whose_names_are_taken_are_reached_too() -> None:
    node = _Service().client().tracking.create("Node", {"name": "A", "kind": "router", "self": 1})

    node.attribute("kind").value = "switch"

    assert node.values == {"name": "A", "kind": "switch", "self": 1}
    assert node.kind == "Node"


@dataclass
class _Point:
    x: float


class _Rate(Enum):
    NONE = float("nan")


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), "loss"),
        (float("-inf"), "loss"),
        ([1.0, {"deep": float("nan")}], "loss[1].deep"),
        ((float("inf"),), "loss[0]"),
        (_Point(float("nan")), "loss.x"),
        (_Rate.NONE, "loss"),
        (2**63, "loss"),
        ({"a": "b\0"}, "loss.a"),
        ("\ud800", "loss"),
    ],
)
def test_a_value_that_would_be_stored_as_another_is_refused_before_it_is_sent(
    value: object, where: str
) -> None:
    service = _Service()
    client = service.client()

    with pytest.raises(NotJsonError, match=f"^{re.escape(where)} cannot be sent") as refused:
        client.tracking.create("Node", name="A", loss=value).save()

    assert refused.value.field == where
    assert service.asked == []


def test_a_value_that_was_stored_is_not_replaced_by_one_that_json_does_not_have() -> None:
    node = _Service(objects=_saved).client().tracking.create("Node", name="A", loss=1.0)
    node.save()

    node.loss.value = float("nan")
    with pytest.raises(NotJsonError, match="loss cannot be sent: it is nan"):
        node.save()


@pytest.mark.parametrize(
    "params", [{"n": 2**70}, {"n": 10**400}, {"n": "\ud800"}, {"n": "\0"}, {"n": float("nan")}]
)
def test_parameters_that_the_service_would_refuse_are_refused_when_tracking_starts(
    params: dict[str, Any],
) -> None:
    service = _Service()
    client = service.client()

    with pytest.raises(NotJsonError) as refused:
        client.tracking.start_tracking("script", params=params)
    with pytest.raises(NotJsonError, match=r"^group_params\.n"):
        client.tracking.start_tracking("script", group_params=params)

    assert refused.value.field == "params.n"
    assert client.tracking.mode is Mode.DEFAULT
    assert service.asked == []


@pytest.mark.parametrize("count", [-1, "5", True, 1.0, 10**30])
def test_a_count_that_cannot_be_a_limit_is_refused(count: Any) -> None:
    with pytest.raises(ImpossibleLimitError, match="count is a whole number"):
        Limit(count)
    with pytest.raises(ImpossibleLimitError):
        _Service().client().tracking.start_tracking("script", limit=count)


@pytest.mark.parametrize("percent", [float("nan"), float("inf"), -1, 101, True, "5"])
def test_a_percentage_that_cannot_be_a_limit_is_refused(percent: Any) -> None:
    with pytest.raises(ImpossibleLimitError, match="percent is a number"):
        Limit(percent=percent)


@pytest.mark.parametrize("kind", ["nodes", "groups"])
def test_a_wrong_id_is_refused_when_it_is_added_and_not_at_the_end(kind: str) -> None:
    service = _Service()

    with service.client().tracking.start_tracking("script") as tracking:
        context = tracking.group_context
        with pytest.raises(ImpossibleNameError, match="'nope' cannot be the id of an object"):
            getattr(context, f"add_related_{kind}")(["0" * 32, "nope"])
        added = [*context.related_node_ids, *context.related_group_ids]

    assert added == []
    assert service.asked == ["runs", "close"]


def test_a_wrong_id_is_refused_by_the_client_for_loops_too() -> None:
    service = _Service()

    async def body() -> None:
        async with service.async_client().tracking.start_tracking("script") as tracking:
            with pytest.raises(ImpossibleNameError, match="nope"):
                await tracking.group_context.add_related_nodes(["nope"])

    asyncio.run(body())

    assert service.asked == ["runs", "close"]


def test_an_id_is_added_in_its_one_spelling() -> None:
    with _Service().client().tracking.start_tracking("script") as tracking:
        tracking.group_context.add_related_nodes(["5F0C7BD1-3f57-4d16-9f02-0123456789ab"])

        assert tracking.group_context.related_node_ids == ["5f0c7bd13f574d169f020123456789ab"]


def test_a_save_that_no_answer_came_to_is_another_one_when_a_values_type_changed() -> None:
    service = _Service(objects=_away)
    node = service.client().tracking.create("Device", name="A", flag=1)
    with pytest.raises(UnreachableError):
        node.save()
    before = len(service.bodies)

    node.flag.value = True
    with pytest.raises(UnreachableError):
        node.save()

    requests = {body["request"] for body in service.bodies}
    assert service.bodies[before]["objects"][0]["values"]["flag"] is True
    assert len(requests) == 2


class _UnshowableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("I cannot say what I am")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("a\0b"), "ValueError: a?b"),
        (ValueError("caf\udce9"), "ValueError: caf?"),
        (ValueError("\ud800" + "x" * 5_000), "ValueError: ?" + "x" * 1_987),
        (_UnshowableError(), "_UnshowableError"),
    ],
    ids=["NUL", "a byte that is no text", "half a character", "cannot say it"],
)
def test_a_run_whose_error_cannot_be_sent_as_it_is_is_marked_failed(error: Exception, told: str) -> None:
    service = _Service()

    with pytest.raises(type(error)) as raised, service.client().tracking.start_tracking("script"):
        raise error

    assert raised.value is error
    assert service.bodies[-1]["error"] == told
    assert service.asked == ["runs", "fail"]
    assert not getattr(error, "__notes__", [])


@given(st.text(st.characters()))
def test_whatever_an_error_says_can_be_sent(said: str) -> None:
    message = message_of(ValueError(said))

    assert canonical.loads(orjson.dumps(message)) == message


@pytest.mark.parametrize("actor", ["a\0b", "caf\udce9", ""], ids=["NUL", "surrogate", "empty"])
def test_an_actor_that_no_command_could_name_is_refused_at_once(actor: str) -> None:
    with pytest.raises(ImpossibleNameError, match="actor"):
        Tracking(actor=actor)


def test_a_user_whose_name_is_no_text_can_track(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "caf\udce9")
    monkeypatch.setattr(socket, "gethostname", lambda: "host")

    assert Tracking().actor == "caf?@host"
