from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from fastapi import FastAPI, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from provgraph.errors import (
    InvalidEventError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    ProvgraphError,
    StoreError,
    TooLargeError,
    UnauthenticatedError,
)
from provgraph.http import (
    Bodies,
    Edge,
    Gauge,
    Metrics,
    error_answer,
    install,
    read_body,
)
from provgraph.http.answers import DOORS
from provgraph.http.edge import MAX_TARGET_BYTES
from tests.unit.http.application import EVERY_DOOR, Client, app_with, call, plain, raising, scope_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope


# Bodies


def read(client: Client, *, limit: int) -> bytes:
    request = Request(scope_of("/receiver/pem", "POST"), client.receive)
    return asyncio.run(read_body(request, limit=limit, what="PEM"))


@pytest.mark.parametrize("pieces", [[b"12345"], [b"12", b"", b"345"], [b"1", b"2", b"3", b"4", b"5"]])
def test_a_body_of_exactly_the_limit_is_read(pieces: list[bytes]) -> None:
    assert read(Client(pieces), limit=5) == b"12345"


@pytest.mark.parametrize("pieces", [[b"123456"], [b"12", b"3456"], [b"1234567", b"890"], [b"1"] * 50])
def test_a_larger_body_is_refused_after_all_of_it_was_read(pieces: list[bytes]) -> None:
    client = Client(pieces)
    size = sum(map(len, pieces))

    with pytest.raises(TooLargeError) as refused:
        read(client, limit=5)

    assert client.left == []
    assert str(refused.value) == f"PEM is too large: {size} bytes, the limit is 5 bytes"


@pytest.mark.parametrize("pieces", [[], [b"12"], [b"1234567"]])
def test_a_client_that_leaves_in_the_middle_sends_no_body(pieces: list[bytes]) -> None:
    with pytest.raises((ClientDisconnect, TooLargeError)):
        read(Client(pieces, leaves=True), limit=5)


def test_a_body_without_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.http.body._DISCARD_AT_MOST", 1_000)
    client = Client([b"x" * 100] * 1_000)

    with pytest.raises(TooLargeError):
        read(client, limit=5)

    assert len(client.left) > 900


# Errors as answers


def refused(path: str, error: ProvgraphError) -> ASGIApp:
    """Answer with an error as an application with every service does."""
    return error_answer({**scope_of(path), DOORS: EVERY_DOOR}, error)


@pytest.mark.parametrize("path", ["/receiver/pem", "/query/pems", "/graph_builder/info", "/query"])
def test_record_keepers_paths_answer_errors_with_a_plain_sentence(path: str) -> None:
    answer = call(refused(path, InvalidInputError("Not\nso", field="f")), scope_of(path))

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body == b"Not so"


@pytest.mark.parametrize("path", ["/api/v1/events", "/admin/info", "/", "/queryx", "/nowhere"])
def test_all_other_paths_answer_errors_with_a_problem(path: str) -> None:
    error = InvalidEventError("PEM is not valid: Type is empty", field="Type", rule="required")

    answer = call(refused(path, error), scope_of(path))

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert orjson.loads(answer.body) == {
        "type": "urn:provgraph:problem:invalid-event",
        "title": "Invalid event",
        "status": 400,
        "detail": "PEM is not valid: Type is empty",
        "field": "Type",
        "rule": "required",
    }


def test_an_overloaded_service_says_when_to_come_back() -> None:
    assert call(error_answer(scope_of("/api"), OverloadedError("full")), scope_of("/api")).headers[
        "retry-after"
    ] == str(OverloadedError.retry_after_seconds)


def test_a_refused_credential_names_the_scheme() -> None:
    answer = call(error_answer(scope_of("/api"), UnauthenticatedError("no")), scope_of("/api"))

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/receiver/pem", "/api"])
def test_an_error_that_quotes_what_utf8_cannot_write_is_answered_all_the_same(path: str) -> None:
    assert b"ud800" in call(refused(path, NotFoundError("no \ud800")), scope_of(path)).body


def test_what_the_endpoint_raises_is_answered() -> None:
    answer = call(app_with(raising(StoreError("The disk is gone"))), scope_of("/api/x"))

    assert (answer.status, orjson.loads(answer.body)["detail"]) == (503, "The disk is gone")


