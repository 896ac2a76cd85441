"""
The event log: an ordered, append-only sequence of events, and the only truth.

An implementation serialises its appends, so that positions rise in commit order and a reader that has passed a
position can never miss an event behind it.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from provgraph.events import Kind, NewEvent, RecordedEvent
    from provgraph.families.acceptance.events import ChangeAccepted

NOTHING_ACCEPTED: Final[Mapping[int, ChangeAccepted]] = MappingProxyType({})


# The one projector that works holds the lease of this name.
PROJECTOR_LEASE = "projector"


class Verdict(StrEnum):
    """What the log made of one event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # the same id with the same content was there already
    CONFLICT = "conflict"  # the id was there with other content; the stored event stands


class Appended(NamedTuple):
    """The log's answer for one event; ``recorded`` is the stored one, whatever the verdict."""

    verdict: Verdict
    recorded: RecordedEvent


class Head(NamedTuple):
    """Where a log ends."""

    epoch: str  # changes when the log is cleaned; positions go on rising
    position: int  # of the last event, 0 in a log that never had one
    digest: bytes  # of the last event, or the epoch's genesis


class Loss(NamedTuple):
    """That somebody saw more of a log than it has."""

    witness: str  # who, in words
    epoch: str
    position: int  # how far it saw the log
    digest: str  # of the event there, hex; empty when it does not know


class WrongPlace(NamedTuple):
    """A place in the log that is not what was recorded."""

    position: int
    sentence: str  # what is wrong there; of an accepted change the operator's reason, too


class ChainReport(NamedTuple):
    """The result of recomputing the digest chain."""

    intact: bool
    events: int  # how many verify, up to the first that does not
    position: int | None  # of the first event that does not verify and was not accepted
    message: str
    wrong: tuple[WrongPlace, ...] = ()  # the first places that do not verify
    accepted: tuple[WrongPlace, ...] = ()  # those that do not verify either, and were accepted
    missing: Head | None = None  # where the log ended when the walk began, if it does not go so far


class Lease(Protocol):
    """
    The right to do what one process at a time may do. Safe to use from several threads.

    It ends by itself when its holder ends, however that happens. A holder that is cut off from the log may go on
    believing for a moment: what it does must be guarded by something else as well.
    """

    def held(self) -> bool:
        """
        Tell whether this process has it, taking it when nobody does.

        A lease that was lost is told once, even if it could be taken again at once: whoever had it in between may
        have changed what this process remembers.

        :raises StoreError: whoever keeps the leases does not answer; then this process has it no more
        """

    def is_held_by_anyone(self) -> bool:
        """
        Tell whether some process has it, without taking it.

        :raises StoreError: whoever keeps the leases does not answer
        """

    def release(self) -> None:
        """Give it back, if this process has it. It may be taken again."""


