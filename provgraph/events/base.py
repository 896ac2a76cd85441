"""
What every event is, whichever family it belongs to.

`NewEvent` goes into the log, `RecordedEvent` comes out. The digest chain is defined here, once: whoever holds the
events can recompute it without a store.
"""

from __future__ import annotations

from hashlib import sha256 as _sha256
from typing import TYPE_CHECKING, Generic, NamedTuple

from typing_extensions import TypeVar

from provgraph.errors import NewerEventError
from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# What a family's events say: its own type. Whoever does not care says nothing.
C_co = TypeVar("C_co", covariant=True, default=object)
_Said = TypeVar("_Said")

DIGEST_BYTES = 32
SALT_BYTES = 16

# What the commitment of a payload begins with. No JSON text begins so, and RFC 6962 uses neither.
_SALTED = b"\x02"
_SALTED_AND_SENT = b"\x03"


class Kind(str):
    """A kind of events that this version knows: some family has it. Its text is stored: never change one."""

    __slots__ = ()


class UnknownKind(str):
    """The kind of an event that this version does not know: a newer one recorded it. Its content is None."""

    __slots__ = ()


class SetAside(str):
    """
    The kind of an event that stands in the log and counts nowhere. Its content is None.

    Nobody can read what it says by now and an operator accepted that; or it is `Repeated`.
    """

    __slots__ = ()


class Repeated(SetAside):
    """The kind of an event that is the second under its id: a damaged index let it in. The first one counts."""

    __slots__ = ()


class NewEvent(NamedTuple, Generic[C_co]):
    """An event that is not in the log yet. ``content`` is what ``payload`` says, already read."""

    event_id: str  # 32 lower-case hex digits
    kind: Kind
    payload: bytes  # canonical JSON
    content: C_co
    sender: str | None = (
        None  # the id of the credential that it came with, 32 hex digits; None: it came with none
    )

    def sent_by(self, sender: str | None) -> NewEvent[C_co]:
        """Return the same event as one that came with this credential."""
        return self._replace(sender=sender)


class RecordedEvent(NamedTuple, Generic[C_co]):
    """An event as the log holds it."""

    position: int
    event_id: str
    kind: Kind | UnknownKind | SetAside
    recorded_us: int  # log's clock, microseconds since 1970, UTC
    payload: bytes
    digest: bytes
    content: C_co  # the family's own type: Pem, TagSet, ...
    salt: bytes = b""  # SALT_BYTES random bytes; empty in events of formats before 2
    sender: str | None = None  # see `NewEvent`


def known(events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
    """
    Return the events up to the first of an unknown kind: what may be projected.

    :raises NewerEventError: the first one is of an unknown kind
    """
    for index, event in enumerate(events):
        if type(event.kind) is UnknownKind:
            if index == 0:
                raise newer(event)
            return events[:index]
    return events


def newer(event: RecordedEvent) -> NewerEventError:
    """Return the error that tells of an event of an unknown kind."""
    return NewerEventError(
        f"The event at position {event.position} of the log is of the kind {event.kind!s}, which this version does not "
        "know: it was recorded by a newer provgraph. Nothing was skipped or changed; use that version to go on",
        position=event.position,
    )


def texts(listed: object) -> tuple[str, ...]:
    """
    Return the texts of a stored list.

    :raises TypeError: it is no list, or holds something else
    """
    if type(listed) is not list or not all(type(each) is str for each in listed):
        raise TypeError("not a list of texts")
    return tuple(listed)


def event(
    kind: Kind, event_id: str, content: _Said, fields: Mapping[str, Any], *, sender: str | None = None
) -> NewEvent[_Said]:
    """Return a new event whose payload is the canonical form of ``fields``."""
    return NewEvent(event_id, kind, canonical.dumps(fields), content, sender)


def genesis(epoch: str) -> bytes:
    """Return the digest that comes before the first event of a log's epoch."""
    return _sha256(b"provgraph log epoch " + epoch.encode()).digest()


def commitment(payload: bytes, salt: bytes = b"", sender: str | None = None) -> bytes:
    """
    Return the 32 bytes by which a payload enters its entry: a hash, so that a payload can be erased one day.

    The salt keeps the hash of a guessable payload from telling what it was. With the sender in it, nobody can say
    later that another credential recorded the event.

    :param salt: empty for an event that has none; then it has no sender
    :param sender: the id of a credential, 32 hex digits
    :raises ValueError: a sender and no salt: the hash would not cover the sender
    """
    if not salt:
        if sender is not None:
            raise ValueError("An event without a salt has no sender")
        return _sha256(payload).digest()
    if sender is None:
        return _sha256(_SALTED + salt + payload).digest()
    return _sha256(_SALTED_AND_SENT + salt + bytes.fromhex(sender) + payload).digest()


def entry(position: int, event_id: str, kind: str, recorded_us: int, committed: bytes) -> bytes:
    """
    Return the bytes that the chain hashes for an event: its header, and the commitment to its payload.

    An entry has at most 200 bytes, and says nothing of the payload.
    """
    return f"{position} {event_id} {kind} {recorded_us} ".encode() + committed


def chain(
    previous: bytes,
    position: int,
    event_id: str,
    kind: str,
    recorded_us: int,
    payload: bytes,
    salt: bytes = b"",
    sender: str | None = None,
) -> bytes:
    """Return the digest of an event: SHA-256 over the digest before it and its entry."""
    committed = commitment(payload, salt, sender)
    return _sha256(previous + entry(position, event_id, kind, recorded_us, committed)).digest()
