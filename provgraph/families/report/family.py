"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.base import Family
from provgraph.families.report.events import REPORT_CLOSED, REPORT_OPENED, read_closed, read_opened
from provgraph.families.report.rows import rows
from provgraph.families.report.tables import REPORT

FAMILY = Family(
    "report",
    {REPORT_OPENED: read_opened, REPORT_CLOSED: lambda _id, payload: read_closed(payload)},
    tables=(REPORT,),
    rows=rows,
    alone=True,
)
