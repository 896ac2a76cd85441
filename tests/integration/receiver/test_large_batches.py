"""Batches that are long for what they hold: what is refused is counted, and told for the first ten."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.events.canonical import MAX_VALUES as MOST_VALUES
from receiver import batches
from receiver.batches import MOST_ITEMS, BatchTooLongError
from tests.integration.serving import pem

if TYPE_CHECKING:
    from tests.integration.serving import Served

EVENTS = "/api/v1/events"
LINES = {"Content-Type": "application/x-ndjson"}
PACKED = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("headers", [{}, LINES])
@pytest.mark.parametrize("item", [b"1", b"{}", b'""', b"null"])
def test_an_answer_is_not_longer_than_what_was_sent(
    served: Served, headers: dict[str, str], item: bytes
) -> None:
    many = [item] * MOST_ITEMS
    body = b"\n".join(many) if headers else b"[" + b",".join(many) + b"]"

    answer = served.client.post(EVENTS, content=body, headers=headers)

    judged = answer.json()
    assert (judged["invalid"], len(judged["results"])) == (MOST_ITEMS, 10)
    assert len(answer.content) < len(body)


@pytest.mark.parametrize("headers", [{}, LINES])
@pytest.mark.parametrize("items", [MOST_ITEMS + 1, 300_000, 4_000_000])
def test_a_batch_of_too_many_items_is_refused_whole(
    served: Served, headers: dict[str, str], items: int
) -> None:
    body = b"\n".join([b"1"] * items) if headers else b"[" + b",".join([b"1"] * items) + b"]"

    answer = served.client.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == 413
    assert "10,000" in answer.json()["detail"]
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("items", [MOST_ITEMS, MOST_ITEMS + 1])
@pytest.mark.parametrize("broken", [b"NaN", b'{"ID": "\\u0000"}', b'{"a"}'])
def test_a_batch_that_is_read_item_by_item_has_the_same_bound(
    served: Served, broken: bytes, items: int
) -> None:
    body = b"[" + b",".join([broken] + [b"1"] * (items - 1)) + b"]"

    answer = served.client.post(EVENTS, content=body)

    if items > MOST_ITEMS:
        assert answer.status_code == 413
    else:
        assert (answer.json()["invalid"], len(answer.json()["results"])) == (items, 10)


@pytest.mark.parametrize(("items", "status"), [(MOST_ITEMS, 200), (MOST_ITEMS + 1, 413), (4_000_000, 413)])
def test_a_packed_batch_has_the_same_bound(served: Served, items: int, status: int) -> None:
    body = gzip.compress(b"[" + b",".join([b"1"] * items) + b"]", compresslevel=1)

    assert served.client.post(EVENTS, content=body, headers=PACKED).status_code == status


def _of_lists(count: int) -> bytes:
    return json.dumps(pem(Properties={"lists": [[] for _ in range(count)]})).encode()


def test_a_batch_of_very_many_values_is_judged_event_by_event(served: Served) -> None:
    events = [_of_lists(200_000) for _ in range(6)]

    array = served.client.post(EVENTS, content=b"[" + b",".join(events) + b"]").json()
    lines = served.client.post(EVENTS, content=b"\n".join(events), headers=LINES).json()

    assert (array["accepted"], array["invalid"]) == (6, 0)
    assert (lines["duplicates"], lines["invalid"]) == (6, 0)


def test_an_event_of_too_many_values_is_refused_alone(served: Served) -> None:
    good = pem()
    body = b"[" + _of_lists(MOST_VALUES) + b"," + json.dumps(good).encode() + b"]"

    judged = served.client.post(EVENTS, content=body).json()

    refused, taken = judged["results"]
    assert (refused["verdict"], refused["rule"]) == ("invalid", "values")
    assert (taken["verdict"], taken["ID"]) == ("accepted", good["ID"])


def test_what_is_taken_is_told_whatever_is_refused_beside_it(served: Served) -> None:
    good = [pem() for _ in range(30)]
    mixed: list[object] = [part for event in good for part in (1, event)]

    judged = served.client.post(EVENTS, json=mixed).json()

    told = {result["index"]: result["verdict"] for result in judged["results"]}
    assert (judged["accepted"], judged["invalid"]) == (30, 30)
    assert [index for index, verdict in told.items() if verdict == "accepted"] == list(range(1, 60, 2))
    assert [index for index, verdict in told.items() if verdict == "invalid"] == list(range(0, 20, 2))


def test_blank_lines_do_not_count(served: Served) -> None:
    body = b"\n \r\n" * 100_000 + json.dumps(pem()).encode() + b"\n\t\n" * 100_000

    assert served.client.post(EVENTS, content=body, headers=LINES).json()["accepted"] == 1


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(["[", ",", '"', "\\", "]", "{"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(items=st.lists(JSON, max_size=8), most=st.integers(1, 8))
def test_items_are_counted_as_they_are_read(items: list[object], most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "MOST_ITEMS", most)
        try:
            batches.check_array(json.dumps(items).encode())
        except BatchTooLongError:
            assert len(items) > most
        else:
            assert len(items) <= most


@given(body=st.binary(max_size=60) | st.text('[]{},"\\ 1', max_size=40).map(str.encode))
def test_whatever_comes_is_counted_without_an_error(body: bytes) -> None:
    batches.check_array(body)
    assert batches.lines(body) == [line.lstrip() for line in body.split(b"\n") if line and not line.isspace()]
