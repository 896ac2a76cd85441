"""An event log in memory: for tests, and the plainest statement of what a log does."""

from __future__ import annotations

import secrets
import threading
import uuid
from typing import TYPE_CHECKING

from provgraph.eventlog import checking, recording
from provgraph.eventlog.base import NOTHING_ACCEPTED, Appended, ChainReport, Head, Loss
from provgraph.eventlog.local import LocalLease
from provgraph.eventlog.recording import further
from provgraph.eventlog.witnesses import lost_error
from provgraph.events import Repeated, UnknownKind, genesis, newer
from provgraph.families.acceptance.events import ACCEPTANCES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from provgraph.events import Kind, RecordedEvent
    from provgraph.events.base import NewEvent
    from provgraph.families.acceptance.events import ChangeAccepted


class InMemoryEventLog:
    """An `EventLog` in a list."""

    def __init__(self) -> None:
        self._events: list[RecordedEvent] = []
        self._by_id: dict[str, RecordedEvent] = {}
        self._epoch = uuid.uuid4().hex
        self._secret = secrets.token_bytes(32)
        self._last_position = 0
        self._changed = threading.Condition()
        self._loss: Loss | None = None

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """See `EventLog.append`."""
        with self._changed:
            self._require_whole()
            known = {e.event_id: self._by_id[e.event_id] for e in events if e.event_id in self._by_id}
            new, _ = recording.split(events, known)
            recorded = self._store(new)
            self._changed.notify_all()
        return recording.judge(events, known=known, recorded=recorded)

    def append_new(self, events: Sequence[NewEvent]) -> list[RecordedEvent] | None:
        """See `EventLog.append_new`."""
        with self._changed:
            self._require_whole()
            ids = {event.event_id for event in events}
            if len(ids) < len(events) or not self._by_id.keys().isdisjoint(ids):
                return None
            recorded = self._store(events)
            self._changed.notify_all()
        return recorded

    def read(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        stored: bool = False,  # noqa: ARG002 - there is no other store
        unparsed: bool = False,  # noqa: ARG002 - nothing is parsed here
    ) -> list[RecordedEvent]:
        """See `EventLog.read`."""
        with self._changed:
            behind = [event for event in self._events if event.position > after]
        return behind[:limit]

    def digest_at(self, position: int) -> bytes:
        """See `EventLog.digest_at`."""
        with self._changed:
            before = [event.digest for event in self._events if event.position <= position]
            return before[-1] if before else genesis(self._epoch)

    def acceptances(self) -> list[RecordedEvent]:
        """See `EventLog.acceptances`."""
        with self._changed:
            return [event for event in self._events if event.kind in ACCEPTANCES]

    def get(self, event_id: str) -> RecordedEvent | None:
        """See `EventLog.get`."""
        return self._by_id.get(event_id)

    def senders(self, positions: Collection[int]) -> dict[int, str]:
        """See `EventLog.senders`."""
        with self._changed:
            wanted = set(positions)
            return {e.position: e.sender for e in self._events if e.sender and e.position in wanted}

    @property
    def is_local(self) -> bool:
        """See `EventLog.is_local`."""
        return True

    def head(self) -> Head:
        """See `EventLog.head`."""
        with self._changed:
            return self._head()

    def count(self, *, after: int = 0) -> int:
        """See `EventLog.count`."""
        with self._changed:
            return sum(event.position > after for event in self._events)

    def stored_bytes(self) -> None:
        """See `EventLog.stored_bytes`."""

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """See `EventLog.wait`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._last_position > after, timeout_seconds)

    def clean(self, *, keep: Collection[Kind], sender: str | None = None, at: int | None = None) -> Head:
        """See `EventLog.clean`."""
        with self._changed:
            self._require_whole()
            old = self._head()
            recording.check_ends(old, at)
            for event in self._events:
                if type(event.kind) is UnknownKind:
                    raise newer(event)
            new = recording.cleaned(self._events, old=old, keep=keep, sender=sender)
            self._events.clear()
            self._by_id.clear()
            self._epoch = uuid.uuid4().hex
            self._store(new)
            self._changed.notify_all()
            return self._head()

    def verify_chain(self, progress: Callable[[int], None] | None = None) -> ChainReport:
        """See `EventLog.verify_chain`."""
        return checking.verify_chain(self, progress)

    def restore(
        self,
        events: Sequence[RecordedEvent],
        *,
        epoch: str,
        accepted: Mapping[int, ChangeAccepted] = NOTHING_ACCEPTED,
    ) -> Head:
        """See `EventLog.restore`."""
        with self._changed:
            self._require_whole()
            recording.check_continues(events, epoch=epoch, head=self._head(), accepted=accepted)
            self._epoch = epoch
            self._keep(recording.set_aside(events, self._by_id))
            self._changed.notify_all()
            return self._head()

    def secret(self) -> bytes:
        """See `EventLog.secret`."""
        return self._secret

    def loss(self) -> Loss | None:
        """See `EventLog.loss`."""
        return self._loss

    def refuse(self, loss: Loss) -> None:
        """See `EventLog.refuse`."""
        with self._changed:
            self._loss = further(self._loss, loss)

    def accept_loss(self, reason: str, *, sender: str | None = None) -> RecordedEvent:
        """See `EventLog.accept_loss`."""
        with self._changed:
            head = self._head()
            new, behind = recording.loss_accepted(self._loss, head, reason, sender)
            self._loss = None
            before_us = self._events[-1].recorded_us if self._events else 0
            recorded = recording.record([new], head=behind, not_before_us=before_us)
            self._keep(recorded)
            self._changed.notify_all()
            return recorded[0]

    def _require_whole(self) -> None:
        if self._loss is not None:
            raise lost_error(self._loss, self._head())

    def lease(self, name: str) -> LocalLease:  # noqa: ARG002 - nobody else could hold any
        """See `EventLog.lease`."""
        return LocalLease()

    def faults(self) -> list[str]:
        """See `EventLog.faults`."""
        return []

    def mend_ids(self) -> list[int]:
        """See `EventLog.mend_ids`."""
        with self._changed:
            kept = recording.set_aside(self._events, ())
            mended = [
                event.position for event, was in zip(kept, self._events, strict=True) if event is not was
            ]
            self._events, self._by_id = [], {}
            self._keep(kept)
            return mended

    def probe(self) -> None:
        """See `EventLog.probe`."""
        with self._changed:
            self._require_whole()

    def close(self) -> None:
        """See `EventLog.close`."""

    def _head(self) -> Head:
        digest = self._events[-1].digest if self._events else genesis(self._epoch)
        return Head(self._epoch, self._last_position, digest)

    def _store(self, new: Sequence[NewEvent]) -> list[RecordedEvent]:
        before_us = self._events[-1].recorded_us if self._events else 0
        recorded = recording.record(new, head=self._head(), not_before_us=before_us)
        self._keep(recorded)
        return recorded

    def _keep(self, recorded: Sequence[RecordedEvent]) -> None:
        if recorded:
            self._events.extend(recorded)
            self._by_id.update(
                (event.event_id, event) for event in recorded if type(event.kind) is not Repeated
            )
            self._last_position = recorded[-1].position
