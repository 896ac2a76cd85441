"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.base import Family
from provgraph.families.pem import tables
from provgraph.families.pem.events import PEM, Pem, is_sound, read


def _itself(content: object) -> Pem | None:
    return content if isinstance(content, Pem) else None


# Their rows are those of every PEM, see `provgraph.families.pem.rows`.
FAMILY = Family(
    "pem",
    {PEM: lambda _id, payload: read(payload)},
    pem=_itself,
    tables=(tables.PEM, tables.OUTCOME),
    writes=(tables.REPORTED, tables.ENDED),
    sound=is_sound,
)