def test_the_unexpected_is_answered_with_an_id_that_the_log_has_too(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(app_with(raising(ZeroDivisionError("secret"))), scope_of("/api/x"))

    detail = orjson.loads(answer.body)["detail"]
    incident = detail.split()[-1]
    assert answer.status == 500
    assert "secret" not in detail
    assert f"incident {incident}" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


def test_an_error_after_the_answer_began_breaks_the_connection() -> None:
    async def endpoint(_request: Request) -> Response:
        class Broken(Response):
            async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                raise StoreError("gone")

        return Broken()

    with pytest.raises((StoreError, RuntimeError)):
        call(app_with(endpoint), scope_of("/api/x"))


@pytest.mark.parametrize("path", ["/api/x", "/receiver/x"])
def test_a_refused_request_is_read_to_its_end_before_the_answer(path: str) -> None:
    client = Client([b"x" * 1000] * 10)

    answer = call(app_with(raising(UnauthenticatedError("no")), path), scope_of(path), client)

    assert answer.status == 401
    assert client.left == []


def test_an_unknown_path_is_not_found_and_never_redirected() -> None:
    for path in ("/nowhere", "/api/x/", "//api/x", "/api//x"):
        assert call(app_with(raising(ZeroDivisionError())), scope_of(path)).status == 404


def test_a_wrong_method_is_told_the_right_one() -> None:
    answer = call(app_with(raising(ZeroDivisionError())), scope_of("/api/x", "POST"))

    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_parameter_that_the_framework_refuses_is_a_problem_that_names_it() -> None:
    app = FastAPI()
    install(app)

    @app.get("/api/x")
    def endpoint(number: int = Query()) -> int:
        return number

    answer = call(app, scope_of("/api/x", query=b"number=one"))

    problem = orjson.loads(answer.body)
    assert (answer.status, problem["field"], problem["rule"]) == (400, "number", "int_parsing")


# The edge


@pytest.mark.parametrize(("longer", "status"), [(0, 200), (1, 414)])
def test_a_target_beyond_the_limit_is_refused(longer: int, status: int) -> None:
    query = b"q" * (MAX_TARGET_BYTES - len("/receiver/x") + longer)

    answer = call(app_with(plain, "/receiver/x"), scope_of("/receiver/x", query=query))

    assert answer.status == status


def test_requests_are_counted_by_group_and_status() -> None:
    metrics = Metrics()
    app = app_with(plain, "/query/x", metrics)

    call(app, scope_of("/query/x"))
    call(app, scope_of("/query/x"))
    call(app, scope_of("/query/y"))
    call(app, scope_of("/anything/else"))

    shown = metrics.render().decode()
    assert 'provgraph_requests_total{group="query",status="2xx"} 2.0' in shown
    assert 'provgraph_requests_total{group="query",status="4xx"} 1.0' in shown
    assert 'provgraph_requests_total{group="other",status="4xx"} 1.0' in shown


def test_a_client_that_went_away_is_counted_and_no_error() -> None:
    metrics = Metrics()

    answer = call(app_with(raising(ClientDisconnect()), metrics=metrics), scope_of("/api/x"))

    assert answer.messages == []
    assert 'provgraph_requests_total{group="api",status="none"} 1.0' in metrics.render().decode()


def test_a_gauge_that_cannot_be_asked_hides_no_other() -> None:
    def broken() -> float:
        raise StoreError("gone")

    metrics = Metrics()
    metrics.show(Gauge("broken", "", broken), Gauge("whole", "", lambda: 2.0))
    metrics.count_verdicts("accepted", 3)

    shown = metrics.render().decode()
    assert "\nwhole 2.0" in shown
    assert "\nbroken " not in shown
    assert 'provgraph_events_total{verdict="accepted"} 3.0' in shown


def test_metrics_of_two_applications_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.count_verdicts("accepted")

    assert 'verdict="accepted"} 0.0' in second.render().decode()


# What all bodies together may take


def test_bodies_that_take_too_much_together_are_refused_and_one_that_ended_counts_no_more() -> None:
    seen: list[int] = []
    bodies = Bodies(limit=10)

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, limit=100, what="Body")
        seen.append(bodies.size)
        return PlainTextResponse(body)

    inner = FastAPI(routes=[Route("/api/x", endpoint, methods=["POST"])])
    install(inner)
    app = Edge(inner, Metrics(), bodies=bodies)
    too_much = Client([b"12345", b"67890", b"x", b"y"])

    answers = [
        call(app, scope_of("/api/x", "POST"), client)
        for client in (Client([b"12345", b"67890"]), too_much, Client([b"12345", b"67890"]))
    ]

    assert [answer.status for answer in answers] == [200, 503, 200]
    assert answers[1].headers["retry-after"]
    assert too_much.left == []
    assert seen == [10, 10]
    assert bodies.size == 0
