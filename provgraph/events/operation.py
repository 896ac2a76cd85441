"""What operators did to the log and its projections."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event


class LogCleaned(NamedTuple):
    """The log was emptied; this is the first event of the new epoch and names the last digest of the old one."""

    previous_epoch: str
    previous_position: int
    previous_digest: str  # hex


class RebuildRequested(NamedTuple):
    """The graph is to be built anew from the log, by whichever process projects."""


def log_cleaned(*, previous_epoch: str, previous_position: int, previous_digest: bytes) -> NewEvent:
    """Return the event that opens a new epoch."""
    content = LogCleaned(previous_epoch, previous_position, previous_digest.hex())
    fields = {
        "PreviousEpoch": content.previous_epoch,
        "PreviousPosition": content.previous_position,
        "PreviousDigest": content.previous_digest,
    }
    return event(Kind.LOG_CLEANED, uuid.uuid4().hex, content, fields)


def rebuild_requested() -> NewEvent:
    """Return the event that asks for a rebuild of the graph."""
    return event(Kind.REBUILD_REQUESTED, uuid.uuid4().hex, RebuildRequested(), {})


def read_cleaned(payload: bytes) -> LogCleaned:
    """Return the cleaning in a stored payload."""
    fields = orjson.loads(payload)
    return LogCleaned(fields["PreviousEpoch"], fields["PreviousPosition"], fields["PreviousDigest"])
