"""The artifacts as lists show them, in the order in which they were first named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.relational.changes import Keep
from provgraph.relational.columns import long_texts, numbers, row_number, table, texts

if TYPE_CHECKING:
    from provgraph.families.artifact.events import Sighting

ARTIFACT = table(
    "artifact",
    row_number("sequence"),
    long_texts("name"),
    texts("properties"),
    numbers("created_us"),
    texts("created_at"),
    unique=(("name",),),
)
# The first properties that are not empty stay; empty ones are filled later and never erase.
SEEN: Keep[Sighting] = Keep(
    ARTIFACT,
    key=("name",),
    columns=("name", "properties", "created_us", "created_at"),
    filled="properties",
    empty="{}",
)
