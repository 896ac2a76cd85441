"""
Record Keeper's contract on the wire: transport, info, answers and errors as text, tag paths, the size limit.

Lists are in ``test_recordkeeper_lists``, the rules for a PEM in ``test_recordkeeper_rules``, queries and the life of
the graph in ``test_recordkeeper_graph``.
"""

from __future__ import annotations

import base64
import json
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.builders import artifact, new_id, pem, tag_path, unique
from tests.e2e.service import Service
from tests.e2e.wire import Wire, read_answer, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

RECEIVER_INFO = {
    "version": str,
    "pem_version": str,
    "pem_size_limit": int,
    "auth_required": bool,
    "pem_auth_required": bool,
}
QUERY_INFO = {"version": str, "auth_required": bool}
GRAPH_BUILDER_INFO = {
    "version": str,
    "pg_pems_count": int,
    "pg_artifacts_count": int,
    "neo4j_pems_count": int,
    "neo4j_artifacts_count": int,
    "pems_sync_pct": str,
    "artifacts_sync_pct": str,
    "loop_iteration_interval": int,
    "loop_state_should_rebuild": str,
    "loop_state_should_flush": str,
}
UNKNOWN_ID = "0123456789abcdef0123456789abcdef"


# Info


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/receiver/info", RECEIVER_INFO),
        ("/query/info", QUERY_INFO),
        ("/graph_builder/info", GRAPH_BUILDER_INFO),
    ],
)
def test_an_info_has_exactly_the_fields_that_the_client_can_take(
    wire: Wire, path: str, fields: dict[str, type]
) -> None:
    answer = wire.get(path)

    assert answer.status == 200
    assert {name: type(value) for name, value in answer.json().items()} == fields


def test_the_receivers_info_says_what_it_takes(wire: Wire) -> None:
    info = wire.get("/receiver/info").json()

    assert (info["pem_version"], info["pem_size_limit"]) == ("2.0.0", 1_000_000)
    assert info["auth_required"] is info["pem_auth_required"] is False


def test_an_empty_service_is_in_sync(fresh: Wire) -> None:
    info = fresh.get("/graph_builder/info").json()

    assert (info["pg_pems_count"], info["neo4j_pems_count"]) == (0, 0)
    assert (info["pems_sync_pct"], info["artifacts_sync_pct"]) == ("100.00%", "100.00%")
    assert (info["loop_state_should_rebuild"], info["loop_state_should_flush"]) == ("False", "False")
    assert fresh.post("/graph_builder/verify").json()["msg"].startswith("in sync")


# Answers and errors are text


def test_a_pem_is_acknowledged_with_its_type_as_plain_text(wire: Wire) -> None:
    answer = wire.send(pem(Type="training run ü"))

    assert answer.ok
    assert (answer.media_type, answer.text) == ("text/plain", "Ack getting training run ü")


def test_an_empty_type_is_refused_in_the_known_words(wire: Wire) -> None:
    answer = wire.send(pem(Type=""))

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert answer.text == "PEM is not valid: Type is empty"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/query/pem/{UNKNOWN_ID}", None, 404),
        ("GET", "/query/pems?Emiter=x", None, 400),
        ("GET", "/query/pems?pageSize=0", None, 400),
        ("GET", "/query/artifacts?sortField=Size", None, 400),
        ("GET", "/query/tag/bm8=/bm8=", None, 404),
        ("GET", "/query/tag/!!!!/bm8=", None, 400),
        ("GET", f"/query/report/{UNKNOWN_ID}", None, 404),
        ("GET", "/query/nothing", None, 404),
        ("GET", "/receiver/pem", None, 405),
        ("POST", "/receiver/pem", "{", 400),
        ("POST", "/receiver/pem", "[]", 400),
        ("POST", f"/receiver/tag/bm8=/bm8=/{UNKNOWN_ID}", "", 404),
        ("POST", "/query/query", "nonsense", 400),
        ("POST", "/query/query", '{"query": "CREATE (n", "type": "rw"}', 400),
        ("POST", f"/query/remove_unconnected_artifacts/{UNKNOWN_ID}", "{}", 404),
        ("POST", "/graph_builder/verify", "[1]", 400),
    ],
)
def test_an_error_is_one_sentence_of_plain_text(
    wire: Wire, method: str, path: str, body: str | None, status: int
) -> None:
    answer = wire.call(method, path, body=body)

    assert (answer.status, answer.media_type) == (status, "text/plain")
    assert answer.text.strip()
    assert len(answer.text.splitlines()) == 1
    assert not answer.text.startswith(("{", "[", '"', "<"))


