"""Tracked work: objects that scripts keep up to date, the groups that list them, and the runs that did it."""

from provgraph.tracking.draft import Command, UniqueError
from provgraph.tracking.kinds import MAIN, STANDARD_GROUP, ObjectKind, ObjectKinds, kind_name, read_schema
from provgraph.tracking.listing import Listing
from provgraph.tracking.reading import GroupFilter, ObjectFilter, TrackedWork
from provgraph.tracking.runs import ChangedSinceError, Closing, PlanError
from provgraph.tracking.saving import Save
from provgraph.tracking.sweep import Limit, Refused, SweepLimitError
from provgraph.tracking.tracker import Opening, Outcome, RunClosedError, Tracker

__all__ = [
    "MAIN",
    "STANDARD_GROUP",
    "ChangedSinceError",
    "Closing",
    "Command",
    "GroupFilter",
    "Limit",
    "Listing",
    "ObjectFilter",
    "ObjectKind",
    "ObjectKinds",
    "Opening",
    "Outcome",
    "PlanError",
    "Refused",
    "RunClosedError",
    "Save",
    "SweepLimitError",
    "TrackedWork",
    "Tracker",
    "UniqueError",
    "kind_name",
    "read_schema",
]
