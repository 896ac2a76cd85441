"""Tables and lines say that what they show rests on an event that was changed, and that somebody accepted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

REASON = "restored by hand"
MARK = {"changed": {"reason": REASON, "recorded_digest": "a", "found_digest": "b"}}
COLUMN = "EVENT CHANGED, ACCEPTED"
AFTERWARDS = " CHANGED after it was recorded"
RUN, GROUP = "1" * 32, "2" * 32


def member(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "Device", "key": name, "artifact": f"Device/{name}", **more}


def a_run(**more: Any) -> dict[str, Any]:
    return {
        "id": RUN,
        "state": "done",
        "identifier": "script",
        "params": {},
        "branch": "main",
        "delete_unused": False,
        "actor": None,
        "group": {"id": None, "type": "CoreStandardGroup", "name": "script"},
        "opened_at": "2026-03-01T12:00:00+00:00",
        "closed_at": None,
        "error": None,
        "members": [],
        "previous_members": None,
        "position": 4,
        **more,
    }


def a_group(**more: Any) -> dict[str, Any]:
    return {
        **member("script", id=GROUP),
        "name": "script",
        "branch": "main",
        "live": True,
        "updated_at": "2026-03-01T12:00:00+00:00",
        "members": [member("a")],
        **more,
    }


def an_operation(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"run": RUN, "object": "a", "operation": "created", "event": "e1"}
    values: dict[str, Any] = {"before": None, "after": {}}
    when = {"position": 3, "at": "2026-03-01T12:00:00+00:00", "actor": None}
    return {**member("a"), **told, **values, **when, **more}


def a_difference(mark: dict[str, Any]) -> dict[str, Any]:
    ends = {"from": {"id": "r0", "position": 1, **mark}, "to": {"id": RUN, "position": 4, **mark}}
    values = {"before": {"role": "x"}, "after": {"role": "y"}}
    lists = {"added": [member("b", **mark)], "kept": [], "dropped": [member("c", **mark)]}
    return {"from": "r0", "to": RUN, "runs": ends, **lists, "changed": [{**member("a"), **values, **mark}]}


def a_plan(mark: dict[str, Any]) -> dict[str, Any]:
    refused = {"id": "d", "artifact": "Device/d", "reason": "it is protected"}
    return {
        "plan": "token",
        "group": {"id": GROUP, "type": "CoreStandardGroup", "name": "script", **mark},
        **{name: [] for name in ("members", "added", "kept", "dropped", "release", "deferred")},
        "retire": [member("b", **mark)],
        "refused": [{**refused, **mark}],
        "share": 50.0,
    }


def serve(service: FakeService, mark: dict[str, Any]) -> None:
    artifact = {"Name": "m", "Properties": {}, "CreatedAt": "-"}
    service.answer("GET /query/artifacts", [{**artifact, **({"Changed": REASON} if mark else {})}])
    service.answer("GET /query/artifacts_count", {"artifacts_count": 1})
    service.answer("GET /api/v1/runs", {"runs": [a_run(**mark)], "cursor": None})
    service.answer(f"GET /api/v1/runs/{RUN}", a_run(**mark))
    service.answer(f"GET /api/v1/runs/{RUN}/operations", {"operations": [an_operation(**mark)]})
    service.answer(f"GET /api/v1/runs/{RUN}/diff", a_difference(mark))
    service.answer(f"POST /api/v1/runs/{RUN}/plan", a_plan(mark))
    group = a_group(orphaned="it seems so", members=[member("a", **mark)], **mark)
    service.answer("GET /api/v1/groups", {"groups": [group], "cursor": None})
    service.answer(f"GET /api/v1/groups/{GROUP}", group)


COMMANDS = {
    "artifacts": ["COLUMN"],
    "runs list": ["COLUMN"],
    f"runs show {RUN}": ["COLUMN", f"event changed   {REASON}"],
    f"runs diff {RUN}": [
        f"From run r0{AFTERWARDS} to run {RUN}{AFTERWARDS}",
        f"  added    Device/b{AFTERWARDS}",
        f"  changed  Device/a{AFTERWARDS}: role: x -> y",
        f"  dropped  Device/c{AFTERWARDS}",
    ],
    f"runs plan {RUN}": [
        f"for group script{AFTERWARDS}",
        f"  retire   Device/b{AFTERWARDS}",
        f"  refused  Device/d{AFTERWARDS}: it is protected",
    ],
    "groups list": ["COLUMN"],
    f"groups show {GROUP}": [f"event changed  {REASON}", f"  a  Device/a{AFTERWARDS}"],
    "groups orphaned": ["COLUMN"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_rests_on_a_changed_event_says_so(run: Run, service: FakeService, command: str) -> None:
    serve(service, MARK)

    ended = run(*command.split())

    assert ended.code == 0, ended.err
    for told in COMMANDS[command]:
        if told == "COLUMN":
            assert COLUMN in ended.out
            assert REASON in ended.out
        else:
            assert told in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_said_where_nothing_was_changed(run: Run, service: FakeService, command: str) -> None:
    serve(service, {})

    ended = run(*command.split())

    assert ended.code == 0, ended.err
    assert not any(word in ended.out for word in (COLUMN, AFTERWARDS, "event changed"))
