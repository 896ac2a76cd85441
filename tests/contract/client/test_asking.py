"""Calls, their errors, repetitions and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.client import (
    BusyError,
    Call,
    ClientError,
    ContradictionError,
    CredentialsRefusedError,
    ForeignServerError,
    JobFailedError,
    NotThereError,
    OverlongQuestionError,
    OversizedError,
    RefusedRequestError,
    Retry,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableUrlError,
)
from tests.contract.client.service import json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.client.driver import Driver
    from tests.contract.client.service import FakeService

_VERSION = {
    "event": "e1",
    "position": 2,
    "produced_at": "2026-03-01T09:30:00.000000Z",
    "label": "7",
    "properties": {"auc": 0.91},
}
_PAGE = {"position": 4, "as_of": None, "complete": True, "reason": None, "cursor": None}


def test_a_call_returns_what_its_reader_makes_of_the_answer(client: Any, service: FakeService) -> None:
    service.answers["GET /api/v1/anything"] = {"a": 1}

    answer = client.ask(Call("GET", "/api/v1/anything", lambda document: document["a"] + 1, {"x": [1, None]}))

    assert answer == 2
    assert service.requests[0].url.query == b"x=1"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, ServiceError),
        (400, RefusedRequestError),
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
        (404, NotThereError),
        (409, ContradictionError),
        (413, OversizedError),
        (429, BusyError),
        (500, ServiceError),
        (502, BusyError),
        (503, BusyError),
        (504, BusyError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind_with_the_problem(
    client: Any, service: FakeService, status: int, error: type[ServiceError]
) -> None:
    service.troubles = [json({"title": "No", "detail": "because", "field": "x"}, status)]

    with pytest.raises(error, match="because") as refused:
        client.tags()

    assert (refused.value.status, refused.value.problem["field"]) == (status, "x")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(503),
        httpx.Response(502),
        httpx.Response(429),
    ],
)
def test_events_are_sent_again_unchanged_while_the_service_is_away(
    client: Any, service: FakeService, pauses: list[float], trouble: httpx.Response | Exception
) -> None:
    service.troubles = [trouble, trouble]

    verdict = client.send_pem(client.prepare_pem("train"))

    assert verdict.verdict == "accepted"
    assert len({request.content for request in service.requests}) == 1
    assert (len(service.requests), len(pauses)) == (3, 2)


def test_pauses_grow_and_differ(make: Callable[..., Any], service: FakeService, pauses: list[float]) -> None:
    client = make(retry=Retry(attempts=5, first_pause_seconds=1.0, longest_pause_seconds=4.0))
    service.troubles = [httpx.ConnectError("refused")] * 5

    with pytest.raises(UnreachableError, match="refused"):
        client.send_pem(client.prepare_pem("train"))

    assert len(pauses) == 4
    assert all(top / 2 <= pause <= top for pause, top in zip(pauses, (1, 2, 4, 4), strict=True))


def test_a_question_is_asked_once(client: Any, service: FakeService) -> None:
    service.troubles = [httpx.Response(503)]

    with pytest.raises(BusyError):
        client.get_tags()

    assert len(service.requests) == 1


def test_the_token_goes_to_the_service_and_not_where_an_answer_points(
    make: Callable[..., Any], service: FakeService
) -> None:
    client = make(token="secret")
    service.troubles = [httpx.Response(307, headers={"Location": "http://elsewhere.test/"})]

    with pytest.raises(ServiceError):
        client.tags()

    assert [request.headers["Authorization"] for request in service.requests] == ["Bearer secret"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7", b"", b"\xff"])
def test_an_answer_of_something_else_is_told_apart(client: Any, service: FakeService, body: bytes) -> None:
    service.troubles = [httpx.Response(200, content=body)]

    with pytest.raises(UnexpectedAnswerError):
        client.get_pem("a")


@pytest.mark.parametrize(
    ("ask", "field", "advice"),
    [
        (lambda client: client.why("Z" * 66_000), "node", "by its id"),
        (lambda client: client.why("Zé" * 10_000), "node", "by its id"),
        (lambda client: client.get_artifact("Z" * 66_000), "NameIs", "Cypher"),
        (lambda client: client.state(cursor="Z" * 66_000), "cursor", "Ask for more at once"),
        (lambda client: list(client.impact("Z" * 66_000)), "node", "by its id"),
        (lambda client: client.set_tag("prod", "Z" * 66_000, "ab" * 16), "path", "shorter"),
        (lambda client: client.export("why", "dot", node="Z" * 66_000), "node", "by its id"),
    ],
    ids=["node", "encoded", "filter", "cursor", "stream", "path", "export"],
)
def test_what_fits_into_no_url_is_refused_by_name_before_it_is_sent(
    client: Any, service: FakeService, ask: Callable[[Any], object], field: str, advice: str
) -> None:
    with pytest.raises(OverlongQuestionError, match=f"{field} alone takes .* bytes") as refused:
        ask(client)

    assert (refused.value.status, refused.value.field) == (414, field)
    assert refused.value.size > 65_000
    assert advice in str(refused.value)
    assert service.requests == []


def test_what_the_service_or_a_proxy_finds_too_long_says_what_it_is(
    client: Any, service: FakeService
) -> None:
    service.troubles = [httpx.Response(414, text="<html>too long</html>")]

    with pytest.raises(OverlongQuestionError, match="node alone takes 9,000 bytes"):
        client.why("Z" * 9_000)


def test_what_cannot_stand_in_a_url_is_an_error_of_the_client(client: Any, service: FakeService) -> None:
    with pytest.raises(ClientError, match="no URL"):
        client.export("why\n", "dot", node="a")

    assert service.requests == []


@pytest.mark.parametrize("url", ["host:port", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url_is_named(driver: Driver, url: str) -> None:
    with pytest.raises(UnusableUrlError, match="URL"):
        driver.client(url)


def test_waiting_for_readiness_outlasts_the_start(client: Any, service: FakeService) -> None:
    service.troubles = [httpx.ConnectError("refused"), httpx.Response(503)]
    service.answers["GET /readyz"] = httpx.Response(200, text="ready")

    client.wait_ready()

    assert [request.url.path for request in service.requests] == ["/readyz"] * 3


# Admin


def test_a_job_is_followed_to_its_result(client: Any, service: FakeService) -> None:
    service.answers["POST /admin/verify"] = json({"id": "j1", "state": "running", "done": 0, "total": 0}, 202)
    service.answers["GET /admin/jobs/j1"] = {"id": "j1", "state": "done", "result": {"in_sync": True}}

    assert client.admin.verify(deep=True) == {"in_sync": True}


def test_a_job_that_fails_is_an_error(client: Any, service: FakeService) -> None:
    service.answers["POST /admin/rebuild"] = json({"id": "j1", "state": "failed", "error": "disk full"}, 202)

    with pytest.raises(JobFailedError, match="disk full"):
        client.admin.rebuild()


# Lists


def test_a_list_is_fetched_page_by_page_while_it_is_read(client: Any, service: FakeService) -> None:
    pages = [["a", "b"], ["c"]]
    service.troubles = [
        json([{"Name": name, "Properties": {}, "CreatedAt": "2026-01-01 00:00:00"} for name in page])
        for page in pages
    ]

    found = client.get_artifacts(filters={"Name": "x"}, sort_field="Name", page_size=2)
    before = len(service.requests)
    names = [artifact.name for artifact in found]

    assert (before, names) == (0, ["a", "b", "c"])
    assert [dict(request.url.params)["pageIndex"] for request in service.requests] == ["0", "1"]


def test_a_list_can_be_read_again(client: Any, service: FakeService) -> None:
    service.answers["GET /query/pems"] = []

    found = client.get_pems()

    assert (list(found), list(found), len(service.requests)) == ([], [], 2)


def test_a_stored_event_says_how_its_work_ended(client: Any, service: FakeService) -> None:
    stored: dict[str, Any] = dict.fromkeys(("ID", "Type", "Emitter", "Version", "Tag", "TagNamespace"), "x")
    stored |= {
        "Predecessor": None,
        "TimestampClient": "2026-01-01 00:00:00",
        "TimestampReceived": "",
        "Properties": {},
    }
    stored |= {"UsesArtifacts": [], "ProducesArtifacts": [], "Outcome": "failed", "Error": "no rows"}
    service.answers["GET /query/pem/x"] = stored
    service.answers["GET /query/pems"] = [stored]

    one, (listed,) = client.get_pem("x"), list(client.get_pems())

    assert (one.outcome, one.error, listed) == ("failed", "no rows", one)
    assert "failed" in str(one)
    assert "no rows" in str(one)


_FOR_PEOPLE = "<!DOCTYPE html>\n<html>\n" + "<p>not here</p>\n" * 500


@pytest.mark.parametrize("status", [200, 302, 404, 405, 500, 501])
def test_a_server_that_answers_with_a_page_is_named_as_a_foreign_one(
    client: Any, service: FakeService, status: int
) -> None:
    service.answers["GET /api/v1/why"] = httpx.Response(status, text=_FOR_PEOPLE)

    with pytest.raises(UnexpectedAnswerError, match="is no provgraph service") as caught:
        client.why("x")

    assert str(caught.value).startswith(f"What answers at {client.url} is no provgraph service (")
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_a_page_of_a_proxy_is_the_refusal_that_its_status_says(client: Any, service: FakeService) -> None:
    service.answers["GET /api/v1/why"] = httpx.Response(413, text=_FOR_PEOPLE)

    with pytest.raises(OversizedError) as caught:
        client.why("x")

    assert len(str(caught.value)) == 200


def test_a_url_within_a_service_is_told_with_the_one_to_try(
    make: Callable[..., Any], service: FakeService
) -> None:
    service.answers["GET /receiver/api/v1/why"] = httpx.Response(
        404, text="There is nothing at /receiver/api/v1/why"
    )

    with pytest.raises(ForeignServerError, match=r"Is the service at http://[^/]+\? Use that as its URL"):
        make(url="http://here.test/receiver").why("x")


def test_an_artifact_is_found_by_its_exact_name(client: Any, service: FakeService) -> None:
    service.answers["GET /query/artifacts"] = [
        {"Name": "model", "Properties": {"a": 1}, "CreatedAt": "2026-01-01 00:00:00"}
    ]

    assert client.get_artifact("model").properties == {"a": 1}
    assert client.get_artifact("mod") is None
    assert dict(service.requests[0].url.params) == {"NameIs": "model", "pageSize": "1"}


def test_a_tag_is_asked_for_by_names_that_fit_into_a_path(client: Any, service: FakeService) -> None:
    service.answers["GET /query/tag/Pz8_/Pj4-"] = httpx.Response(200, text="ab" * 16)

    assert client.get_tag("???", ">>>") == "ab" * 16


# Questions


def test_why_is_typed_and_keeps_its_document(client: Any, service: FakeService) -> None:
    used = {"artifact": "table", "kind": "data", "version": None}
    step = {
        "event": "e1",
        "type": "train",
        "emitter": "trainer",
        "occurred_at": "2026-03-01T09:30:00.000000Z",
        "recorded_at": "2026-03-01T09:30:01.000000Z",
        "position": 2,
        "properties": {},
        "depth": 1,
        "led_to": None,
        "used": [used],
        "produced": [{"artifact": "model", "kind": "model", "version": _VERSION}],
        "after": ["e0"],
    }
    document = {
        **_PAGE,
        "node": {"kind": "artifact", "id": "model"},
        "steps": [step, {"event": "e0", "placeholder": True, "depth": 2, "led_to": None}],
        "artifacts": {"data": [used]},
        "claims": [{"claim": "It was so.", "evidence": [{"event": "e1", "position": 2}]}],
        "text": "Why",
    }
    service.answers["GET /api/v1/why"] = document

    why = client.why("model", wait=4)

    assert why.steps[0].produced[0].version.label == "7"
    assert why.steps[0].occurred_at.isoformat() == "2026-03-01T09:30:00+00:00"
    assert (why.steps[1].placeholder, why.steps[1].occurred_at) == (True, None)
    assert why.artifacts["data"][0].version is None
    assert (why.text, why.claims[0].claim, why.document) == ("Why", "It was so.", document)


def test_every_page_of_a_state_comes_after_the_other(client: Any, service: FakeService) -> None:
    artifact = {"artifact": "model", "version": _VERSION, "properties": {}}
    tag = {
        "namespace": "prod",
        "tag": "current",
        "event": "e1",
        "since": "2026-03-01T09:30:00Z",
        "position": 2,
    }
    service.troubles = [
        json({**_PAGE, "artifacts": [artifact], "tags": [], "complete": False, "cursor": "c1"}),
        json({**_PAGE, "artifacts": [], "tags": [tag]}),
    ]

    states = list(client.states(limit=1))

    assert states[0].artifacts[0].version.properties == {"auc": 0.91}
    assert states[1].tags[0].event == "e1"
    assert dict(service.requests[1].url.params)["cursor"] == "c1"


def test_a_difference_tells_artifacts_from_tags(client: Any, service: FakeService) -> None:
    tag = {
        "namespace": "prod",
        "tag": "current",
        "event": "e1",
        "since": "2026-03-01T09:30:00Z",
        "position": 2,
    }
    changes = [
        {
            "change": "appeared",
            "artifact": "model",
            "before": None,
            "after": {"artifact": "model", "version": None, "properties": {}},
        },
        {"change": "moved", "namespace": "prod", "tag": "current", "before": tag, "after": tag},
    ]
    service.answers["GET /api/v1/diff"] = {**_PAGE, "changes": changes}

    (diff,) = client.diffs("now-2h", "now")

    assert [(each.change, each.name) for each in diff.changes] == [
        ("appeared", "model"),
        ("moved", "prod/current"),
    ]


def test_gaps_and_routes_are_typed(client: Any, service: FakeService) -> None:
    cut = {"items": [{"artifact": "raw"}], "complete": False, "reason": "limit", "cursor": "c"}
    service.answers["GET /api/v1/gaps"] = {"position": 4, "as_of": None, "never_produced": cut}
    service.answers["GET /api/v1/path"] = {**_PAGE, "connected": None, "path": [], "complete": False}

    gaps, route = client.gaps(list="never_produced"), client.path("a", "b")

    assert (gaps.never_produced, gaps.cursors) == (({"artifact": "raw"},), {"never_produced": "c"})
    assert (route.connected, route.complete) == (None, False)


def test_an_impact_goes_on_where_the_connection_broke(client: Any, service: FakeService) -> None:
    start = b'{"kind":"start","affected":2,"position":4,"cursor":"c0"}\n'
    whole = (
        start
        + b'{"event":"e1","depth":1}\n{"event":"e2","depth":1}\n{"kind":"end","complete":true,"cursor":null}\n'
    )
    service.troubles = [
        httpx.Response(200, content=start + b'{"event":"e1","depth":1}\n{"ev'),
        httpx.Response(503),
        httpx.Response(200, content=whole),
    ]

    events = [step.event for step in client.impact("x")]

    assert events == ["e1", "e2"]
    assert [dict(request.url.params).get("cursor") for request in service.requests] == [None, "c0", "c0"]
