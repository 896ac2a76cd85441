"""How the command line, and your own program, talks to a service."""

from provgraph.client.admin import Admin, Progress
from provgraph.client.answers import Job, Lineage, SendResult, Verdict
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
from provgraph.client.impact import Impact
from provgraph.client.questions import Questions, Time
from provgraph.client.transport import Retry

__all__ = [
    "DEFAULT_URL",
    "Admin",
    "BusyError",
    "Client",
    "ClientError",
    "ContradictionError",
    "CredentialsRefusedError",
    "Impact",
    "Job",
    "JobFailedError",
    "Lineage",
    "NotThereError",
    "OversizedError",
    "Progress",
    "Questions",
    "RefusedRequestError",
    "Retry",
    "SendResult",
    "ServiceError",
    "Time",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnusableUrlError",
    "Verdict",
]
