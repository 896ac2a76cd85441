"""What commands on tracked work are answered with is marked as in lists, where it rests on a changed event."""

from __future__ import annotations

import importlib
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.integration.accepting import REASON, accepted
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.serving import Served

KIND = "TestNodeKind"
COMMANDS = (
    "/api/v1/runs",
    "/api/v1/runs/{id}/plan",
    "/api/v1/runs/{id}/close",
    "/api/v1/runs/{id}/fail",
    "/api/v1/runs/{id}/rollback",
    "/api/v1/runs/rollback",
    "/api/v1/objects",
    "/api/v1/objects/retire",
    "/api/v1/groups/{id}/adopt",
    "/api/v1/groups/{id}/remove",
    "/api/v1/kinds",
)


class Sent(NamedTuple):
    """A command that was carried out."""

    path: str
    body: dict[str, Any]


class Commands:
    """Sends commands, and knows the last one of each route."""

    def __init__(self, served: Served) -> None:
        self.sent: dict[str, Sent] = {}
        self._served = served

    def send(self, route: str, id_: str = "", **body: Any) -> dict[str, Any]:
        path = route.replace("{id}", id_)
        if not route.endswith("/plan"):
            body["request"] = uuid.uuid4().hex
        self.sent[route] = Sent(path, body)
        answer = self._served.client.post(path, json=body)
        assert answer.is_success, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def open(self, identifier: str, **more: Any) -> str:
        id_: str = self.send("/api/v1/runs", identifier=identifier, **more)["id"]
        return id_

    def save(self, name: str, **more: Any) -> str:
        wanted = [{"kind": KIND, "values": {"name": name}, "protected": name.startswith("protected")}]
        id_: str = self.send("/api/v1/objects", objects=wanted, upsert=True, **more)["objects"][0]["id"]
        return id_

    def group(self, identifier: str, *names: str) -> str:
        run = self.open(identifier)
        for name in names:
            self.save(name, run=run)
        id_: str = self.send("/api/v1/runs/{id}/close", run)["group"]["id"]
        return id_


def send_all(served: Served) -> Commands:
    """Send a command of each route."""
    commands = Commands(served)
    group = commands.group("removed", "one", "protected")
    commands.send("/api/v1/groups/{id}/remove", group)
    commands.send("/api/v1/groups/{id}/adopt", commands.group("a", "two"), into=commands.group("b", "three"))
    commands.send("/api/v1/runs/{id}/fail", commands.open("failing"), error="x")
    run = commands.open("undone")
    commands.save("four", run=run)
    commands.send("/api/v1/runs/{id}/rollback", run)
    commands.save("five", actor="ada")
    commands.send("/api/v1/runs/rollback", login="ada", since="now-1h")
    commands.send("/api/v1/objects/retire", ids=[commands.save("six"), commands.save("protected")])
    commands.group("sweeping", "seven", "protected-2")
    commands.send("/api/v1/runs/{id}/plan", commands.open("sweeping", delete_unused=True), members=[])
    commands.send("/api/v1/kinds", nodes=[{"namespace": "Test", "name": "Port", "attributes": []}])
    return commands


class Changed(NamedTuple):
    """A service on which every event was changed, and what was sent to it before."""

    served: Served
    sent: dict[str, Sent]

    def again(self, route: str) -> dict[str, Any]:
        path, body = self.sent[route]
        answer = self.served.client.post(path, json=body)
        assert answer.is_success, answer.text
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    folder = tmp_path_factory.mktemp("changed")
    with serving(folder) as served:
        sent = send_all(served).sent
        last = served.services.log.head().position
    with accepted(folder, range(1, last + 1)) as served:
        yield Changed(served, sent)


def test_every_command_is_asked_here(changed: Changed) -> None:
    routes = importlib.import_module("receiver.tracking").routes(changed.served.services)

    assert {route.path for route in routes} == set(COMMANDS) == changed.sent.keys()


@pytest.mark.parametrize("route", COMMANDS)
def test_a_command_that_is_sent_again_says_that_its_event_was_changed(changed: Changed, route: str) -> None:
    answer = changed.again(route)

    marked = [answer, *answer.get("objects", ()), *answer.get("retire", ()), *answer.get("refused", ())]
    assert REASON in [one["changed"]["reason"] for one in marked if "changed" in one]


def test_a_new_command_marks_what_it_shows_of_the_events_before(changed: Changed) -> None:
    commands = Commands(changed.served)
    wanted = [{"kind": KIND, "values": {"name": "two"}}]
    saved = commands.send("/api/v1/objects", objects=wanted, upsert=True)
    run = commands.open("a")
    plan = commands.send("/api/v1/runs/{id}/plan", commands.open("sweeping", delete_unused=True))
    retired = commands.send("/api/v1/objects/retire", ids=[commands.save("protected"), commands.save("new")])

    assert saved["objects"][0]["operation"] == "unchanged"
    assert saved["objects"][0]["changed"]["reason"] == REASON
    assert [one["key"] for one in plan["retire"] if one["changed"]["reason"] == REASON] == ["seven"]
    assert [one["changed"]["reason"] for one in (*plan["refused"], *retired["refused"])] == [REASON] * 2
    assert "changed" not in {*saved, *retired}
    assert "changed" not in changed.served.client.get(f"/api/v1/runs/{run}").json()


def test_whoever_may_only_send_is_not_told_what_was_changed(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        sent = send_all(served).sent
        last = served.services.log.head().position

    with accepted(tmp_path, range(1, last + 1), auth_required=True, pem_auth_required=False) as served:
        answers = [served.client.post(sent[route].path, json=sent[route].body) for route in COMMANDS]

    assert any(answer.is_success for answer in answers)
    assert not any(REASON in answer.text for answer in answers)
