from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from provgraph.client import (
    BusyError,
    Client,
    ClosedError,
    ContradictionError,
    CredentialsRefusedError,
    JobFailedError,
    NotThereError,
    OversizedError,
    Retry,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsendableError,
    UnusableTokenError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[httpx.Request], httpx.Response]

_SENT = {"results": [{"index": 0, "ID": "a", "verdict": "accepted", "position": 1}], "position": 1} | {
    "accepted": 1,
    "duplicates": 0,
    "conflicts": 0,
    "invalid": 0,
}


class _Service:
    """Answers one after another, and remembers what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> Client:
        return Client(
            "http://service.test", transport=httpx.MockTransport(self), sleep=self.pauses.append, **options
        )


def _json(document: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=orjson.dumps(document), headers=headers)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROVGRAPH_URL", "PROVGRAPH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("stated", "sent"), [({}, "Bearer given"), ({"token": "mine"}, "Bearer mine"), ({"token": ""}, None)]
)
def test_a_client_takes_its_token_from_the_environment_unless_it_is_told_one(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, str], sent: str | None
) -> None:
    monkeypatch.setenv("PROVGRAPH_TOKEN", "given")
    service = _Service(_json(_SENT))

    with service.client(**stated) as client:
        client.send_events([{"ID": "a"}])

    assert service.requests[0].headers.get("Authorization") == sent


def test_a_client_takes_its_url_from_the_environment_unless_it_is_told_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Client().url == "http://127.0.0.1:8082"
    monkeypatch.setenv("PROVGRAPH_URL", "http://given.test")

    assert (Client().url, Client("http://mine.test").url) == ("http://given.test", "http://mine.test")


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "Who? Give a credential with Client(..., token=...)"), (403, "Who?")],
)
def test_a_missing_credential_is_told_with_the_way_to_give_one(status: int, told: str) -> None:
    service = _Service(_json({"title": "No", "detail": "Who?"}, status))

    with service.client() as client, pytest.raises(CredentialsRefusedError) as refused:
        client.pems()

    assert str(refused.value).startswith(told)
    assert refused.value.told == "Who?"


def test_events_go_out_one_a_line_and_verdicts_come_back() -> None:
    service = _Service(_json(_SENT))

    with service.client() as client:
        result = client.send_events([{"ID": "a"}, {"ID": "b"}])

    assert service.requests[0].content == b'{"ID":"a"}\n{"ID":"b"}'
    assert service.requests[0].headers["Content-Type"] == "application/x-ndjson"
    assert (result.accepted, result.position, result.verdicts[0].verdict) == (1, 1, "accepted")


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(503),
        httpx.Response(429),
    ],
)
def test_a_batch_is_sent_again_unchanged_while_the_service_is_away(
    trouble: httpx.Response | Exception,
) -> None:
    service = _Service(trouble, trouble, _json(_SENT))

    with service.client() as client:
        client.send_events([{"ID": "a"}])

    assert [request.content for request in service.requests] == [b'{"ID":"a"}'] * 3
    assert len(service.pauses) == 2


def test_a_service_that_says_when_to_come_back_is_waited_for_so_long() -> None:
    service = _Service(_json({"title": "Overloaded"}, 503, **{"Retry-After": "7"}), _json(_SENT))

    with service.client() as client:
        client.send_events([{"ID": "a"}])

    assert 7 <= service.pauses[0] < 8


def test_a_date_to_come_back_at_is_understood() -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    service = _Service(_json({}, 503, **{"Retry-After": past}), _json(_SENT))

    with service.client() as client:
        client.send_events([{"ID": "a"}])

    assert service.pauses[0] < 1


def test_patience_ends() -> None:
    service = _Service(*[httpx.ConnectError("refused")] * 3)

    with service.client(retry=Retry(attempts=3)) as client, pytest.raises(UnreachableError, match="refused"):
        client.send_events([{"ID": "a"}])

    assert len(service.requests) == 3


def test_a_question_is_not_repeated() -> None:
    service = _Service(_json({"detail": "not now"}, 503))

    with service.client() as client, pytest.raises(BusyError, match="not now"):
        client.pems()

    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ServiceError),
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
        (404, NotThereError),
        (409, ContradictionError),
        (413, OversizedError),
        (500, ServiceError),
        (302, ServiceError),
    ],
)
def test_a_refusal_carries_its_problem(status: int, error: type[ServiceError]) -> None:
    service = _Service(_json({"title": "No", "detail": "because", "rule": "some"}, status))

    with service.client() as client, pytest.raises(error, match="because") as refused:
        client.lineage("x")

    assert refused.value.status == status
    assert refused.value.problem["rule"] == "some"


def test_a_refusal_in_plain_text_is_the_detail() -> None:
    service = _Service(httpx.Response(404, text="There is no PEM x\n"))

    with service.client() as client, pytest.raises(NotThereError, match="There is no PEM x"):
        client.pem("x")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7", b'{"results": 1}', b""])
def test_an_answer_of_something_else_is_told_apart(body: bytes) -> None:
    service = _Service(httpx.Response(200, content=body))

    with service.client() as client, pytest.raises(UnexpectedAnswerError):
        client.send_events([{"ID": "a"}])


@pytest.mark.parametrize("url", ["host:port", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url_is_named(url: str) -> None:
    with pytest.raises(UnreachableError, match="URL"):
        Client(url)


def test_the_token_is_a_bearer_token() -> None:
    service = _Service(_json([]))

    with service.client(token="secret") as client:
        client.tags()

    assert service.requests[0].headers["Authorization"] == "Bearer secret"


def test_a_token_is_not_sent_on_to_where_an_answer_points() -> None:
    service = _Service(httpx.Response(307, headers={"Location": "http://elsewhere.test/"}))

    with service.client(token="secret") as client, pytest.raises(ServiceError):
        client.tags()

    assert len(service.requests) == 1


def test_lists_are_asked_with_filters_paging_and_order() -> None:
    service = _Service(_json([{"ID": "a"}]))

    with service.client() as client:
        client.pems(filters={"Type": "a b&c"}, page_index=0, page_size=5, sort_field="ID", sort_order="desc")

    asked = service.requests[0].url
    assert asked.path == "/query/pems"
    assert dict(asked.params) == {
        "Type": "a b&c",
        "pageIndex": "0",
        "pageSize": "5",
        "sortField": "ID",
        "sortOrder": "desc",
    }


def test_counts_are_numbers() -> None:
    service = _Service(_json({"pems_count": 3}), _json({"artifacts_count": "4"}))

    with service.client() as client:
        assert (client.pems_count(), client.artifacts_count(filters={"Name": "x"})) == (3, 4)


def test_lineage_asks_only_what_was_given_and_keeps_the_document() -> None:
    document = {
        "node": {"kind": "artifact", "id": "a&b"},
        "direction": "upstream",
        "nodes": [],
        "edges": [],
        "position": 3,
        "complete": False,
        "reason": "limit",
        "cursor": "c",
        "new": 1,
    }
    service = _Service(_json(document))

    with service.client() as client:
        answer = client.lineage("artifact:a&b", depth=2)

    assert dict(service.requests[0].url.params) == {
        "node": "artifact:a&b",
        "direction": "upstream",
        "depth": "2",
    }
    assert (answer.complete, answer.reason, answer.cursor, answer.document) == (False, "limit", "c", document)


def test_waiting_for_readiness_outlasts_the_start() -> None:
    service = _Service(httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, text="ready"))

    with service.client() as client:
        client.wait_ready()

    assert [request.url.path for request in service.requests] == ["/readyz"] * 3


def test_waiting_for_readiness_ends_with_the_reason() -> None:
    service = _Service(_json({"detail": "disk full"}, 503))

    with service.client() as client, pytest.raises(BusyError, match="disk full"):
        client.wait_ready(timeout_seconds=0)


def test_a_job_is_followed_to_its_result() -> None:
    service = _Service(
        _json({"id": "j1", "state": "running", "done": 0, "total": 0}, 202),
        _json({"id": "j1", "state": "running", "done": 5, "total": 10}),
        _json({"id": "j1", "state": "done", "done": 10, "total": 10, "result": {"in_sync": True}}),
    )
    seen: list[tuple[int, int | None]] = []

    with service.client() as client:
        result = client.admin.verify(deep=True, progress=lambda done, total: seen.append((done, total)))

    assert result == {"in_sync": True}
    assert seen == [(0, None), (5, 10), (10, 10)]
    assert orjson.loads(service.requests[0].content) == {"pems": True, "artifacts": True, "deep": True}
    assert service.requests[1].url.path == "/admin/jobs/j1"


def test_a_job_that_fails_is_an_error_with_its_reason() -> None:
    service = _Service(_json({"id": "j1", "state": "failed", "error": "disk full"}, 202))

    with service.client() as client, pytest.raises(JobFailedError, match="disk full"):
        client.admin.rebuild()


def test_a_connection_report_gives_its_id() -> None:
    done = {"id": "j1", "state": "done", "result": {"report_id": "r1"}}
    service = _Service(_json(done, 202), _json(done, 202))

    with service.client() as client:
        assert client.admin.verify_connections() == "r1"
        assert client.admin.remove_unconnected("r/1") == "r1"

    assert service.requests[1].url.raw_path == b"/admin/reports/r%2F1/remove-unconnected"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("90d", "90d"),
        (datetime(2027, 1, 15, 9, tzinfo=timezone(timedelta(hours=1))), "2027-01-15T08:00:00+00:00"),
    ],
)
def test_a_credential_is_asked_for_with_all_that_it_allows(stated: Any, expected: str) -> None:
    answer = {"id": "c1", "token": "secret"}
    service = _Service(_json(answer, status=201), _json(answer, status=201))

    with service.client() as client:
        created = client.admin.create_credential(
            name="ada", kind="puc", rights=("write",), emitters=["loan-*"], only=True, expires=stated
        )
        client.admin.create_credential(name="ada", kind="user", role="reader", expires=timedelta(days=1))

    assert created == answer
    first, second = (orjson.loads(request.content) for request in service.requests)
    assert first == {
        "name": "ada",
        "kind": "puc",
        "rights": ["write"],
        "emitters": ["loan-*"],
        "only": True,
        "expires": expected,
    }
    ends = datetime.fromisoformat(second.pop("expires"))
    assert timedelta(hours=23) < ends - datetime.now(UTC) <= timedelta(days=1)
    assert second == {"name": "ada", "kind": "user", "role": "reader"}


@pytest.mark.parametrize("document", [[{"id": "c1"}], {"credentials": [{"id": "c1"}]}])
def test_credentials_are_listed(document: Any) -> None:
    service = _Service(_json(document))

    with service.client() as client:
        assert client.admin.credentials() == [{"id": "c1"}]


def test_revoking_needs_no_answer() -> None:
    service = _Service(httpx.Response(204))

    with service.client() as client:
        client.admin.revoke_credential("c1")

    assert (service.requests[0].method, service.requests[0].url.path) == ("DELETE", "/admin/credentials/c1")


@pytest.mark.parametrize("token", ["t\u00f6ken", "token\n", "to ken", "\0"])
def test_a_token_that_no_header_can_hold_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(UnusableTokenError) as refused:
        Client("http://service.test", token=token)

    assert token not in str(refused.value)


def test_a_client_that_was_closed_says_so() -> None:
    client = Client("http://service.test", emitter="trainer")
    client.close()

    with pytest.raises(ClosedError, match="was closed"):
        client.send_pem(client.prepare_pem("x"))
    with pytest.raises(ClosedError, match="was closed"):
        client.get_pem("ab" * 16)


def test_an_event_occurs_at_a_datetime() -> None:
    when: Any = "2020"

    with pytest.raises(UnsendableError, match="OccurredAt is not a datetime") as refused:
        Client("http://service.test", emitter="trainer").prepare_pem("x", occurred_at=when)

    assert refused.value.field == "OccurredAt"


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, None), ({"RecordedBy": {"ID": "ab" * 16, "Name": "ci"}}, {"id": "ab" * 16, "name": "ci"})],
)
def test_a_stored_event_says_who_recorded_it(said: dict[str, Any], expected: dict[str, str] | None) -> None:
    texts = ("Type", "Emitter", "Predecessor", "TimestampClient", "TimestampReceived", "Version", "Tag")
    stored = dict.fromkeys((*texts, "TagNamespace"), "x")
    document = {"ID": "1" * 32, **stored, "Properties": {}, "UsesArtifacts": [], "ProducesArtifacts": []}

    with _Service(_json({**document, **said})).client() as client:
        assert client.get_pem("1" * 32).recorded_by == expected