def test_the_filters_that_exist_are_named_whatever_was_asked(wire: Wire) -> None:
    answer = wire.get("/query/pems", **{"Ärger😀": "x"})

    assert answer.status == 400
    assert "ProducesArtifacts" in answer.text


# Transport


@pytest.mark.parametrize(
    "path",
    [
        "/receiver//info",
        "/receiver/info/",
        "/receiver/pem/",
        "//receiver/pem",
        "/receiver//pem",
        "/receiver",
        "/receiver/",
        "/query",
        "/query/pems/",
        "/query//pems",
        "/query/./pems",
        "/query/x/../pems",
        "/graph_builder",
        "/graph_builder/flush/",
        "/admin",
        "/api/v1/events/",
        "/api/v1/lineage/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_redirects(wire: Wire, method: str, path: str) -> None:
    answer = wire.call(method, path, body="{}" if method == "POST" else None)

    assert not 300 <= answer.status < 400, answer
    assert answer.status < 500, answer


def test_a_pem_cannot_be_got_from_the_receiver(wire: Wire) -> None:
    assert wire.get("/receiver/pem").status == 405
    assert wire.call("HEAD", "/receiver/pem").status == 405


KNOWN = [
    ("/receiver/info", "GET"),
    ("/receiver/pem", "POST"),
    ("/query/info", "GET"),
    ("/query/pems", "GET"),
    ("/query/pems_count", "GET"),
    ("/query/artifacts", "GET"),
    ("/query/artifacts_count", "GET"),
    ("/query/tags", "GET"),
    ("/query/tags_count", "GET"),
    ("/query/query", "POST"),
    ("/query/clean", "POST"),
    ("/query/verify_artifact_connections", "POST"),
    ("/graph_builder/info", "GET"),
    ("/graph_builder/rebuild", "POST"),
    ("/graph_builder/flush", "POST"),
    ("/graph_builder/verify", "POST"),
    ("/api/v1/events", "POST"),
    ("/api/v1/lineage", "GET"),
]


@pytest.mark.parametrize(("path", "allowed"), KNOWN)
def test_other_methods_are_refused(wire: Wire, path: str, allowed: str) -> None:
    others = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - {allowed}

    statuses = {method: wire.call(method, path).status for method in others}

    assert set(statuses.values()) <= {404, 405}, statuses


@pytest.mark.parametrize("prefix", ["", "/receiver", "/query", "/graph_builder", "/api/v1", "/admin"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_unknown_routes_are_not_found(wire: Wire, method: str, prefix: str) -> None:
    assert wire.call(method, f"{prefix}/no/such/thing").status in (404, 405)


@pytest.mark.parametrize(("path", "allowed"), KNOWN)
def test_head_has_no_body_and_does_nothing(wire: Wire, path: str, allowed: str) -> None:
    answer = wire.call("HEAD", path)

    assert answer.body == b""
    assert answer.status in ((200, 404, 405) if allowed == "GET" else (404, 405))


def test_the_connection_is_closed_when_the_client_asks_so(wire: Wire) -> None:
    answer = wire.raw(b"GET /receiver/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert status_of(answer) == 200
    assert b"connection: close" in answer.lower().split(b"\r\n\r\n")[0]


def test_a_connection_that_is_kept_serves_request_after_request(wire: Wire) -> None:
    connection = wire.connection()
    try:
        for path, status in (("/receiver/info", 200), ("/query/nothing", 404), ("/query/info", 200)):
            connection.request("GET", path)
            assert read_answer(connection).status == status
    finally:
        connection.close()


def test_answers_are_not_compressed(wire: Wire) -> None:
    emitter = unique()
    wire.accepted(pem(Emitter=emitter, Properties={"text": "x" * 100_000}))

    answer = wire.get("/query/pems", Emitter=emitter)

    assert answer.headers["Content-Encoding"] is None
    assert len(answer.json()) == 1


def test_bodies_are_not_read_by_their_content_type(wire: Wire) -> None:
    sent = pem()
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"):
        answer = wire.call(
            "POST", "/receiver/pem", body=json.dumps(sent), headers={"Content-Type": content_type}
        )
        assert answer.ok, answer

    assert wire.call("POST", "/receiver/pem", body=json.dumps(pem())).ok


def test_a_request_line_of_16_kb_is_taken(wire: Wire) -> None:
    name = "n" * 15_500

    assert wire.artifacts(Name=name) == []
    assert wire.get(f"/query/tag/{tag_path('n' * 11_500, 'latest')}").status == 404


def test_a_body_that_breaks_off_is_not_stored(wire: Wire) -> None:
    sent = pem()
    body = json.dumps(sent).encode()
    head = f"POST /receiver/pem HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body) + 5}\r\n\r\n"
    connection = wire.connection()
    connection.connect()
    connection.sock.sendall(head.encode() + body)
    connection.close()

    assert wire.get("/query/pems", ID=sent["ID"]).json() == []


# The size limit


LIMIT = 5_000


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Calls to a service with a small limit."""
    folder = tmp_path_factory.mktemp("narrow") / "data"
    with Service(folder, settings={"PROVGRAPH_PEM_SIZE_LIMIT": str(LIMIT)}) as started:
        yield Wire(started.url)


def of_size(size: int, **fields: object) -> bytes:
    """Return the body of a PEM that is ``size`` bytes long."""
    body = json.dumps(pem(**fields, Properties={"text": ""})).encode()
    return body.replace(b'"text": ""', b'"text": "%s"' % (b"x" * (size - len(body))))


def test_a_pem_of_exactly_the_limit_is_taken(narrow: Wire) -> None:
    body = of_size(LIMIT)

    assert len(body) == LIMIT
    assert narrow.post("/receiver/pem", body).ok
    assert narrow.get("/receiver/info").json()["pem_size_limit"] == LIMIT


@pytest.mark.parametrize("size", [LIMIT + 1, 1_000_000, 5_000_000, 20_000_000])
def test_a_pem_over_the_limit_is_read_and_refused_naming_size_and_limit(narrow: Wire, size: int) -> None:
    emitter = unique()

    answer = narrow.post("/receiver/pem", of_size(size, Emitter=emitter))

    assert (answer.status, answer.media_type) == (413, "text/plain")
    assert str(size) in answer.text
    assert str(LIMIT) in answer.text
    assert narrow.count("pems", Emitter=emitter) == 0


def test_a_connection_survives_a_refused_body(narrow: Wire) -> None:
    connection = narrow.connection()
    try:
        connection.request("POST", "/receiver/pem", of_size(LIMIT + 1))
        assert read_answer(connection).status == 413
        connection.request("POST", "/receiver/pem", of_size(LIMIT))
        assert read_answer(connection).ok
    finally:
        connection.close()


def test_the_limit_holds_for_a_body_that_does_not_say_its_length(narrow: Wire) -> None:
    emitter = unique()
    body = of_size(1_000_000, Emitter=emitter)
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]

    answer = narrow.call("POST", "/receiver/pem", body=iter(pieces))

    assert answer.status == 413
    assert str(LIMIT) in answer.text
    assert narrow.count("pems", Emitter=emitter) == 0


def test_a_body_in_pieces_is_taken(narrow: Wire) -> None:
    sent = pem()

    assert narrow.call("POST", "/receiver/pem", body=iter([json.dumps(sent).encode()])).ok
    assert narrow.pem(sent["ID"])["ID"] == sent["ID"]


def test_the_limit_counts_bytes_and_not_characters(narrow: Wire) -> None:
    body = json.dumps(pem(Type="😀" * 1_500), ensure_ascii=False)

    assert len(body) < LIMIT < len(body.encode())
    assert narrow.post("/receiver/pem", body).status == 413


# Tag paths


@pytest.fixture
def tagged(wire: Wire) -> dict[str, Any]:
    """A stored PEM, ready to be tagged."""
    stored = pem()
    wire.accepted(stored)
    return stored


def test_a_tag_is_answered_as_bare_hex(wire: Wire, tagged: dict[str, Any]) -> None:
    answer = wire.get(f"/query/tag/{tag_path(tagged['Emitter'], 'latest')}")

    assert (answer.status, answer.body) == (200, tagged["ID"].encode())


@pytest.mark.parametrize("body", ["", "bGF0ZXN0", "not base64 {"])
def test_the_body_of_a_tag_call_need_not_be_json(wire: Wire, tagged: dict[str, Any], body: str) -> None:
    path = tag_path(unique(), "best")

    assert wire.post(f"/receiver/tag/{path}/{tagged['ID']}", body).ok
    assert wire.get(f"/query/tag/{path}").text == tagged["ID"]


def test_adjacent_slashes_in_a_tag_path_are_kept_apart(wire: Wire, tagged: dict[str, Any]) -> None:
    assert tag_path("???", ">>>") == "Pz8//Pj4+"
    assert wire.post(f"/receiver/tag/Pz8//Pj4+/{tagged['ID']}", "").ok

    assert wire.get("/query/tag/Pz8//Pj4+").text == tagged["ID"]
    assert ("???", ">>>") in {(each["NamespaceID"], each["Tag"]) for each in wire.tags()}


def url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("namespace", "tag"), [("ns?>~ÿ", "best"), ("???", ">>>"), ("", "???"), (">>>", ""), ("ü/ü+", "ÿ?ÿ>")]
)
def test_a_tag_path_may_be_url_safe_or_percent_escaped(
    wire: Wire, tagged: dict[str, Any], namespace: str, tag: str
) -> None:
    standard = tag_path(namespace, tag)
    assert wire.post(f"/receiver/tag/{standard}/{tagged['ID']}", "").ok

    safe = f"{url_safe(namespace)}/{url_safe(tag)}"
    escaped = standard.replace("+", "%2B").replace("=", "%3D")
    wholly_escaped = standard.replace("+", "%2B").replace("=", "%3d").replace("/", "%2F")

    for path in (safe, escaped, wholly_escaped):
        assert wire.get(f"/query/tag/{path}").text == tagged["ID"], path


@pytest.mark.parametrize("spelling", ["dashed", "upper"])
def test_a_tag_call_takes_every_spelling_of_an_id(wire: Wire, tagged: dict[str, Any], spelling: str) -> None:
    hexed = tagged["ID"]
    dashed = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
    path = tag_path(unique(), "best")

    assert wire.post(f"/receiver/tag/{path}/{dashed if spelling == 'dashed' else hexed.upper()}", "").ok
    assert wire.get(f"/query/tag/{path}").text == hexed


@pytest.mark.parametrize(
    "path",
    ["!!!!/bm8=", "bm8=/*", "bm8/bm8=", "/w==/bm8=", "bm8=", "bm8=/bm8=/bm8=", "b m8/bm8=", "bm8=/bm8%"],
)
def test_an_unreadable_tag_path_is_refused(wire: Wire, tagged: dict[str, Any], path: str) -> None:
    safe_path = path.replace(" ", "%20")
    tags = wire.count("tags")

    read = wire.get(f"/query/tag/{safe_path}")
    written = wire.post(f"/receiver/tag/{safe_path}/{tagged['ID']}", "")

    assert {read.status, written.status} <= {400, 404}, (read, written)
    assert wire.count("tags") == tags


def test_undecodable_base64_is_named_as_the_reason(wire: Wire) -> None:
    answer = wire.get("/query/tag/!!!!/bm8=")

    assert answer.status == 400
    assert "base64" in answer.text.lower()


def test_a_tag_on_what_is_no_id_is_refused(wire: Wire) -> None:
    assert wire.post(f"/receiver/tag/{tag_path('ns', 'tag')}/no-id", "").status in (400, 404)


def test_the_tags_are_listed_as_text_with_the_id_and_the_time(wire: Wire, tagged: dict[str, Any]) -> None:
    found = [each for each in wire.tags() if each["NamespaceID"] == tagged["Emitter"]]

    assert [(each["Tag"], each["EventID"]) for each in found] == [("latest", tagged["ID"])]
    assert len(found[0]["UpdatedAt"]) == len("2020-12-08 22:06:40")


# Many at once


def test_an_unpaged_list_is_never_cut(wire: Wire) -> None:
    emitter = unique()
    events = [pem(Emitter=emitter, ProducesArtifacts=[artifact(f"{emitter}/{n}")]) for n in range(3_000)]
    stream = iter(events)
    while batch := list(islice(stream, 1_000)):
        assert wire.post_json("/api/v1/events", batch).json()["accepted"] == len(batch)

    assert [each["ID"] for each in wire.pems(Emitter=emitter)] == [each["ID"] for each in events]
    assert len(wire.artifacts(Name=emitter)) == wire.count("artifacts", Name=emitter) == 3_000


def test_a_pem_may_name_many_artifacts(wire: Wire) -> None:
    prefix = unique()
    names = [f"{prefix}/{n}" for n in range(2_000)]
    sent = pem(UsesArtifacts=[artifact(name) for name in names])
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["UsesArtifacts"] == names


def test_ids_that_are_not_version_1_are_taken(wire: Wire) -> None:
    for id_ in (unique() + "0" * 16, new_id()[:12] + "4" + new_id()[13:]):
        wire.accepted(pem(ID=id_))
        assert wire.pem(id_)["ID"] == id_


def test_a_repeated_header_does_no_harm(wire: Wire) -> None:
    lines = b"".join(repeat(b"X-Unknown: value\r\n", 30))

    answer = wire.raw(
        b"GET /query/info HTTP/1.1\r\nHost: localhost\r\n" + lines + b"Connection: close\r\n\r\n"
    )

    assert status_of(answer) == 200
