"""Our own door: many events in one request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import OverloadedError
from provgraph.families.credential.events import Role
from receiver import ingest
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import httpx

    from provgraph.eventlog import Appended
    from provgraph.events import NewEvent
    from tests.integration.serving import Served

EVENTS = "/api/v1/events"
NDJSON = {"Content-Type": "application/x-ndjson"}


def send_lines(served: Served, lines: Sequence[bytes]) -> httpx.Response:
    return served.client.post(EVENTS, content=b"\n".join(lines), headers=NDJSON)


def line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def verdicts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["verdict"] for result in answer.json()["results"]]


@pytest.mark.parametrize("as_lines", [True, False])
def test_an_event_that_makes_two_versions_of_an_artifact_is_refused(
    served: Served, *, as_lines: bool
) -> None:
    made = [{"Name": "a", "Version": "1"}, {"Name": "a", "Version": "2"}]
    events = [pem(ProducesArtifacts=made), pem()]

    answer = (
        send_lines(served, list(map(line, events))) if as_lines else served.client.post(EVENTS, json=events)
    )

    assert verdicts(answer) == ["invalid", "accepted"]
    refused = answer.json()["results"][0]
    assert (refused["rule"], refused["field"]) == ("one-version", "ProducesArtifacts[1].Version")


@pytest.mark.parametrize("field", ["OccurredAt", "TimestampClient"])
def test_the_same_time_in_other_letters_is_the_same_event(served: Served, field: str) -> None:
    event = pem(TimestampClient="2016-12-31 23:00:00")
    spellings = [
        "2017-01-01T00:00:00Z",
        "2017-01-01t00:00:00z",
        "2016-12-31T23:59:60Z",
        "2016-12-31t23:59:60z",
    ]

    answer = served.client.post(EVENTS, json=[{**event, field: stated} for stated in spellings])

    assert verdicts(answer) == ["accepted", "duplicate", "duplicate", "duplicate"]


def test_one_event_needs_no_array(served: Served) -> None:
    event = pem()

    sent = [served.client.post(EVENTS, json=event), served.client.post(EVENTS, json=pem(Type=""))]

    assert [verdicts(answer) for answer in sent] == [["accepted"], ["invalid"]]
    assert sent[0].json()["results"][0]["ID"] == event["ID"]


@pytest.mark.parametrize(
    ("properties", "verdict"),
    [
        (b'{"a": 1, "a": 2}', "accepted"),
        (b'{"a": "\\u0000"}', "invalid"),
        (b'{"a": 9223372036854775808}', "invalid"),
    ],
)
def test_one_event_that_needs_a_closer_look_is_judged_too(
    served: Served, properties: bytes, verdict: str
) -> None:
    body = line(pem(Properties="HERE")).replace(b'"HERE"', properties)

    answer = served.client.post(EVENTS, content=body)

    assert verdicts(answer) == [verdict]
    assert ("warnings" in answer.json()["results"][0]) == (verdict == "accepted")


def test_lines_that_are_not_called_so_are_refused_with_the_way_to_send_them(served: Served) -> None:
    answer = served.client.post(EVENTS, content=line(pem()) + b"\n" + line(pem()))

    assert answer.status_code == 400
    assert "application/x-ndjson" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"5", b'"text"', b"null", b"{broken}", b'{"a": 1,}'])
def test_what_is_neither_an_array_nor_an_object_is_refused_as_a_whole(served: Served, body: bytes) -> None:
    assert served.client.post(EVENTS, content=body).status_code == 400


@pytest.mark.parametrize("as_lines", [False, True])
def test_a_field_that_is_written_in_another_way_is_named(served: Served, as_lines: bool) -> None:
    event = pem(
        uses_artifacts=[{"Name": "a"}], ProducesArtifacts=[{"Name": "b", "version": "7"}], notes="mine"
    )

    answer = send_lines(served, [line(event)]) if as_lines else served.client.post(EVENTS, json=[event])

    (result,) = answer.json()["results"]
    assert result["verdict"] == "accepted"
    assert [(each["field"], each["rule"]) for each in result["warnings"]] == [
        ("uses_artifacts", "field-name"),
        ("ProducesArtifacts[0].version", "field-name"),
    ]
    assert result["warnings"][0]["detail"].endswith("did you mean UsesArtifacts?")


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"Type": None, "type": "train"}, "did you mean Type for type?"),
        ({"ID": None, "id": "x"}, "did you mean ID for id?"),
        (
            {"TimestampClient": None, "occurred_at": "2026-01-01T00:00:00Z"},
            "did you mean OccurredAt for occurred_at?",
        ),
        ({"UsesArtifacts": [{"name": "a"}]}, "did you mean Name for UsesArtifacts[0].name?"),
    ],
)
def test_a_refusal_says_which_field_was_most_likely_meant(
    served: Served, change: dict[str, Any], hint: str
) -> None:
    event = {name: value for name, value in pem(**change).items() if value is not None}

    (result,) = served.client.post(EVENTS, json=event).json()["results"]

    assert result["verdict"] == "invalid"
    assert result["detail"].endswith(hint)


def test_every_event_gets_its_verdict_in_order(served: Served) -> None:
    known = served.send()
    fresh = pem()
    batch = [fresh, known, {**known, "Type": "other"}, pem(Type=""), fresh]

    answer = served.client.post(EVENTS, json=batch)

    assert verdicts(answer) == ["accepted", "duplicate", "conflict", "invalid", "duplicate"]
    judged = answer.json()
    assert [result["index"] for result in judged["results"]] == [0, 1, 2, 3, 4]
    assert [judged[name] for name in ("accepted", "duplicates", "conflicts", "invalid")] == [1, 2, 1, 1]
    assert judged["position"] == served.services.log.head().position


def test_a_verdict_says_where_the_stored_event_is(served: Served) -> None:
    known = served.send()

    results = served.client.post(EVENTS, json=[known, {**known, "Type": "other"}]).json()["results"]

    assert [result["position"] for result in results] == [1, 1]
    assert [result["ID"] for result in results] == [known["ID"]] * 2


def test_an_invalid_event_is_told_field_and_rule(served: Served) -> None:
    bad = pem(Type="")

    (result,) = served.client.post(EVENTS, json=[bad]).json()["results"]

    assert result == {
        "index": 0,
        "ID": bad["ID"],
        "verdict": "invalid",
        "field": "Type",
        "rule": "required",
        "detail": "PEM is not valid: Type is empty",
    }


@pytest.mark.parametrize("bad", [None, 5, [], "x", {}, {"ID": "nope"}])
def test_an_event_without_a_readable_id_is_invalid_under_no_id(served: Served, bad: object) -> None:
    answer = served.client.post(EVENTS, json=[bad, pem()])

    assert verdicts(answer) == ["invalid", "accepted"]
    assert answer.json()["results"][0]["ID"] is None


def test_an_empty_batch_is_judged_too(served: Served) -> None:
    served.send()

    answer = served.client.post(EVENTS, json=[])

    assert (verdicts(answer), answer.json()["position"]) == ([], 1)


@pytest.mark.parametrize("body", [b"", b"[", b"{", b"5", b"[NaN}", b"\xff"])
def test_a_body_that_holds_no_events_is_a_problem(served: Served, body: bytes) -> None:
    answer = served.client.post(EVENTS, content=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_lines_are_judged_one_by_one(served: Served) -> None:
    good = [line(pem()), line(pem())]
    bad = [b"{", b"\xff", b'{"a": NaN}', b'{"ID": 123456789012345678901234567890}', b'"\\u0000"']

    answer = send_lines(served, [good[0], *bad, good[1]])

    assert verdicts(answer) == ["accepted", *["invalid"] * len(bad), "accepted"]
    assert all(result["detail"] for result in answer.json()["results"][1:-1])


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "Application/X-NDJSON; charset=utf-8"])
def test_blank_lines_and_carriage_returns_do_not_count(served: Served, content_type: str) -> None:
    body = b"\n" + line(pem()) + b"\r\n \r\n" + line(pem()) + b"\n\n"

    answer = served.client.post(EVENTS, content=body, headers={"Content-Type": content_type})

    assert [result["index"] for result in answer.json()["results"]] == [0, 1]
    assert verdicts(answer) == ["accepted", "accepted"]


@pytest.mark.parametrize("as_lines", [False, True])
def test_an_event_of_a_batch_obeys_the_limit_of_one_event(tmp_path: Path, as_lines: bool) -> None:
    large = pem(Properties={"text": "x" * 3_000})

    with serving(tmp_path, pem_size_limit=2_000) as served:
        batch = [pem(), large, pem()]
        if as_lines:
            answer = send_lines(served, [line(event) for event in batch])
        else:
            answer = served.client.post(EVENTS, json=batch)

        assert verdicts(answer) == ["accepted", "invalid", "accepted"]
        refused = answer.json()["results"][1]
        assert refused["rule"] == "size"
        assert "the limit is 2000 bytes" in refused["detail"]
        assert served.services.log.get(large["ID"]) is None


def test_a_body_beyond_the_batch_limit_is_refused_whole(tmp_path: Path) -> None:
    with serving(tmp_path, batch_size_limit=2_000) as served:
        answer = served.client.post(EVENTS, json=[pem() for _ in range(30)])

        problem = answer.json()
        assert (answer.status_code, problem["status"], problem["limit"]) == (413, 413, 2_000)
        assert problem["size"] > 2_000
        assert served.services.log.head().position == 0


def test_a_large_batch_keeps_its_order_over_several_transactions(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_CHECKED_AT_ONCE", 7)
    monkeypatch.setattr(ingest, "_APPENDED_AT_ONCE", 20)
    batch = [pem(Type="" if index % 10 == 3 else "t") for index in range(100)]

    results = served.client.post(EVENTS, json=batch).json()["results"]

    assert [result["ID"] for result in results] == [event["ID"] for event in batch]
    assert [result["index"] for result in results if result["verdict"] == "invalid"] == list(
        range(3, 100, 10)
    )
    positions = [result["position"] for result in results if result["verdict"] == "accepted"]
    assert positions == list(range(1, 91))


def test_a_batch_that_failed_half_way_can_be_sent_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_CHECKED_AT_ONCE", 10)
    monkeypatch.setattr(ingest, "_APPENDED_AT_ONCE", 10)
    batch = [pem() for _ in range(30)]
    append = served.services.writer.append
    calls = 0

    async def full_the_second_time(events: Sequence[NewEvent]) -> list[Appended]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OverloadedError("The queue is full")
        return await append(events)

    monkeypatch.setattr(served.services.writer, "append", full_the_second_time)

    first = served.client.post(EVENTS, json=batch)
    again = served.client.post(EVENTS, json=batch)

    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    assert verdicts(again) == ["duplicate"] * 10 + ["accepted"] * 20


def test_a_batch_needs_a_writer(secured: Served) -> None:
    def status(headers: dict[str, str]) -> int:
        return secured.client.post(EVENTS, json=[pem()], headers=headers).status_code

    assert status({}) == 401
    assert status(secured.bearer(Role.READER)) == 403
    assert status(secured.bearer(Role.WRITER)) == 200


def test_the_openapi_document_describes_events_and_lineage(served: Served) -> None:
    paths = served.client.get("/openapi.json").json()["paths"]

    post, get = paths[EVENTS]["post"], paths["/api/v1/lineage"]["get"]
    assert set(post["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    assert {"200", "400", "401", "403", "413", "503"} <= set(post["responses"])
    assert {parameter["name"] for parameter in get["parameters"]} >= {"node", "depth", "wait"}
