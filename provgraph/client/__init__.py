"""
How the command line, and your own program, talks to a service.

    from provgraph.client import Client, SpoolDelivery

    with Client("http://127.0.0.1:8082", emitter="trainer", delivery=SpoolDelivery("spool.db")) as client:
        with client.activity("train", uses=["table/customers"]) as run:
            run.produces("model/churn").note(auc=0.91)

The spool is a file in which events wait until the service takes them; without one, what does not arrive is lost.
docs/howto/emit.md is the page.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from provgraph.client.activities import Activity, AsyncActivity, Run, current
from provgraph.client.admin import Admin, AsyncAdmin, Progress
from provgraph.client.answers import Job, Lineage, SendResult
from provgraph.client.base import Call, Conversation, Pause, Retry, Unkept, Verdict
from provgraph.client.client import DEFAULT_URL, Client
from provgraph.client.delivery.base import Connect, Delivery, Flushed
from provgraph.client.errors import (
    ActivityEndedError,
    BusyError,
    ClientError,
    ClosedError,
    ContradictionError,
    CredentialsRefusedError,
    DeliveryError,
    ForeignServerError,
    JobFailedError,
    NotThereError,
    OverlongQuestionError,
    OversizedError,
    OversizedEventError,
    RefusedEventError,
    RefusedRequestError,
    ServiceError,
    SpoolElsewhereError,
    SpoolFullError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsendableError,
    UnusableTokenError,
    UnusableUrlError,
)
from provgraph.client.impact import AsyncImpact, Impact
from provgraph.client.pages import AsyncPages, Pages
from provgraph.client.pems import Artifact, Pem
from provgraph.client.questions import Questions, Time
from provgraph.client.stored import Rows, StoredArtifact, StoredPem, Tag

if TYPE_CHECKING:
    from provgraph.client.aio import AsyncClient
    from provgraph.client.delivery.plain import ConsoleDelivery, FileDelivery, NoopDelivery
    from provgraph.client.delivery.spooled import SpoolDelivery
    from provgraph.client.spool import Spool
    from provgraph.client.told import Diff, Gaps, Route, State, Step, Version, Why
    from provgraph.client.tracking import Limit, Mode, Tracking, TrackingError

__all__ = [
    "DEFAULT_URL",
    "Activity",
    "ActivityEndedError",
    "Admin",
    "Artifact",
    "AsyncActivity",
    "AsyncAdmin",
    "AsyncClient",
    "AsyncImpact",
    "AsyncPages",
    "BusyError",
    "Call",
    "Client",
    "ClientError",
    "ClosedError",
    "Connect",
    "ConsoleDelivery",
    "ContradictionError",
    "Conversation",
    "CredentialsRefusedError",
    "Delivery",
    "DeliveryError",
    "Diff",
    "FileDelivery",
    "Flushed",
    "ForeignServerError",
    "Gaps",
    "Impact",
    "Job",
    "JobFailedError",
    "Limit",
    "Lineage",
    "Mode",
    "NoopDelivery",
    "NotThereError",
    "OverlongQuestionError",
    "OversizedError",
    "OversizedEventError",
    "Pages",
    "Pause",
    "Pem",
    "Progress",
    "Questions",
    "RefusedEventError",
    "RefusedRequestError",
    "Retry",
    "Route",
    "Rows",
    "Run",
    "SendResult",
    "ServiceError",
    "Spool",
    "SpoolDelivery",
    "SpoolElsewhereError",
    "SpoolFullError",
    "State",
    "Step",
    "StoredArtifact",
    "StoredPem",
    "Tag",
    "Time",
    "Tracking",
    "TrackingError",
    "UnexpectedAnswerError",
    "Unkept",
    "UnreachableError",
    "UnsendableError",
    "UnusableTokenError",
    "UnusableUrlError",
    "Verdict",
    "Version",
    "Why",
    "current",
]

# What many programs do without is imported when it is first asked for: asyncio, SQLite, tracking, the types of answers.
_LATER = {
    "AsyncClient": "aio",
    "ConsoleDelivery": "delivery.plain",
    "Diff": "told",
    "FileDelivery": "delivery.plain",
    "Gaps": "told",
    "Limit": "tracking",
    "Mode": "tracking",
    "NoopDelivery": "delivery.plain",
    "Route": "told",
    "Spool": "spool",
    "SpoolDelivery": "delivery.spooled",
    "State": "told",
    "Step": "told",
    "Tracking": "tracking",
    "TrackingError": "tracking",
    "Version": "told",
    "Why": "told",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
