"""Every route that shows what an event says marks it, where the event was changed and an operator accepted that."""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.operations.integrity import accept_change
from tests.integration.infrahub.asking import ask, create
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.serving import Served

REASON = "restored by hand"
FIRST, SECOND, THIRD = (f"{number:032x}" for number in (1, 2, 3))
KIND = "TestNodeKind"
DEFINED = "TestPort"

# Each route with what it is asked; ids of a run, a group and an object are put in.
MARKED = {
    "/query/pem/{id}": [f"/query/pem/{SECOND}"],
    "/query/pems": ["/query/pems"],
    "/query/artifacts": ["/query/artifacts"],
    "/query/tags": ["/query/tags"],
    "/receiver/pem/{id}": [f"/receiver/pem/{SECOND}"],
    "/receiver/pems": ["/receiver/pems"],
    "/receiver/artifacts": ["/receiver/artifacts"],
    "/receiver/tags": ["/receiver/tags"],
    "/api/v1/lineage": [
        "/api/v1/lineage?node=artifact:b",
        "/api/v1/lineage?node=artifact:b&as_of=now",
        "/api/v1/lineage?node=artifact:a&direction=downstream",
        "/api/v1/lineage?node=artifact:b&format=ndjson",
    ],
    "/api/v1/impact": ["/api/v1/impact?node=artifact:a", "/api/v1/impact?node=artifact:a&format=json"],
    "/api/v1/why": ["/api/v1/why?node=artifact:b", "/api/v1/why?node=artifact:b&format=text"],
    "/api/v1/state": ["/api/v1/state"],
    "/api/v1/diff": ["/api/v1/diff?from=1&to=now&clock=recorded"],
    "/api/v1/path": ["/api/v1/path?source=artifact:a&target=artifact:b"],
    "/api/v1/gaps": ["/api/v1/gaps"],
    "/api/v1/runs": ["/api/v1/runs"],
    "/api/v1/runs/{id}": ["/api/v1/runs/{run}"],
    "/api/v1/runs/{id}/operations": ["/api/v1/runs/{run}/operations"],
    "/api/v1/runs/{id}/diff": ["/api/v1/runs/{run}/diff"],
    "/api/v1/groups": [
        "/api/v1/groups",
        "/api/v1/groups?members=full",
        "/api/v1/groups?orphaned=true&older_than=0s",
    ],
    "/api/v1/groups/{id}": ["/api/v1/groups/{group}", "/api/v1/groups/{group}?members=true"],
    "/api/v1/objects": [f"/api/v1/objects?kind={KIND}"],
    "/api/v1/objects/{id}": ["/api/v1/objects/{object}"],
    "/api/v1/objects/{id}/operations": ["/api/v1/objects/{object}/operations"],
    "/api/v1/kinds": ["/api/v1/kinds"],
}
# These tell what no event says: of the service, how many there are, an id, or what an operator's job found.
OTHERS = {
    "/query/info",
    *(f"/{part}/{name}_count" for part in ("query", "receiver") for name in ("pems", "artifacts", "tags")),
    *(f"/{part}/{name}" for part in ("query", "receiver") for name in ("tag/{rest:path}", "report/{id}")),
}


class Filled:
    """A service whose log holds an event of each kind, all of them changed since."""

    def __init__(self, served: Served, ids: dict[str, str]) -> None:
        self.served = served
        self.ids = ids

    def get(self, path: str) -> str:
        answer = self.served.client.get(path.format(**self.ids))
        assert answer.is_success, answer.text
        return answer.text


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("filled")
    with serving(folder) as served:
        ids = _fill(served)
        served.flush()
    _change_all(folder)
    with serving(folder) as served:
        yield Filled(served, ids)


def _fill(served: Served) -> dict[str, str]:
    client = served.client
    events: list[dict[str, Any]] = [
        {
            "ID": FIRST,
            "OccurredAt": "2026-01-01T00:00:00Z",
            "ProducesArtifacts": [{"Name": "a"}],
            "Tag": "latest",
        },
        # It uses what was made only later.
        {"ID": SECOND, "OccurredAt": "2026-01-02T00:00:00Z", "ProducesArtifacts": [{"Name": "b"}]}
        | {"UsesArtifacts": [{"Name": "a"}, {"Name": "c", "Version": THIRD}]},
        {"ID": THIRD, "OccurredAt": "2026-01-03T00:00:00Z", "ProducesArtifacts": [{"Name": "c"}]},
    ]
    sent = client.post("/api/v1/events", json=[{"Type": "t", "Emitter": "e", **each} for each in events])
    assert sent.json()["accepted"] == len(events), sent.text
    node = {"namespace": "Test", "name": "Port", "attributes": [{"name": "name", "kind": "Text"}]}
    assert client.post("/api/schema/load", json={"schemas": [{"nodes": [node]}]}).is_success
    for description in ("x", "y"):
        run = _command(served, "/runs", identifier="script")
        saved = [
            {"kind": KIND, "values": {"name": name, "description": description}} for name in ("one", "two")
        ]
        objects = _command(served, "/objects", objects=saved, upsert=True, run=run["id"])["objects"]
        closed = _command(served, f"/runs/{run['id']}/close")
    return {"run": run["id"], "group": closed["group"]["id"], "object": objects[0]["id"]}


