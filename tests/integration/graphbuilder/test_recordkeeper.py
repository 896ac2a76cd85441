"""Record Keeper's GraphBuilder calls."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.families.credential.events import Grant, Holder, Role
from provgraph.operations.credentials import Credentials
from provgraph.operations.verify import Verification
from tests.integration.graphbuilder.service import open_service
from tests.unit.operations.stores import chain_of_pems, eventually, pem_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.graphbuilder.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path) as running:
        yield running


def info(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/graph_builder/info")
    return found


def remove_from_graph(folder: Path, number: int) -> None:
    served = json.loads((folder / "graph" / "generations.json").read_text())["served"]
    with closing(sqlite3.connect(folder / "graph" / served)) as connection, connection:
        connection.execute("DELETE FROM pem WHERE rk_id = ?", (bytes.fromhex(pem_id(number)),))


def test_info_has_exactly_the_fields_of_the_contract(service: Service) -> None:
    service.append(*chain_of_pems(5))

    assert info(service) == {
        "version": "0.1.0",
        "pg_pems_count": 5,
        "pg_artifacts_count": 6,
        "neo4j_pems_count": 5,
        "neo4j_artifacts_count": 6,
        "pems_sync_pct": "100.00%",
        "artifacts_sync_pct": "100.00%",
        "loop_iteration_interval": 1,
        "loop_state_should_rebuild": "False",
        "loop_state_should_flush": "False",
    }


def test_after_a_flush_everything_is_in_the_graph(service: Service) -> None:
    service.services.log.append(chain_of_pems(500))

    answer = service.call("POST", "/graph_builder/flush", body=b"{}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert info(service)["neo4j_pems_count"] == 500


def test_a_rebuild_is_begun_at_once_and_ends(service: Service) -> None:
    service.append(*chain_of_pems(5))

    answer = service.call("POST", "/graph_builder/rebuild", body=b"{}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert eventually(lambda: info(service)["loop_state_should_rebuild"] == "False")
    assert info(service)["neo4j_pems_count"] == 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{}",
        b'{"check_pems": true, "check_artifacts": true}',
        b'{"check_pems": null, "else": 1}',
    ],
)
def test_verify_compares_everything_unless_told_otherwise(
    service: Service, tmp_path: Path, body: bytes
) -> None:
    service.append(*chain_of_pems(5))
    in_sync = service.call("POST", "/graph_builder/verify", body=body).json()
    remove_from_graph(tmp_path, 3)

    out_of_sync = service.call("POST", "/graph_builder/verify", body=body).json()

    assert in_sync["msg"].startswith("in sync: 5 PEMs and 6 artifacts")
    assert in_sync["in_sync"] is True
    first, *lines = out_of_sync["msg"].splitlines()
    assert first.startswith("out of sync")
    # The event behind the missing one has lost its predecessor: the graph cannot name it any more.
    assert lines == [
        f"missing PEM {pem_id(3)}: in the catalog, not in the graph",
        f"different PEM {pem_id(4)}: predecessors",
    ]
    assert out_of_sync["differences"][:1] == [
        {
            "sense": "missing",
            "what": "PEM",
            "name": pem_id(3),
            "details": "in the catalog, not in the graph",
        }
    ]


def test_verify_leaves_out_what_it_is_told_to(service: Service, tmp_path: Path) -> None:
    service.append(*chain_of_pems(5))
    remove_from_graph(tmp_path, 3)

    answer = service.call("POST", "/graph_builder/verify", body=b'{"check_pems": false}')

    assert answer.json()["msg"].startswith("in sync: 6 artifacts compared")


@pytest.mark.parametrize(
    "body", [b"[1]", b"{", b'"x"', b"null", b"\xff", b'{"check_pems": 1}', b'{"check_artifacts": "no"}']
)
def test_verify_refuses_what_it_cannot_read(service: Service, body: bytes) -> None:
    answer = service.call("POST", "/graph_builder/verify", body=body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert len(answer.text.splitlines()) == 1


def test_verify_refuses_a_huge_body(service: Service) -> None:
    answer = service.call("POST", "/graph_builder/verify", body=b" " * 100_000)

    assert answer.status_code == 413
    assert "100000" in answer.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["rebuild", "flush", "verify"])
def test_what_works_is_posted(service: Service, method: str, path: str) -> None:
    assert service.call(method, f"/graph_builder/{path}").status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("rebuild", [Role.ADMIN]),
        ("flush", [Role.READER, Role.WRITER, Role.ADMIN]),
        ("verify", [Role.READER, Role.WRITER, Role.ADMIN]),
    ],
)
def test_each_call_needs_its_role(tmp_path: Path, path: str, allowed: list[Role]) -> None:
    with open_service(tmp_path, auth_required=True) as service:
        credentials = Credentials(service.services.log, service.services.catalog)
        tokens = {
            role: credentials.create(role, holder=Holder.USER, grant=Grant.of(role)).token for role in Role
        }

        statuses = {
            role: service.call("POST", f"/graph_builder/{path}", token=token).status_code
            for role, token in tokens.items()
        }

        assert statuses == {role: 200 if role in allowed else 403 for role in Role}
        assert service.call("POST", f"/graph_builder/{path}").status_code == 401
        assert service.call("GET", "/graph_builder/info").status_code == 200


def test_many_who_ask_to_verify_share_few_comparisons_one_at_a_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: list[bool] = []
    one_at_a_time = threading.Lock()
    begun, everyone_asked = threading.Event(), threading.Event()

    def comparing(*_: object, **__: object) -> Verification:
        under_way.append(one_at_a_time.acquire(blocking=False))
        begun.set()
        assert everyone_asked.wait(60)
        one_at_a_time.release()
        return Verification(in_sync=True, position=0, total=0, differences=[], message="in sync")

    monkeypatch.setattr("graphbuilder.recordkeeper.verify", comparing)

    async def all_of_them() -> list[int]:
        transport = httpx.ASGITransport(app=service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            asked = [asyncio.create_task(client.post("/graph_builder/verify")) for _ in range(60)]
            # Meanwhile there are threads for others, and for the probes above all.
            assert await asyncio.to_thread(begun.wait, 60)
            others = [await client.get(path) for path in ("/readyz", "/graph_builder/info")]
            everyone_asked.set()
            return [answer.status_code for answer in [*others, *await asyncio.gather(*asked)]]

    assert set(asyncio.run(all_of_them())) == {200}
    assert all(under_way)
    assert len(under_way) < 10
