"""
What every log does with events, wherever it keeps them.

Before it writes: positions, times and digests for what is new. After it has read: the event that a row holds.
"""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import sha256
from json import loads
from os import urandom
from typing import TYPE_CHECKING, Protocol

from provgraph.errors import ConflictError, OtherTablesError, ProvgraphError, UnreadableEventError
from provgraph.eventlog.base import Appended, Head, Loss, Verdict
from provgraph.events import (
    DIGEST_BYTES,
    SALT_BYTES,
    Kind,
    NewEvent,
    RecordedEvent,
    Repeated,
    SetAside,
    UnknownKind,
    chain,
    genesis,
    newer,
)
from provgraph.events.clock import now_us
from provgraph.families.acceptance.events import ChangeAccepted, LossAccepted
from provgraph.families.acceptance.events import loss_accepted as events_loss_accepted
from provgraph.families.operation.events import LOG_CLEANED, LogCleaned, log_cleaned
from provgraph.families.registry import KINDS, content, is_sound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

# position, event id, kind, recorded_us, payload, digest, salt, sender
Row = tuple[int, bytes, str, int, bytes, bytes, bytes, bytes | None]

_KIND = re.compile(r"[a-z.]+").fullmatch
_ID_BYTES = 16
_MARKED_ID_BYTES = _ID_BYTES + 8
_NO_KIND = UnknownKind("unreadable")
_NO_DIGEST = b""  # equal to no digest
_ACCEPTANCES = frozenset({ChangeAccepted, LossAccepted})


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
            position,
            # Written out: it is the way of each append.
            bytes.fromhex(event_id) if type(kind) is not Repeated else marked_id(event_id, position),
            kind,
            recorded_us,
            payload,
            digest,
            salt,
            None if sender is None else bytes.fromhex(sender),
        )
        for position, event_id, kind, recorded_us, payload, digest, _, salt, sender in events
    ]


def stored(row: Row) -> RecordedEvent:
    """
    Return the event in a row, without content when it is of a kind that this version does not know.

    :raises UnreadableEventError: it cannot be read
    """
    position, raw_id, kind, recorded_us, payload, digest, salt, sender = row
    if not _is_well_formed(row):
        raise UnreadableEventError(
            f"The event at position {position} of the event log cannot be read: a column of its row holds what no "
            "version of provgraph writes there",
            position=position,
        )
    found = KINDS.get(kind)
    if found is None or len(raw_id) > _ID_BYTES:
        return unread(row)
    event_id = raw_id.hex()
    try:
        read = content(kind, event_id, payload)
    except (AttributeError, LookupError, ValueError, TypeError, ProvgraphError) as error:
        raise UnreadableEventError(
            f"The event at position {position} of the event log cannot be read: {error!r}", position=position
        ) from error
    return RecordedEvent(position, event_id, found, recorded_us, payload, digest, read, salt, _hex(sender))


def unread(row: Row) -> RecordedEvent:
    """
    Return a row as an event whose content nobody will read: enough for its digest, whatever the row says.

    A row with a value that no version writes becomes an event whose digest never verifies: where one column ends and
    the next begins is not under the chain, so each has to have its one form.
    """
    if not _is_well_formed(row):
        return _never_verifying(row)
    position, raw_id, kind, recorded_us, payload, digest, salt, sender = row
    stated: Kind | UnknownKind | SetAside = KINDS.get(kind) or UnknownKind(kind)
    if len(raw_id) > _ID_BYTES:
        stated = Repeated(kind)
    return RecordedEvent(
        *(position, raw_id[:_ID_BYTES].hex(), stated, recorded_us, payload, digest),
        *(None, salt, _hex(sender)),
    )


_TYPES = (int, bytes, str, int, bytes, bytes, bytes)


def _is_well_formed(row: Row) -> bool:
    """Tell whether each column of a row has the form in which every version writes it: SQLite would store any value."""
    position, raw_id, kind, _, _, digest, salt, sender = row
    return (
        tuple(map(type, row[:-1])) == _TYPES
        and (len(raw_id) == _ID_BYTES or _is_marked(raw_id, position))
        and len(digest) == DIGEST_BYTES
        and len(salt) in (0, SALT_BYTES)
        # An event without a salt was recorded before senders were.
        and (sender is None or (type(sender) is bytes and len(sender) == _ID_BYTES and bool(salt)))
        and _KIND(kind) is not None
    )


