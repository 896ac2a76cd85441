"""Reports of the operators' jobs: opened when the work starts, closed with its result."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event, texts

REPORT_OPENED = Kind("report.opened")
REPORT_CLOSED = Kind("report.closed")

CONNECTIONS = "connections"  # artifacts that no PEM uses or produces
REMOVAL = "removal"  # what was removed after a connection report

IN_PROGRESS, DONE, FAILED = "in progress", "done", "failed"


class ReportOpened(NamedTuple):
    """Work on a report has begun."""

    report_id: str  # 32 hex digits
    subject: str  # CONNECTIONS or REMOVAL


class ReportClosed(NamedTuple):
    """A report is finished; nothing changes it any more."""

    report_id: str
    status: str  # DONE or FAILED
    text: str  # a summary line, then one artifact name a line
    names: tuple[str, ...]  # the artifacts that the report lists


def report_opened(subject: str) -> NewEvent[ReportOpened]:
    """Return the event that opens a report under a new id (the event's id is the report's)."""
    report_id = uuid.uuid4().hex
    return event(REPORT_OPENED, report_id, ReportOpened(report_id, subject), {"Subject": subject})


def report_closed(
    report_id: str, status: str, text: str, names: tuple[str, ...] = ()
) -> NewEvent[ReportClosed]:
    """Return the event that closes a report."""
    fields = {"ReportID": report_id, "Status": status, "Report": text, "Names": list(names)}
    content = ReportClosed(report_id, status, text, names)
    return event(REPORT_CLOSED, uuid.uuid4().hex, content, fields)


def read_opened(event_id: str, payload: bytes) -> ReportOpened:
    """Return the opening in a stored payload."""
    return ReportOpened(event_id, orjson.loads(payload)["Subject"])


def read_closed(payload: bytes) -> ReportClosed:
    """Return the closing in a stored payload."""
    fields = orjson.loads(payload)
    return ReportClosed(fields["ReportID"], fields["Status"], fields["Report"], texts(fields["Names"]))
