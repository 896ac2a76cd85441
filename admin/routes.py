"""
The calls below ``/admin``.

Annotations are evaluated here, for FastAPI reads them when the program runs.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request

import provgraph
from admin import work
from admin.schemas import (
    AcceptChangeBody,
    AcceptedAnswer,
    AcceptLossBody,
    CleanAnswer,
    CleanBody,
    CredentialAnswer,
    CredentialBody,
    FlushAnswer,
    InfoAnswer,
    JobAnswer,
    NewCredentialAnswer,
    RebuildBody,
    ReportAnswer,
    ReportSummary,
    Sizes,
    VerifyBody,
)
from provgraph.errors import InvalidInputError
from provgraph.families.credential.events import Right
from provgraph.http import Services, read_body
from provgraph.http.models import Body, parse_body
from provgraph.http.openapi import body_of, problem_answers
from provgraph.operations.clean import clean
from provgraph.operations.connections import find_removable, find_report
from provgraph.operations.credentials import Credentials
from provgraph.operations.flush import flush_async
from provgraph.operations.info import status
from provgraph.operations.integrity import accept_change, check_loss

_BODY_LIMIT = 65_536  # bytes
_FLUSH_SECONDS = 3_600.0
_CLEAN_SECONDS = 60.0

_Body = TypeVar("_Body", bound=Body)


async def _admins_services(request: Request) -> Services:
    """Return the services to an admin, and refuse everybody else."""
    services: Services = request.app.state.services
    services.authenticator.require(request, Right.ADMIN)
    return services


async def _its_sender(request: Request) -> str | None:
    """Return the id of the credential that a request came with: events that it leads to are recorded with it."""
    services: Services = request.app.state.services
    return services.authenticator.sender(request).id


def _parsed(model: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """Return a dependency that reads a bounded body; none at all means the model's defaults."""

    async def read(request: Request) -> _Body:
        raw = await read_body(request, limit=_BODY_LIMIT, what="Body")
        return parse_body(model, raw if raw.strip() else b"{}")

    return read


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {int(status): answer for status, answer in problem_answers(*statuses).items()}


Operated = Annotated[Services, Depends(_admins_services)]
Sent = Annotated[str | None, Depends(_its_sender)]
router = APIRouter(responses=_problems(503))
_NOT_FOUND = _problems(404)
_CONFLICT = _problems(409)


# ------------------------------------------------------------------------------------------- how things stand


@router.get("/info", tags=["info"])
def info(services: Operated) -> InfoAnswer:
    """Log head, counts on both sides, how far the graph has followed, sizes."""
    return InfoAnswer.of(
        status(services.log, services.catalog, services.graph),
        version=provgraph.__version__,
        failure=services.projector().trouble,
        builder=services.builder,
        sizes=Sizes(database=services.log.stored_bytes(), graph=services.graph.stored_bytes()),
    )


@router.get("/jobs", tags=["jobs"])
def jobs(services: Operated) -> list[JobAnswer]:
    """The jobs that this process remembers, the newest first."""
    return [JobAnswer.of(job) for job in services.jobs.list()]


@router.get("/jobs/{job_id}", tags=["jobs"], responses=_NOT_FOUND)
def job(job_id: Annotated[str, Path(description="of the job")], services: Operated) -> JobAnswer:
    """One job as it stands."""
    return JobAnswer.of(services.jobs.get(job_id))


@router.get("/reports", tags=["reports"])
def reports(services: Operated) -> list[ReportSummary]:
    """The stored reports, the newest first."""
    return [ReportSummary.of(report) for report in services.catalog.reports()]


@router.get("/reports/{report_id}", tags=["reports"], responses=_NOT_FOUND)
def report(report_id: Annotated[str, Path(description="of the report")], services: Operated) -> ReportAnswer:
    """One report with its text."""
    return ReportAnswer.of(find_report(services.catalog, report_id))


# ------------------------------------------------------------------------------------------- operations


@router.post("/flush", tags=["operations"])
async def flush(services: Operated) -> FlushAnswer:
    """Wait until the graph has everything that was in the log, and no rebuild is running."""
    flushed = await flush_async(services.log, services.graph, timeout_seconds=_FLUSH_SECONDS)
    return FlushAnswer(position=flushed.position, seconds=flushed.seconds)


@router.post(
    "/verify",
    status_code=202,
    tags=["operations"],
    openapi_extra=body_of(VerifyBody, example={"deep": True}, required=False),
    responses=_CONFLICT,
)
def verify(services: Operated, asked: Annotated[VerifyBody, Depends(_parsed(VerifyBody))]) -> JobAnswer:
    """Compare the graph with the log, item by item, and repair what differs if that is wished."""
    verifying = work.verifying(
        services,
        pems=asked.pems,
        artifacts=asked.artifacts,
        deep=asked.deep,
        repair=asked.repair,
        expected=asked.expect,
    )
    return JobAnswer.of(services.jobs.start("verify", verifying))


@router.post("/verify-connections", status_code=202, tags=["operations"], responses=_CONFLICT)
def verify_connections(services: Operated, sender: Sent) -> JobAnswer:
    """Look for artifacts that no PEM uses or produces, and store a report."""
    verifying = work.verifying_connections(services, sender)
    return JobAnswer.of(services.jobs.start("verify-connections", verifying))


