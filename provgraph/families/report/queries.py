"""Questions about the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import select

from provgraph.families.report.tables import REPORT
from provgraph.relational.lists import may_be_stored
from provgraph.relational.reading import Questions

if TYPE_CHECKING:
    from sqlalchemy import Row


class CatalogReport(NamedTuple):
    """A report of an operator's job."""

    id: str
    subject: str
    status: str  # "in progress", "done", "failed"
    text: str
    names: tuple[str, ...]
    opened_at: str


class ReportQueries(Questions):
    """What the catalog knows of reports."""

    def report(self, report_id: str) -> CatalogReport | None:
        """See `Catalog.report`."""
        if not may_be_stored(report_id):
            return None
        row = self._reading.one(select(REPORT).where(REPORT.c.report_id == report_id))
        return None if row is None else _report(row)

    def reports(self) -> list[CatalogReport]:
        """See `Catalog.reports`."""
        newest_first = select(REPORT).order_by(REPORT.c.position.desc())
        return [_report(row) for row in self._reading.stream(newest_first)]


def _report(row: Row[*tuple[Any, ...]]) -> CatalogReport:
    report_id, subject, status, text, names, opened_at, _position = row
    return CatalogReport(report_id, subject, status, text, tuple(orjson.loads(names)), opened_at)
