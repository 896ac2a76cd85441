"""
Every operation of every service, called on a small platform whose work is all reported: what really is answered.

The answers are compared with their description, and the examples in it are taken from them (`python -m
tests.integration.openapi.examples`).
"""

from __future__ import annotations

import base64
import contextlib
import re
import sqlite3
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.exports import FORMATS
from provgraph.families.credential.events import Role
from provgraph.operations.jobs import JobState
from tests.e2e.waiting import eventually
from tests.integration.query.story import EVENTS, TRAIN
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.integration.serving import Served

JSON = "application/json"
NDJSON = "application/x-ndjson"
_ADMIN = "ada"
_OTHERS = frozenset({"prov-json", "node-link"})
_TAG = "/".join(base64.b64encode(part.encode()).decode() for part in ("prod", "current"))
_KIND = {
    "namespace": "Test",
    "name": "Dataset",
    "label": "Dataset",
    "attributes": [{"name": "rows", "kind": "Number", "optional": True}],
}


def _event(
    number: int, type_: str, occurred_at: str, uses: Any, produces: Any, **more: Any
) -> dict[str, Any]:
    return {
        "ID": f"{number:032x}",
        "Type": type_,
        "Emitter": "odd",
        "OccurredAt": occurred_at,
        "UsesArtifacts": uses,
        "ProducesArtifacts": produces,
        **more,
    }


_LONG_WAY = 105  # steps: answers have a hundred of them
_SAID = {"Digest": "d1", "Kind": "data", "Properties": {"rows": 3}}
# Versions that are named, that come later than their use, that contradict it; and work that did not end well.
_ODD: tuple[dict[str, Any], ...] = (
    _event(
        21, "make", "2026-03-05T02:00:00Z", [], [{"Name": "odd", "Version": "1", **_SAID}], Outcome="aborted"
    ),
    _event(
        22,
        "use",
        "2026-03-05T03:00:00Z",
        [
            {"Name": "odd", "Version": "1", "Digest": "d2"},
            {"Name": "outside", **_SAID},
            {"Name": "odd", "Version": "none", **_SAID},
        ],
        [{"Name": "odd/result"}],
        Predecessors=[f"{21:032x}"],
        Tag="odd",
        TagNamespace="prod",
    ),
    _event(23, "early", "2026-03-05T01:00:00Z", [{"Name": "odd", "Version": "1"}], [{"Name": "odd/early"}]),
    _event(24, "fix", "2026-03-05T01:30:00Z", [{"Name": "odd/early"}], [{"Name": "odd", "Version": "0"}]),
)


class Exchange(NamedTuple):
    """A call of an operation, and how it was answered."""

    method: str
    path: str  # as a template
    answer: httpx.Response
    is_in_a_format: bool = False  # JSON, and yet in another form than the usual one

    @property
    def status(self) -> str:
        """The answer's status, as a description has it."""
        return str(self.answer.status_code)

    @property
    def media_type(self) -> str:
        """The answer's media type, without parameters."""
        return self.answer.headers["content-type"].partition(";")[0]

    def values(self) -> list[Any]:
        """Return what a schema is about: the answer, or each line of it where they are answers."""
        if self.media_type == NDJSON:
            return [orjson.loads(line) for line in self.answer.content.splitlines()]
        return [self.answer.json() if self.media_type == JSON else self.answer.text]


