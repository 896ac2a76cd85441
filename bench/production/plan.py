"""How much of everything one run measures, and what each row has to reach."""

from __future__ import annotations

from dataclasses import dataclass

from bench import units
from bench.figures import Bar, Row
from bench.plan import Plan


@dataclass(frozen=True)
class ProductionPlan(Plan):
    """The sizes of one run; the defaults are those the bars are stated for."""

    clients: int = 64
    warm_up: int = 2_000
    """How many events both sides of `project` have had before the clock starts."""
    million: int = 1_000_000
    """How many PEMs the long rebuild has."""


def rows(events: int, million: int) -> list[Row]:
    """List the table's rows in the order they are printed."""
    return [
        Row(
            "project",
            f"{events:,} PEMs from the log to Neo4j",
            units.per_second,
            Bar(ratio_at_least=0.7),
            against="by a driver script",
        ),
        Row(
            "trace",
            "upstream trace on Neo4j, depth 10, `uniform`, p50",
            units.milliseconds,
            Bar(ratio_at_most=1.5, allowance=0.003),
            against="by Cypher",
        ),
        Row(
            "intake",
            "batches of 500, durable in PostgreSQL",
            units.per_second,
            Bar(ratio_at_least=0.5),
            against="by executemany",
        ),
        Row(
            "receivers",
            "single PEMs, 64 clients, two receivers",
            units.per_second,
            Bar(ratio_at_least=1.5),
            against="by one receiver",
        ),
        Row(
            "million",
            f"rebuild of {million:,}, the last tenth",
            units.per_second,
            Bar(ratio_at_least=0.8),
            against="in the first tenth",
        ),
        Row(
            "memory",
            "projector's highest resident memory meanwhile",
            units.mebibytes,
            Bar(figure_at_most=400.0),
        ),
    ]
