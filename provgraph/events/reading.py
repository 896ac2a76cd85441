"""From a stored payload back to the family's own type, for every family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events import acceptance, artifact, credential, operation, pem, report, tag, tracking
from provgraph.events.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

_READERS: dict[str, Callable[[str, bytes], object]] = {
    Kind.PEM: lambda _id, payload: pem.read(payload),
    Kind.TAG_SET: lambda _id, payload: tag.read(payload),
    Kind.ARTIFACTS_REMOVED: lambda _id, payload: artifact.read(payload),
    Kind.REPORT_OPENED: report.read_opened,
    Kind.REPORT_CLOSED: lambda _id, payload: report.read_closed(payload),
    Kind.CREDENTIAL_CREATED: credential.read_created,
    Kind.CREDENTIAL_REVOKED: lambda _id, payload: credential.read_revoked(payload),
    Kind.LOG_CLEANED: lambda _id, payload: operation.read_cleaned(payload),
    Kind.REBUILD_REQUESTED: lambda _id, _payload: operation.RebuildRequested(),
    Kind.CHANGE_ACCEPTED: lambda _id, payload: acceptance.read_change(payload),
    Kind.LOSS_ACCEPTED: lambda _id, payload: acceptance.read_loss(payload),
    Kind.TRACKED: lambda _id, payload: tracking.read(payload),
}


def content(kind: str, event_id: str, payload: bytes) -> object:
    """Return what a stored event says, as its family's type."""
    return _READERS[kind](event_id, payload)
