"""The admin API."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.credential.events import Grant, Holder, Role
from provgraph.families.report.events import CONNECTIONS, report_opened
from provgraph.graphstore import Corrections
from provgraph.operations.credentials import Credentials
from tests.integration.graphbuilder.service import open_service
from tests.unit.operations.stores import chain_of_pems, pem_id

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.operations.progress import Report
    from tests.integration.graphbuilder.service import Service

CALLS = [
    ("GET", "/admin/info"),
    ("POST", "/admin/flush"),
    ("POST", "/admin/verify"),
    ("POST", "/admin/verify-connections"),
    ("POST", f"/admin/reports/{'0' * 32}/remove-unconnected"),
    ("GET", "/admin/reports"),
    ("GET", f"/admin/reports/{'0' * 32}"),
    ("POST", "/admin/rebuild"),
    ("POST", "/admin/clean"),
    ("POST", "/admin/accept-change"),
    ("POST", "/admin/accept-loss"),
    ("POST", "/admin/credentials"),
    ("GET", "/admin/credentials"),
    ("DELETE", f"/admin/credentials/{'0' * 32}"),
    ("GET", "/admin/jobs"),
    ("GET", f"/admin/jobs/{'0' * 32}"),
]


def test_info_tells_how_everything_stands(service: Service) -> None:
    service.append(*chain_of_pems(5))

    info = service.get("/admin/info")

    assert info["log"]["events"] == info["log"]["position"] == info["graph"]["position"] == 5
    assert info["log"]["epoch"] == info["graph"]["epoch"]
    assert info["catalog"] == {"pems": 5, "artifacts": 6, "tags": 0}
    assert (info["graph"]["pems"], info["graph"]["lag_events"], info["graph"]["failure"]) == (5, 0, None)
    assert info["sizes"]["database"] > 0
    assert info["sizes"]["graph"] > 0


def test_a_flush_tells_the_position_that_the_graph_has(service: Service) -> None:
    service.services.log.append(chain_of_pems(5))

    answer = service.call("POST", "/admin/flush").json()

    assert answer["position"] == 5
    assert answer["seconds"] >= 0


@pytest.mark.parametrize("deep", [False, True])
def test_a_verification_is_a_job(service: Service, deep: bool) -> None:
    service.append(*chain_of_pems(5))

    result = service.result("/admin/verify", {"pems": True, "artifacts": True, "deep": deep})

    assert result["in_sync"] is True
    assert result["differences"] == []
    assert result["message"].startswith("in sync")


def test_a_rebuild_can_tell_that_there_was_no_reason_for_it(service: Service) -> None:
    service.append(*chain_of_pems(5))

    result = service.result("/admin/rebuild", {"compare": True})

    assert result["digests"]["equal"] is True
    assert result["digests"]["before"] == result["digests"]["after"]


def test_a_rebuild_can_tell_that_there_was_a_reason_for_it(service: Service) -> None:
    service.append(*chain_of_pems(5))
    graph = service.services.graph
    graph.mend(Corrections(surplus_pems=[pem_id(5)]), expected=graph.checkpoint())

    result = service.result("/admin/rebuild", {"compare": True, "catalog": False})

    assert result["digests"]["equal"] is False
    assert result["digests"]["after"]["catalog"] is None


def test_a_verification_can_mend_what_differs(service: Service) -> None:
    service.append(*chain_of_pems(5))
    graph = service.services.graph
    graph.mend(Corrections(surplus_pems=[pem_id(5)]), expected=graph.checkpoint())

    assert service.result("/admin/verify", {})["in_sync"] is False
    result = service.result("/admin/verify", {"repair": True})

    assert (result["in_sync"], result["corrected"], result["rebuilt_catalog"]) == (True, 1, False)


def test_a_rebuild_is_a_job_that_tells_of_graph_and_catalog(service: Service) -> None:
    service.append(*chain_of_pems(5))
    before = service.services.graph.digest(), service.services.catalog.digest()

    result = service.result("/admin/rebuild", {"graph": True, "catalog": True})

    assert result["graph"]["seconds"] >= 0
    assert result["catalog"]["events"] == 6
    assert (service.services.graph.digest(), service.services.catalog.digest()) == before


@pytest.mark.parametrize(("graph", "catalog"), [(True, False), (False, True)])
def test_either_can_be_rebuilt_alone(service: Service, graph: bool, catalog: bool) -> None:
    result = service.result("/admin/rebuild", {"graph": graph, "catalog": catalog})

    assert (result["graph"] is not None, result["catalog"] is not None) == (graph, catalog)


def test_a_job_tells_how_far_it_came(service: Service) -> None:
    service.append(*chain_of_pems(5))
    service.result("/admin/verify")

    (job,) = service.get("/admin/jobs")

    assert (job["kind"], job["state"], job["done"], job["total"]) == ("verify", "done", 11, 11)
    assert service.get(f"/admin/jobs/{uuid.UUID(job['id'])}") == job


def test_a_second_job_of_a_kind_is_refused_while_one_runs(service: Service) -> None:
    go_on = threading.Event()

    def work(_report: Report) -> dict[str, Any]:
        go_on.wait()
        return {}

    service.services.jobs.start("verify", work)
    answer = service.call("POST", "/admin/verify")
    go_on.set()

    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")


def test_a_connection_report_and_its_removal_are_reports(service: Service) -> None:
    service.append(*chain_of_pems(5))

    found = service.result("/admin/verify-connections")["report_id"]
    removed = service.result(f"/admin/reports/{uuid.UUID(found)}/remove-unconnected")["report_id"]

    assert found != removed
    assert {report["id"] for report in service.get("/admin/reports")} == {found, removed}
    report = service.get(f"/admin/reports/{uuid.UUID(removed)}")
    assert (report["subject"], report["status"], report["names"]) == ("removal", "done", [])
    assert report["report"] == "0 unconnected artifacts removed"


def test_an_unfinished_report_cannot_be_removed_by(service: Service) -> None:
    opened = report_opened(CONNECTIONS)
    service.services.log.append([opened])

    answer = service.call("POST", f"/admin/reports/{opened.event_id}/remove-unconnected")

    assert answer.status_code == 409


def test_cleaning_removes_everything_but_credentials(service: Service) -> None:
    service.append(*chain_of_pems(5))
    service.call("POST", "/admin/credentials", json={"name": "ada", "kind": "user", "role": "admin"})

    ends = service.get("/admin/info")["log"]["position"]
    answer = service.call("POST", "/admin/clean", json={"position": ends})

    info = service.get("/admin/info")
    ended = {"epoch": info["log"]["epoch"], "position": info["log"]["position"]}
    assert answer.json() == {**ended, "removed_by_hand": []}
    assert info["catalog"]["pems"] == info["graph"]["pems"] == 0
    assert [credential["name"] for credential in service.get("/admin/credentials")] == ["ada"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ({}, 400),
        ({"position": 1}, 409),
        ({"position": 10**18}, 409),
        ({"position": True}, 400),
        ({"position": -1}, 400),
    ],
)
def test_cleaning_is_for_the_log_that_ends_where_it_says(service: Service, body: object, status: int) -> None:
    service.append(*chain_of_pems(5))

    answer = service.call("POST", "/admin/clean", json=body)

    assert answer.status_code == status, answer.text
    assert service.get("/admin/info")["catalog"]["pems"] == 5


def test_a_credential_works_until_it_is_revoked(tmp_path: Path) -> None:
    with open_service(tmp_path, auth_required=True) as service:
        credentials = Credentials(service.services.log, service.services.catalog)
        first = credentials.create("first", holder=Holder.USER, grant=Grant.of(Role.ADMIN)).token

        asked = {"name": "second", "kind": "user", "role": "admin"}
        created = service.call("POST", "/admin/credentials", json=asked, token=first)
        second = created.json()["token"]
        before = service.call("GET", "/admin/info", token=second).status_code
        revoked = service.call("DELETE", f"/admin/credentials/{uuid.UUID(created.json()['id'])}", token=first)
        after = service.call("GET", "/admin/info", token=second).status_code

        assert (created.status_code, before, revoked.status_code, after) == (201, 200, 200, 401)
        assert revoked.json()["revoked_at"] is not None
        listed = service.get("/admin/credentials", token=first)
        assert [credential["name"] for credential in listed] == ["first", "second"]
        assert all("token" not in credential for credential in listed)


def test_rights_of_a_newer_version_are_listed_as_they_are(service: Service) -> None:
    grant = Grant(("read", "seal"))
    Credentials(service.services.log, service.services.catalog).create("new", holder=Holder.USER, grant=grant)

    (listed,) = service.get("/admin/credentials")

    assert (listed["rights"], listed["role"]) == (["read", "seal"], None)


def test_a_credential_is_listed_as_it_was_issued(service: Service) -> None:
    asked = {
        "name": "loans",
        "kind": "puc",
        "rights": ["write", "read"],
        "emitters": ["loan-*"],
        "only": True,
        "expires": "2999-01-01T00:00:00+00:00",
    }

    created = service.call("POST", "/admin/credentials", json=asked).json()

    (listed,) = service.get("/admin/credentials")
    token = created.pop("token")
    assert token.startswith("pg_puc_")
    assert created == {
        "id": created["id"],
        "name": "loans",
        "kind": "puc",
        "role": "writer",
        "rights": ["read", "write"],
        "emitters": ["loan-*"],
        "only": True,
        "expires_at": "2999-01-01T00:00:00.000000Z",
    }
    assert {name: listed[name] for name in created} == created
    assert listed["revoked_at"] is None


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_an_admin(tmp_path: Path, method: str, path: str) -> None:
    with open_service(tmp_path, auth_required=True) as service:
        credentials = Credentials(service.services.log, service.services.catalog)
        writer = credentials.create("writer", holder=Holder.USER, grant=Grant.of(Role.WRITER)).token
        head = service.services.log.head()

        assert service.call(method, path).status_code == 401
        assert service.call(method, path, token=writer).status_code == 403
        assert service.services.log.head() == head


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/admin/verify", b'{"deeep": true}', "deeep"),
        ("/admin/verify", b'{"deep": 1}', "deep"),
        ("/admin/verify", b"[1]", "body"),
        ("/admin/verify", b"{", None),
        ("/admin/rebuild", b'{"graph": false, "catalog": false}', "graph"),
        ("/admin/credentials", b"", "name"),
        ("/admin/credentials", b'{"name": "", "kind": "user", "role": "admin"}', "name"),
        ("/admin/credentials", b'{"name": "x", "kind": "robot", "role": "admin"}', "kind"),
        ("/admin/credentials", b'{"name": "x", "kind": "user", "role": "king"}', "role"),
        ("/admin/credentials", b'{"name": "x", "kind": "user"}', "role"),
        ("/admin/credentials", b'{"name": "x", "kind": "user", "rights": ["king"]}', "rights.0"),
        (
            "/admin/credentials",
            b'{"name": "x", "kind": "user", "role": "reader", "rights": ["read"]}',
            "rights",
        ),
        ("/admin/credentials", b'{"name": "x", "kind": "user", "role": "reader", "only": true}', "emitters"),
        ("/admin/credentials", b'{"name": "x", "kind": "user", "role": "reader", "only": 1}', "only"),
        (
            "/admin/credentials",
            b'{"name": "x", "kind": "user", "role": "reader", "emitters": "a"}',
            "emitters",
        ),
        (
            "/admin/credentials",
            b'{"name": "x", "kind": "user", "role": "reader", "expires": "soon"}',
            "expires",
        ),
    ],
)
def test_a_bad_body_is_a_problem_that_names_the_field(
    service: Service, path: str, body: bytes, field: str | None
) -> None:
    answer = service.call("POST", path, body=body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json().get("field") == field
    assert service.get("/admin/jobs") == []
    assert service.get("/admin/credentials") == []


def test_a_body_over_the_limit_is_refused(service: Service) -> None:
    assert service.call("POST", "/admin/verify", body=b" " * 100_000).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/reports/{}"),
        ("POST", "/admin/reports/{}/remove-unconnected"),
        ("GET", "/admin/jobs/{}"),
        ("DELETE", "/admin/credentials/{}"),
        ("GET", "/admin/nothing/{}"),
    ],
)
@pytest.mark.parametrize("name", ["0" * 32, "no-id"])
def test_what_is_not_there_is_a_problem(service: Service, method: str, path: str, name: str) -> None:
    answer = service.call(method, path.format(name))

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_admin_api_describes_itself(service: Service) -> None:
    described = service.get("/admin/openapi.json")

    assert set(described["paths"]) == {
        "/info",
        "/flush",
        "/verify",
        "/verify-connections",
        "/reports",
        "/reports/{report_id}",
        "/reports/{report_id}/remove-unconnected",
        "/rebuild",
        "/clean",
        "/accept-change",
        "/accept-loss",
        "/credentials",
        "/credentials/{credential_id}",
        "/jobs",
        "/jobs/{job_id}",
    }
