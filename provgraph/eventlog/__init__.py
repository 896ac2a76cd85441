"""The event log and its implementations."""

from provgraph.eventlog.base import Appended, ChainReport, EventLog, Head, Verdict
from provgraph.eventlog.groupcommit import GroupCommit
from provgraph.eventlog.memory import InMemoryEventLog
from provgraph.eventlog.sqlite import SQLiteEventLog, TransactionalProjection

__all__ = [
    "Appended",
    "ChainReport",
    "EventLog",
    "GroupCommit",
    "Head",
    "InMemoryEventLog",
    "SQLiteEventLog",
    "TransactionalProjection",
    "Verdict",
]