class Caller:
    """Calls operations by their template, and keeps what was answered."""

    def __init__(self, served: Served, headers: dict[str, str] | None = None) -> None:
        """
        Call as an administrator.

        :param headers: of another credential
        """
        self._served = served
        self.headers = headers or served.bearer(Role.ADMIN, name=_ADMIN)
        self.exchanges: list[Exchange] = []

    def who_may_only_write(self) -> Caller:
        """Return what calls as one who may write and not read."""
        wanted = {"name": "ci", "kind": "puc", "rights": ["write"]}
        token = self("POST", "/admin/credentials", json=wanted, status=201)["token"]
        return Caller(self._served, {"Authorization": f"Bearer {token}"})

    def __call__(
        self,
        method: str,
        template: str,
        *,
        json: object = None,
        status: int = 200,
        query: dict[str, Any] | None = None,
        **places: str,
    ) -> Any:
        """Call an operation, and return what it answers."""
        path = re.sub(r"\{(\w+)\}", lambda found: places[found[1]], template)
        headers = dict(self.headers)
        content = None
        if json is not None:
            content, headers["Content-Type"] = orjson.dumps(json), JSON
        answer = self._served.client.request(method, path, content=content, headers=headers, params=query)
        assert answer.status_code == status, (method, path, answer.text)
        in_a_format = (query or {}).get("format") in _OTHERS
        self.exchanges.append(Exchange(method, template, answer, in_a_format))
        return answer.json() if self.exchanges[-1].media_type == JSON else answer.text

    def command(
        self, template: str, *, status: int = 200, places: dict[str, str] | None = None, **body: object
    ) -> Any:
        """Call an operation that is a command on tracked work."""
        whole = {"request": uuid.uuid4().hex, **body}
        return self("POST", template, json=whole, status=status, query=None, **(places or {}))

    def flush(self) -> None:
        """Wait until the graph has everything, and no job is running."""
        self._served.flush()
        jobs = self._served.services.jobs
        assert eventually(lambda: all(job.state is not JobState.RUNNING for job in jobs.list()))


@contextmanager
def exchanged(folder: Path) -> Iterator[tuple[Served, list[Exchange]]]:
    """Run all services, and yield them with an exchange at least of each of their operations."""
    with serving(folder, auth_required=True) as served:
        call = Caller(served)
        _events(call)
        _tracked_work(call)
        writer = call.who_may_only_write()
        _written_unread(writer)
        _infrahub(call)
        call.flush()
        _questions(call)
        call("GET", "/api/v1/impact", query={"node": "artifact:chain/0", "format": "json"})
        _record_keeper(call)
        _probes(call)
        _admin(call)
        exchanges = [*call.exchanges, *writer.exchanges, *_accepted(folder)]
        yield served, exchanges


def _events(call: Caller) -> None:
    call(
        "POST",
        "/api/v1/events",
        json=[
            *EVENTS,
            EVENTS[0],
            {"ID": "x"},
            {**EVENTS[3], "type": "x", "ID": uuid.uuid4().hex, "Outcome": "failed", "Error": "no disk"},
        ],
    )
    call("POST", "/api/v1/events", json=list(_ODD))
    chain = [
        _event(
            1_000 + number,
            "link",
            f"2026-03-06T02:{number // 60:02}:{number % 60:02}Z",
            [{"Name": f"chain/{number}"}],
            [{"Name": f"chain/{number + 1}"}],
        )
        for number in range(_LONG_WAY)
    ]
    call("POST", "/api/v1/events", json=chain)
    call("POST", "/api/v1/events", json=EVENTS[0])
    call("POST", "/receiver/pem", json={**EVENTS[2], "ID": uuid.uuid4().hex})
    call("POST", "/receiver/tag/{rest}", json={}, rest=f"{_TAG}/{TRAIN}")


