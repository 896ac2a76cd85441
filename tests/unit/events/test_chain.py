from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.events import DIGEST_BYTES, SALT_BYTES, chain, commitment, entry, genesis
from tests import data

VECTORS = json.loads((Path(data.__file__).parent / "log-vectors" / "log.json").read_text())
EVENT: dict[str, Any] = {
    "previous": genesis("e"),
    "position": 7,
    "event_id": "0" * 32,
    "kind": "pem",
    "recorded_us": 5,
    "payload": b"{}",
}
SALT = bytes(range(SALT_BYTES))
SENDER = "00112233445566778899aabbccddeeff"
SENT = EVENT | {"salt": SALT, "sender": SENDER}
PAYLOAD = (
    b'{"Emitter":"crm-export","ID":"5136e51bb73e44583dc6e2d71f6233e5","ProducesArtifacts":[{"Name":"table/orders"}],'
    b'"TimestampClient":"2026-03-01 02:00:00","Type":"ingest","UsesArtifacts":[{"Name":"raw/crm"}],"Version":"2.0.0"}'
)


def test_the_digest_is_sha_256_over_what_was_before_the_header_and_the_payloads_digest() -> None:
    header = b"7 " + b"0" * 32 + b" pem 5 "

    assert chain(**EVENT) == hashlib.sha256(genesis("e") + header + hashlib.sha256(b"{}").digest()).digest()


def test_a_salt_and_a_sender_enter_the_hash_of_the_payload() -> None:
    assert commitment(b"{}") == hashlib.sha256(b"{}").digest()
    assert commitment(b"{}", SALT) == hashlib.sha256(b"\x02" + SALT + b"{}").digest()
    with_sender = hashlib.sha256(b"\x03" + SALT + bytes.fromhex(SENDER) + b"{}").digest()
    assert commitment(b"{}", SALT, SENDER) == with_sender


def test_known_commitments_with_salt_and_with_salt_and_sender() -> None:
    salted = commitment(PAYLOAD, SALT)
    sent = commitment(PAYLOAD, SALT, SENDER)

    assert salted.hex() == "129a70cedefc480132618436b7e2e4eebfdcb0eb58bdc2569e11487a5f656ce8"
    assert sent.hex() == "a950d778ad971eeed196b34fcfafe694e35705f0a4fe3841da810e1462ac7d61"


@pytest.mark.parametrize(
    "changed",
    [
        {"previous": genesis("f")},
        {"position": 8},
        {"event_id": "1" * 32},
        {"kind": "tag.set"},
        {"recorded_us": 6},
        {"payload": b"[]"},
        {"salt": bytes(SALT_BYTES)},
        {"salt": b"", "sender": None},
        {"sender": "1" * 32},
        {"sender": None},
    ],
)
def test_every_part_of_an_event_counts(changed: dict[str, Any]) -> None:
    assert chain(**SENT) != chain(**SENT | changed)


@given(
    st.binary(max_size=60), st.binary(max_size=60), *[st.sampled_from([b"", SALT])] * 2,
    *[st.sampled_from([None, SENDER])] * 2,
)  # fmt: skip
def test_two_commitments_are_equal_only_for_equal_payload_salt_and_sender(
    payload: bytes, other: bytes, salt: bytes, its_salt: bytes, sender: str | None, its_sender: str | None
) -> None:
    # Payloads are JSON texts, which begin neither with 2 nor with 3; an event without a salt has no sender.
    one = (b"{" + payload, salt, sender if salt else None)
    two = (b"{" + other, its_salt, its_sender if its_salt else None)

    assert (commitment(*one) == commitment(*two)) == (one == two)


def test_each_epoch_has_its_own_beginning() -> None:
    assert len(genesis("a")) == DIGEST_BYTES
    assert genesis("a") != genesis("b")


def test_the_vectors_begin_with_the_epochs_genesis() -> None:
    assert genesis(VECTORS["epoch"]).hex() == VECTORS["genesis"]


@pytest.mark.parametrize("index", range(len(VECTORS["events"])))
def test_each_event_of_the_vectors_has_its_commitment_entry_leaf_and_digest(index: int) -> None:
    event = VECTORS["events"][index]
    before = VECTORS["events"][index - 1]["digest"] if index else VECTORS["genesis"]
    payload, salt = event["payload"].encode(), bytes.fromhex(event["salt"])
    header = (event["position"], event["id"], event["kind"], event["recorded_us"])

    committed = commitment(payload, salt)
    found = entry(*header, committed)

    assert committed.hex() == event["commitment"]
    assert found.hex() == event["entry_hex"]
    assert hashlib.sha256(b"\0" + found).hexdigest() == event["leaf"]
    assert chain(bytes.fromhex(before), *header, payload, salt).hex() == event["digest"]