def _command(served: Served, path: str, **body: Any) -> dict[str, Any]:
    answer = served.client.post(f"/api/v1{path}", json={"request": uuid.uuid4().hex, **body})
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _change_all(folder: Path) -> None:
    """Change every event, and leave what it says: the salt is in the digest, too."""
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute("UPDATE event SET salt = zeroblob(16)")


def _accept_all(served: Served) -> None:
    for position in range(1, served.services.log.head().position + 1):
        accept_change(served.services.log, position, REASON)


@pytest.fixture(scope="module")
def accepted(filled: Filled) -> Filled:
    before = {path: filled.get(path) for paths in MARKED.values() for path in paths}
    assert [path for path, text in before.items() if REASON in text] == []
    _accept_all(filled.served)
    return filled


def test_every_route_is_asked_here_or_known_to_tell_of_no_event(filled: Filled) -> None:
    routes = importlib.import_module("query.app").routes(filled.served.services)
    read = {route.path for route in routes if "GET" in (route.methods or ())}

    assert read == MARKED.keys() | OTHERS


@pytest.mark.parametrize("path", [path for paths in MARKED.values() for path in paths])
def test_what_rests_on_a_changed_event_says_so_on_every_route(accepted: Filled, path: str) -> None:
    assert REASON in accepted.get(path)


@pytest.mark.parametrize("list_", ["artifacts", "tags", "pems"])
def test_a_mark_in_record_keepers_lists_is_one_more_field(accepted: Filled, list_: str) -> None:
    for item in accepted.served.client.get(f"/query/{list_}").json():
        assert item["Changed"] == REASON


def test_every_object_and_member_is_marked_and_no_value_that_looks_like_one(accepted: Filled) -> None:
    found = accepted.served.client.get(f"/api/v1/groups/{accepted.ids['group']}?members=true").json()

    assert [one["changed"]["reason"] for one in (found, *found["members"])] == [REASON] * 3
    assert "changed" not in str(found["values"])


def test_nodes_are_marked_beside_the_data(accepted: Filled) -> None:
    told = ask(
        accepted.served,
        "query { CoreStandardGroup { edges { node { id members { edges { node { id } } } } } } }",
    )

    (group,) = told["data"]["CoreStandardGroup"]["edges"]
    nodes = [group["node"], *(edge["node"] for edge in group["node"]["members"]["edges"])]
    marked = {one["id"]: one["reason"] for one in told["extensions"]["changed"]}
    assert marked == {node["id"]: REASON for node in nodes}


def test_what_rests_on_no_changed_event_is_not_marked(accepted: Filled) -> None:
    served = accepted.served
    id_ = create(served, "new")
    served.send(ProducesArtifacts=[{"Name": "new", "Properties": {"n": 1}, "Version": "1"}])

    told = ask(served, 'query { TestNodeKind(name__value: "new") { edges { node { id } } } }')
    assert "extensions" not in told
    assert "changed" not in served.client.get(f"/api/v1/objects/{uuid.UUID(id_).hex}").json()
    listed = served.client.get("/query/artifacts").json()
    assert ["Changed" in artifact for artifact in listed if artifact["Name"] == "new"] == [False]


def _outside(*uses: dict[str, Any]) -> list[dict[str, Any]]:
    """Return events that use `ext`, each saying more of it, a day after each other."""
    return [
        {
            "OccurredAt": f"2026-01-0{day}T00:00:00Z",
            "UsesArtifacts": [{"Name": "ext", **said}, {"Name": "plain"}],
        }
        for day, said in enumerate(uses, 1)
    ]


@pytest.mark.parametrize(
    ("uses", "changed", "is_marked"),
    [
        ([{"Digest": "sha256:1", "Properties": {"a": 1}}], 1, True),
        ([{"Digest": "sha256:1"}, {"Properties": {"a": 1}}], 1, True),
        ([{"Digest": "sha256:1"}, {"Properties": {"a": 1}}], 2, True),
        ([{"Kind": "weights"}, {"Digest": "sha256:1"}], 1, True),
        ([{"Digest": "sha256:1"}, {"Digest": "sha256:2"}], 1, False),
        ([{"Properties": {"a": 1}}, {}], 2, False),
        ([{"Properties": {"a": 1}}, {"Properties": {"a": 2}}], 2, True),
    ],
)
def test_what_came_from_outside_is_marked_where_a_changed_event_states_what_is_shown(
    tmp_path: Path, uses: list[dict[str, Any]], changed: int, is_marked: bool
) -> None:
    with serving(tmp_path) as served:
        for event in _outside(*uses):
            served.send(**event)
        served.flush()
    with contextlib.closing(sqlite3.connect(tmp_path / "provgraph.db")) as connection, connection:
        connection.execute("UPDATE event SET salt = zeroblob(16) WHERE position = ?", (changed,))

    with serving(tmp_path) as served:
        accept_change(served.services.log, changed, REASON)
        found = {}
        for path in ("state", "state?as_of=now", "diff?from=2020-01-01&to=now"):
            answer = served.client.get(f"/api/v1/{path}").json()
            parts = answer.get("artifacts") or [change["after"] for change in answer["changes"]]
            found[path] = {each["artifact"]: "changed" in each for each in parts}
            assert "stated_at" not in str(answer)

    assert list(found.values()) == [{"ext": is_marked, "plain": False}] * 3
