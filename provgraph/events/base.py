"""
What every event is, whichever family it belongs to.

`NewEvent` goes into the log, `RecordedEvent` comes out. The digest chain is defined here, once: whoever holds the
events can recompute it without a store.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256 as _sha256
from typing import TYPE_CHECKING, NamedTuple

from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DIGEST_BYTES = 32


class Kind(StrEnum):
    """The families of events in the log. The values are stored: never change one."""

    PEM = "pem"
    TAG_SET = "tag.set"
    ARTIFACTS_REMOVED = "artifacts.removed"
    REPORT_OPENED = "report.opened"
    REPORT_CLOSED = "report.closed"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REVOKED = "credential.revoked"
    LOG_CLEANED = "log.cleaned"
    REBUILD_REQUESTED = "rebuild.requested"
    TRACKED = "tracking.step"


class NewEvent(NamedTuple):
    """An event that is not in the log yet. ``content`` is what ``payload`` says, already read."""

    event_id: str  # 32 lower-case hex digits
    kind: Kind
    payload: bytes  # canonical JSON
    content: object


class RecordedEvent(NamedTuple):
    """An event as the log holds it."""

    position: int
    event_id: str
    kind: Kind
    recorded_us: int  # log's clock, microseconds since 1970, UTC
    payload: bytes
    digest: bytes
    content: object  # the family's own type: Pem, TagSet, ...


def event(kind: Kind, event_id: str, content: object, fields: Mapping[str, Any]) -> NewEvent:
    """Return a new event whose payload is the canonical form of ``fields``."""
    return NewEvent(event_id, kind, canonical.dumps(fields), content)


def genesis(epoch: str) -> bytes:
    """Return the digest that stands before the first event of a log's epoch."""
    return _sha256(b"provgraph log epoch " + epoch.encode()).digest()


def chain(
    previous: bytes, position: int, event_id: str, kind: str, recorded_us: int, payload: bytes
) -> bytes:
    """
    Return the digest of an event: SHA-256 over the digest before, the header and the payload's own SHA-256.

    The payload enters as its hash, so that a payload can be erased one day while the chain still verifies.
    """
    header = f"{position} {event_id} {kind} {recorded_us} ".encode()
    return _sha256(previous + header + _sha256(payload).digest()).digest()
