"""What Record Keeper's admins call on the query service, and the probes."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import StoreError, StoreFullError
from provgraph.families.credential.events import Role
from provgraph.http import probes

if TYPE_CHECKING:
    from tests.integration.serving import Served


def test_unconnected_artifacts_are_none_when_every_artifact_is_named(served: Served) -> None:
    served.send(UsesArtifacts=[{"Name": "a"}])
    served.flush()

    report_id = served.client.post("/query/verify_artifact_connections", json={}).json()["report_id"]
    report = served.client.get(f"/query/report/{report_id}").json()

    assert report["status"] == "done"
    assert report["report"].splitlines()[1:] == []


def test_a_removal_is_a_report_of_its_own(served: Served) -> None:
    first = served.client.post("/query/verify_artifact_connections", json={}).json()["report_id"]

    second = served.client.post(f"/query/remove_unconnected_artifacts/{uuid.UUID(first)}", json={}).json()[
        "report_id"
    ]

    assert second != first
    assert served.client.get(f"/query/report/{second}").json()["status"] == "done"
    assert served.client.post(f"/query/remove_unconnected_artifacts/{second}", json={}).status_code == 409


def test_an_unknown_report_is_not_found(served: Served) -> None:
    assert served.client.get(f"/query/report/{uuid.uuid4()}").status_code == 404
    assert served.client.post(f"/query/remove_unconnected_artifacts/{uuid.uuid4()}").status_code == 404


def test_cleaning_leaves_nothing_but_credentials(secured: Served) -> None:
    admin = secured.bearer(Role.ADMIN)
    secured.services.authenticator.forget()
    secured.client.post("/api/v1/events", json=[_event()], headers=admin)

    cleaned = secured.client.post("/query/clean", json={}, headers=admin)

    assert cleaned.status_code == 200
    for count in ("pems", "artifacts", "tags"):
        assert secured.client.get(f"/query/{count}_count", headers=admin).json() == {f"{count}_count": 0}


@pytest.mark.parametrize("path", ["clean", "remove_unconnected_artifacts/00000000000000000000000000000001"])
@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.READER, 403), (Role.WRITER, 403)])
def test_removing_is_for_admins(secured: Served, path: str, role: Role | None, status: int) -> None:
    headers = {} if role is None else secured.bearer(role)

    assert secured.client.post(f"/query/{path}", json={}, headers=headers).status_code == status


def test_looking_for_unconnected_artifacts_needs_a_reader(secured: Served) -> None:
    path = "/query/verify_artifact_connections"

    assert secured.client.post(path, json={}).status_code == 401
    assert secured.client.post(path, json={}, headers=secured.bearer(Role.READER)).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_the_probes_are_open(secured: Served, path: str) -> None:
    assert secured.client.get(path).status_code == 200


def test_a_service_that_cannot_write_is_not_ready_and_says_why(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise StoreFullError("The disk is full")

    monkeypatch.setattr(served.services.log, "probe", full)

    answer = served.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["detail"] == "log: The disk is full"
    assert answer.json()["parts"] == {"log": "The disk is full", "graph": "ok", "projector": "ok"}
    assert served.client.get("/healthz").status_code == 200


def test_a_store_that_does_not_answer_makes_the_service_not_ready_in_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(probes, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(served.services.graph, "probe", answers.wait)
    try:
        for _ in range(6):  # more than may wait for it at once
            answer = served.client.get("/readyz")
            assert answer.status_code == 503
            assert answer.json()["parts"]["graph"] == "It did not answer within 0.2 seconds"
            assert answer.json()["parts"]["log"] == "ok"
    finally:
        answers.set()


def test_a_projector_that_cannot_go_on_makes_the_service_not_ready(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: object, **_options: object) -> None:
        raise StoreError("The graph is gone")

    monkeypatch.setattr(served.services.graph, "apply", failing)
    served.send()

    for _ in range(200):
        answer = served.client.get("/readyz")
        if answer.status_code == 503:
            break

    assert answer.json()["parts"]["projector"] == "The graph is gone"


def test_the_metrics_show_how_far_log_and_graph_are(served: Served) -> None:
    served.send()
    served.flush()

    shown = served.client.get("/metrics").text

    assert "\nprovgraph_log_position 1.0\n" in shown
    assert "\nprovgraph_graph_position 1.0\n" in shown
    assert "\nprovgraph_graph_lag_events 0.0\n" in shown
    assert "\nprovgraph_queued_events 0.0\n" in shown


def _event() -> dict[str, object]:
    return {
        "ID": uuid.uuid4().hex,
        "Type": "t",
        "Emitter": "e",
        "OccurredAt": "2026-01-01T00:00:00Z",
        "UsesArtifacts": [{"Name": "a"}],
        "Tag": "t",
    }
