from __future__ import annotations

import asyncio
import base64
import itertools
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from fastapi import FastAPI, Query
from hypothesis import given
from hypothesis import strategies as st
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
    BrowserGuard,
    Edge,
    Gauge,
    Metrics,
    Places,
    enclosed,
    error_answer,
    install,
    json_list,
    read_body,
    tagpath,
)
from provgraph.http.edge import MAX_TARGET_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope


class Answer:
    """What an application sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


class Client:
    """Sends a body in pieces, and notes how much of it was taken."""

    def __init__(self, pieces: Sequence[bytes] = (b"",), *, leaves: bool = False) -> None:
        self.left = list(pieces)
        self._leaves = leaves

    async def receive(self) -> Message:
        if self.left:
            body = self.left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self.left) or self._leaves}
        if self._leaves:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()  # stays, and says nothing more
        raise AssertionError


def scope_of(path: str, method: str = "GET", query: bytes = b"") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [],
    }


def call(app: ASGIApp, scope: Scope, client: Client | None = None) -> Answer:
    answer = Answer()

    async def send(message: Message) -> None:
        answer.messages.append(message)

    asyncio.run(app(scope, (client or Client()).receive, send))  # type: ignore[arg-type] # an ASGI app is a coroutine
    return answer


def app_with(endpoint: Callable[..., Any], path: str = "/api/x", metrics: Metrics | None = None) -> ASGIApp:
    app = FastAPI(routes=[Route(path, endpoint)], redirect_slashes=False)
    install(app)
    return Edge(app, metrics or Metrics())


def raising(error: Exception) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        raise error

    return endpoint


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


@pytest.mark.parametrize("path", ["/receiver/pem", "/query/pems", "/graph_builder/info", "/query"])
def test_record_keepers_paths_answer_errors_with_a_plain_sentence(path: str) -> None:
    answer = call(error_answer(scope_of(path), InvalidInputError("Not\nso", field="f")), scope_of(path))

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body == b"Not so"


@pytest.mark.parametrize("path", ["/api/v1/events", "/admin/info", "/", "/queryx", "/nowhere"])
def test_all_other_paths_answer_errors_with_a_problem(path: str) -> None:
    error = InvalidEventError("PEM is not valid: Type is empty", field="Type", rule="required")

    answer = call(error_answer(scope_of(path), error), scope_of(path))

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
    assert b"ud800" in call(error_answer(scope_of(path), NotFoundError("no \ud800")), scope_of(path)).body


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


async def plain(_request: Request) -> Response:
    return PlainTextResponse("ok")


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


# Foreign web pages


def guarded(*, only_this_machine: bool) -> ASGIApp:
    inner = FastAPI(routes=[Route("/api/x", plain, methods=["GET", "POST"])])
    install(inner)
    return Edge(inner, Metrics(), guard=BrowserGuard(only_this_machine=only_this_machine))


def browsing(method: str, host: str | None, origin: str | None = None) -> Scope:
    given = {"host": host, "origin": origin}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    return {**scope_of("/api/x", method), "headers": headers}


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:8082",
        "127.0.0.1",
        "127.0.0.1:8082",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:8082",
    ],
)
def test_a_service_of_this_machine_answers_to_its_names(host: str | None) -> None:
    assert call(guarded(only_this_machine=True), browsing("GET", host)).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8082", "127.0.0.1.evil.example", "127.0.0.1:8082.evil.example",
     "localhost.evil.example", "localhost:80@evil.example", "", "192.0.2.1", "[2001:db8::1]:80", "::2"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_of_this_machine_answers_to_no_other_name(method: str, host: str) -> None:
    answer = call(guarded(only_this_machine=True), browsing(method, host))

    assert answer.status == 421
    assert "PROVGRAPH_AUTH_REQUIRED" in orjson.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("DELETE", "http://evil.example", 403),
        ("POST", None, 200),
        ("POST", "http://service.example:8082", 200),
        ("POST", "https://Service.example:8082", 200),
        ("POST", "http://localhost:3000", 200),
        ("POST", "http://evil.example", 403),
        ("POST", "http://service.example", 403),
        ("POST", "http://service.example:8082.evil.example", 403),
        ("POST", "http://127.0.0.1:80.evil.example", 403),
        ("POST", "null", 403),
        ("POST", "", 403),
        ("GET", "http://evil.example", 200),
    ],
)
def test_a_foreign_page_changes_nothing(method: str, origin: str | None, status: int) -> None:
    app = guarded(only_this_machine=False)

    assert call(app, browsing(method, "service.example:8082", origin)).status == status


# Streamed answers


class Items:
    """Items of a list, and how many of them were taken."""

    def __init__(self, count: int, *, fails_at: int | None = None, size: int = 1_000) -> None:
        self.taken = 0
        self.closed = False
        self._count = count
        self._fails_at = fails_at
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        try:
            for index in range(self._count):
                if index == self._fails_at:
                    raise StoreError("The list broke")
                self.taken += 1
                yield b"%d" % index + b" " * self._size
        finally:
            self.closed = True


def listing(items: Items, places: Places | None = None) -> ASGIApp:
    async def endpoint(_request: Request) -> Response:
        return (places or Places()).stream(json_list(iter(items)))

    return app_with(endpoint)


@pytest.mark.parametrize("count", [0, 1, 10, 65, 1_000])
def test_a_streamed_list_is_json(count: int) -> None:
    answer = call(listing(Items(count)), scope_of("/api/x"))

    assert orjson.loads(answer.body) == list(range(count))
    assert answer.headers["content-type"] == "application/json"


def test_a_short_list_says_how_long_it_is_and_a_long_one_does_not() -> None:
    short = call(listing(Items(3)), scope_of("/api/x"))
    long = call(listing(Items(1_000)), scope_of("/api/x"))

    assert int(short.headers["content-length"]) == len(short.body)
    assert "content-length" not in long.headers


def test_pieces_are_about_64_kib() -> None:
    pieces = list(enclosed(iter(Items(1_000)), opening=b"[", separator=b", ", closing=b"]"))

    assert all(64 * 1024 <= len(piece) < 67_000 for piece in pieces[:-1])


def test_an_error_before_the_first_piece_is_an_answer() -> None:
    answer = call(listing(Items(10, fails_at=5)), scope_of("/api/x"))

    assert (answer.status, orjson.loads(answer.body)["detail"]) == (503, "The list broke")


def test_an_error_behind_the_first_pieces_breaks_the_connection() -> None:
    items = Items(1_000, fails_at=500)

    with pytest.raises((StoreError, RuntimeError)):
        call(listing(items), scope_of("/api/x"))

    assert items.closed


def test_a_list_is_not_read_further_than_the_client_takes_it() -> None:
    items = Items(10_000)
    taken_at_each_send = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            taken_at_each_send.append(items.taken)

    asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    steps = [after - before for before, after in itertools.pairwise(taken_at_each_send)]
    assert max(steps) <= 70


def test_the_list_is_closed_when_the_client_goes_away() -> None:
    items = Items(100_000)

    call(listing(items), scope_of("/api/x"), Client([b""], leaves=True))

    assert items.closed
    assert items.taken < 1_000


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.http.streaming._STALLED_SECONDS", 0.01)
    items = Items(100_000)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    with pytest.raises((TimeoutError, RuntimeError)):
        asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    assert items.closed


def test_head_makes_no_more_of_a_list_than_it_needs() -> None:
    items = Items(100_000)

    answer = call(listing(items), scope_of("/api/x", "HEAD"))

    assert (answer.status, answer.body) == (200, b"")
    assert items.taken < 200


def test_lists_beyond_the_places_wait_for_one() -> None:
    places = Places(1)

    async def endpoint(_request: Request) -> Response:
        return places.stream(json_list(iter(Items(500))))

    app = app_with(endpoint)
    sending: list[int] = []
    most = 0

    async def one(number: int) -> None:
        async def send(message: Message) -> None:
            nonlocal most
            if message["type"] == "http.response.start":
                sending.append(number)
            most = max(most, len(sending))
            await asyncio.sleep(0)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                sending.remove(number)

        await app(scope_of("/api/x"), Client().receive, send)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(5)))

    asyncio.run(all_of_them())

    assert most == 1


def held_by_slow_readers(places: Places, then: Items) -> Answer:
    """Read a long list without taking it, ask for another list meanwhile, and return that one's answer."""
    answer = Answer()

    async def exchange() -> None:
        begun = asyncio.Event()

        async def never_taking(message: Message) -> None:
            if message["type"] == "http.response.body":
                begun.set()
                await asyncio.Event().wait()

        async def taking(message: Message) -> None:
            answer.messages.append(message)

        slow = asyncio.ensure_future(
            listing(Items(100_000), places)(scope_of("/api/x"), Client().receive, never_taking)
        )
        await begun.wait()
        await listing(then, places)(scope_of("/api/x"), Client().receive, taking)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)

    asyncio.run(exchange())
    return answer


