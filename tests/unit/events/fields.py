"""PEMs as they come over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.families.pem.events import Pem, accept

if TYPE_CHECKING:
    from provgraph.events import NewEvent

PEM_ID = "0123456789abcdef0123456789abcdef"


def fields(**changed: Any) -> dict[str, Any]:
    """Return the smallest PEM there is, with ``changed`` fields; a value of `...` leaves a field out."""
    stated = {
        "ID": PEM_ID,
        "Type": "train",
        "Emitter": "trainer",
        "TimestampClient": "2026-01-02 03:04:05",
        **changed,
    }
    return {name: value for name, value in stated.items() if value is not ...}


def accepted(**changed: Any) -> Pem:
    """Return what the door makes of a PEM."""
    return content(accept(fields(**changed)))


def content(event: NewEvent) -> Pem:
    """Return the PEM in an event."""
    assert isinstance(event.content, Pem)
    return event.content