@router.post(
    "/reports/{report_id}/remove-unconnected",
    status_code=202,
    tags=["operations"],
    responses={**_NOT_FOUND, **_CONFLICT},
)
def remove_unconnected(
    report_id: Annotated[str, Path(description="of the report")], services: Operated, sender: Sent
) -> JobAnswer:
    """Remove the artifacts that a connection report lists, but for those that a PEM names by now."""
    listing = find_removable(services.catalog, report_id)
    removing = work.removing_unconnected(services, listing.id, sender)
    return JobAnswer.of(services.jobs.start("remove-unconnected", removing))


@router.post(
    "/rebuild",
    status_code=202,
    tags=["operations"],
    openapi_extra=body_of(RebuildBody, example={"graph": True, "catalog": False}, required=False),
    responses=_CONFLICT,
)
def rebuild(
    services: Operated, sender: Sent, asked: Annotated[RebuildBody, Depends(_parsed(RebuildBody))]
) -> JobAnswer:
    """Build graph and catalog anew from the log, beside the served ones."""
    if not (asked.graph or asked.catalog):
        raise InvalidInputError("Neither graph nor catalog is to be rebuilt", field="graph", rule="one-of")
    rebuilding = work.rebuilding(
        services, graph=asked.graph, catalog=asked.catalog, compare=asked.compare, sender=sender
    )
    return JobAnswer.of(services.jobs.start("rebuild", rebuilding))


@router.post(
    "/accept-change",
    tags=["operations"],
    openapi_extra=body_of(AcceptChangeBody, example={"position": 17, "reason": "restored by hand"}),
    responses={**_NOT_FOUND, **_CONFLICT},
)
def accept_a_change(
    services: Operated,
    sender: Sent,
    asked: Annotated[AcceptChangeBody, Depends(_parsed(AcceptChangeBody))],
) -> AcceptedAnswer:
    """Have an event that was changed after it was recorded count as it stands now. That is recorded, too."""
    return AcceptedAnswer.of(accept_change(services.log, asked.position, asked.reason, sender=sender))


@router.post(
    "/accept-loss",
    status_code=202,
    tags=["operations"],
    openapi_extra=body_of(AcceptLossBody, example={"reason": "the disk broke, and there is no copy"}),
    responses=_CONFLICT,
)
def accept_a_loss(
    services: Operated,
    sender: Sent,
    asked: Annotated[AcceptLossBody, Depends(_parsed(AcceptLossBody))],
) -> JobAnswer:
    """Have a log that lost events take writes again, after where they were. That is recorded, too."""
    check_loss(services.log, asked.reason)
    return JobAnswer.of(
        services.jobs.start("accept-loss", work.accepting_loss(services, asked.reason, sender))
    )


@router.post(
    "/clean",
    tags=["operations"],
    openapi_extra=body_of(CleanBody, example={"position": 42}),
    responses=_CONFLICT,
)
def remove_everything(
    services: Operated, sender: Sent, asked: Annotated[CleanBody, Depends(_parsed(CleanBody))]
) -> CleanAnswer:
    """
    Remove every event, both projections and the reports; credentials stay. It cannot be undone.

    It is for a log that ends at `position`, as `/admin/info` told it: 409 when that is not so (any more).
    """
    head, by_hand = clean(
        services.log, services.graph, timeout_seconds=_CLEAN_SECONDS, sender=sender, at=asked.position
    )
    return CleanAnswer(epoch=head.epoch, position=head.position, removed_by_hand=list(by_hand))


# ------------------------------------------------------------------------------------------- credentials


@router.post(
    "/credentials",
    status_code=201,
    tags=["credentials"],
    openapi_extra=body_of(
        CredentialBody, example={"name": "ben", "kind": "puc", "role": "writer", "expires": "90d"}
    ),
)
def create_credential(
    services: Operated,
    sender: Sent,
    asked: Annotated[CredentialBody, Depends(_parsed(CredentialBody))],
) -> NewCredentialAnswer:
    """
    Issue a credential. Its token is in this answer and in no other.

    It has a `role` or `rights`. With `emitters` it may speak for those alone. With `only` they are reserved until it
    is revoked: only credentials that were issued with `only` for them may speak for them.
    """
    credentials = Credentials(services.log, services.catalog)
    issued = credentials.create(asked.name, holder=asked.kind, grant=asked.grant(), sender=sender)
    services.authenticator.forget()  # it may have reserved emitters
    return NewCredentialAnswer.of(issued)


@router.get("/credentials", tags=["credentials"])
def credentials(services: Operated) -> list[CredentialAnswer]:
    """The credentials without their tokens, revoked ones too, the oldest first."""
    found = Credentials(services.log, services.catalog).list()
    return [CredentialAnswer.of(credential) for credential in found]


@router.delete("/credentials/{credential_id}", tags=["credentials"], responses=_NOT_FOUND)
def revoke_credential(
    credential_id: Annotated[str, Path(description="of the credential, as it is listed")],
    services: Operated,
    sender: Sent,
) -> CredentialAnswer:
    """Take a credential back, from now on. Doing it again changes nothing."""
    revoked = Credentials(services.log, services.catalog).revoke(credential_id, sender=sender)
    services.authenticator.forget()
    return CredentialAnswer.of(revoked)