def _tracked_work(call: Caller) -> None:
    call.command("/api/v1/kinds", nodes=[_KIND])
    call("GET", "/api/v1/kinds")
    runs = []
    for rows in (1, 2):
        run = call.command("/api/v1/runs", status=201, identifier="nightly", params={"day": "monday"})["id"]
        runs.append(run)
        objects = [
            {"kind": "TestDataset", "key": f"part-{number}", "values": {"rows": rows}}
            for number in range(rows + 1)
        ]
        saved = call.command("/api/v1/objects", run=run, upsert=True, objects=objects)
        call("POST", "/api/v1/runs/{id}/plan", json={}, id=run)
        closed = call.command("/api/v1/runs/{id}/close", places={"id": run}, delete_unused=True)
    other = call.command("/api/v1/runs", status=201, identifier="hourly")["id"]
    alone = call.command(
        "/api/v1/objects", run=other, objects=[{"kind": "TestDataset", "key": "alone", "values": {"rows": 5}}]
    )
    call.command("/api/v1/objects/retire", ids=[alone["objects"][0]["id"]], run=other)
    call.command("/api/v1/runs/{id}/fail", places={"id": other}, error="out of memory")
    group, object_ = closed["group"]["id"], saved["objects"][0]["id"]
    for query in ({}, {"group": group}):
        call("GET", "/api/v1/runs", query=query)
    call("GET", "/api/v1/runs", query={"limit": 1})
    call("GET", "/api/v1/runs/{id}", id=runs[1])
    call("GET", "/api/v1/runs/{id}", id=other)
    call("GET", "/api/v1/runs/{id}/operations", id=runs[1])
    call("GET", "/api/v1/runs/{id}/operations", id=other)
    call("GET", "/api/v1/runs/{id}/diff", id=runs[1])
    for members in ("true", "false", "full"):
        call("GET", "/api/v1/groups", query={"members": members})
        call("GET", "/api/v1/groups/{id}", query={"members": members}, id=group)
    call("GET", "/api/v1/groups", query={"orphaned": "true", "older_than": "1s"})
    call("GET", "/api/v1/objects", query={"kind": "TestDataset", "rows__value": "2"})
    call("GET", "/api/v1/objects", query={"kind": "TestDataset", "live": "false"})
    call("GET", "/api/v1/objects/{id}", id=object_)
    call("GET", "/api/v1/objects/{id}/operations", id=object_)
    call.command("/api/v1/runs/{id}/rollback", places={"id": runs[1]})
    call("GET", "/api/v1/runs/{id}", id=runs[1])
    call("GET", "/api/v1/runs/{id}/operations", id=runs[1])
    into = call.command("/api/v1/runs", status=201, identifier="weekly")["id"]
    call.command(
        "/api/v1/objects", run=into, objects=[{"kind": "TestDataset", "key": "w", "values": {"rows": 1}}]
    )
    target = call.command("/api/v1/runs/{id}/close", places={"id": into})["group"]["id"]
    call.command("/api/v1/groups/{id}/adopt", places={"id": group}, into=target)
    call.command("/api/v1/groups/{id}/remove", places={"id": target})
    call.command("/api/v1/objects", objects=[{"kind": "TestDataset", "key": "b", "values": {"rows": 1}}])
    call.command("/api/v1/runs/rollback", login=_ADMIN, since="now-1h")


def _written_unread(call: Caller) -> None:
    def saved(key: str, run: str | None = None) -> str:
        one = {"kind": "TestDataset", "key": key, "values": {"rows": 1}}
        answer = call.command("/api/v1/objects", objects=[one], run=run)
        id_: str = answer["objects"][0]["id"]
        return id_

    groups = []
    for name in ("first", "second"):
        run = call.command("/api/v1/runs", status=201, identifier=name, params={"day": "monday"})["id"]
        saved(name, run)
        call("POST", "/api/v1/runs/{id}/plan", json={}, id=run)
        closed = call.command("/api/v1/runs/{id}/close", places={"id": run}, delete_unused=True)
        groups.append(closed["group"]["id"])
    call.command("/api/v1/objects/retire", ids=[saved("unread")])
    call.command("/api/v1/groups/{id}/adopt", places={"id": groups[0]}, into=groups[1])
    call.command("/api/v1/groups/{id}/remove", places={"id": groups[1]})
    failed, undone = (
        call.command("/api/v1/runs", status=201, identifier=name)["id"] for name in ("third", "fourth")
    )
    call.command("/api/v1/runs/{id}/fail", places={"id": failed}, error="out of memory")
    saved("undone", undone)
    call.command("/api/v1/runs/{id}/close", places={"id": undone})
    call.command("/api/v1/runs/{id}/rollback", places={"id": undone})
    saved("alone")
    call.command("/api/v1/runs/rollback", login="ci", since="now-1h", force=True)
    call("POST", "/api/v1/events", json=EVENTS[0])


