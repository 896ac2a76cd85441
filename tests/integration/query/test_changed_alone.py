"""What says that it rests on a changed event, where that is one of several that it rests on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.integration.accepting import REASON, accepted
from tests.integration.infrahub.asking import ask
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


@pytest.mark.parametrize("asked", ["?members=true", "?members=full"])
def test_a_groups_members_rest_on_the_event_that_listed_them(tmp_path: Path, asked: str) -> None:
    filled = fill(tmp_path)
    with serving(tmp_path) as served:
        wanted = [{"id": filled.group, "values": {"description": "hello"}}]
        command(served, "/objects", objects=wanted)

    with accepted(tmp_path, [filled.second["run"]["position"]]) as served:
        told = get(served, f"/groups/{filled.group}{asked}")
        alone = get(served, f"/groups/{filled.group}")
        listed = get(served, f"/groups{asked}")
        nodes = ask(served, "{ CoreStandardGroup { edges { node { id members { count } } } } }")

    assert (marked(told), marked(alone), marked(listed)) == ([""], [], ["/groups/0"])
    (change,) = nodes["extensions"]["changed"]
    assert uuid.UUID(change["id"]).hex == filled.group
    assert change["position"] == filled.second["run"]["position"]


def test_nodes_without_their_members_do_not_rest_on_the_list(tmp_path: Path) -> None:
    filled = fill(tmp_path)
    with serving(tmp_path) as served:
        command(served, "/objects", objects=[{"id": filled.group, "values": {"description": "hello"}}])

    with accepted(tmp_path, [filled.second["run"]["position"]]) as served:
        told = ask(served, "{ CoreStandardGroup { edges { node { id description { value } } } } }")

    assert "extensions" not in told


@pytest.mark.parametrize("name", ["hfid", "display_label"])
def test_a_node_that_is_named_after_its_parent_rests_on_the_parent(tmp_path: Path, name: str) -> None:
    text = {"name": "name", "kind": "Text"}
    device = {"namespace": "Net", "name": "Dev", "human_friendly_id": ["name__value"], "attributes": [text]}
    port = {
        "namespace": "Net",
        "name": "Port",
        "human_friendly_id": ["device__name__value", "name__value"],
        "attributes": [text],
        "relationships": [{"name": "device", "peer": "NetDev", "kind": "Parent", "cardinality": "one"}],
    }
    with serving(tmp_path) as served:
        command(served, "/kinds", nodes=[device, port])
        (parent,) = command(served, "/objects", objects=[{"kind": "NetDev", "values": {"name": "core"}}])[
            "objects"
        ]
        # Nothing but `parent` says which device it is of.
        eth0 = {"kind": "NetPort", "values": {"name": "eth0"}, "parent": parent["id"]}
        command(served, "/objects", objects=[eth0])

    with accepted(tmp_path, [parent["position"]]) as served:
        told = ask(served, f"{{ NetPort {{ edges {{ node {{ {name} }} }} }} }}")

    assert "core" in str(told["data"])
    assert [uuid.UUID(one["id"]).hex for one in told["extensions"]["changed"]] == [parent["id"]]
