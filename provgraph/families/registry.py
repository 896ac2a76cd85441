"""The families of events: the only list of them, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provgraph.errors import ProvgraphError
from provgraph.events import canonical, clock
from provgraph.families.acceptance.family import FAMILY as ACCEPTANCE
from provgraph.families.artifact.family import FAMILY as ARTIFACT
from provgraph.families.base import no_rows
from provgraph.families.credential.family import FAMILY as CREDENTIAL
from provgraph.families.operation.family import FAMILY as OPERATION
from provgraph.families.pem.family import FAMILY as PEM
from provgraph.families.pem.rows import pem_rows
from provgraph.families.report.family import FAMILY as REPORT
from provgraph.families.tag.family import FAMILY as TAG
from provgraph.families.tracking.family import FAMILY as TRACKING

if TYPE_CHECKING:
    from provgraph.events.base import Kind, RecordedEvent
    from provgraph.families.base import Family, PemOf, Reader, Rows, Soundness
    from provgraph.families.pem.events import Pem
    from provgraph.relational.changes import Changes

FAMILIES: Final[tuple[Family, ...]] = (
    PEM,
    ARTIFACT,
    TAG,
    REPORT,
    CREDENTIAL,
    OPERATION,
    ACCEPTANCE,
    TRACKING,
)

# By the text that is stored.
KINDS: Final[dict[str, Kind]] = {kind: kind for family in FAMILIES for kind in family.kinds}
_READERS: Final[dict[str, Reader]] = {
    kind: read for family in FAMILIES for kind, read in family.kinds.items()
}
_SOUND: Final[dict[str, Soundness]] = {kind: family.sound for family in FAMILIES for kind in family.kinds}
_PEMS: Final[dict[str, PemOf]] = {kind: family.pem for family in FAMILIES for kind in family.kinds}

_ROWS: Final[dict[str, Rows]] = {
    kind: family.rows for family in FAMILIES for kind in family.kinds if family.rows is not no_rows
}

# All tables of the catalog, and what is written to them at once, in the order of the families.
TABLES: Final = tuple(table for family in FAMILIES for table in family.tables)
WRITES: Final = tuple(write for family in FAMILIES for write in family.writes)
# Kinds of events whose rows depend on those before them.
ALONE: Final = frozenset(kind for family in FAMILIES if family.alone for kind in family.kinds)
# Kinds of events that are recorded anew when the log is cleaned.
SURVIVING: Final = frozenset(kind for family in FAMILIES if family.survives_cleaning for kind in family.kinds)


def content(kind: str, event_id: str, payload: bytes) -> object:
    """
    Return what a stored event says, as its family's type.

    :raises KeyError: no family has this kind
    :raises ValueError: the payload cannot be read, or another error that reading it ends with
    """
    return _READERS[kind](event_id, payload)


def is_sound(event: RecordedEvent) -> bool:
    """Tell whether an event that could be read says what some version would have written."""
    if not 0 <= event.recorded_us <= clock.LATEST_US:
        return False
    try:
        return _SOUND[event.kind](canonical.loads(event.payload), event.content)
    except (AttributeError, LookupError, ProvgraphError, TypeError, ValueError):
        return False


def pem_of(event: RecordedEvent) -> Pem | None:
    """Return what lists and graph see of an event; None: nothing, or nobody can read it."""
    find = _PEMS.get(event.kind)
    return None if find is None else find(event.content)


def note_rows(event: RecordedEvent, changes: Changes) -> None:
    """Add to ``changes`` what an event changes in the catalog's tables."""
    pem = _PEMS[event.kind](event.content)
    if pem is not None:
        pem_rows(pem, event, changes)
    rows = _ROWS.get(event.kind)
    if rows is not None:
        rows(event, changes)
