"""What operators did to the log and its projections."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event

LOG_CLEANED = Kind("log.cleaned")
REBUILD_REQUESTED = Kind("rebuild.requested")

# So many that nobody who saw the log is that far behind; few enough that an event stays small.
_MOST_EARLIER = 100


class Epoch(NamedTuple):
    """One of the log's epochs that are over."""

    epoch: str
    position: int  # where it ended


class LogCleaned(NamedTuple):
    """The log was emptied; this is the first event of the new epoch and names the last digest of the old one."""

    previous_epoch: str
    previous_position: int
    previous_digest: str  # hex
    earlier: tuple[Epoch, ...] = ()  # before that one, the newest first; the oldest may be left out

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What is known of the epochs that are over, the newest first."""
        return (Epoch(self.previous_epoch, self.previous_position), *self.earlier)

    def had(self, epoch: str, position: int) -> bool:
        """Tell whether the log once was of that epoch, and had come to that position."""
        return any(over.epoch == epoch and over.position >= position for over in self.epochs)


class RebuildRequested(NamedTuple):
    """The graph is to be built anew from the log, by whichever process projects."""


def log_cleaned(
    *,
    previous_epoch: str,
    previous_position: int,
    previous_digest: bytes,
    opening: LogCleaned | None = None,
) -> NewEvent:
    """
    Return the event that opens a new epoch.

    :param opening: what opened the epoch that is over; None: it was the first, or that is not known
    """
    earlier = () if opening is None else opening.epochs[:_MOST_EARLIER]
    content = LogCleaned(previous_epoch, previous_position, previous_digest.hex(), earlier)
    fields: dict[str, object] = {
        "PreviousEpoch": content.previous_epoch,
        "PreviousPosition": content.previous_position,
        "PreviousDigest": content.previous_digest,
    }
    if earlier:
        fields["Earlier"] = [list(over) for over in earlier]
    return event(LOG_CLEANED, uuid.uuid4().hex, content, fields)


def read_rebuild(_event_id: str, _payload: bytes) -> RebuildRequested:
    """Return the request in a stored payload."""
    return RebuildRequested()


def rebuild_requested() -> NewEvent:
    """Return the event that asks for a rebuild of the graph."""
    return event(REBUILD_REQUESTED, uuid.uuid4().hex, RebuildRequested(), {})


def read_cleaned(payload: bytes) -> LogCleaned:
    """Return the cleaning in a stored payload."""
    fields = orjson.loads(payload)
    earlier = tuple(Epoch(str(epoch), int(position)) for epoch, position in fields.get("Earlier", ()))
    return LogCleaned(fields["PreviousEpoch"], fields["PreviousPosition"], fields["PreviousDigest"], earlier)
