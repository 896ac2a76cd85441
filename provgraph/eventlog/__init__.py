"""
The event log and its implementations.

The one on PostgreSQL is imported from its own module, by those who want it: the drivers take a moment to load.
"""

from provgraph.eventlog.base import (
    PROJECTOR_LEASE,
    Appended,
    ChainReport,
    EventLog,
    Head,
    Lease,
    Verdict,
    WrongPlace,
)
from provgraph.eventlog.groupcommit import GroupCommit
from provgraph.eventlog.memory import InMemoryEventLog
from provgraph.eventlog.sqlite import SQLiteEventLog, TransactionalProjection

__all__ = [
    "PROJECTOR_LEASE",
    "Appended",
    "ChainReport",
    "EventLog",
    "GroupCommit",
    "Head",
    "InMemoryEventLog",
    "Lease",
    "SQLiteEventLog",
    "TransactionalProjection",
    "Verdict",
    "WrongPlace",
]
