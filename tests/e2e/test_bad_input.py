"""
Bad input: a 4xx with the reason, nothing stored, and the next request unharmed.

The same bodies go to every door that takes one. What a body breaks in Record Keeper's rules is in
``test_recordkeeper_rules``; here it breaks JSON, Unicode or common sense.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.builders import artifact, nested, pem, tag_path, unique
from tests.e2e.pairs import log_side
from tests.e2e.wire import Answer, Wire, read_answer, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = log_side


def holding(value: str, *, field: str = "Properties") -> bytes:
    """Return the body of a PEM in which ``value`` stands as it is, JSON or not."""
    return json.dumps({**pem(), field: "HERE"}).encode().replace(b'"HERE"', value.encode())


def deep(inside: str) -> bytes:
    return holding(f'{{"a": {inside}}}')


# Bodies of one PEM, and a word that the reason should hold.
BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "JSON"),
    "white space": (b"  \n ", "JSON"),
    "broken JSON": (b'{"ID": ', "JSON"),
    "two documents": (b"{} {}", "JSON"),
    "trailing comma": (b'{"ID": "x",}', "JSON"),
    "single quotes": (b"{'ID': 'x'}", "JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(pem()).encode(), "JSON"),
    "UTF-16": (json.dumps(pem()).encode("utf-16"), "UTF-8"),
    "broken UTF-8 in a text": (holding('"HERE"', field="Type").replace(b"HERE", b"a\xffb"), "UTF-8"),
    "overlong UTF-8": (holding('"HERE"', field="Type").replace(b"HERE", b"\xc0\xaf"), "UTF-8"),
    "surrogate in UTF-8": (holding('"HERE"', field="Type").replace(b"HERE", b"\xed\xa0\x80"), "UTF-8"),
    "cut inside a character": (holding('"ü"', field="Type").split(b"\xbc")[0], "UTF-8"),
    "raw control character": (holding('"a\x01b"', field="Type"), "JSON"),
    "raw NUL": (holding('"a\x00b"', field="Type"), "JSON"),
    "only NUL": (b"\x00" * 100, "JSON"),
    "NaN": (deep("NaN"), "NaN"),
    "Infinity": (deep("Infinity"), "Infinity"),
    "minus Infinity": (deep("-Infinity"), "Infinity"),
    "float beyond bounds": (deep("1e999"), ""),
    "escaped NUL": (deep('"a\\u0000b"'), "NUL"),
    "escaped NUL in a key": (holding('{"a\\u0000b": 1}'), "NUL"),
    "escaped NUL in the type": (holding('"\\u0000"', field="Type"), "NUL"),
    "escaped NUL in a name": (holding('[{"Name": "\\u0000"}]', field="UsesArtifacts"), "NUL"),
    "escaped NUL in the tag": (holding('"\\u0000"', field="Tag"), "NUL"),
    "lone high surrogate": (deep('"\\ud83d"'), "surrogate"),
    "lone low surrogate": (deep('"\\ude00"'), "surrogate"),
    "surrogates the wrong way round": (deep('"\\ude00\\ud83d"'), "surrogate"),
    "lone surrogate in a key": (holding('{"\\ud83d": 1}'), "surrogate"),
    "lone surrogate in the type": (holding('"a\\ud83d"', field="Type"), "surrogate"),
    "lone surrogate in a name": (holding('[{"Name": "\\ud83d"}]', field="ProducesArtifacts"), "surrogate"),
    "integer beyond 64 bits": (deep(str(2**63)), "64"),
    "integer below 64 bits": (deep(str(-(2**63) - 1)), "64"),
    "unsigned 64 bits": (deep(str(2**64 - 1)), "64"),
    "integer of 5,000 digits": (deep("9" * 5_000), ""),
    "integer of 100,000 digits in a list": (deep(f"[1, {'1' * 100_000}]"), ""),
    "10,000 lists deep": (deep(nested(10_000)), ""),
    "10,000 objects deep": (deep('{"a":' * 10_000 + "1" + "}" * 10_000), ""),
    "10,000 lists deep in an unknown field": (holding(nested(10_000), field="Unknown"), ""),
    "10,000 lists deep and nothing else": (nested(10_000).encode(), ""),
    "100,000 lists deep and never closed": (b"[" * 100_000, ""),
    "a list": (b"[]", ""),
    "a list with a PEM": (f"[{json.dumps(pem())}]".encode(), ""),
    "a number": (b"5", ""),
    "a text": (b'"PEM"', ""),
    "null": (b"null", ""),
    "true": (b"true", ""),
    "an empty object": (b"{}", ""),
    "a list as properties": (holding("[1]"), "Properties"),
    "a text as properties": (holding('"{}"'), "Properties"),
    "a list as artifact": (holding("[[]]", field="UsesArtifacts"), "UsesArtifacts"),
    "an object as artifacts": (holding("{}", field="UsesArtifacts"), "UsesArtifacts"),
    "a list as artifact name": (holding('[{"Name": ["x"]}]', field="UsesArtifacts"), "Name"),
    "an object as type": (holding('{"a": 1}', field="Type"), "Type"),
    "an object as id": (holding("{}", field="ID"), "ID"),
    "an object as emitter": (holding("{}", field="Emitter"), "Emitter"),
    "an object as predecessor": (holding("{}", field="Predecessor"), "Predecessor"),
    "an object as time": (holding("{}", field="TimestampClient"), "TimestampClient"),
    "a float as time": (holding("1.5", field="TimestampClient"), "TimestampClient"),
    "a time of another calendar": (
        holding('"2026-02-31 25:61:61"', field="TimestampClient"),
        "TimestampClient",
    ),
    "a name of 1 MB": (json.dumps(pem(UsesArtifacts=[artifact("n" * 1_000_000)])).encode(), "1000000"),
    "a type of 1 MB": (json.dumps(pem(Type="t" * 1_000_000)).encode(), "1000000"),
    "a key of 1 MB": (json.dumps(pem(Properties={"k" * 1_000_000: 1})).encode(), "1000000"),
}


@pytest.fixture(params=list(BODIES.values()), ids=list(BODIES))
def bad(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    body, reason = request.param
    return body, reason


def assert_unharmed(wire: Wire) -> None:
    """Check that a good PEM is still taken, found and listed."""
    good = pem()
    wire.accepted(good)
    assert wire.pem(good["ID"])["ID"] == good["ID"]
    assert [each["ID"] for each in wire.pems(Emitter=good["Emitter"])] == [good["ID"]]


# PEMs


def test_a_bad_pem_is_refused_with_the_reason_and_leaves_nothing(wire: Wire, bad: tuple[bytes, str]) -> None:
    body, reason = bad
    before = wire.counts()

    answer = wire.post("/receiver/pem", body)

    assert answer.status in (400, 413)
    assert answer.media_type == "text/plain"
    assert reason in answer.text
    assert len(answer.text) < 1_000
    assert wire.counts() == before
    assert_unharmed(wire)


def test_a_bad_pem_does_not_spoil_the_connection(wire: Wire, bad: tuple[bytes, str]) -> None:
    good = pem()
    connection = wire.connection()
    try:
        connection.request("POST", "/receiver/pem", bad[0])
        refused = read_answer(connection)
        connection.request("POST", "/receiver/pem", json.dumps(good))
        taken = read_answer(connection)
    finally:
        connection.close()

    assert refused.status in (400, 413)
    assert taken.ok
    assert wire.pem(good["ID"])["ID"] == good["ID"]


# Batches


@pytest.mark.parametrize("form", ["alone", "in an array", "as a line"])
def test_a_bad_event_of_a_batch_is_never_stored(wire: Wire, bad: tuple[bytes, str], form: str) -> None:
    body, _ = bad
    if form == "alone":
        answer = wire.post("/api/v1/events", body)
    elif form == "in an array":
        answer = wire.post("/api/v1/events", b"[" + body + b"]")
    else:
        answer = wire.call(
            "POST", "/api/v1/events", body=body, headers={"Content-Type": "application/x-ndjson"}
        )

    # What is bad as a PEM is a good batch of one.
    assert_judged(answer, accepted=int(form == "alone" and body.startswith(b'[{"ID"')))
    assert_unharmed(wire)


def assert_judged(answer: Answer, *, accepted: int) -> None:
    """Check for a problem, or for verdicts of which so many say accepted."""
    if answer.status == 200:
        judged = answer.json()
        assert judged["accepted"] == accepted
        assert all(each["detail"] for each in judged["results"] if each["verdict"] == "invalid")
    else:
        assert answer.status in (400, 413, 422), answer
        assert answer.media_type == "application/problem+json"
        assert answer.json()["detail"]


def test_a_bad_event_leaves_the_good_ones_of_its_batch_alone(wire: Wire) -> None:
    good = [pem(), pem()]
    listed = [good[0], pem(Type=5), pem(Properties=[]), good[1], {}, []]

    judged = wire.post_json("/api/v1/events", listed).json()

    assert [each["verdict"] for each in judged["results"]] == [
        *("accepted", "invalid", "invalid", "accepted", "invalid", "invalid")
    ]
    assert all(wire.pem(each["ID"]) for each in good)


# Everything else that takes a body


@pytest.mark.parametrize(
    "path",
    [
        "/query/query",
        "/graph_builder/verify",
        "/admin/verify",
        "/admin/rebuild",
        "/admin/credentials",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b"\x00",
        b"[" * 10_000,
        nested(10_000).encode(),
        b'{"a":' * 10_000,
        b'{"query": {"a": 1}, "type": ["r"], "graph": "x", "pems": "x", "check_pems": "x", "name": {}}',
        b'{"query": "\\ud800", "type": "r", "graph": NaN, "pems": NaN, "check_pems": NaN, "name": "\\ud800"}',
        b"9" * 5_000,
    ],
    ids=lambda body: ascii(body[:12]),
)
def test_a_bad_body_is_refused_wherever_it_arrives(wire: Wire, path: str, body: bytes) -> None:
    answer = wire.post(path, body)

    assert answer.status in (400, 413, 422), answer
    assert answer.text.strip()
    expected = "application/problem+json" if path.startswith("/admin") else "text/plain"
    assert answer.media_type == expected


@pytest.mark.parametrize(
    "path",
    [
        "/query/query",
        "/graph_builder/verify",
        "/admin/verify",
        f"/receiver/tag/{tag_path('a', 'b')}/{'0' * 32}",
    ],
)
def test_a_body_without_bounds_is_refused_after_it_was_read(wire: Wire, path: str) -> None:
    answer = wire.post(path, b"x" * 40_000_000)

    assert answer.status in (400, 404, 413, 422), answer
    assert_unharmed(wire)


@pytest.mark.parametrize(
    "part", ["%FF%FE", "%00", "AA==", "/w==", "gICA", "7aCA", "a", "=", "====", "%", "%zz", "\x7f", "{}"]
)
def test_a_bad_tag_path_is_refused_and_sets_nothing(wire: Wire, part: str) -> None:
    known, before = pem(Tag=""), wire.count("tags")
    wire.accepted(known)

    for path in (f"{part}/bm8=", f"bm8=/{part}"):
        escaped = path.replace("\x7f", "%7F")
        answers = [
            wire.get(f"/query/tag/{escaped}"),
            wire.post(f"/receiver/tag/{escaped}/{known['ID']}", ""),
        ]
        assert {answer.status for answer in answers} <= {400, 404}, answers

    assert wire.count("tags") == before


@pytest.mark.parametrize(
    "id_", ["", "x", "0" * 33, "%00", "%FF", "..", "0" * 20_000, "{}", "-" * 32, "g" * 32]
)
@pytest.mark.parametrize("path", ["/query/pem/", "/query/report/", "/admin/reports/", "/admin/jobs/"])
def test_a_bad_id_in_a_path_is_refused(wire: Wire, path: str, id_: str) -> None:
    answer = wire.get(f"{path}{id_}")

    # With no id at all it is another route, which may exist.
    assert answer.status in (400, 404, 405, 414, 431) or (not id_ and answer.ok), answer


@pytest.mark.parametrize(
    "query",
    [
        "Type=%FF%FE",
        "Type=%00",
        "%00=x",
        "Type=%",
        "Type=%zz",
        "=&=&=",
        "&&&",
        "Type",
        "pageSize=9999999999999999999999999999999",
        "pageSize=1&pageSize=x",
        "sortField=%00",
        "Predecessor=x",
        "ID=%F0%9F%98%80",
        "Properties=%ED%A0%80",
    ],
)
@pytest.mark.parametrize("path", ["/query/pems", "/query/pems_count", "/query/artifacts", "/api/v1/lineage"])
def test_a_bad_query_string_does_no_harm(wire: Wire, path: str, query: str) -> None:
    answer = wire.call("GET", f"{path}?{query}")

    assert answer.status in (200, 400, 404, 422), answer
    assert answer.text is not None


# HTTP itself


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /receiver/info HTTP/9.9\r\nHost: [::1]\r\n\r\n",
        b"GET /receiver/info\r\n\r\n",
        b"BREW /receiver/pem HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"POST /receiver/pem HTTP/1.1\r\nHost: [::1]\r\nContent-Length: -5\r\nConnection: close\r\n\r\n",
        b"POST /receiver/pem HTTP/1.1\r\nHost: [::1]\r\nContent-Length: many\r\nConnection: close\r\n\r\n",
        b"POST /receiver/pem HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        b"GET /query/\xff\xfe HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"GET /query/pems?Type=\xff HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"GET http://elsewhere/receiver/pem HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"GET /receiver/info HTTP/1.1\r\nHost: [::1]\r\nBad header\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda request_bytes: ascii(request_bytes[:60]),
)
def test_broken_http_is_refused(wire: Wire, request_bytes: bytes) -> None:
    answer = wire.raw(request_bytes)

    assert not answer or status_of(answer) < 500, answer
    assert_unharmed(wire)


DOORS: dict[str, Callable[[Wire, bytes], Answer]] = {
    "pem": lambda wire, body: wire.post("/receiver/pem", body),
    "batch": lambda wire, body: wire.post("/api/v1/events", b"[" + body + b"]"),
}


@pytest.mark.parametrize("door", list(DOORS))
def test_a_poisonous_event_does_not_break_listing_for_others(wire: Wire, door: str) -> None:
    emitter = unique()
    odd = {
        "Type": "\u2028\u2029\x7f\ufeff\ufffe\U0010ffff",
        "Properties": {"\u0001": "\x1f", "e": 5e-324, "E": 1.7976931348623157e308, "z": -0.0, "i": -(2**63)},
        "Tag": "\u0001",
        "ProducesArtifacts": [artifact(f"{emitter}\x01", **{"\n": "\r\n\x0b\x0c\x85"})],
    }
    body = json.dumps(pem(Emitter=emitter, **odd)).encode()

    assert DOORS[door](wire, body).ok

    wire.flush()
    assert [each["Type"] for each in wire.pems(Emitter=emitter)] == [odd["Type"]]
    assert wire.pems(Emitter=emitter)[0]["Properties"] == odd["Properties"]
    assert wire.artifacts(Name=emitter)[0]["Properties"] == {"\n": "\r\n\x0b\x0c\x85"}
    assert wire.graph("MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties").ok
    assert_unharmed(wire)


@pytest.mark.parametrize("depth", [10, 200, *range(245, 258), 500, 990, 1_000, 1_022, 1_023, 1_024, 1_025])
def test_what_is_nested_deep_is_refused_or_can_be_read_by_everyone(wire: Wire, depth: int) -> None:
    emitter = unique()
    inside = f'{{"a": {nested(depth)}}}'
    stated = json.dumps(pem(Emitter=emitter, Properties="HERE")).replace('"HERE"', inside)
    made = json.dumps(pem(Emitter=emitter, ProducesArtifacts=[{"Name": emitter, "Properties": "HERE"}]))

    taken = [wire.post("/receiver/pem", body) for body in (stated, made.replace('"HERE"', inside))]

    wire.flush()
    assert {answer.status for answer in taken} <= {200, 400}
    accepted = sum(answer.ok for answer in taken)
    assert len(wire.pems(Emitter=emitter)) == accepted
    assert len(wire.artifacts(Name=emitter)) == int(taken[1].ok)
    assert wire.graph("MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties").ok
    assert wire.post("/graph_builder/verify").json()["msg"].startswith("in sync")
