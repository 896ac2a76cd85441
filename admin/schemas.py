"""The wire format of the admin API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt

from provgraph.events.clock import to_datetime
from provgraph.families.credential.events import Holder, Right, Role
from provgraph.http.models import Body
from provgraph.operations.credentials import credential_fields, read_grant

if TYPE_CHECKING:
    from provgraph.catalog import CatalogCredential, CatalogReport
    from provgraph.events import RecordedEvent
    from provgraph.families.acceptance.events import ChangeAccepted, LossAccepted
    from provgraph.families.credential.events import Grant
    from provgraph.operations.credentials import IssuedCredential
    from provgraph.operations.info import Status
    from provgraph.operations.jobs import Job
    from provgraph.operations.rebuild import GraphBuilder


class VerifyBody(Body):
    """What to compare."""

    pems: StrictBool = True
    artifacts: StrictBool = True
    deep: StrictBool = Field(
        default=False,
        description="replay the log into a fresh graph and a fresh catalog, and recompute the digest chain",
    )
    repair: StrictBool = Field(
        default=False,
        description="first put right whatever differs from the log, in graph and catalog; then verify deeply",
    )

    expect: dict[Annotated[int, Field(ge=1)], Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]] = Field(
        default_factory=dict,
        max_length=1_000,
        description="digests that the log has to have, hex, by position; implies deep",
    )


class CleanBody(Body):
    """Which log is to be emptied."""

    position: StrictInt = Field(ge=0, description="where the log ends, as `/admin/info` told it")


class RebuildBody(Body):
    """What to build anew."""

    graph: StrictBool = True
    catalog: StrictBool = True
    compare: StrictBool = Field(
        default=False,
        description="compute digests of what was served and of what is served then, and tell whether they are equal; "
        "takes about as long again",
    )


class AcceptChangeBody(Body):
    """A changed event that is to count as it stands now."""

    position: StrictInt = Field(ge=1, description="of the changed event, in the log")
    reason: str = Field(description="for whoever asks later; it is recorded")


class AcceptLossBody(Body):
    """That lost events are gone for good."""

    reason: str = Field(description="for whoever asks later; it is recorded")


class CredentialBody(Body):
    """A credential to issue."""

    name: str = Field(description="whose it is; several credentials may have the same name")
    kind: Holder = Field(description="a person, or a workload of the platform")
    role: Role | None = Field(
        default=None,
        description="reader: read; writer: read, write; admin: all rights. Either this or `rights` is needed",
    )
    rights: list[Right] = Field(default_factory=list, description="exactly these")
    emitters: list[str] = Field(
        default_factory=list,
        description="it may speak for these emitters alone, `*` stands for any text; absent or empty: for any",
    )
    only: StrictBool = Field(
        default=False,
        description="reserve these emitters until it is revoked: only credentials that were issued with `only` for "
        "them may speak for them. Needs the right `write`",
    )
    expires: str | None = Field(
        default=None,
        description="a length of time such as `90d` (units s, m, h, d, w), or an RFC 3339 time; absent: never",
    )

    def grant(self) -> Grant:
        """
        Return what it is to allow.

        :raises InvalidInputError: it makes no sense
        """
        return read_grant(
            role=self.role,
            rights=self.rights,
            emitters=self.emitters,
            only=self.only,
            expires=self.expires,
        )


class Counts(BaseModel):
    """How many items a projection holds."""

    pems: int
    artifacts: int


class GraphCounts(Counts):
    """How many items the graph holds."""

    placeholders: int = Field(description="events that were only named so far, as predecessors")


class LogFacts(BaseModel):
    """The log."""

    epoch: str
    position: int = Field(description="of the last event")
    digest: str = Field(description="of the last event, hex")
    events: int


class CatalogFacts(Counts):
    """The catalog."""

    tags: int


class RebuildFacts(BaseModel):
    """How far a rebuild is, in events."""

    done: int
    total: int


class GraphFacts(GraphCounts):
    """The graph, and how far it has followed the log."""

    epoch: str
    position: int
    lag_events: int
    lag_seconds: float
    failure: str | None = Field(description="why it cannot follow at the moment")
    rebuilding: bool
    rebuild: RebuildFacts | None = Field(description="how far a rebuild is, while one runs")


class Sizes(BaseModel):
    """How many bytes are stored; null where a server does not tell."""

    database: int | None = Field(description="log and catalog")
    graph: int | None = Field(description="null on Neo4j")


class InfoAnswer(BaseModel):
    """How everything stands."""

    version: str
    log: LogFacts
    catalog: CatalogFacts
    graph: GraphFacts
    pems_sync: str = Field(description="`100.00%` when catalog and graph hold equally many")
    artifacts_sync: str
    sizes: Sizes

    @classmethod
    def of(
        cls, status: Status, *, version: str, builder: GraphBuilder, failure: str | None, sizes: Sizes
    ) -> InfoAnswer:
        """Return the answer for a status."""
        progress = builder.rebuilding
        counts, head = status.counts, status.head
        return cls(
            version=version,
            log=LogFacts(
                epoch=head.epoch, position=head.position, digest=head.digest.hex(), events=status.events
            ),
            catalog=CatalogFacts(
                pems=counts.catalog_pems, artifacts=counts.catalog_artifacts, tags=status.tags
            ),
            graph=GraphFacts(
                pems=counts.graph_pems,
                artifacts=counts.graph_artifacts,
                placeholders=counts.graph_placeholders,
                epoch=status.checkpoint.epoch,
                position=status.checkpoint.position,
                lag_events=status.lag.events,
                lag_seconds=status.lag.seconds,
                failure=failure,
                rebuilding=builder.should_rebuild,
                rebuild=None if progress is None else RebuildFacts(done=progress.done, total=progress.total),
            ),
            pems_sync=counts.pems_sync,
            artifacts_sync=counts.artifacts_sync,
            sizes=sizes,
        )


class FlushAnswer(BaseModel):
    """The graph has everything up to ``position``."""

    position: int
    seconds: float


class CleanAnswer(BaseModel):
    """Everything was removed."""

    epoch: str = Field(description="the log's new epoch")
    position: int
    removed_by_hand: list[str] = Field(
        default=[], description="nodes that somebody had made in the graph by hand, the first hundred"
    )


class AcceptedAnswer(BaseModel):
    """An operator's word on the log, as it was recorded."""

    position: int = Field(description="of the event that says so")
    id: str
    accepted: dict[str, Any] = Field(description="what it says")

    @classmethod
    def of(cls, event: RecordedEvent) -> AcceptedAnswer:
        """Return the answer for the event that was recorded."""
        stated: ChangeAccepted | LossAccepted = event.content  # type: ignore[assignment] # its kind says so
        return cls(position=event.position, id=event.event_id, accepted=stated._asdict())