def _is_marked(raw_id: bytes, position: int) -> bool:
    """Tell whether an id is one of those that `marked_id` returns."""
    return len(raw_id) == _MARKED_ID_BYTES and int.from_bytes(raw_id[_ID_BYTES:]) == position


def _never_verifying(row: Row) -> RecordedEvent:
    """
    Return a row that is not well-formed as an event that is, so that it can be named, accepted and copied.

    Its payload is the whole row: the digest stands in what is hashed for it, so nobody finds one that fits. A row that
    is changed once more is another event.
    """
    position, raw_id, kind, recorded_us, _, digest, _, _ = row
    is_marked = type(raw_id) is bytes and _is_marked(raw_id, position)
    return RecordedEvent(
        position,
        _of_size(_ID_BYTES, raw_id[:_ID_BYTES] if is_marked else raw_id).hex(),
        UnknownKind(kind) if type(kind) is str and _KIND(kind) else _NO_KIND,
        recorded_us if type(recorded_us) is int else 0,
        repr(row).encode(),
        digest_in(digest),
        None,
    )


def digest_in(value: object) -> bytes:
    """Return the digest in a column, or one that nothing continues where it holds something else."""
    return _of_size(DIGEST_BYTES, value)


def _of_size(size: int, value: object) -> bytes:
    """Return a value with so many bytes as it is, and so many bytes that stand for it when it is another one."""
    if isinstance(value, bytes) and len(value) == size:
        return value
    return sha256(repr(value).encode()).digest()[:size]


def stated(row: Row) -> RecordedEvent:
    """Return the event in a row, without its content where that cannot be read: to be compared with what is sent."""
    try:
        return stored(row)
    except UnreadableEventError:
        return unread(row)


def readable(rows: Iterable[Row]) -> list[RecordedEvent]:
    """
    Return the events in rows, up to the first that cannot be read.

    :raises UnreadableEventError: the first one cannot be read
    """
    events: list[RecordedEvent] = []
    try:
        events.extend(map(stored, rows))
    except UnreadableEventError:
        if not events:
            raise
    return events


def has_acceptance(recorded: Sequence[RecordedEvent]) -> bool:
    """Tell whether an operator accepts something with one of these events."""
    return not _ACCEPTANCES.isdisjoint([type(event.content) for event in recorded])


def acceptances(rows: Iterable[Row]) -> list[RecordedEvent]:
    """Return the events in rows; one that cannot be read, or says what nobody wrote, accepts nothing."""
    found = []
    for row in rows:
        with suppress(UnreadableEventError):
            event = stored(row)
            if is_sound(event):
                found.append(event)
    return found


def set_aside(events: Sequence[RecordedEvent], taken: Collection[str]) -> list[RecordedEvent]:
    """
    Return events so that each id is there once: a later one under the same id counts nowhere.

    :param taken: ids that are in the log already
    """
    seen = set(taken)
    kept = []
    for event in events:
        is_repeated = event.event_id in seen and type(event.kind) is not Repeated
        seen.add(event.event_id)
        kept.append(event._replace(kind=Repeated(event.kind), content=None) if is_repeated else event)
    return kept


def marked_id(event_id: str, position: int) -> bytes:
    """Return what is stored as the id of an event that is the second under its id: its own again, and its position."""
    return bytes.fromhex(event_id) + position.to_bytes(8)


def require_known(rows: Iterable[Row], accepted: Collection[int]) -> None:
    """
    Refuse rows of kinds that this version does not know.

    :param accepted: positions of changed events that an operator accepted: a kind says nothing there
    :raises NewerEventError: a newer version recorded one of them
    :raises UnreadableEventError: one of them cannot be read
    """
    for row in rows:
        if row[0] not in accepted:
            raise newer(stored(row))


def counting(rows: Iterable[Row], accepted: Collection[int]) -> Iterator[RecordedEvent]:
    """
    Yield the events in rows, without those that cannot be read where that was accepted.

    :param accepted: positions of changed events that an operator accepted
    :raises UnreadableEventError: one of the others cannot be read
    """
    for row in rows:
        is_accepted = row[0] in accepted
        try:
            event = stored(row)
        except UnreadableEventError:
            if not is_accepted:
                raise
        else:
            if not is_accepted or is_sound(event):
                yield event


