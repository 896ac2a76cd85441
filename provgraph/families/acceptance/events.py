"""What operators say of a log that something is wrong with, so that it can go on."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event

CHANGE_ACCEPTED = Kind("change.accepted")
LOSS_ACCEPTED = Kind("loss.accepted")
# By these an operator lets the log go on where something is wrong with it.
ACCEPTANCES = frozenset({CHANGE_ACCEPTED, LOSS_ACCEPTED})


class ChangeAccepted(NamedTuple):
    """
    An event that was changed after it was recorded counts as it stands now. An operator said so.

    ``recorded_digest`` is the digest that the event was stored with; ``found_digest`` is what its content makes of the
    digest before it today. Both are hex.
    """

    position: int  # of the changed event
    changed_id: str  # its id, as it stands there
    recorded_digest: str
    found_digest: str
    reason: str


class LossAccepted(NamedTuple):
    """
    Events that a witness saw are gone for good. An operator said so; the log goes on behind where they were.

    Digests are hex, empty where the witness does not know them.
    """

    witness: str  # who saw them, in words
    epoch: str  # of the log that the witness saw
    position: int  # up to which it saw the log
    digest: str  # of the event there
    kept_position: int  # where the log ended when that was accepted
    kept_digest: str
    reason: str


def change_accepted(accepted: ChangeAccepted, *, sender: str | None = None) -> NewEvent[ChangeAccepted]:
    """Return the event by which a changed event counts as it stands."""
    fields = {
        "Position": accepted.position,
        "EventID": accepted.changed_id,
        "RecordedDigest": accepted.recorded_digest,
        "FoundDigest": accepted.found_digest,
        "Reason": accepted.reason,
    }
    return event(CHANGE_ACCEPTED, uuid.uuid4().hex, accepted, fields, sender=sender)


def loss_accepted(accepted: LossAccepted, *, sender: str | None = None) -> NewEvent[LossAccepted]:
    """Return the event by which a log that lost its end goes on."""
    fields = {
        "Witness": accepted.witness,
        "Epoch": accepted.epoch,
        "Position": accepted.position,
        "Digest": accepted.digest,
        "KeptPosition": accepted.kept_position,
        "KeptDigest": accepted.kept_digest,
        "Reason": accepted.reason,
    }
    return event(LOSS_ACCEPTED, uuid.uuid4().hex, accepted, fields, sender=sender)


def read_change(payload: bytes) -> ChangeAccepted:
    """Return the accepted change in a stored payload."""
    fields = orjson.loads(payload)
    return ChangeAccepted(
        *(fields["Position"], fields["EventID"], fields["RecordedDigest"], fields["FoundDigest"]),
        fields["Reason"],
    )


def read_loss(payload: bytes) -> LossAccepted:
    """Return the accepted loss in a stored payload."""
    fields = orjson.loads(payload)
    return LossAccepted(
        *(fields["Witness"], fields["Epoch"], fields["Position"], fields["Digest"]),
        *(fields["KeptPosition"], fields["KeptDigest"], fields["Reason"]),
    )
