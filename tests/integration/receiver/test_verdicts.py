"""An array and one event a line get the same verdicts, and what is not kept as it was sent is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client.answers import SendResult
from provgraph.client.base import Unkept
from provgraph.events import canonical
from tests.integration.serving import pem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.serving import Served

EVENTS = "/api/v1/events"


def with_properties(text: bytes) -> bytes:
    """Return an event whose properties are a text that need not be JSON."""
    return json.dumps(pem(Properties="HERE")).encode().replace(b'"HERE"', text)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def levels(depth: int) -> bytes:
    """Return properties that make an event nested so deep."""
    return b'{"a":' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}"


# Each is refused, by this rule, alone.
REFUSED = {
    "an integer of 2^70": (b'{"n": 1180591620717411303424}', "integer-64-bit"),
    "an integer of 2^63": (b'{"n": 9223372036854775808}', "integer-64-bit"),
    "an integer of 5,000 digits": (b'{"n": ' + b"9" * 5_000 + b"}", "json"),
    "NUL": (b'{"a": "x\\u0000"}', "no-nul"),
    "NUL in a key": (b'{"a\\u0000": 1}', "no-nul"),
    "NaN": (b'{"a": NaN}', "json"),
    "-Infinity": (b'{"a": [-Infinity]}', "json"),
    "a float beyond all": (b'{"a": 1e400}', "json"),
    "half a surrogate": (b'{"a": "\\ud800"}', "no-lone-surrogate"),
    "no UTF-8": (b'{"a": "\xff"}', "utf-8"),
    "255 levels": (levels(255), "depth"),
    "1,000 levels": (levels(1_000), "depth"),
    "3,000 levels": (levels(3_000), "depth"),
    "100,000 levels": (levels(100_000), "depth"),
    "a comma too many": (b'{"a": 1,}', "json"),
    "a bare word": (b"{a: 1}", "json"),
    "a line end in a text": (b'{"a": "\t"}', "json"),
}
TOLD = {
    "a doubled key": (b'{"a": 1, "a": 2}', "Properties.a", "doubled-key"),
    "a float with too many digits": (b'{"a": [0.10000000000000000001]}', "Properties.a[0]", "inexact-number"),
    "next to nothing": (b'{"a": 1e-400}', "Properties.a", "inexact-number"),
}


def as_array(served: Served, events: Sequence[bytes]) -> dict[str, Any]:
    answer = served.client.post(EVENTS, content=b"[" + b" ,\n".join(events) + b"]")
    assert answer.status_code == 200, answer.text
    judged: dict[str, Any] = answer.json()
    return judged


def as_lines(served: Served, events: Sequence[bytes]) -> dict[str, Any]:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = served.client.post(EVENTS, content=b"\n".join(events), headers=headers)
    assert answer.status_code == 200, answer.text
    judged: dict[str, Any] = answer.json()
    return judged


@pytest.mark.parametrize("what", REFUSED)
def test_one_event_that_cannot_be_kept_is_named_and_the_others_are_taken(served: Served, what: str) -> None:
    text, rule = REFUSED[what]
    bad = with_properties(text)
    events = [json.dumps(pem()).encode(), bad, json.dumps(pem()).encode()]

    judged = as_array(served, events)

    assert [result["verdict"] for result in judged["results"]] == ["accepted", "invalid", "accepted"]
    assert judged["results"][1]["rule"] == rule
    assert served.services.log.head().position == 2


def test_verdicts_on_an_array_are_those_on_lines(served: Served) -> None:
    events = [
        *(with_properties(text) for text, _ in REFUSED.values()),
        *(with_properties(text) for text, _, _ in TOLD.values()),
        *map(dumped, (pem(), pem(Type=""), 5, None, [], {"ID": "x"})),
        *(b"NaN", b"x y", b'{"a"}', with_properties(levels(254))),
    ]

    lines, array = as_lines(served, events)["results"], as_array(served, events)["results"]

    taken_before = {"accepted": "duplicate"}
    assert array == [
        {**result, "verdict": taken_before.get(result["verdict"], result["verdict"])} for result in lines
    ]
    assert {result["verdict"] for result in array} == {"duplicate", "invalid"}


@pytest.mark.parametrize("what", ["an integer of 2^70", "NUL", "NaN", "half a surrogate", "1,000 levels"])
@pytest.mark.parametrize("send", [as_array, as_lines])
def test_an_event_that_cannot_be_kept_is_named_by_its_id(served: Served, what: str, send: Any) -> None:
    bad = with_properties(REFUSED[what][0])

    (result,) = send(served, [bad])["results"]

    assert result["ID"] in bad.decode(errors="replace")
    assert (result["index"], result["verdict"]) == (0, "invalid")


@pytest.mark.parametrize("send", [as_array, as_lines])
def test_a_refusal_names_the_place(served: Served, send: Any) -> None:
    results = send(
        served,
        [with_properties(b'{"a": [{"n": 1180591620717411303424}]}'), with_properties(b'{"t": "\\u0000"}')],
    )["results"]

    assert [result["field"] for result in results] == ["Properties.a[0].n", "Properties.t"]
    assert "1180591620717411303424" in results[0]["detail"]


@pytest.mark.parametrize("what", TOLD)
@pytest.mark.parametrize("send", [as_array, as_lines])
def test_what_is_not_kept_as_it_was_sent_is_told(served: Served, what: str, send: Any) -> None:
    text, field, rule = TOLD[what]
    events = [json.dumps(pem()).encode(), with_properties(text)]

    plain, told = send(served, events)["results"]
    again = send(served, events)["results"][1]

    assert "warnings" not in plain
    assert [(warning["field"], warning["rule"]) for warning in told["warnings"]] == [(field, rule)]
    assert (told["verdict"], again["verdict"]) == ("accepted", "duplicate")
    assert again["warnings"] == told["warnings"]


def test_the_last_of_equal_keys_and_the_nearest_float_are_kept(served: Served) -> None:
    sent = with_properties(b'{"a": 1, "a": 2, "b": 0.10000000000000000001}')

    (result,) = as_array(served, [sent])["results"]

    assert served.client.get(f"/query/pem/{result['ID']}").json()["Properties"] == {"a": 2, "b": 0.1}


@pytest.mark.parametrize("what", TOLD)
def test_record_keepers_door_takes_them_as_ever(served: Served, what: str) -> None:
    answer = served.client.post("/receiver/pem", content=with_properties(TOLD[what][0]))

    assert (answer.status_code, answer.text) == (200, "Ack getting train")


@pytest.mark.parametrize("path", ["/receiver/pem", EVENTS])
def test_the_limit_of_levels_is_one_everywhere_and_named(served: Served, path: str) -> None:
    def sent(depth: int) -> tuple[int, str]:
        body = with_properties(levels(depth))
        answer = served.client.post(path, content=body if path != EVENTS else b"[" + body + b"]")
        return answer.status_code, answer.text

    assert canonical.MAX_LEVELS == 254
    status, text = sent(254)
    assert (status, 'invalid":0' in text or "Ack" in text) == (200, True)
    for depth in (255, 300, 1_000, 1_025, 5_000):
        assert "nested too deep: at most 254 levels" in sent(depth)[1]


def test_each_door_names_the_time_that_it_asks_for(served: Served) -> None:
    without = {name: value for name, value in pem().items() if name not in ("TimestampClient", "OccurredAt")}
    body = json.dumps(without).encode()

    told = served.client.post("/receiver/pem", content=body)
    assert (told.status_code, "TimestampClient is not a text" in told.text) == (400, True)
    for result in (as_array(served, [body]), served.client.post(EVENTS, content=body).json()):
        (verdict,) = result["results"]
        assert (verdict["field"], verdict["rule"]) == ("OccurredAt", "required")
        assert "OccurredAt is missing" in verdict["detail"]


def test_the_client_reads_the_warnings(served: Served) -> None:
    judged = as_array(served, [with_properties(b'{"a": 1, "a": 2}')])

    (verdict,) = SendResult.read(judged).verdicts

    assert verdict.warnings == (
        Unkept("Properties.a", "doubled-key", "Properties.a is given twice; the last one is kept"),
    )


def test_a_large_array_with_one_bad_event_keeps_its_order(served: Served) -> None:
    events = [json.dumps(pem()).encode() for _ in range(350)]
    events[217] = with_properties(b'{"n": 1180591620717411303424}')

    results = as_array(served, events)["results"]

    assert [result["index"] for result in results if result["verdict"] == "invalid"] == [217]
    assert [result["ID"] for result in results] == [json.loads(event)["ID"] for event in events]
