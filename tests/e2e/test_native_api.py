"""The native API: batches with a verdict per event, problems, and the probes. Lineage: ``test_lineage_api``."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.builders import artifact, pem, unique
from tests.e2e.native import assert_is_problem, batch, edges, ids, lineage, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.e2e.wire import Answer, Wire

NDJSON = {"Content-Type": "application/x-ndjson"}


def ndjson(wire: Wire, lines: Iterable[str]) -> Answer:
    return wire.call("POST", "/api/v1/events", body="\n".join(lines), headers=NDJSON)


# Intake


@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_every_event_gets_its_verdict(wire: Wire, form: str) -> None:
    known = pem(Type="known")
    stored_at = batch(wire, known)["results"][0]["position"]
    new = pem()
    events = [new, known, {**known, "Type": "changed"}, pem(Type=""), new]

    judged = batch(wire, *events) if form == "array" else ndjson(wire, map(json.dumps, events)).json()

    results = judged["results"]
    assert verdicts(judged) == ["accepted", "duplicate", "conflict", "invalid", "duplicate"]
    assert [each["index"] for each in results] == [0, 1, 2, 3, 4]
    assert [each["ID"] for each in results[:3]] == [new["ID"], known["ID"], known["ID"]]
    assert results[1]["position"] == results[2]["position"] == stored_at
    assert results[4]["position"] == results[0]["position"] > stored_at
    assert results[2]["detail"]
    assert (results[3]["field"], results[3]["rule"]) == ("Type", "required")
    assert results[3]["detail"] == "PEM is not valid: Type is empty"
    assert [judged[name] for name in ("accepted", "duplicates", "conflicts", "invalid")] == [1, 2, 1, 1]
    assert judged["position"] >= results[0]["position"]
    assert wire.pem(known["ID"])["Type"] == "known"


def test_positions_rise_in_the_order_of_the_batch(wire: Wire) -> None:
    judged = batch(wire, *(pem() for _ in range(50)))

    positions = [each["position"] for each in judged["results"]]
    assert positions == sorted(set(positions))


def test_two_contents_under_one_id_in_one_batch_conflict(wire: Wire) -> None:
    first = pem(Type="first")

    judged = batch(wire, first, {**first, "Type": "second"})

    assert verdicts(judged) == ["accepted", "conflict"]
    assert wire.pem(first["ID"])["Type"] == "first"


def test_an_empty_batch_is_no_mistake(wire: Wire) -> None:
    judged = batch(wire)

    assert judged["results"] == []
    assert judged["accepted"] == 0


def test_blank_lines_between_events_are_skipped(wire: Wire) -> None:
    events = [pem(), pem()]

    answer = ndjson(wire, ["", json.dumps(events[0]), "", json.dumps(events[1]) + "\r", ""])

    assert answer.status == 200, answer
    assert [each["ID"] for each in answer.json()["results"]] == [each["ID"] for each in events]


@pytest.mark.parametrize("item", [5, None, "text", [], True])
def test_an_item_that_is_no_event_is_invalid_among_good_ones(wire: Wire, item: object) -> None:
    judged = batch(wire, pem(), item, pem())

    assert verdicts(judged) == ["accepted", "invalid", "accepted"]
    assert judged["results"][1]["ID"] is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ID": "no id"}, "ID"),
        ({"Properties": []}, "Properties"),
        ({"TimestampClient": "never"}, "TimestampClient"),
        ({"OccurredAt": "2026-01-02T03:04:05"}, "OccurredAt"),
        ({"OccurredAt": "soon"}, "OccurredAt"),
        ({"OccurredAt": 5}, "OccurredAt"),
        ({"Predecessors": "x"}, "Predecessors"),
        ({"Predecessors": ["x"]}, "Predecessors"),
        ({"Version": "1.0.0"}, "Version"),
        ({"UsesArtifacts": [{"Properties": {}}]}, "UsesArtifacts[0].Name"),
        ({"ProducesArtifacts": [{"Name": "a"}, {"Name": "b", "Digest": 5}]}, "ProducesArtifacts[1].Digest"),
        ({"ProducesArtifacts": [{"Name": "a", "Kind": 5}]}, "ProducesArtifacts[0].Kind"),
    ],
    ids=str,
)
def test_an_invalid_event_is_told_its_field_and_rule(
    wire: Wire, fields: dict[str, object], field: str
) -> None:
    result = batch(wire, pem(**fields))["results"][0]

    assert (result["verdict"], result["field"]) == ("invalid", field)
    assert result["rule"]
    assert result["detail"].startswith("PEM is not valid")


def test_an_event_over_the_size_limit_is_invalid_among_good_ones(wire: Wire) -> None:
    judged = batch(wire, pem(), pem(Properties={"text": "x" * 1_000_001}), pem())

    assert verdicts(judged) == ["accepted", "invalid", "accepted"]
    assert "1000000" in judged["results"][1]["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[", b"[{},", b"5", b"null", b"\xff", b"[NaN}", b"[" * 10_000],
    ids=lambda body: ascii(body[:10]),
)
def test_a_body_that_cannot_be_read_as_a_whole_is_a_problem(wire: Wire, body: bytes) -> None:
    before = wire.counts()

    answer = wire.post("/api/v1/events", body)

    assert_is_problem(answer, 400)
    assert wire.counts() == before


def test_a_line_that_cannot_be_read_leaves_no_half_batch(wire: Wire) -> None:
    good, before = pem(), wire.counts()

    answer = ndjson(wire, [json.dumps(good), "{broken", json.dumps(pem())])

    # Either the body is refused as a whole, or that one line is judged; never something between.
    if answer.status == 200:
        assert verdicts(answer.json()) == ["accepted", "invalid", "accepted"]
    else:
        assert_is_problem(answer, 400)
        assert wire.counts() == before


def test_a_content_type_that_is_no_batch_is_a_problem(wire: Wire) -> None:
    answer = wire.call("POST", "/api/v1/events", body="ID,Type\n", headers={"Content-Type": "text/csv"})

    assert answer.status in (400, 415)
    assert answer.media_type == "application/problem+json"


def test_unknown_fields_are_kept_as_part_of_the_event(wire: Wire) -> None:
    event = pem(Reviewer="Zoë", Extra={"deep": [1]})

    assert verdicts(batch(wire, event)) == ["accepted"]
    assert verdicts(batch(wire, event)) == ["duplicate"]
    assert verdicts(batch(wire, {**event, "Reviewer": "Max"})) == ["conflict"]


def test_an_exact_time_with_a_zone_stands_for_the_clients(wire: Wire) -> None:
    event = pem(OccurredAt="2026-01-02T03:04:05.678901+02:00")
    del event["TimestampClient"]
    batch(wire, event)
    wire.flush()

    node = lineage(wire, f"pem:{event['ID']}")["nodes"][0]

    assert wire.pem(event["ID"])["TimestampClient"] == "2026-01-02 01:04:05"
    assert node["occurred_at"] == "2026-01-02T01:04:05.678901Z"


def test_an_event_may_have_several_predecessors(wire: Wire) -> None:
    first, second, third = pem(), pem(), pem()
    joined = pem(Predecessor=first["ID"], Predecessors=[second["ID"], third["ID"]])
    batch(wire, first, second, third, joined)
    wire.flush()

    answer = lineage(wire, f"pem:{joined['ID']}")

    assert edges(answer, "PREDECESSOR") == {(joined["ID"], each["ID"]) for each in (first, second, third)}
    assert ids(answer, "pem") == {each["ID"] for each in (first, second, third, joined)}


def test_both_doors_know_the_same_events(wire: Wire) -> None:
    event = pem(UsesArtifacts=[artifact(unique(), a=1)])
    wire.accepted(event)

    assert verdicts(batch(wire, event)) == ["duplicate"]
    assert wire.send({**event, "Type": "changed"}).status == 409


# Routes and operations


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1", "/admin/nothing"])
def test_an_unknown_native_route_is_a_problem(wire: Wire, path: str) -> None:
    assert_is_problem(wire.get(path), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/events"), ("POST", "/api/v1/lineage")])
def test_a_wrong_method_is_a_problem(wire: Wire, method: str, path: str) -> None:
    assert_is_problem(wire.call(method, path), 405)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_answer(wire: Wire, path: str) -> None:
    assert wire.get(path).status == 200


def test_the_metrics_can_be_read_by_prometheus(wire: Wire) -> None:
    answer = wire.get("/metrics")

    assert answer.status == 200
    assert answer.media_type == "text/plain"
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert any(name.startswith("provgraph_") for name in families)


def test_an_intake_moves_a_metric(wire: Wire) -> None:
    before = wire.get("/metrics").text

    batch(wire, pem(), pem())

    assert wire.get("/metrics").text != before


def test_a_packed_batch_arrives_in_pieces(wire: Wire) -> None:
    events = [pem(Properties={"text": "x" * 1_000}) for _ in range(500)]
    packed = gzip.compress(json.dumps(events).encode())
    pieces = [packed[start : start + 5_000] for start in range(0, len(packed), 5_000)]

    answer = wire.call("POST", "/api/v1/events", body=pieces, headers={"Content-Encoding": "gzip"})

    assert verdicts(answer.json()) == ["accepted"] * 500


@pytest.mark.parametrize("path", ["/api/v1/events", "/receiver/pem"])
def test_what_unpacks_beyond_the_limit_is_told_so(wire: Wire, path: str) -> None:
    bomb = gzip.compress(b" " * 200_000_000)

    answer = wire.call("POST", path, body=bomb, headers={"Content-Encoding": "gzip"})
    other = wire.call("POST", path, body=bomb, headers={"Content-Encoding": "br"})

    assert (answer.status, "unpacked it has more bytes than the limit" in answer.text) == (413, True)
    assert (other.status, other.headers["Accept-Encoding"]) == (415, "gzip")
