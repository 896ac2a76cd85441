"""How the command line, and your own program, talks to a service."""

from provgraph.client.admin import Admin, AsyncAdmin, Progress
from provgraph.client.aio import AsyncClient
from provgraph.client.answers import Job, Lineage, SendResult, Verdict
from provgraph.client.calls import Call, Conversation, Pause
from provgraph.client.client import DEFAULT_URL, Client
from provgraph.client.errors import (
    BusyError,
    ClientError,
    ContradictionError,
    CredentialsRefusedError,
    JobFailedError,
    NotThereError,
    OversizedError,
    RefusedRequestError,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableUrlError,
)
from provgraph.client.impact import AsyncImpact, Impact
from provgraph.client.pages import AsyncPages, Pages
from provgraph.client.questions import Questions, Time
from provgraph.client.tracking import Limit, Mode, Tracking, TrackingError
from provgraph.client.transport import Retry

__all__ = [
    "DEFAULT_URL",
    "Admin",
    "AsyncAdmin",
    "AsyncClient",
    "AsyncImpact",
    "AsyncPages",
    "BusyError",
    "Call",
    "Client",
    "ClientError",
    "ContradictionError",
    "Conversation",
    "CredentialsRefusedError",
    "Impact",
    "Job",
    "JobFailedError",
    "Limit",
    "Lineage",
    "Mode",
    "NotThereError",
    "OversizedError",
    "Pages",
    "Pause",
    "Progress",
    "Questions",
    "RefusedRequestError",
    "Retry",
    "SendResult",
    "ServiceError",
    "Time",
    "Tracking",
    "TrackingError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnusableUrlError",
    "Verdict",
]
