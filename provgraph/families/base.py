"""What a family of events is to log, catalog and graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provgraph.families.soundness import of_its_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Table

    from provgraph.events import RecordedEvent
    from provgraph.events.base import Kind
    from provgraph.families.pem.events import Pem
    from provgraph.relational.changes import Changes, Write

    # From an event's id and its stored payload to what it says, as the family's own type.
    Reader = Callable[[str, bytes], object]
    # From what an event says to what lists and graph see of it.
    PemOf = Callable[[object], Pem | None]
    # Says what an event changes in the family's tables, beside what its PEM changes.
    Rows = Callable[[RecordedEvent, Changes], None]
    # Whether a stored payload, as JSON, and what was read of it are such as some version would have written. It may
    # raise what reading raises.
    Soundness = Callable[[Any, object], bool]


def no_pem(_content: object) -> None:
    """Tell that neither lists nor the graph see anything of a family's events."""


def no_rows(_event: RecordedEvent, _changes: Changes) -> None:
    """Change nothing in tables of the family's own."""


@dataclass(frozen=True)
class Family:
    """
    One family of events.

    :param name: of its folder
    :param kinds: the kinds of its events, each with what reads a payload of any version
    :param pem: what lists and graph see of an event, from its content; None: nothing
    :param tables: what the catalog keeps of its events
    :param writes: what is gathered for these tables and written at once
    :param rows: what an event changes in these tables
    :param revision: is raised whenever the same events make other rows in the same tables: they are built anew then
    :param needs: families whose tables its statements read, so that they are built anew together
    :param alone: whether its rows depend on those of events before it, so that each is written by itself
    :param sound: whether an event that was changed in the store, and accepted as it is now, still says what it may
    :param survives_cleaning: whether its events are recorded anew when the log is cleaned
    """

    name: str
    kinds: Mapping[Kind, Reader]
    pem: PemOf = no_pem
    tables: tuple[Table, ...] = ()
    writes: tuple[Write, ...] = ()
    rows: Rows = no_rows
    revision: int = 1
    needs: tuple[str, ...] = ()
    sound: Soundness = of_its_types
    alone: bool = False
    survives_cleaning: bool = False
