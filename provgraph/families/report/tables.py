"""The reports of operators' jobs."""

from __future__ import annotations

from provgraph.relational.columns import numbers, table, texts

REPORT = table(
    "report",
    texts("report_id", "subject", "status", "text", "names", "opened_at"),
    numbers("position"),
    key=("report_id",),
)
