"""
What every log does with events, wherever it keeps them.

Before it writes: positions, times and digests for what is new. After it has read: the event that a row holds.
"""

from __future__ import annotations

import re
from os import urandom
from typing import TYPE_CHECKING

from provgraph.errors import ConflictError, CorruptStoreError, ProvgraphError
from provgraph.eventlog.base import Appended, ChainReport, Head, Verdict
from provgraph.events import (
    DIGEST_BYTES,
    SALT_BYTES,
    Kind,
    NewEvent,
    RecordedEvent,
    UnknownKind,
    chain,
    content,
    genesis,
)
from provgraph.events.clock import now_us

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

# position, event id, kind, recorded_us, payload, digest, salt, sender
Row = tuple[int, bytes, str, int, bytes, bytes, bytes, bytes | None]

_KINDS = {kind.value: kind for kind in Kind}
_KIND = re.compile(r"[a-z.]+").fullmatch
_ID_BYTES = 16
_NO_DIGEST = b""  # equal to no digest


def record(events: Sequence[NewEvent], *, head: Head, not_before_us: int) -> list[RecordedEvent]:
    """
    Return new events as they will stand behind ``head``.

    ``not_before_us`` is the time of the last recorded event: the log's clock never runs backwards.
    """
    recorded_us = max(now_us(), not_before_us)
    position, digest = head.position, head.digest
    salts = urandom(SALT_BYTES * len(events))  # one call for all: each costs a microsecond
    recorded = []
    for start, (event_id, kind, payload, read, sender) in enumerate(events):
        position += 1
        salt = salts[SALT_BYTES * start : SALT_BYTES * (start + 1)]
        digest = chain(digest, position, event_id, kind, recorded_us, payload, salt, sender)
        recorded.append(
            RecordedEvent(position, event_id, kind, recorded_us, payload, digest, read, salt, sender)
        )
    return recorded


def rows(events: Iterable[RecordedEvent]) -> list[Row]:
    """Return events as they are stored."""
    return [
        (
            *(position, bytes.fromhex(event_id), kind, recorded_us, payload, digest),
            *(salt, None if sender is None else bytes.fromhex(sender)),
        )
        for position, event_id, kind, recorded_us, payload, digest, _, salt, sender in events
    ]


def stored(row: Row) -> RecordedEvent:
    """
    Return the event in a row, without content when it is of a kind that this version does not know.

    :raises CorruptStoreError: it cannot be read
    """
    event = unread(row)
    if event.digest == _NO_DIGEST:
        raise CorruptStoreError(
            f"The event at position {event.position} of the event log cannot be read: a column of its row holds "
            "what no version of provgraph writes there"
        )
    if type(event.kind) is UnknownKind:
        return event
    try:
        read = content(event.kind, event.event_id, event.payload)
    except (LookupError, ValueError, TypeError, ProvgraphError) as error:
        raise CorruptStoreError(
            f"The event at position {event.position} of the event log cannot be read: {error!r}"
        ) from error
    return event._replace(content=read)


def unread(row: Row) -> RecordedEvent:
    """
    Return a row as an event whose content nobody will read: enough for its digest.

    A row with a value that no version writes becomes an event whose digest never verifies: where one column ends and
    the next begins is not under the chain, so each has to have its one form.
    """
    position, raw_id, kind, recorded_us, payload, digest, salt, sender = row
    if not _is_well_formed(row):
        return RecordedEvent(position, _shown(raw_id), UnknownKind(_shown(kind)), 0, b"", _NO_DIGEST, None)
    stated = _KINDS.get(kind) or UnknownKind(kind)
    return RecordedEvent(
        *(position, raw_id.hex(), stated, recorded_us, payload, digest, None),
        *(salt, None if sender is None else sender.hex()),
    )


def _is_well_formed(row: Row) -> bool:
    """Tell whether each column of a row has the form in which every version writes it."""
    position, raw_id, kind, recorded_us, payload, digest, salt, sender = row
    return (
        (type(position), type(raw_id), type(kind), type(recorded_us)) == (int, bytes, str, int)
        and (type(payload), type(digest), type(salt)) == (bytes, bytes, bytes)
        and len(raw_id) == _ID_BYTES
        and len(digest) == DIGEST_BYTES
        and len(salt) in (0, SALT_BYTES)
        # An event without a salt was recorded before senders were.
        and (sender is None or (type(sender) is bytes and len(sender) == _ID_BYTES and bool(salt)))
        and _KIND(kind) is not None
    )


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def again(events: Iterable[RecordedEvent], *, keep: Collection[Kind]) -> list[NewEvent]:
    """Return those events that a cleaned log keeps, as they are recorded once more."""
    return [
        NewEvent(event.event_id, event.kind, event.payload, event.content, event.sender)
        for event in events
        if isinstance(event.kind, Kind) and event.kind in keep
    ]


def distinct(events: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """Return the first event of each id."""
    ids = {event.event_id for event in events}
    return events if len(ids) == len(events) else split(events, {})[0]


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
        digest = _digest(digest, event)
        if digest != event.digest:
            message = f"the digest of event {event.event_id} at position {event.position} does not verify"
            return ChainReport(False, checked, event.position, message)
        checked += 1
    return ChainReport(True, checked, None, f"digest chain intact over {checked} events")


def check_ends(head: Head, at: int | None) -> None:
    """
    Refuse what is meant for a log that ends elsewhere.

    :raises ConflictError: the log does not end at position ``at``
    """
    if at is not None and head.position != at:
        raise ConflictError(
            f"This is meant for a log that ends at position {at}, and this one ends at {head.position}: see whether it "
            "is the right one and what was recorded meanwhile, then name that position. Nothing was removed"
        )


def check_continues(events: Iterable[RecordedEvent], *, epoch: str, head: Head) -> None:
    """
    Refuse events of another log that do not stand right behind ``head``.

    :raises ConflictError: another epoch, or the chain does not go on
    """
    if head.position and epoch != head.epoch:
        raise ConflictError(
            f"The log has events of its own: its epoch is {head.epoch}, that of the events is {epoch}"
        )
    # A log that never had an event begins wherever the other one does.
    position, digest = head.position, head.digest if head.position else genesis(epoch)
    for event in events:
        digest = _digest(digest, event)
        if event.position <= position or digest != event.digest:
            raise ConflictError(
                f"By its digest the event at position {event.position} does not follow position {position}: the log "
                "holds other events up to there, or the event was changed"
            )
        position = event.position


def _find(recorded: Sequence[RecordedEvent], event_id: str) -> RecordedEvent:
    return next(event for event in recorded if event.event_id == event_id)


def _digest(previous: bytes, event: RecordedEvent) -> bytes:
    """Return what the digest of an event has to be, given the one before it; of one that nobody wrote, another one."""
    if event.sender is not None and not event.salt:
        return previous
    return chain(
        *(previous, event.position, event.event_id, event.kind, event.recorded_us),
        *(event.payload, event.salt, event.sender),
    )