class EventLog(Protocol):
    """
    An ordered, append-only sequence of events.

    Safe to use from several threads. Positions rise in commit order and may have holes.
    """

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """
        Append events at the end of the log and return a verdict for each, in order.

        Atomic: when this returns, every accepted event is durable; when it raises, none is stored. An event whose
        id is known changes nothing: it is a duplicate when its payload is the stored one, else a conflict. Within
        one call the first of two events with the same id counts.

        :raises LostEventsError: the log lacks what a witness saw; nothing of this call is stored
        :raises StoreError: the log cannot be written; nothing of this call is stored. Where the connection to a
            server was lost in the very moment of the commit, the text says that this is not known; sending the
            same events again is always safe
        """

    def append_new(self, events: Sequence[NewEvent]) -> list[RecordedEvent] | None:
        """
        Append events all of which have to be new, and return them; None: one of their ids is known, none is stored.

        Atomic and durable, as `append` is.

        :raises StoreError: as `append` does
        """

    def read(
        self, *, after: int = 0, limit: int = 1000, stored: bool = False, unparsed: bool = False
    ) -> list[RecordedEvent]:
        """
        Return up to ``limit`` events behind position ``after``, in log order, up to the first that cannot be read.

        Nothing is checked: whoever makes something of them reads through `provgraph.eventlog.checking`.

        :param stored: as they are stored now; else what this process recorded itself a moment ago may come from its
            memory
        :param unparsed: the same, without content, whatever they say; kinds are never set aside
        :raises UnreadableEventError: the first one cannot be read
        :raises StoreError: the log cannot be read
        """

    def digest_at(self, position: int) -> bytes:
        """
        Return the digest that the event behind ``position`` follows: as it is stored, or the epoch's genesis.

        :raises StoreError: the log cannot be read
        """

    def acceptances(self) -> list[RecordedEvent]:
        """
        Return the events by which operators accepted changes and losses, in log order.

        :raises StoreError: the log cannot be read
        """

    def get(self, event_id: str) -> RecordedEvent | None:
        """Return the event with this id (32 hex digits), or None."""

    def senders(self, positions: Collection[int]) -> dict[int, str]:
        """
        Return by position the sender of those of these events that came with a credential.

        :raises StoreError: the log cannot be read
        """

    @property
    def is_local(self) -> bool:
        """Whether reading it asks nobody but this process."""

    def head(self) -> Head:
        """Return where the log ends now."""

    def count(self, *, after: int = 0) -> int:
        """Return how many events stand behind position ``after``."""

    def stored_bytes(self) -> int | None:
        """Return how much room log and catalog take where they are stored, None where that cannot be known."""

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """Wait until the log's head is behind ``after``; False when the time ran out before."""

    def clean(self, *, keep: Collection[Kind], sender: str | None = None, at: int | None = None) -> Head:
        """
        Remove every event but those of the kinds in ``keep``, and begin a new epoch.

        The new epoch starts with an event that names the old epoch's head; the kept events follow with their ids
        and payloads, at new positions. One transaction.

        :param sender: the id of the credential that asked for it
        :param at: the position that the log has to end at; None: any
        :raises ConflictError: it ends elsewhere; nothing was removed
        :raises NewerEventError: the log holds an event of an unknown kind; nothing was removed
        """

    def restore(
        self,
        events: Sequence[RecordedEvent],
        *,
        epoch: str,
        accepted: Mapping[int, ChangeAccepted] = NOTHING_ACCEPTED,
    ) -> Head:
        """
        Append events of another log with their positions, times and digests, and return the head.

        A log that never had an event takes the epoch over; into any other only what follows its head can go: of the
        same epoch, and with digests that continue its chain, which proves that all before is the same. Atomic and
        durable, as `append` is.

        :param accepted: changes that were accepted in the other log, by position
        :raises ConflictError: the events do not follow what is in the log; nothing was stored
        :raises StoreError: the log cannot be written
        """

    def secret(self) -> bytes:
        """
        Return 32 random bytes that whoever uses this log shares, and nobody else knows.

        They are made with the log and stay when it is cleaned; a copy of its events has others.

        :raises StoreError: the log cannot be read
        """

    def loss(self) -> Loss | None:
        """
        Return what a witness saw and the log lacks. While there is something, `LostEventsError` meets all who write.

        :raises StoreError: the log cannot be read
        """

    def refuse(self, loss: Loss) -> None:
        """
        Take no writes, in no process, until the loss is accepted. Of several losses the one that goes furthest counts.

        :raises StoreError: the log cannot be written
        """

    def accept_loss(self, reason: str, *, sender: str | None = None) -> RecordedEvent:
        """
        Take writes again, with an event that names the loss. It stands behind the position that the witness saw.

        :param sender: the id of the credential that it came with
        :raises ConflictError: nothing is lost
        :raises StoreError: the log cannot be written
        """

    def lease(self, name: str) -> Lease:
        """Return the lease of a name, which all who use this log share. It is not taken yet."""

    def verify_chain(self, progress: Callable[[int], None] | None = None) -> ChainReport:
        """
        Recompute every digest. ``progress`` is called with the number of events checked so far.

        Changes that an operator accepted are told, and do no harm.
        """

    def faults(self) -> list[str]:
        """
        Have the database check its own files, and return what is wrong with them: which table, which row.

        Takes as long as reading everything. Nothing is changed.

        :raises StoreError: the database cannot be asked
        """

    def mend_ids(self) -> list[int]:
        """
        Make the index of the events' ids anew, and return the positions of events that are the second under their id.

        Those stay where they are in the chain, and count nowhere from now on (`Repeated`): the first one does.

        :raises StoreError: the log cannot be written
        """

    def probe(self) -> None:
        """
        Write and commit a small thing that is not an event: the proof that an append would succeed now.

        :raises StoreError: it would not
        """

    def close(self) -> None:
        """Release files and connections. The log is not usable afterwards."""
