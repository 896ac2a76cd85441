"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.families.base import Family
from provgraph.families.tracking.events import TRACKED, Tracked, read
from provgraph.families.tracking.rows import rows
from provgraph.families.tracking.soundness import is_sound
from provgraph.families.tracking.tables import KIND, MEMBER, OBJECT, OPERATION, RUN, STEP

if TYPE_CHECKING:
    from provgraph.families.pem.events import Pem


def _work(content: object) -> Pem | None:
    return content.pem if isinstance(content, Tracked) else None


FAMILY = Family(
    "tracking",
    {TRACKED: lambda _id, payload: read(payload)},
    pem=_work,
    tables=(STEP, OBJECT, MEMBER, RUN, OPERATION, KIND),
    rows=rows,
    sound=is_sound,
)
