from __future__ import annotations

import hashlib
from typing import Any

import pytest

from provgraph.events import DIGEST_BYTES, chain, genesis

EVENT: dict[str, Any] = {
    "previous": genesis("e"),
    "position": 7,
    "event_id": "0" * 32,
    "kind": "pem",
    "recorded_us": 5,
    "payload": b"{}",
}


def test_the_digest_is_sha_256_over_what_was_before_the_header_and_the_payloads_digest() -> None:
    header = b"7 " + b"0" * 32 + b" pem 5 "

    assert chain(**EVENT) == hashlib.sha256(genesis("e") + header + hashlib.sha256(b"{}").digest()).digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"previous": genesis("f")},
        {"position": 8},
        {"event_id": "1" * 32},
        {"kind": "tag.set"},
        {"recorded_us": 6},
        {"payload": b"[]"},
    ],
)
def test_every_part_of_an_event_counts(changed: dict[str, Any]) -> None:
    assert chain(**EVENT) != chain(**EVENT | changed)


def test_each_epoch_has_its_own_beginning() -> None:
    assert len(genesis("a")) == DIGEST_BYTES
    assert genesis("a") != genesis("b")
