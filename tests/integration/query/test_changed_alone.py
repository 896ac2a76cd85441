"""What says that it rests on a changed event, where that is one of several that it rests on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.integration.accepting import REASON, accepted
from tests.integration.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Served

KIND = "TestNodeKind"


class Filled(NamedTuple):
    """What a service holds before an event is changed."""

    first: dict[str, Any]  # the answers to the ends of two runs of one script
    second: dict[str, Any]
    updates: list[int]  # positions of what the second run did to the object "kept", which it saved twice

    @property
    def run(self) -> str:
        id_: str = self.second["run"]["id"]
        return id_

    @property
    def group(self) -> str:
        id_: str = self.second["group"]["id"]
        return id_


def command(served: Served, path: str, **body: Any) -> dict[str, Any]:
    answer = served.client.post(f"/api/v1{path}", json={"request": uuid.uuid4().hex, **body})
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def get(served: Served, path: str) -> dict[str, Any]:
    answer = served.client.get(f"/api/v1{path}")
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def once(served: Served, *saves: tuple[str, str], **opening: Any) -> dict[str, Any]:
    """Run the script, which saves objects by name and description one after the other; return the end's answer."""
    run = command(served, "/runs", **{"identifier": "script", **opening})["id"]
    for name, description in saves:
        wanted = [{"kind": KIND, "values": {"name": name, "description": description}}]
        command(served, "/objects", objects=wanted, upsert=True, run=run)
    return command(served, f"/runs/{run}/close")


def fill(folder: Path) -> Filled:
    with serving(folder) as served:
        first = once(served, ("kept", "x"), ("dropped", "x"))
        second = once(served, ("kept", "y"), ("kept", "z"), ("added", "x"))
        done = get(served, f"/runs/{second['run']['id']}/operations")["operations"]
        return Filled(
            first,
            second,
            [one["position"] for one in done if one["key"] == "kept" and one["operation"] == "updated"],
        )


def marked(told: Any, path: str = "") -> list[str]:
    """Return the paths of what is marked in an answer."""
    found = []
    if isinstance(told, dict):
        if isinstance(told.get("changed"), dict) and told["changed"].get("reason") == REASON:
            found.append(path)
        found += [each for name, inner in told.items() for each in marked(inner, f"{path}/{name}")]
    if isinstance(told, list):
        found += [each for number, inner in enumerate(told) for each in marked(inner, f"{path}/{number}")]
    return found


@pytest.mark.parametrize("end", ["from", "to"])
def test_a_difference_says_that_the_end_of_a_run_was_changed(tmp_path: Path, end: str) -> None:
    filled = fill(tmp_path)
    position = (filled.first if end == "from" else filled.second)["run"]["position"]

    with accepted(tmp_path, [position]) as served:
        told = get(served, f"/runs/{filled.run}/diff")

    assert marked(told) == [f"/runs/{end}"]
    assert told["runs"][end]["id"] == told[end]
    assert [[one["key"] for one in told[name]] for name in ("added", "kept", "dropped")] == [
        ["added"],
        ["kept"],
        ["dropped"],
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_difference_of_values_rests_on_the_first_change_and_on_the_last(
    tmp_path: Path, number: int
) -> None:
    filled = fill(tmp_path)

    with accepted(tmp_path, [filled.updates[number]]) as served:
        told = get(served, f"/runs/{filled.run}/diff")

    assert "/changed/0" in marked(told)
    (difference,) = told["changed"]
    assert [difference[side]["description"] for side in ("before", "after")] == ["x", "z"]


def test_why_a_group_is_orphaned_rests_on_the_runs_that_show_it(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        once(served, ("one", "x"), params={"old": 1})
        newer = once(served, ("two", "x"), params={"new": 1})

    with accepted(tmp_path, [newer["run"]["position"]]) as served:
        told = get(served, "/groups?orphaned=true")

    assert marked(told) == ["/groups/0"]
    assert "other parameters by now: new" in told["groups"][0]["orphaned"]
