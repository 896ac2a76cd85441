"""Tracked work: scripts that can be run again, looked into, and undone."""

from provgraph.client.tracking.answers import (
    Adopted,
    Changed,
    CloseReport,
    Conflict,
    Group,
    GroupName,
    Member,
    Operation,
    Plan,
    Refused,
    Retired,
    RolledBack,
    Run,
    RunDiff,
)
from provgraph.client.tracking.blocks import AsyncTracked, Tracked
from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
from provgraph.client.tracking.errors import (
    ChangedSinceError,
    ImpossibleNameError,
    NoSuchNodeError,
    NotAllRetiredError,
    NotJsonError,
    NotSavedError,
    NotStoredError,
    PlanChangedError,
    SeveralNodesError,
    SweepLimitError,
    TrackingError,
)
from provgraph.client.tracking.nodes import AsyncNode, Node
from provgraph.client.tracking.runs import AsyncGroups, AsyncRuns, Groups, Runs
from provgraph.client.tracking.settings import Limit, Mode, Tracking
from provgraph.client.tracking.store import Store

__all__ = [
    "Adopted",
    "AsyncGroupContext",
    "AsyncGroups",
    "AsyncNode",
    "AsyncRuns",
    "AsyncTracked",
    "Changed",
    "ChangedSinceError",
    "CloseReport",
    "Conflict",
    "Group",
    "GroupContext",
    "GroupName",
    "Groups",
    "ImpossibleNameError",
    "Limit",
    "Member",
    "Mode",
    "NoSuchNodeError",
    "Node",
    "NotAllRetiredError",
    "NotJsonError",
    "NotSavedError",
    "NotStoredError",
    "Operation",
    "Plan",
    "PlanChangedError",
    "Refused",
    "Retired",
    "RolledBack",
    "Run",
    "RunDiff",
    "Runs",
    "SeveralNodesError",
    "Store",
    "SweepLimitError",
    "Tracked",
    "Tracking",
    "TrackingError",
]
