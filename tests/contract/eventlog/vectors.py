"""The log of ``tests/data/log-vectors`` as events, to be restored into a log; and reading past what a log remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from provgraph.eventlog import InMemoryEventLog, SQLiteEventLog, recording
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.eventlog.tail import Tail
from tests import data

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent

_FILE = Path(data.__file__).parent / "log-vectors" / "log.json"


def vectors() -> tuple[str, list[RecordedEvent]]:
    """Return the epoch and the events."""
    log = json.loads(_FILE.read_text())
    rows: list[recording.Row] = [
        (
            *(event["position"], bytes.fromhex(event["id"]), event["kind"], event["recorded_us"]),
            *(event["payload"].encode(), bytes.fromhex(event["digest"]), bytes.fromhex(event["salt"]), None),
        )
        for event in log["events"]
    ]
    return log["epoch"], [recording.stored(row) for row in rows]


def stored(log: EventLog) -> list[RecordedEvent]:
    """Return the events from where they are stored, not from what the log remembers of them."""
    assert isinstance(log, InMemoryEventLog | SQLiteEventLog | PostgreSQLEventLog)
    if not isinstance(log, InMemoryEventLog):
        log._tail = Tail()
    return log.read()
