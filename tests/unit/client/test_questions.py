from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from provgraph.client import (
    BusyError,
    Client,
    NotThereError,
    Retry,
    UnexpectedAnswerError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAGE = {"position": 4, "as_of": None, "complete": True, "reason": None, "cursor": None}


_ANSWERS: dict[str, dict[str, Any]] = {
    "why": {**_PAGE, "node": {}, "steps": [], "artifacts": {}, "claims": [], "text": ""},
    "state": {**_PAGE, "artifacts": [], "tags": []},
    "diff": {**_PAGE, "changes": []},
    "path": {**_PAGE, "connected": True, "path": []},
    "gaps": _PAGE,
}


class _Service:
    """Answers one after another, and remembers what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.URL] = []
        self.timeouts: list[dict[str, float]] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        self.timeouts.append(request.extensions["timeout"])
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        return Client(
            "http://service.test",
            transport=httpx.MockTransport(self),
            sleep=self.pauses.append,
            retry=Retry(attempts=3),
        )


def _json(document: Any) -> httpx.Response:
    return httpx.Response(200, content=orjson.dumps(document))


class _Broken(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, *documents: Any) -> None:
        self._documents = documents

    def __iter__(self) -> Iterator[bytes]:
        yield from (orjson.dumps(document) + b"\n" for document in self._documents)
        raise httpx.RemoteProtocolError("peer closed the connection")


def _stream(*documents: Any, rest: bytes = b"") -> httpx.Response:
    return httpx.Response(200, content=b"".join(orjson.dumps(each) + b"\n" for each in documents) + rest)


def _start(cursor: str = "c0", affected: int = 3) -> dict[str, Any]:
    return {"kind": "start", "affected": affected, "position": 4, "cursor": cursor}


def _end(cursor: str | None = None) -> dict[str, Any]:
    reason = None if cursor is None else "limit"
    return {"kind": "end", "complete": cursor is None, "reason": reason, "cursor": cursor, "position": 4}


def _event(number: int) -> dict[str, Any]:
    return {"event": f"e{number}", "depth": 1}


@pytest.mark.parametrize(
    ("ask", "path", "sent"),
    [
        (
            lambda client: client.why("tag:a/b", version="7", depth=2, limit=3, as_of="yesterday", seconds=5),
            "/api/v1/why",
            "node=tag%3Aa%2Fb&version=7&depth=2&limit=3&as_of=yesterday&seconds=5",
        ),
        (
            lambda client: client.state(as_of=datetime(2026, 3, 1, tzinfo=UTC), known_at=5, cursor="c"),
            "/api/v1/state",
            "cursor=c&as_of=2026-03-01+00%3A00%3A00%2B00%3A00&known_at=position%3A5",
        ),
        (
            lambda client: client.diff("now-2h", "now", clock="recorded", limit=5, wait=7),
            "/api/v1/diff",
            "from=now-2h&to=now&clock=recorded&limit=5&wait=7",
        ),
        (
            lambda client: client.path("a", "b", source_version="1", target_version="2", known_at=3),
            "/api/v1/path",
            "source=a&target=b&source_version=1&target_version=2&known_at=position%3A3",
        ),
        (
            lambda client: client.gaps(list="out_of_order", silent_after="2h", limit=1, cursor="c"),
            "/api/v1/gaps",
            "list=out_of_order&silent_after=2h&limit=1&cursor=c",
        ),
        (lambda client: client.gaps(), "/api/v1/gaps", ""),
    ],
)
def test_a_question_sends_what_was_given_and_returns_the_document(
    ask: Callable[[Client], Any], path: str, sent: str
) -> None:
    document = _ANSWERS[path.rsplit("/", 1)[-1]]
    service = _Service(_json(document))

    with service.client() as client:
        answer = ask(client)

    assert answer.document == document
    assert (service.asked[0].path, service.asked[0].query.decode()) == (path, sent)


def test_lineage_takes_filters_of_several_values() -> None:
    document: dict[str, Any] = {
        "node": {},
        "direction": "both",
        "nodes": [],
        "edges": [],
        **_PAGE,
        "as_of": "t",
    }
    service = _Service(_json(document))

    with service.client() as client:
        answer = client.lineage(
            "x", direction="both", versions="any", type=["a", "b"], emitter="c,d", from_="today", to=9
        )

    assert answer.as_of == "t"
    assert service.asked[0].query.decode() == (
        "node=x&direction=both&versions=any&type=a&type=b&emitter=c%2Cd&from=today&to=position%3A9"
    )


def test_an_export_is_the_text_of_the_answer() -> None:
    service = _Service(httpx.Response(200, content="digraph ü {}".encode()))

    with service.client() as client:
        text = client.export("lineage", "dot", node="x", from_="today", type=["a", "b"], depth=None)

    assert text == "digraph ü {}"
    assert service.asked[0].path == "/api/v1/lineage"
    assert service.asked[0].query.decode() == "node=x&from=today&type=a&type=b&format=dot"


def test_an_export_that_is_no_text_is_an_unexpected_answer() -> None:
    service = _Service(httpx.Response(200, content=b"\xff"))

    with service.client() as client, pytest.raises(UnexpectedAnswerError):
        client.export("why", "text", node="x")


def test_every_page_of_a_state_comes_after_the_other() -> None:
    service = _Service(_json({**_ANSWERS["state"], "cursor": "c1"}), _json(_ANSWERS["state"]))

    with service.client() as client:
        pages = list(client.states(as_of="today", limit=5))

    assert [page.cursor for page in pages] == ["c1", None]
    assert service.asked[1].query.decode() == "limit=5&cursor=c1&as_of=today"


def test_a_client_waits_as_long_as_the_service_may_look() -> None:
    service = _Service(_json(_ANSWERS["why"]), _json(_ANSWERS["why"]))

    with service.client() as client:
        client.why("x", seconds=60)
        client.why("x")

    assert (service.timeouts[0]["read"], service.timeouts[1]["read"]) == (70, 30)


# Impact


def test_what_came_of_a_node_is_read_as_it_comes() -> None:
    service = _Service(_stream(_start(), _event(1), _event(2), _end()))

    with service.client() as client:
        found = client.impact("x", type="train", seconds=9)
        events = [step.document for step in found]

    assert events == [_event(1), _event(2)]
    assert found.opening == _start()
    assert found.closing == _end()
    assert found.cursor is None
    assert service.asked[0].query.decode() == "node=x&seconds=9&type=train&limit=10000"


def test_a_limit_counts_over_all_pages_and_leaves_a_cursor() -> None:
    service = _Service(_stream(_start(), _event(1), _event(2), _end("c2")))

    with service.client() as client:
        found = client.impact("x", limit=2)
        events = [step.document for step in found]

    assert (len(events), found.cursor, len(service.asked)) == (2, "c2", 1)


def test_pages_follow_each_other_until_there_is_nothing_left() -> None:
    service = _Service(_stream(_start(), _event(1), _end("c1")), _stream(_start("c1"), _event(2), _end()))

    with service.client() as client:
        events = [step.document for step in client.impact("x", cursor="c0")]

    assert events == [_event(1), _event(2)]
    assert [dict(url.params)["cursor"] for url in service.asked] == ["c0", "c1"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda: httpx.Response(200, stream=_Broken(_start(), _event(1))),
        lambda: _stream(_start(), _event(1), rest=b'{"event": "e'),
    ],
    ids=["cut", "ended"],
)
def test_a_stream_that_breaks_is_gone_on_with_where_it_broke(broken: Callable[[], httpx.Response]) -> None:
    whole = (_start(), _event(1), _event(2), _event(3), _end())
    service = _Service(broken(), httpx.Response(503), _stream(*whole))

    with service.client() as client:
        events = [step.document for step in client.impact("x")]

    assert events == [_event(1), _event(2), _event(3)]
    assert [dict(url.params).get("cursor") for url in service.asked] == [None, "c0", "c0"]
    assert len(service.pauses) == 2


def test_a_stream_that_breaks_again_and_again_is_given_up() -> None:
    service = _Service(*(httpx.Response(200, stream=_Broken(_start(), _event(1))) for _ in range(3)))

    with service.client() as client, pytest.raises(UnreachableError):
        list(client.impact("x"))

    assert len(service.asked) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.ConnectError("refused"), UnreachableError),
        (httpx.Response(503), BusyError),
        (httpx.Response(404), NotThereError),
        (httpx.Response(200, content=b"hello\n"), UnexpectedAnswerError),
        (httpx.Response(200, content=b"[]\n"), UnexpectedAnswerError),
    ],
)
def test_a_question_that_has_no_answer_is_an_error_at_once(
    answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    service = _Service(answer)

    with service.client() as client, pytest.raises(error):
        next(client.impact("x"))

    assert len(service.asked) == 1