def _infrahub(call: Caller) -> None:
    schema = {"version": "1.0", "nodes": [{**_KIND, "name": "Report"}]}
    call("POST", "/api/schema/check", json={"schemas": [schema]}, status=202)
    call("POST", "/api/schema/load", json={"schemas": [schema]})
    call("GET", "/api/schema", query={"namespaces": "Test"})
    token = call.headers["Authorization"].partition(" ")[2]
    call("POST", "/api/auth/login", json={"username": _ADMIN, "password": token})
    call("POST", "/api/auth/refresh")
    create = "mutation ($n: Int) { TestReportCreate(data: {rows: {value: $n}}) { ok object { id } } }"
    call("POST", "/graphql", json={"query": create, "variables": {"n": 4}})
    listed = "query { TestReport { count edges { node { id rows { value } } } } }"
    call("POST", "/graphql", json={"query": listed})
    call("POST", "/graphql/{branch}", json={"query": listed}, branch="main")
    call("POST", "/graphql/{branch}", json={"query": "query { Nothing { count } }"}, branch="main")


def _questions(call: Caller) -> None:
    node = {"node": "artifact:decision/4711"}
    call("GET", "/api/v1/why", query=node)
    call("GET", "/api/v1/why", query={**node, "as_of": "2026-03-03", "depth": 1})
    for name in ("text", *FORMATS):
        call("GET", "/api/v1/why", query={**node, "format": name})
    for more in (
        {},
        {"versions": "any"},
        {"direction": "both", "details": "true", "limit": 2},
        {"details": "true"},
    ):
        call("GET", "/api/v1/lineage", query={"node": "artifact:model/churn", **more})
    for name in FORMATS:
        call("GET", "/api/v1/lineage", query={"node": "artifact:model/churn", "format": name})
    for form in ("json", "ndjson"):
        call("GET", "/api/v1/impact", query={"node": "artifact:raw/crm", "format": form})
    call("GET", "/api/v1/path", query={"source": "artifact:raw/crm", "target": "artifact:decision/4711"})
    call("GET", "/api/v1/path", query={"source": "artifact:decision/4711", "target": "artifact:raw/crm"})
    call("GET", "/api/v1/state")
    call("GET", "/api/v1/state", query={"as_of": "2026-03-01T12:00:00Z", "limit": 1})
    call("GET", "/api/v1/diff", query={"from": "2026-03-01T02:30:00Z", "to": "2026-03-03"})
    call("GET", "/api/v1/diff", query={"from": "now", "to": "2026-03-01T02:30:00Z"})
    call("GET", "/api/v1/gaps")
    call("GET", "/api/v1/gaps", query={"list": "never_produced", "limit": 1})
    _odd_questions(call)
    call("POST", "/api/v1/cypher", json={"query": "MATCH (p:PEM) RETURN p.rk_id, p.type, p LIMIT 2"})


def _odd_questions(call: Caller) -> None:
    for node in ("odd/result", "odd/early", "odd", f"pem:{22:032x}", f"pem:{9:032x}", "tag:prod/odd"):
        for depth in ({}, {"depth": 1}):
            call("GET", "/api/v1/why", query={"node": node, **depth})
            for more in ({}, {"details": "true"}, {"as_of": "now", "details": "true"}):
                call("GET", "/api/v1/lineage", query={"node": node, **depth, **more})
    for source in ("odd", "outside", f"pem:{21:032x}"):
        for query in ({}, {"depth": 1}):
            call("GET", "/api/v1/impact", query={"node": source, "format": "json", **query})
            call("GET", "/api/v1/impact", query={"node": source, **query})
        call("GET", "/api/v1/path", query={"source": source, "target": "odd/result"})
        call("GET", "/api/v1/path", query={"source": source, "target": "odd/early"})


