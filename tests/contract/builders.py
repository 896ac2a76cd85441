"""Events to put into stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from provgraph.events import NewEvent, RecordedEvent
from provgraph.families.credential.events import CREDENTIAL_CREATED
from provgraph.families.pem.events import accept
from provgraph.families.registry import content

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

# An artifact as a PEM lists it: by its name, or with more fields.
Stated = str | dict[str, Any]


def pem_id(number: int) -> str:
    """Return the id of an event: ``number`` as 32 hex digits. (Never a version-1 UUID below 2^76.)"""
    return f"{number:032x}"


def pem(
    number: int,
    *,
    at: float = 0,
    uses: Iterable[Stated] = (),
    produces: Iterable[Stated] = (),
    after: Iterable[int] = (),
    **fields: Any,
) -> NewEvent:
    """
    Return a PEM whose id is ``number``.

    :param at: seconds after a fixed moment at which it occurred
    :param after: numbers of its predecessors
    """
    stated = {
        "ID": pem_id(number),
        "Type": "train",
        "Emitter": "trainer",
        "OccurredAt": (_START + timedelta(seconds=at)).isoformat(),
        "Predecessors": [pem_id(earlier) for earlier in after],
        "UsesArtifacts": [_artifact(artifact) for artifact in uses],
        "ProducesArtifacts": [_artifact(artifact) for artifact in produces],
        **fields,
    }
    return accept(stated)


def at_us(seconds: float) -> int:
    """Return when a PEM ``at`` so many seconds occurred, in microseconds since 1970."""
    return round(_START.timestamp() * 1_000_000 + seconds * 1_000_000)


def version(name: str, label: str | int) -> dict[str, Any]:
    """Return an artifact with a version: its label, or the number of the event that produced it."""
    return {"Name": name, "Version": pem_id(label) if isinstance(label, int) else label}


def recorded(events: Sequence[NewEvent], *, after: int = 0) -> list[RecordedEvent]:
    """Return events as a log would have them behind position ``after``, one second apart."""
    return [
        RecordedEvent(position, new.event_id, new.kind, position * 1_000_000, new.payload, b"", new.content)
        for position, new in enumerate(events, after + 1)
    ]


def _artifact(stated: Stated) -> dict[str, Any]:
    return {"Name": stated} if isinstance(stated, str) else stated


def old_credential(number: int, role: str) -> NewEvent:
    """Return the event of a credential as it was stored in format 1: with a role instead of rights."""
    payload = (
        f'{{"Kind":"user","Name":"{role} {number}","Role":"{role}","TokenSHA256":"{number:064x}"}}'.encode()
    )
    id_ = f"{number:032x}"
    return NewEvent(id_, CREDENTIAL_CREATED, payload, content(CREDENTIAL_CREATED, id_, payload))
