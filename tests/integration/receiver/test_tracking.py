from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.credential.events import Role
from provgraph.operations.verify import verify
from tests.integration.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Client, Served

KIND = "TestNodeKind"


def _command(client: Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1{path}", json={"request": uuid.uuid4().hex, **body})
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _save(client: Client, *names: str, **body: Any) -> list[str]:
    objects = [{"kind": KIND, "values": {"name": name}} for name in names]
    saved = _command(client, "/objects", objects=objects, upsert=True, **body)
    return [one["id"] for one in saved["objects"]]


def _run(client: Client, *names: str, **opening: Any) -> dict[str, Any]:
    run = _command(client, "/runs", identifier="MYID", params={"one": 1}, delete_unused=True, **opening)
    if names:
        _save(client, *names, run=run["id"])
    return _command(client, f"/runs/{run['id']}/close")


def test_a_run_is_opened_fills_its_group_and_sweeps(served: Served) -> None:
    client = served.client
    first = _run(client, "A", "B", "C")
    second = _run(client, "A")

    assert first["previous_members"] is None
    assert [one["id"] for one in second["previous_members"]] == first["run"]["members"]
    assert second["retired"] == first["added"][1:]
    group = client.get(f"/api/v1/groups/{second['group']['id']}", params={"members": "true"}).json()
    assert [one["key"] for one in group["members"]] == ["A"]
    runs = client.get("/api/v1/runs", params={"group": group["id"]}).json()["runs"]
    assert [run["id"] for run in runs] == [second["run"]["id"], first["run"]["id"]]


def test_lists_go_on_where_their_cursor_says(served: Served) -> None:
    client = served.client
    for name in "ABCDE":
        _save(client, name)
    found, cursor = [], None
    while True:
        parameters = {"kind": KIND, "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/v1/objects", params=parameters).json()
        found += [one["key"] for one in page["objects"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert found == list("ABCDE")


@pytest.mark.parametrize("asked", [f"objects?kind={KIND}", "groups?", "runs?"])
def test_no_list_goes_on_in_the_log_that_follows_a_clean(served: Served, asked: str) -> None:
    client = served.client

    def fill() -> None:
        for name in "AB":
            run = _command(client, "/runs", identifier=name)
            _save(client, name, run=run["id"])
            _command(client, f"/runs/{run['id']}/close")

    fill()
    cursor = client.get(f"/api/v1/{asked}&limit=1").json()["cursor"]
    assert client.get(f"/api/v1/{asked}&limit=1&cursor={cursor}").is_success
    assert client.post("/query/clean", json={}).is_success
    fill()

    answer = client.get(f"/api/v1/{asked}&limit=1&cursor={cursor}")

    assert answer.status_code == 409, answer.text
    assert "cleaned meanwhile" in answer.json()["detail"]


def test_objects_are_found_by_kind_key_and_values(served: Served) -> None:
    client = served.client
    _save(client, "A", "B")

    def keys(**parameters: str) -> list[str]:
        answer = client.get("/api/v1/objects", params={"kind": KIND, **parameters})
        return [one["key"] for one in answer.json()["objects"]]

    assert sorted(keys()) == ["A", "B"]
    assert keys(key="B") == keys(name__value="B") == ["B"]
    assert keys(branch="other") == keys(name__value="C") == keys(live="false") == []


def test_a_request_id_stands_for_one_command(served: Served) -> None:
    client = served.client
    request = uuid.uuid4()
    body = {"request": request.hex, "objects": [{"kind": KIND, "values": {"name": "A"}}]}
    first = client.post("/api/v1/objects", json=body)
    again = client.post("/api/v1/objects", json={**body, "request": str(request)})
    other = client.post(
        "/api/v1/objects", json={**body, "objects": [{"kind": KIND, "values": {"name": "B"}}]}
    )
    elsewhere = client.post("/api/v1/runs", json={"request": request.hex})

    assert again.json() == first.json()
    for refused in (other, elsewhere):
        assert refused.status_code == 409
        assert (refused.json()["field"], refused.json()["rule"]) == ("request", "request-once")
    assert client.get("/api/v1/runs").json()["runs"] == []
    assert len(client.get("/api/v1/objects", params={"kind": KIND}).json()["objects"]) == 1


def test_a_run_closes_once_whatever_is_said_when_it_is_closed_again(served: Served) -> None:
    client = served.client
    run = _command(client, "/runs", identifier="MYID")
    (saved,) = _save(client, "A", run=run["id"])
    (other,) = _save(client, "B")
    request = {"request": uuid.uuid4().hex}
    first = client.post(f"/api/v1/runs/{run['id']}/close", json=request)

    again = client.post(
        f"/api/v1/runs/{run['id']}/close", json={**request, "reads": [other], "members": [other]}
    )

    assert again.json() == first.json()
    assert first.json()["run"]["members"] == [saved]


def test_who_did_it_is_the_credentials_name_where_there_is_one(secured: Served) -> None:
    answer = secured.client.post(
        "/api/v1/runs",
        json={"request": uuid.uuid4().hex, "actor": "somebody else"},
        headers=secured.bearer(Role.WRITER),
    )

    assert answer.json()["actor"] == "ada"
    assert secured.client.post("/api/v1/runs", json={"request": uuid.uuid4().hex}).status_code == 401
    assert secured.client.get("/api/v1/runs").status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/runs", {}, "request"),
        ("/runs", {"request": "no uuid"}, "request"),
        ("/runs", {"request": "0" * 32, "params": [1]}, "params"),
        ("/runs", {"request": "0" * 32, "identifer": "typo"}, "identifer"),
        ("/runs", {"request": "0" * 32, "identifier": ""}, "identifier"),
        ("/objects", {"request": "0" * 32, "objects": []}, "objects"),
        ("/objects", {"request": "0" * 32, "objects": [{"values": {}}]}, "objects[0].kind"),
        ("/objects", {"request": "0" * 32, "objects": [{"kind": KIND, "id": "x"}]}, "objects.0.id"),
        ("/objects/retire", {"request": "0" * 32, "ids": []}, "ids"),
        ("/kinds", {"request": "0" * 32, "nodes": [{"name": "X"}]}, "schema: nodes[0].namespace"),
    ],
)
def test_a_command_that_cannot_be_read_is_refused_with_its_field(
    served: Served, path: str, body: dict[str, Any], field: str
) -> None:
    answer = served.client.post(f"/api/v1{path}", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field
    assert served.services.log.head().position == 0


@pytest.mark.parametrize(
    "path", ["/runs/x", "/runs/" + "0" * 32, "/groups/" + "0" * 32, "/objects/x", "/objects/" + "0" * 32]
)
def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    assert served.client.get(f"/api/v1{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/runs?state=odd", "state"),
        ("/runs?limit=0", "limit"),
        ("/runs?cursor=x", "cursor"),
        ("/runs?group=x", "group"),
        ("/objects", "kind"),
        (f"/objects?kind={KIND}&live=maybe", "live"),
        ("/groups?orphaned=true&older_than=long", "older_than"),
        ("/groups?nam=x", "nam"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused_with_its_field(
    served: Served, path: str, field: str
) -> None:
    answer = served.client.get(f"/api/v1{path}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field


def test_a_body_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, batch_size_limit=2_000) as served:
        answer = served.client.post(
            "/api/v1/objects",
            json={"request": "0" * 32, "objects": [{"kind": KIND, "values": {"name": "x" * 3_000}}]},
        )

        assert answer.status_code == 413


def test_state_and_lineage_know_objects_groups_and_runs(served: Served) -> None:
    client = served.client
    _run(client, "A", "B")
    closed = _run(client, "A", actor="somebody")
    served.flush()

    artifacts = {one["artifact"]: one["version"] for one in client.get("/api/v1/state").json()["artifacts"]}

    group = closed["group"]["artifact"]
    assert artifacts[group]["kind"] == "group"
    assert artifacts[group]["properties"]["members"] == [f"{KIND}/A"]
    assert artifacts[f"run/{closed['run']['id']}"]["label"] == "done"
    assert artifacts[f"{KIND}/B"]["properties"] == {"retired": True}
    lineage = client.get("/api/v1/lineage", params={"node": f"artifact:{group}"}).json()
    types = {node.get("type") for node in lineage["nodes"]} - {None}
    assert types >= {"run.closed", "object.created", "run.opened"}


def test_the_graph_is_verified_with_tracked_work_in_it(served: Served) -> None:
    _run(served.client, "A", "B")
    _run(served.client, "A")
    served.flush()

    services = served.services

    report = verify(services.log, services.catalog, services.graph, deep=True)

    assert report.in_sync, report.message


def test_a_clock_that_is_asked_for_by_position_takes_a_tracked_step(served: Served) -> None:
    closed = _run(served.client, "A")
    served.flush()

    answer = served.client.get("/api/v1/state", params={"as_of": str(closed["position"] - 1)})

    names = [one["artifact"] for one in answer.json()["artifacts"]]
    assert f"{KIND}/A" in names
    assert closed["group"]["artifact"] not in names


def test_what_was_retired_has_disappeared_and_is_marked_in_the_state(served: Served) -> None:
    client = served.client
    first = _run(client, "A", "B")
    second = _run(client, "A", "C")
    served.flush()

    parameters = {"from": str(first["position"]), "to": str(second["position"]), "clock": "recorded"}
    changes = client.get("/api/v1/diff", params=parameters).json()["changes"]
    state = client.get("/api/v1/state").json()["artifacts"]

    told = {one["artifact"]: one["change"] for one in changes}
    assert (told[f"{KIND}/B"], told[f"{KIND}/C"]) == ("disappeared", "appeared")
    assert f"{KIND}/A" not in told
    assert {one["artifact"] for one in state if one.get("retired")} == {f"{KIND}/B"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/runs", b'{"request": "%s", "identifier": "a", "identifier": "b"}', "identifier"),
        (
            "/objects",
            b'{"request": "%s", "objects": [{"kind": "K", "values": {"x": 1, "x": 2}}]}',
            "objects[0].values.x",
        ),
    ],
)
def test_a_command_that_says_something_twice_is_refused(
    served: Served, path: str, body: bytes, field: str
) -> None:
    answer = served.client.post(f"/api/v1{path}", content=body % (b"0" * 32))

    problem = answer.json()
    assert (answer.status_code, problem["field"], problem["rule"]) == (400, field, "doubled-key")
    assert served.services.log.head().position == 0
