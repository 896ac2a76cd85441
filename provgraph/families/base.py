"""What a family of events is to log, catalog and graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provgraph.families.soundness import of_its_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provgraph.events.base import Kind
    from provgraph.families.pem.events import Pem

    # From an event's id and its stored payload to what it says, as the family's own type.
    Reader = Callable[[str, bytes], object]
    # From what an event says to what lists and graph see of it.
    PemOf = Callable[[object], Pem | None]
    # Whether a stored payload, as JSON, and what was read of it are such as some version would have written. It may
    # raise what reading raises.
    Soundness = Callable[[Any, object], bool]


def no_pem(_content: object) -> None:
    """Tell that neither lists nor the graph see anything of a family's events."""


@dataclass(frozen=True)
class Family:
    """
    One family of events.

    :param name: of its folder
    :param kinds: the kinds of its events, each with what reads a payload of any version
    :param pem: what lists and graph see of an event, from its content; None: nothing
    :param alone: whether its rows depend on those of events before it, so that each is written by itself
    :param sound: whether an event that was changed in the store, and accepted as it stands, still says what it may
    :param survives_cleaning: whether its events are recorded anew when the log is cleaned
    """

    name: str
    kinds: Mapping[Kind, Reader]
    pem: PemOf = no_pem
    sound: Soundness = of_its_types
    alone: bool = False
    survives_cleaning: bool = False
