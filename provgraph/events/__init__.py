"""The event model: families of events, canonical bytes, the digest chain, the two clocks."""

from provgraph.events.acceptance import ChangeAccepted, LossAccepted, change_accepted, loss_accepted
from provgraph.events.artifact import ArtifactsRemoved, Sighting, artifacts_removed
from provgraph.events.base import (
    ACCEPTANCES,
    DIGEST_BYTES,
    SALT_BYTES,
    Kind,
    NewEvent,
    RecordedEvent,
    Repeated,
    SetAside,
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
    Holder,
    Role,
    credential_created,
    credential_revoked,
)
from provgraph.events.operation import LogCleaned, RebuildRequested, log_cleaned, rebuild_requested
from provgraph.events.pem import PEM_VERSION, ArtifactStatement, Pem, accept, event_id, version_label
from provgraph.events.reading import content
from provgraph.events.report import ReportClosed, ReportOpened, report_closed, report_opened
from provgraph.events.tag import TagSet, tag_set
from provgraph.events.tracking import Tracked

__all__ = [
    "ACCEPTANCES",
    "DIGEST_BYTES",
    "PEM_VERSION",
    "SALT_BYTES",
    "ArtifactStatement",
    "ArtifactsRemoved",
    "ChangeAccepted",
    "CredentialCreated",
    "CredentialRevoked",
    "Holder",
    "Kind",
    "LogCleaned",
    "LossAccepted",
    "NewEvent",
    "Pem",
    "RebuildRequested",
    "RecordedEvent",
    "Repeated",
    "ReportClosed",
    "ReportOpened",
    "Role",
    "SetAside",
    "Sighting",
    "TagSet",
    "Tracked",
    "UnknownKind",
    "accept",
    "artifacts_removed",
    "chain",
    "change_accepted",
    "commitment",
    "content",
    "credential_created",
    "credential_revoked",
    "entry",
    "event_id",
    "genesis",
    "known",
    "log_cleaned",
    "loss_accepted",
    "newer",
    "rebuild_requested",
    "report_closed",
    "report_opened",
    "tag_set",
    "version_label",
]