def _record_keeper(call: Caller) -> None:
    for door in ("query", "receiver"):
        call("GET", f"/{door}/info")
        for listed in ("pems", "artifacts", "tags"):
            call("GET", f"/{door}/{listed}")
            call("GET", f"/{door}/{listed}_count")
        call("GET", f"/{door}/pems", query={"pageSize": 1, "sortField": "Type", "Emitter": "trainer"})
        call("GET", f"/{door}/pem/{{id}}", id=TRAIN)
        call("GET", f"/{door}/tag/{{rest}}", rest=_TAG)
        call("POST", f"/{door}/query", json={"query": "MATCH (p:PEM) RETURN p.rk_id LIMIT 2", "type": "r"})
        report = call("POST", f"/{door}/verify_artifact_connections")["report_id"]
        call("GET", f"/{door}/report/{{id}}", id=report)
        call("POST", f"/{door}/remove_unconnected_artifacts/{{id}}", id=report)
    call("GET", "/graph_builder/info")
    call("POST", "/graph_builder/flush")
    call("POST", "/graph_builder/verify", json={"check_pems": True, "check_artifacts": True})
    call("POST", "/graph_builder/rebuild")
    call.flush()


def _probes(call: Caller) -> None:
    for probe in ("healthz", "readyz", "metrics"):
        call("GET", f"/{probe}")


def _admin(call: Caller) -> None:
    info = call("GET", "/admin/info")
    call("POST", "/admin/flush")
    for operation, body in (
        ("verify", {"deep": True}),
        ("rebuild", {"compare": True}),
        ("verify-connections", None),
    ):
        job = call("POST", f"/admin/{operation}", json=body, status=202)["id"]
        call.flush()
        call("GET", "/admin/jobs/{job_id}", job_id=job)
    report = call("GET", "/admin/reports")[0]["id"]
    call("GET", "/admin/reports/{report_id}", report_id=report)
    removal = call("POST", "/admin/reports/{report_id}/remove-unconnected", report_id=report, status=202)[
        "id"
    ]
    call.flush()
    call("GET", "/admin/jobs/{job_id}", job_id=removal)
    call("GET", "/admin/jobs")
    created = call(
        "POST", "/admin/credentials", json={"name": "ben", "kind": "puc", "role": "writer"}, status=201
    )
    call("GET", "/admin/credentials")
    call("DELETE", "/admin/credentials/{credential_id}", credential_id=created["id"])
    for door in ("query", "receiver"):
        call("POST", f"/{door}/clean")
    call.flush()
    position = call("GET", "/admin/info")["log"]["position"]
    assert position != info["log"]["position"]
    call("POST", "/admin/clean", json={"position": position})


def _accepted(folder: Path) -> Iterator[Exchange]:
    """Yield how the loss of an event, and the change of one, are accepted; both happen where nobody serves."""
    last = len(EVENTS) + len(_ODD) + 1  # the first event is the credential's
    reason = {"reason": "restored by hand"}
    with _damaged(folder / "lost", f"DELETE FROM event WHERE position = {last}") as call:  # noqa: S608 - a number
        call("POST", "/admin/accept-loss", json=reason, status=202)
        call.flush()
    yield call.exchanges[-1]
    # The salt is in the digest, too.
    with _damaged(
        folder / "changed", "UPDATE event SET salt = zeroblob(16) WHERE position IN (3, 6, 8)"
    ) as call:
        for position in (3, 6, 8):
            call("POST", "/admin/accept-change", json={"position": position, **reason})
        call.flush()
        _questions(call)
        _record_keeper(call)
    yield from call.exchanges


@contextmanager
def _damaged(folder: Path, statement: str) -> Iterator[Caller]:
    with serving(folder, auth_required=True) as served:
        before = Caller(served)
        before("POST", "/api/v1/events", json=[*EVENTS, *_ODD])
        before.flush()
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute(statement)
    with serving(folder, auth_required=True) as served:
        yield Caller(served, before.headers)


def filled(template: str) -> str:
    """Return a path with something in each of its places."""
    return re.sub(r"\{\w+\}", "0" * 32, template)
