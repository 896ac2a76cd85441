"""What reports change in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, update

from provgraph.events import canonical
from provgraph.events.clock import second_text
from provgraph.families.report.events import ReportClosed, ReportOpened
from provgraph.families.report.tables import REPORT

if TYPE_CHECKING:
    from sqlalchemy import Insert, Update

    from provgraph.events import RecordedEvent
    from provgraph.relational.changes import Changes, Target, Value


def rows(event: RecordedEvent, changes: Changes) -> None:
    """Open or close a report."""
    if isinstance(event.content, ReportOpened):
        opened: dict[str, Value] = {
            "report_id": event.content.report_id,
            "subject": event.content.subject,
            "status": "in progress",
            "text": "",
            "names": "[]",
            "opened_at": second_text(event.recorded_us),
            "position": event.position,
        }
        changes.then(REPORT, _open, opened)
    elif isinstance(event.content, ReportClosed):
        closed = event.content
        names = canonical.text(list(closed.names))
        values = {
            "new_status": closed.status,
            "new_text": closed.text,
            "new_names": names,
            "id": closed.report_id,
        }
        changes.then(REPORT, _close, values)


def _open(to: Target) -> Insert:
    return insert(to[REPORT])


def _close(to: Target) -> Update:
    report = to[REPORT]
    stated: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("status", "text", "names")}
    return update(report).where(report.c.report_id == bindparam("id")).values(stated)
