"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.base import Family
from provgraph.families.report.events import REPORT_CLOSED, REPORT_OPENED, read_closed, read_opened

FAMILY = Family(
    "report",
    {REPORT_OPENED: read_opened, REPORT_CLOSED: lambda _id, payload: read_closed(payload)},
    alone=True,
)