def test_a_short_list_does_not_wait_for_slow_readers_of_long_ones() -> None:
    answer = held_by_slow_readers(Places(1), Items(3))

    assert orjson.loads(answer.body) == [0, 1, 2]


@pytest.mark.parametrize("beginning", [1, 8])
def test_a_list_without_a_place_in_time_is_to_be_asked_for_again(
    beginning: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.http.streaming._WAIT_SECONDS", 0.01)
    items = Items(100_000)

    answer = held_by_slow_readers(Places(1, beginning=beginning), items)

    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert items.closed


def test_a_list_that_is_taken_too_slowly_ends_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.http.streaming._LONGEST_SECONDS", 0.05)
    items = Items(10**9)

    async def send(_message: Message) -> None:
        await asyncio.sleep(0.001)

    with pytest.raises((TimeoutError, RuntimeError)):
        asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    assert items.closed


# Tag paths

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


@given(namespace=TEXTS, tag=TEXTS)
def test_every_tag_is_found_in_its_path(namespace: str, tag: str) -> None:
    assert tagpath.read_tag(encoded(namespace) + b"/" + encoded(tag)) == (namespace, tag)


@given(
    namespace=st.text(alphabet="?>~ÿ\u07ff🙂/", max_size=9), tag=st.text(alphabet="?>~ÿ\u07ff🙂/", max_size=9)
)
def test_slashes_inside_the_parts_do_not_mislead_the_split(namespace: str, tag: str) -> None:
    path = encoded(namespace) + b"/" + encoded(tag) + b"/0123"

    assert tagpath.read_tag_and_id(path) == ((namespace, tag), "0123")


@given(namespace=TEXTS, tag=TEXTS)
def test_the_url_safe_alphabet_is_understood_too(namespace: str, tag: str) -> None:
    path = base64.urlsafe_b64encode(namespace.encode()) + b"/" + base64.urlsafe_b64encode(tag.encode())

    assert tagpath.read_tag(path) == (namespace, tag)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"Pz8//Pj4+", ("???", ">>>")),
        (b"bnM/Pn7Dvw==/", ("ns?>~ÿ", "")),
        (b"/", ("", "")),
        (b"/YQ==", ("", "a")),
    ],
)
def test_known_paths_are_split_where_they_should(path: bytes, expected: tuple[str, str]) -> None:
    assert tagpath.read_tag(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"YQ==",
        b"YQ=/YQ==",
        b"YQ/YQ==",
        b"YQ==/Y",
        b"YQ==/Y!==",
        b"YQ==/ YQ==",
        b"/wA=",
        b"YQ==//w==",
        b"AA==/YQ==",
    ],
)
def test_a_path_that_is_no_tag_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidInputError):
        tagpath.read_tag(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tag_or_refused(path: bytes) -> None:
    try:
        name = tagpath.read_tag(path)
    except ProvgraphError:
        return

    assert "\0" not in name.namespace + name.tag


def test_percent_escapes_are_undone_once_and_a_plus_stays() -> None:
    scope = scope_of("/query/tag/ignored")
    scope["raw_path"] = b"/query/tag/Pz8%2F/Pj4+%252B"

    assert tagpath.behind("/query/tag/", scope) == b"Pz8//Pj4+%2B"