def cleaned(
    events: Iterable[RecordedEvent], *, old: Head, keep: Collection[Kind], sender: str | None
) -> list[NewEvent]:
    """
    Return the events that a cleaned log begins with: the one that says so, and those that it keeps.

    :param events: those of the kinds that `read_to_clean` names, at least
    :param old: where the log ended
    :param sender: the id of the credential that asked for it
    """
    kept: list[NewEvent] = []
    opening = None
    for event in events:
        if isinstance(event.content, LogCleaned):
            opening = event.content
        elif isinstance(event.kind, Kind) and event.kind in keep:
            kept.append(NewEvent(event.event_id, event.kind, event.payload, event.content, event.sender))
    first = log_cleaned(
        previous_epoch=old.epoch,
        previous_position=old.position,
        previous_digest=old.digest,
        opening=opening,
    )
    return [first.sent_by(sender), *kept]


def read_to_clean(keep: Collection[Kind]) -> list[Kind]:
    """Return the kinds of the events that `cleaned` has to see."""
    return [LOG_CLEANED, *keep]


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


def loss_in(text: str, head: Head) -> Loss:
    """Return the loss that a log's state tells of; one that cannot be read is none the less a loss."""
    try:
        witness, epoch, position, digest = loads(text)
        return Loss(str(witness), str(epoch), int(position), str(digest))
    except (ValueError, TypeError):
        return Loss("a note in the log's state, which cannot be read,", head.epoch, head.position + 1, "")


class _Written(Protocol):
    def is_written_to(self, found: str | None) -> bool:
        """See `TransactionalProjection.is_written_to`."""


def require_own_tables(projections: Iterable[_Written], found: str | None) -> None:
    """
    Check that what is written with the log has the tables that are known here.

    :raises OtherTablesError: another version of provgraph has made other ones
    """
    if not all(projection.is_written_to(found) for projection in projections):
        raise OtherTablesError


def tables_fault(projections: Iterable[_Written], found: str | None) -> list[str]:
    """Return a sentence if what is written with the log does not have the tables that are known here."""
    if all(projection.is_written_to(found) for projection in projections):
        return []
    return [
        "log_state says that the catalog's tables are of another version of provgraph: nothing can be recorded"
    ]


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


def further(loss: Loss | None, other: Loss) -> Loss:
    """Return the one of two losses that goes further; the first one of two that go equally far."""
    return other if loss is None or other.position > loss.position else loss


def loss_accepted(loss: Loss | None, head: Head, reason: str, sender: str | None) -> tuple[NewEvent, Head]:
    """
    Return the event that accepts a loss, and the head that it is to stand behind, where no position was given before.

    :raises ConflictError: nothing is lost
    """
    if loss is None:
        raise ConflictError("The log has everything that its witnesses saw: there is no loss to accept")
    accepted = LossAccepted(*loss, head.position, head.digest.hex(), reason)
    return events_loss_accepted(accepted, sender=sender), head._replace(
        position=max(head.position, loss.position)
    )


def check_continues(
    events: Iterable[RecordedEvent], *, epoch: str, head: Head, accepted: Mapping[int, ChangeAccepted]
) -> None:
    """
    Refuse events of another log that do not stand right behind ``head``.

    :param accepted: changes that were accepted there, by position
    :raises ConflictError: another epoch, or the chain does not go on
    """
    if head.position and epoch != head.epoch:
        raise ConflictError(
            f"The log has events of its own: its epoch is {head.epoch}, that of the events is {epoch}"
        )
    # A log that never had an event begins wherever the other one does.
    position, before = head.position, [head.digest if head.position else genesis(epoch)]
    for event in events:
        found = [digest_of(event, after=digest) for digest in before]
        follows = event.digest in found
        if not follows:
            change = accepted.get(event.position)
            follows = change is not None and change.recorded_digest == event.digest.hex()
        before = [event.digest] if event.digest in found else [event.digest, *found]
        if event.position <= position or not follows:
            raise ConflictError(
                f"By its digest the event at position {event.position} does not follow position {position}: the log "
                "holds other events up to there, or the event was changed"
            )
        position = event.position


def digest_of(event: RecordedEvent, *, after: bytes) -> bytes:
    """
    Return what the digest of an event has to be; for an event that nobody wrote, what is no digest.

    :param after: the digest of the event before it
    """
    position, event_id, kind, recorded_us, payload, _, _, salt, sender = event
    if sender is not None and not salt:
        return _NO_DIGEST
    return chain(after, position, event_id, kind, recorded_us, payload, salt, sender)


def _hex(sender: bytes | None) -> str | None:
    return None if sender is None else sender.hex()


def _find(recorded: Sequence[RecordedEvent], event_id: str) -> RecordedEvent:
    return next(event for event in recorded if event.event_id == event_id)