class JobAnswer(BaseModel):
    """A job as it stands."""

    id: str
    kind: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int = Field(description="units of progress; 0 while it is not known")
    started_at: datetime
    finished_at: datetime | None
    result: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, job: Job) -> JobAnswer:
        """Return the answer for a job."""
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state.value,
            done=job.done,
            total=job.total,
            started_at=to_datetime(job.started_us),
            finished_at=None if job.finished_us is None else to_datetime(job.finished_us),
            result=job.result,
            error=job.error,
        )


class ReportAnswer(BaseModel):
    """A stored report."""

    id: str
    subject: str
    status: Literal["in progress", "done", "failed"]
    opened_at: str
    report: str = Field(description="a summary line, then one artifact a line")
    names: list[str] = Field(description="the artifacts, exactly as they are named")

    @classmethod
    def of(cls, report: CatalogReport) -> ReportAnswer:
        """Return the answer for a report."""
        return cls.model_validate(
            {
                "id": report.id,
                "subject": report.subject,
                "status": report.status,
                "opened_at": report.opened_at,
                "report": report.text,
                "names": list(report.names),
            }
        )


class ReportSummary(BaseModel):
    """A stored report in the list: the first line of its text alone."""

    id: str
    subject: str
    status: str
    opened_at: str
    summary: str

    @classmethod
    def of(cls, report: CatalogReport) -> ReportSummary:
        """Return the answer for a report."""
        summary = report.text.partition("\n")[0]
        return cls(
            id=report.id,
            subject=report.subject,
            status=report.status,
            opened_at=report.opened_at,
            summary=summary,
        )


class CredentialFacts(BaseModel):
    """A credential: what it allows."""

    id: str
    name: str
    kind: Holder
    role: Role | None = Field(description="the role that has exactly these rights, if there is one")
    rights: list[str] = Field(
        description="in their order; one that a newer provgraph knows allows nothing here"
    )
    emitters: list[str] = Field(description="patterns of the emitters that it may speak for; empty: any")
    only: bool = Field(
        description="they are reserved: only credentials with `only` for them may speak for them"
    )
    expires_at: str | None = Field(description="RFC 3339, UTC; null: never")


class CredentialAnswer(CredentialFacts):
    """A credential, without its token."""

    created_at: str
    revoked_at: str | None

    @classmethod
    def of(cls, credential: CatalogCredential) -> CredentialAnswer:
        """Return the answer for a credential."""
        return cls.model_validate(credential_fields(credential))


class NewCredentialAnswer(CredentialFacts):
    """A new credential with its token, which is shown once."""

    token: Annotated[str, Field(description="kept by its holder alone: nobody can look it up again")]

    @classmethod
    def of(cls, issued: IssuedCredential) -> NewCredentialAnswer:
        """Return the answer for a credential."""
        return cls.model_validate(credential_fields(issued))
