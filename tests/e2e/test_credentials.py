"""
Who may do what (section 3 of the contract), as a table: a call, and the least role that may make it.

The services here are shared, and cleaned by the calls under test: every test brings the data it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from provgraph.client import Client
from tests.e2e.builders import new_id, pem, tag_path, unique
from tests.e2e.conftest import HEADERS, KINDS, ROLES, Secured
from tests.e2e.pairs import log_side
from tests.e2e.service import Service, ServiceFailedError, command, create_credential
from tests.e2e.wire import Answer, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = log_side

COUNT = '{"query": "MATCH (a:Artifact) RETURN count(a);", "type": "%s"}'
WRITE = '{"query": "CREATE (n:Artifact {rk_id: \'x\'})", "type": "%s"}'
NO_REPORT = new_id()
# Every call that asks for a credential; the ids in them need not exist, permission comes first.
CALLS = {
    "get a pem": ("GET", f"/query/pem/{NO_REPORT}", None, "reader"),
    "list pems": ("GET", "/query/pems?Emitter=nobody", None, "reader"),
    "count pems": ("GET", "/query/pems_count", None, "reader"),
    "list artifacts": ("GET", "/query/artifacts?Name=nothing", None, "reader"),
    "count artifacts": ("GET", "/query/artifacts_count", None, "reader"),
    "get a tag": ("GET", f"/query/tag/{tag_path('ns', 'tag')}", None, "reader"),
    "list tags": ("GET", "/query/tags", None, "reader"),
    "count tags": ("GET", "/query/tags_count", None, "reader"),
    "get a report": ("GET", f"/query/report/{NO_REPORT}", None, "reader"),
    "read the graph as r": ("POST", "/query/query", COUNT % "r", "reader"),
    "read the graph as rw": ("POST", "/query/query", COUNT % "rw", "reader"),
    "verify connections": ("POST", "/query/verify_artifact_connections", "{}", "reader"),
    "flush": ("POST", "/graph_builder/flush", "{}", "reader"),
    "verify": ("POST", "/graph_builder/verify", "{}", "reader"),
    "lineage": ("GET", "/api/v1/lineage?node=artifact:nothing", None, "reader"),
    "set a tag": ("POST", f"/receiver/tag/{tag_path('ns', 'tag')}/{NO_REPORT}", "", "writer"),
    "send a pem": ("POST", "/receiver/pem", "not even JSON", "writer"),
    "send a batch": ("POST", "/api/v1/events", "not even JSON", "writer"),
    "remove unconnected": ("POST", f"/query/remove_unconnected_artifacts/{NO_REPORT}", "{}", "admin"),
    "rebuild": ("POST", "/graph_builder/rebuild", "{}", "admin"),
    "clean": ("POST", "/query/clean", "{}", "admin"),
    "native clean": ("POST", "/admin/clean", "{}", "admin"),
    "native rebuild": ("POST", "/admin/rebuild", "{}", "admin"),
    "list credentials": ("GET", "/admin/credentials", None, "admin"),
    "create a credential": (
        *("POST", "/admin/credentials"),
        *('{"name": "another", "kind": "puc", "role": "reader"}', "admin"),
    ),
}
OPEN = ("/receiver/info", "/query/info", "/graph_builder/info", "/healthz", "/readyz")


def test_a_program_that_may_write_alone_tracks_its_work(secured: Secured) -> None:
    identifier, name = unique("blind-"), unique("core-")
    asked = '{"name": "sender", "kind": "puc", "rights": ["write"]}'
    token = secured.admin.call("POST", "/admin/credentials", body=asked).json()["token"]

    with Client(secured.service.url, token=token) as client:
        plans, reports = [], []
        for names in ((name, f"{name}-gone"), (name,)):
            with client.tracking.start_tracking(identifier=identifier, delete_unused_nodes=True) as tracking:
                nodes = [tracking.create("Dev", name=each, role="edge") for each in names]
                for node in nodes:
                    node.save(allow_upsert=True)
                nodes[0].role.value = "core"
                nodes[0].save()
                assert nodes[0].name.value == name
                plans.append(tracking.group_context.plan())
                reports.append(tracking.group_context.update_group())

    stored = secured.admin.get(f"/api/v1/objects/{nodes[0].id}").json()
    assert stored["values"] == {"name": name, "role": "core"}
    assert [len(one.members) for one in plans] == [2, 1]
    assert len(reports[1].retired) == 1
    assert reports[1].run.identifier == ""


class Call(NamedTuple):
    """One call of the table."""

    method: str
    path: str
    body: str | None
    least: str

    def make(self, wire: Wire) -> Answer:
        """Make the call with what ``wire`` carries."""
        return wire.call(self.method, self.path, body=self.body)

    def allows(self, role: str) -> bool:
        """Whether a holder of this role may make it."""
        return ROLES.index(role) >= ROLES.index(self.least)


@pytest.fixture(params=list(CALLS.values()), ids=list(CALLS))
def call(request: pytest.FixtureRequest) -> Call:
    return Call(*request.param)


def carrying(secured: Secured, headers: Mapping[str, str]) -> Wire:
    return Wire(secured.service.url, headers)


# The matrix


def test_without_a_credential_nothing_is_allowed(secured: Secured, call: Call) -> None:
    assert call.make(secured.anonymous).status == 401


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", ["wrong", "", " "])
def test_with_a_wrong_credential_nothing_is_allowed(
    secured: Secured, call: Call, kind: str, token: str
) -> None:
    assert call.make(carrying(secured, {HEADERS[kind]: token})).status == 401


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_its_own_and_what_lesser_roles_may(
    secured: Secured, call: Call, kind: str, role: str
) -> None:
    answer = call.make(secured.wire(kind, role))

    if call.allows(role):
        assert answer.status not in (401, 403), answer
        assert answer.status < 500, answer
    else:
        assert answer.status == 403, answer


@pytest.mark.parametrize("path", OPEN)
def test_info_and_probes_are_open_to_all(secured: Secured, path: str) -> None:
    assert secured.anonymous.get(path).ok


def test_the_infos_say_what_is_asked_for(secured: Secured, half_secured: Secured) -> None:
    both, one = (each.anonymous.get("/receiver/info").json() for each in (secured, half_secured))

    assert (both["auth_required"], both["pem_auth_required"]) == (True, True)
    assert (one["auth_required"], one["pem_auth_required"]) == (True, False)
    assert secured.anonymous.get("/query/info").json()["auth_required"] is True


def test_sending_asks_for_a_credential_where_everything_does(tmp_path: Path) -> None:
    with Service(tmp_path / "data", settings={"PROVGRAPH_AUTH_REQUIRED": "true"}) as started:
        wire = Wire(started.url)
        assert wire.get("/receiver/info").json()["pem_auth_required"] is True
        assert wire.send(pem()).status == 401


@pytest.mark.parametrize("kind", ["r", "rw", "w"])
def test_a_query_that_writes_is_never_run_for_a_reader(secured: Secured, kind: str) -> None:
    reader = secured.wire("user", "reader")

    # Whether it is refused for the role or because this store cannot write: it is not done.
    assert reader.post("/query/query", WRITE % kind).status in (400, 403)


# Errors


@pytest.mark.parametrize("path", ["/query/pems", "/query/clean", "/graph_builder/flush", "/receiver/pem"])
def test_a_refusal_is_a_sentence_of_plain_text(secured: Secured, path: str) -> None:
    method = "GET" if path == "/query/pems" else "POST"
    refusals = [secured.anonymous.call(method, path, body="{}")]
    if path == "/query/clean":
        refusals.append(secured.wire("user", "writer").post(path))

    assert [(each.status, each.media_type) for each in refusals] == [
        (401 + 2 * number, "text/plain") for number in range(len(refusals))
    ]
    assert all(each.text.strip() for each in refusals)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/events"), ("GET", "/api/v1/lineage?node=x"), ("POST", "/admin/clean")],
)
def test_a_native_refusal_is_a_problem(secured: Secured, method: str, path: str) -> None:
    missing = secured.anonymous.call(method, path, body="[]" if method == "POST" else None)

    assert (missing.status, missing.media_type) == (401, "application/problem+json")
    assert missing.json()["status"] == 401
    assert missing.headers["WWW-Authenticate"] is not None


def test_no_refusal_tells_a_token(secured: Secured) -> None:
    token = unique("secret-")

    answer = carrying(secured, {HEADERS["user"]: token}).get("/query/pems")

    assert token not in answer.text
    assert token not in secured.service.output()


@pytest.mark.parametrize("token", [b"\xff\xfe", "ü😀".encode(), b"x" * 8_000, b"a\tb", b"Bearer x"])
def test_a_credential_of_strange_bytes_is_wrong_and_nothing_worse(secured: Secured, token: bytes) -> None:
    for header in (*HEADERS.values(), "Authorization"):
        request = b"GET /query/pems HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s: %s\r\n\r\n"
        answer = secured.anonymous.raw(request % (header.encode(), token))
        assert int(answer.split(b" ", 2)[1]) in (400, 401), answer


# Sending where no credential is needed


def test_anyone_may_send_where_sending_is_open(half_secured: Secured) -> None:
    assert half_secured.anonymous.send(pem()).ok
    assert half_secured.anonymous.post_json("/api/v1/events", [pem()]).ok


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_valid_credential_does_no_harm_where_sending_is_open(
    half_secured: Secured, kind: str, role: str
) -> None:
    assert half_secured.wire(kind, role).send(pem()).ok


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_credential_is_refused_where_none_is_needed(
    half_secured: Secured, wire: Wire, kind: str
) -> None:
    for url in (half_secured.service.url, wire.url):
        sent = pem()
        answer = Wire(url, {HEADERS[kind]: "wrong"}).send(sent)
        assert (answer.status, answer.media_type) == (401, "text/plain")
    assert wire.get("/query/pems", ID=sent["ID"]).json() == []


def test_sending_being_open_opens_nothing_else(half_secured: Secured) -> None:
    sent = pem()
    half_secured.anonymous.accepted(sent)

    assert half_secured.anonymous.get(f"/query/pem/{sent['ID']}").status == 401
    assert half_secured.anonymous.post(f"/receiver/tag/{tag_path('a', 'b')}/{sent['ID']}", "").status == 401
    assert half_secured.wire("user", "reader").pem(sent["ID"])["ID"] == sent["ID"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_writer_sends_and_tags_and_a_reader_reads_it(secured: Secured, kind: str) -> None:
    writer, reader, sent = secured.wire(kind, "writer"), secured.wire(kind, "reader"), pem()
    writer.accepted(sent)
    path = tag_path(unique(), "best")

    assert writer.post(f"/receiver/tag/{path}/{sent['ID']}", "").ok
    assert reader.get(f"/query/tag/{path}").text == sent["ID"]
    assert reader.send(pem()).status == 403


# Bearer


@pytest.mark.parametrize("kind", KINDS)
def test_native_and_admin_routes_take_a_bearer_token(secured: Secured, kind: str) -> None:
    writer, reader, admin = (
        carrying(secured, {"Authorization": f"Bearer {secured.tokens[kind, role]}"})
        for role in ("writer", "reader", "admin")
    )
    sent = pem()

    assert writer.post_json("/api/v1/events", [sent]).json()["accepted"] == 1
    assert admin.post("/admin/flush").ok
    assert reader.get("/api/v1/lineage", node=f"pem:{sent['ID']}").ok
    assert admin.get("/admin/info").ok
    assert reader.post_json("/api/v1/events", [pem()]).status == 403
    assert reader.post("/admin/clean").status == 403


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer", "Bearer  ", "Basic dXNlcjpwYXNz", "wrong", ""])
def test_a_wrong_bearer_token_is_refused(secured: Secured, value: str) -> None:
    assert carrying(secured, {"Authorization": value}).get("/api/v1/lineage", node="x").status == 401


# The life of a credential


def test_credentials_are_listed_without_their_tokens(secured: Secured) -> None:
    answer = secured.admin.get("/admin/credentials")

    assert answer.ok
    assert "writer puc" in answer.text
    assert not [token for token in secured.tokens.values() if token in answer.text]


def test_a_revoked_credential_is_refused_at_once(secured: Secured) -> None:
    created = secured.admin.post_json(
        "/admin/credentials", {"name": unique(), "kind": "puc", "role": "reader"}
    ).json()
    holder = carrying(secured, {HEADERS["puc"]: created["token"]})
    assert holder.get("/query/pems_count").ok

    assert secured.admin.call("DELETE", f"/admin/credentials/{created['id']}").ok

    assert holder.get("/query/pems_count").status == 401


def test_credentials_survive_a_clean(secured: Secured) -> None:
    assert secured.admin.post("/query/clean").ok

    assert secured.wire("puc", "reader").get("/query/pems_count").ok


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "{}",
        '{"name": "x", "kind": "robot", "role": "reader"}',
        '{"name": "x", "kind": "user", "role": "king"}',
        '{"name": 5, "kind": "user", "role": "reader"}',
        '{"name": "\\ud800", "kind": "user", "role": "reader"}',
    ],
)
def test_a_credential_that_makes_no_sense_is_refused(secured: Secured, body: str) -> None:
    answer = secured.admin.post("/admin/credentials", body)

    assert answer.status in (400, 422)
    assert answer.media_type == "application/problem+json"


@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_made_on_the_command_line_outlives_the_service(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    created = create_credential(folder, name="Zoë 😀", kind=kind, role="admin")
    assert {name: created[name] for name in ("name", "kind", "role")} == {
        "name": "Zoë 😀",
        "kind": kind,
        "role": "admin",
    }

    for _ in range(2):
        with Service(folder, settings={"PROVGRAPH_AUTH_REQUIRED": "true"}) as started:
            holder = Wire(started.url, {HEADERS[kind]: created["token"]})
            assert holder.get("/query/pems_count").ok


def test_no_file_holds_a_token(secured: Secured) -> None:
    stored = b"".join(path.read_bytes() for path in secured.service.folder.rglob("*") if path.is_file())

    assert not [token for token in secured.tokens.values() if token.encode() in stored]


@pytest.mark.parametrize(("kind", "role"), [("robot", "reader"), ("user", "king")])
def test_the_command_line_refuses_a_credential_that_makes_no_sense(
    tmp_path: Path, kind: str, role: str
) -> None:
    with pytest.raises(ServiceFailedError):
        create_credential(tmp_path / "data", name="x", kind=kind, role=role)

    done = command("admin", "credential", "create", "--data", str(tmp_path / "data"), "--kind", kind)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
