"""Every route that takes a body takes it packed with gzip."""

from __future__ import annotations

import gzip
import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.cli.parts import PARTS
from provgraph.operations.jobs import JobState
from tests.e2e.waiting import eventually
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.integration.serving import Served

GZIP = {"Content-Encoding": "gzip"}
# They do what their path says, whatever is sent along. (One of them would end the graph under the other calls.)
WITHOUT_BODY = {
    "/admin/flush",
    "/admin/reports/{report_id}/remove-unconnected",
    "/admin/verify-connections",
    "/graph_builder/flush",
    "/graph_builder/rebuild",
    "/query/clean",
    "/query/remove_unconnected_artifacts/{id}",
    "/query/verify_artifact_connections",
    "/receiver/clean",
    "/receiver/remove_unconnected_artifacts/{id}",
    "/receiver/verify_artifact_connections",
}


def routes(served: Served) -> Iterator[str]:
    """Yield the path of every route that is posted to."""
    for part in PARTS:
        for route in importlib.import_module(f"{part}.app").routes(served.services):
            if "POST" in (getattr(route, "methods", None) or ()):
                yield route.path
    admins = served.client.get("/admin/openapi.json").json()["paths"]  # it is an application of its own
    yield from (f"/admin{path}" for path, calls in admins.items() if "post" in calls)


def filled(path: str) -> str:
    """Return a path with something in each of its places."""
    return re.sub(r"\{[a-z_]+\}", "0" * 32, path.replace("{rest:path}", "bnM=/dGFn/" + "0" * 32))


def test_every_route_that_takes_a_body_unpacks_it(served: Served) -> None:
    paths = set(routes(served))
    assert len(paths) > 25
    assert paths >= WITHOUT_BODY

    for path in sorted(paths - WITHOUT_BODY):
        odd = posted(served, path, b"{}", encoding="br")
        torn = posted(served, path, gzip.compress(b"{}")[:-3])
        plain = posted(served, path, b"{}", encoding="identity")
        packed = posted(served, path, gzip.compress(b"{}"))

        assert (odd.status_code, odd.headers.get("accept-encoding")) == (415, "gzip"), path
        assert packed.status_code == plain.status_code, path
        assert (torn.status_code, "breaks off" in torn.text) == (400, True), path


def posted(served: Served, path: str, content: bytes, *, encoding: str = "gzip") -> httpx.Response:
    """Post to a route, and wait for the job that it begins: a second one would be refused meanwhile."""
    answer = served.client.post(filled(path), content=content, headers={"Content-Encoding": encoding})
    jobs = served.services.jobs
    assert eventually(lambda: all(job.state is not JobState.RUNNING for job in jobs.list()))
    return answer


def test_a_packed_event_is_the_event(served: Served) -> None:
    sent, batch = pem(), [pem(), pem()]
    lines = b"\n".join(json.dumps(event).encode() for event in batch)

    def post(path: str, body: bytes, **headers: str) -> Any:
        return served.client.post(path, content=gzip.compress(body), headers={**GZIP, **headers})

    assert post("/receiver/pem", json.dumps(sent).encode()).text == "Ack getting train"
    assert post("/api/v1/events", json.dumps(batch).encode()).json()["accepted"] == 2
    again = post("/api/v1/events", lines, **{"Content-Type": "application/x-ndjson"}).json()
    assert (again["duplicates"], again["position"]) == (2, 3)


@pytest.mark.parametrize("path", ["/receiver/pem", "/api/v1/events"])
def test_the_limit_of_a_route_is_on_what_comes_out(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, pem_size_limit=2_000, batch_size_limit=2_000) as served:
        body = json.dumps(pem(Properties={"text": "x" * 3_000})).encode()
        packed = gzip.compress(body)
        assert len(packed) < 2_000

        answer = served.client.post(path, content=packed, headers=GZIP)

        assert answer.status_code == 413
        assert "2000 bytes" in answer.text
        assert served.services.log.head().position == 0
