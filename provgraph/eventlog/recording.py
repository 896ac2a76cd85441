"""What every log does with a batch before it writes: positions, times and digests for events that are new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.eventlog.base import Appended, ChainReport, Head, Verdict
from provgraph.events import RecordedEvent, chain, genesis
from provgraph.events.clock import now_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.events import NewEvent


def record(events: Sequence[NewEvent], *, head: Head, not_before_us: int) -> list[RecordedEvent]:
    """
    Return new events as they will stand behind ``head``.

    ``not_before_us`` is the time of the last recorded event: the log's clock never runs backwards.
    """
    recorded_us = max(now_us(), not_before_us)
    position, digest = head.position, head.digest
    recorded = []
    for event_id, kind, payload, content in events:
        position += 1
        digest = chain(digest, position, event_id, kind, recorded_us, payload)
        recorded.append(RecordedEvent(position, event_id, kind, recorded_us, payload, digest, content))
    return recorded


def split(
    events: Sequence[NewEvent], known: Mapping[str, RecordedEvent]
) -> tuple[list[NewEvent], list[NewEvent]]:
    """Return the events that are new (each id once), and the repetitions of known or earlier ones."""
    new: dict[str, NewEvent] = {}
    repeated = []
    for event in events:
        if event.event_id in known or event.event_id in new:
            repeated.append(event)
        else:
            new[event.event_id] = event
    return list(new.values()), repeated


def judge(
    events: Sequence[NewEvent], *, known: Mapping[str, RecordedEvent], recorded: Sequence[RecordedEvent]
) -> list[Appended]:
    """Return a verdict for each event of a call, given what was known before and what was recorded now."""
    if len(recorded) == len(events):  # nearly always: all of them were new
        return [Appended(Verdict.ACCEPTED, event) for event in recorded]
    fresh = {event.event_id: event for event in recorded}
    verdicts = []
    for event in events:
        new = fresh.pop(event.event_id, None)
        if new is not None:
            verdicts.append(Appended(Verdict.ACCEPTED, new))
            continue
        stored = known.get(event.event_id) or _find(recorded, event.event_id)
        same = stored.kind == event.kind and stored.payload == event.payload
        verdicts.append(Appended(Verdict.DUPLICATE if same else Verdict.CONFLICT, stored))
    return verdicts


def verify(events: Iterable[RecordedEvent], *, epoch: str, checked: int, before: bytes) -> ChainReport:
    """Recompute the digests of events that follow the digest ``before``."""
    digest = before or genesis(epoch)
    for event in events:
        digest = chain(digest, event.position, event.event_id, event.kind, event.recorded_us, event.payload)
        if digest != event.digest:
            message = f"the digest of event {event.event_id} at position {event.position} does not verify"
            return ChainReport(False, checked, event.position, message)
        checked += 1
    return ChainReport(True, checked, None, f"digest chain intact over {checked} events")


def _find(recorded: Sequence[RecordedEvent], event_id: str) -> RecordedEvent:
    return next(event for event in recorded if event.event_id == event_id)
