"""The event model: families of events, canonical bytes, the digest chain, the two clocks."""

from provgraph.events.artifact import ArtifactsRemoved, Sighting, artifacts_removed
from provgraph.events.base import (
    DIGEST_BYTES,
    SALT_BYTES,
    Kind,
    NewEvent,
    RecordedEvent,
    UnknownKind,
    chain,
    commitment,
    entry,
    genesis,
    known,
    newer,
)
from provgraph.events.credential import (
    CredentialCreated,
    CredentialRevoked,
    Grant,
    Holder,
    Right,
    Role,
    credential_created,
    credential_revoked,
    in_order,
)
from provgraph.events.emitters import NOBODY, Sender
from provgraph.events.operation import LogCleaned, RebuildRequested, log_cleaned, rebuild_requested
from provgraph.events.pem import (
    PEM_VERSION,
    STATED_OUTCOMES,
    ArtifactStatement,
    Outcome,
    Pem,
    accept,
    event_id,
    version_label,
)
from provgraph.events.reading import content
from provgraph.events.report import ReportClosed, ReportOpened, report_closed, report_opened
from provgraph.events.tag import TagSet, tag_set
from provgraph.events.tracking import Tracked

__all__ = [
    "DIGEST_BYTES",
    "NOBODY",
    "PEM_VERSION",
    "SALT_BYTES",
    "STATED_OUTCOMES",
    "ArtifactStatement",
    "ArtifactsRemoved",
    "CredentialCreated",
    "CredentialRevoked",
    "Grant",
    "Holder",
    "Kind",
    "LogCleaned",
    "NewEvent",
    "Outcome",
    "Pem",
    "RebuildRequested",
    "RecordedEvent",
    "ReportClosed",
    "ReportOpened",
    "Right",
    "Role",
    "Sender",
    "Sighting",
    "TagSet",
    "Tracked",
    "UnknownKind",
    "accept",
    "artifacts_removed",
    "chain",
    "commitment",
    "content",
    "credential_created",
    "credential_revoked",
    "entry",
    "event_id",
    "genesis",
    "in_order",
    "known",
    "log_cleaned",
    "newer",
    "rebuild_requested",
    "report_closed",
    "report_opened",
    "tag_set",
    "version_label",
]
