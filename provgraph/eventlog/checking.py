"""
Reading a log and checking its digest chain on the way.

Whoever makes something of the log (a graph, a catalog, a copy) reads it through `CheckedReader`: it carries the digest
of the event before, so checking costs the digests of what is read, and nothing is read twice. At an event that is not
what was recorded the reading ends, with an error that names the position, until an operator accepts the change: that
is an event of its own, which names both digests. What is accepted is passed over, and goes on being named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ChangedEventError, UnreadableEventError
from provgraph.eventlog.base import ChainReport, WrongPlace
from provgraph.eventlog.recording import digest_of
from provgraph.eventlog.tail import Recent
from provgraph.eventlog.witnesses import lost_sentence
from provgraph.events import Kind, Repeated, SetAside, UnknownKind
from provgraph.families.acceptance.events import ChangeAccepted
from provgraph.families.pem.events import Pem
from provgraph.families.registry import is_sound
from provgraph.families.tracking.events import Tracked, step_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provgraph.eventlog.base import EventLog, Head
    from provgraph.events import RecordedEvent

_CHUNK = 5_000
# So many changed events are listed; more are counted.
_LISTED = 100
# For so long a log may be behind what is committed.
_LOG_IS_BEHIND_SECONDS = 10.0

# Accepted changes, by the position of the changed event. A later one for the same event takes the place of an earlier.
Accepted = dict[int, ChangeAccepted]


class Change(NamedTuple):
    """An event whose digest does not follow from what stands before it."""

    event: RecordedEvent
    found: bytes  # what its content makes of the digest before it
    before: int  # position of the event before it, 0 for the first of all

    def is_accepted(self, accepted: Mapping[int, ChangeAccepted]) -> bool:
        """Tell whether an operator accepted this event as it stands now."""
        stated = accepted.get(self.event.position)
        return stated is not None and (stated.recorded_digest, stated.found_digest) == (
            self.event.digest.hex(),
            self.found.hex(),
        )

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        gone = self.event.position - self.before - 1
        lost = f", or what stood between it and position {self.before} is gone" if gone else ""
        return (
            f"the event at position {self.event.position} ({self.event.event_id}) is not what was recorded there{lost}"
            ": its digest does not follow from the event before it"
        )


class ChainWalk:
    """The digest chain of a log, recomputed event by event. Not for several threads at a time."""

    def __init__(self, log: EventLog, *, after: int = 0) -> None:
        """
        Begin behind position ``after``.

        :raises StoreError: the log cannot be read
        """
        self.epoch = log.head().epoch
        self.position = after
        # After a change that was passed over, what follows continues the digest that was stored, or the other one:
        # that depends on whether the content was changed or the digest.
        digest = log.digest_at(after)
        accepted = accepted_changes(log).values()
        self._before: tuple[bytes, ...] = (
            digest,
            *(
                bytes.fromhex(change.found_digest)
                for change in accepted
                if change.recorded_digest == digest.hex()
            ),
        )

    def follow(self, events: Sequence[RecordedEvent]) -> tuple[int, Change | None]:
        """Follow events up to the first that does not verify; return how many did, and that one."""
        if not events:
            return 0, None
        if len(self._before) > 1:
            first = events[0]
            right = [before for before in self._before if digest_of(first, after=before) == first.digest]
            self._before = (right[0],) if right else self._before
        before = self._before[0]
        for index, event in enumerate(events):
            found = digest_of(event, after=before)
            if found != event.digest:
                if index:
                    self._before, self.position = (before,), events[index - 1].position
                return index, Change(event, found, self.position)
            before = event.digest
        self._before, self.position = (before,), events[-1].position
        return len(events), None

    def skip_to(self, events: Sequence[RecordedEvent]) -> None:
        """Go on behind the last of these events, whose digests are known to be right."""
        if events:
            self._before, self.position = (events[-1].digest,), events[-1].position

    def verifies(self, event: RecordedEvent) -> bool:
        """Tell whether an event is what was recorded behind the last one that was followed."""
        return any(digest_of(event, after=before) == event.digest for before in self._before)

    def pass_over(self, change: Change) -> None:
        """Go on behind a changed event."""
        self.position = change.event.position
        self._before = (change.event.digest, change.found)


def accepted_changes(log: EventLog) -> Accepted:
    """
    Return the changes that operators accepted.

    :raises StoreError: the log cannot be read
    """
    stated = (event.content for event in log.acceptances())
    return {change.position: change for change in stated if isinstance(change, ChangeAccepted)}


def require_unchanged(log: EventLog, change: Change) -> None:
    """
    Raise unless an operator accepted a change.

    :raises ChangedEventError: nobody did
    """
    if change.is_accepted(accepted_changes(log)):
        return
    position = change.event.position
    sentence = change.sentence
    raise ChangedEventError(
        f"{sentence[0].upper()}{sentence[1:]}. Nothing was read beyond it. Put the log back from a backup; or see with "
        f"provgraph admin verify --deep what else is wrong, and accept the event as it stands now: provgraph admin "
        f"accept-change {position} --reason '...'",
        position=position,
    )


class CheckedReader:
    """
    Reads a log in its order, and checks that nothing in it was changed. Not for several threads at a time.

    It need not be told where to begin: behind another position than the last one it looks up the digest there.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        remembered_after: int | None = None,
        passing_over: Callable[[ChangedEventError], None] | None = None,
    ) -> None:
        """
        Prepare to read ``log``; nothing is asked yet.

        :param remembered_after: after this position, take what this process recorded itself a moment ago from its
            memory. That is for whoever follows the log. None: read what is stored, and nothing else
        :param passing_over: what is not what was recorded is set aside, as if that were accepted, and this is told. For
            whoever cannot wait for an operator. None: the reading ends there
        """
        self._log = log
        self._passing_over = passing_over
        self._remembered_after = remembered_after
        self._walk: ChainWalk | None = None

    def read(self, *, after: int, limit: int) -> list[RecordedEvent]:
        """
        Return up to ``limit`` events behind position ``after``, up to the first that is not what was recorded.

        An accepted change is among them; set aside (`SetAside`), when it cannot be read, or says what no version would
        have written. Nothing is returned when the log was cleaned meanwhile.

        :raises ChangedEventError: the first one is not what was recorded
        :raises StoreError: the log cannot be read
        """
        walk = self._walk
        if walk is None or walk.position != after:
            walk = self._walk = ChainWalk(self._log, after=after)
        try:
            events = self._log.read(after=after, limit=limit, stored=self._reads_stored(after))
        except UnreadableEventError:
            events = self._set_aside(walk, after)
        if type(events) is Recent:
            # They are what this process recorded, whatever the store says by now: only that they continue what was
            # read before is to be checked. A change there is for those who read what is stored.
            _, change = walk.follow(events[:1])
            if change is None:
                walk.skip_to(events)
                return events
        return self._sound(walk, events)

    def _reads_stored(self, after: int) -> bool:
        return self._remembered_after is None or after < self._remembered_after

    def _sound(self, walk: ChainWalk, events: list[RecordedEvent]) -> list[RecordedEvent]:
        """Return events up to the first that is not what was recorded."""
        good = 0
        while True:
            followed, change = walk.follow(events[good:])
            good += followed
            if change is None:
                self._require_repeated(events)
                return events
            if self._log.head().epoch != walk.epoch:
                self._walk = None
                return []
            passed_over = False
            try:
                require_unchanged(self._log, change)
            except ChangedEventError as error:
                if self._passing_over is None:
                    if not good:
                        raise
                    return events[:good]
                self._passing_over(error)
                passed_over = True
            if passed_over or _counts_nowhere(change.event, walk.epoch):
                events[good] = _aside(change.event)
            walk.pass_over(change)
            good += 1

    def _require_repeated(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            try:
                _require_repeated(self._log, event)
            except ChangedEventError as error:  # it is set aside already
                if self._passing_over is None:
                    raise
                self._passing_over(error)

    def _set_aside(self, walk: ChainWalk, after: int) -> list[RecordedEvent]:
        """
        Return the event behind ``after``, which cannot be read, as one that counts nowhere: if that was accepted.

        :raises UnreadableEventError: it is what was recorded all the same
        """
        found = self._log.read(after=after, limit=1, unparsed=True)
        if found and walk.verifies(found[0]):
            return self._log.read(after=after, limit=1, stored=True)  # raises again
        return [_aside(event) for event in found]


def _require_repeated(log: EventLog, event: RecordedEvent) -> None:
    """
    Refuse an event that is marked as the second under its id, where there is no first.

    :raises ChangedEventError: it is one
    """
    if type(event.kind) is Repeated and not is_repeated(log, event):
        raise ChangedEventError(
            f"The event at position {event.position} of the log ({event.event_id}) is marked as the second under "
            "its id, but there is no first: somebody hid it. Put the log back from a backup",
            position=event.position,
        )


def is_repeated(log: EventLog, event: RecordedEvent) -> bool:
    """
    Tell whether the log has another event under the id of this one, before it.

    :raises StoreError: the log cannot be read
    """
    first = log.get(event.event_id)
    return first is not None and first.position < event.position


def _counts_nowhere(event: RecordedEvent, epoch: str) -> bool:
    """Tell whether a change leaves nothing of an event that anything could be made of."""
    if not isinstance(event.kind, Kind):
        return type(event.kind) is UnknownKind
    return _has_another_id(event) or _has_another_number(event, epoch) or not is_sound(event)


def _has_another_id(event: RecordedEvent) -> bool:
    """Tell whether an event says that it is another than its row."""
    said = getattr(event.content, "pem", event.content)
    return isinstance(said, Pem) and said.id != event.event_id


def _has_another_number(event: RecordedEvent, epoch: str) -> bool:
    """Tell whether an event says that it is another step than its id stands for: that number may be another's."""
    content = event.content
    return isinstance(content, Tracked) and event.event_id != step_id(epoch, content.step.sequence)


def _aside(event: RecordedEvent) -> RecordedEvent:
    return event._replace(kind=SetAside(event.kind), content=None)


def verify_chain(log: EventLog, progress: Callable[[int], None] | None = None) -> ChainReport:
    """See `EventLog.verify_chain`."""
    head = log.head()
    checkup = Checkup(log, head)
    while checkup.go_on(_CHUNK):
        if progress is not None:
            progress(checkup.checked)
    if log.head().epoch != head.epoch:  # cleaned meanwhile
        return verify_chain(log, progress)
    return checkup.report()


class Checkup:
    """A walk through a whole log, in slices, that does not end at what is wrong. Not for several threads at a time."""

    def __init__(self, log: EventLog, head: Head) -> None:
        """
        Begin with the first event.

        :param head: where the log ended a moment ago: it has to have that event
        :raises StoreError: the log cannot be read
        """
        self._log = log
        self._head = head
        self._walk = ChainWalk(log)
        self._accepted = accepted_changes(log)
        self._wrong = _Places()
        self._passed = _Places()
        self._sound: int | None = None  # how many stand before the first that does not verify
        self.checked = 0

    @property
    def position(self) -> int:
        """Of the last event that was checked."""
        return self._walk.position

    def go_on(self, events: int) -> bool:
        """
        Check the next ``events`` at most, and tell whether there were any.

        :raises StoreError: the log cannot be read
        """
        found = self._log.read(after=self._walk.position, limit=events, unparsed=True)
        changes = list(self._changes_in(found))
        if not all(change.is_accepted(self._accepted) for _, change in changes):
            self._accepted = accepted_changes(self._log)  # a moment ago, maybe
        for index, change in changes:
            if not self._note(change) and self._sound is None:
                self._sound = self.checked + index
        for event in found:
            if type(event.kind) is Repeated:
                self._note_repeated(event)
            if event.position == self._head.position and event.digest != self._head.digest:
                self._wrong.add(
                    event.position,
                    f"the event at position {event.position} is not the one that the log ended with",
                )
        self.checked += len(found)
        return bool(found)

    def report(self) -> ChainReport:
        """Return what was found, once there was nothing more to check."""
        last = self._walk.position
        if last > self._log.head().position:
            # Most likely it was appended a moment ago: what is committed is read before the log says where it ends.
            self._log.wait(after=last - 1, timeout_seconds=_LOG_IS_BEHIND_SECONDS)
        head = self._log.head()
        missing = self._head if last < self._head.position else None
        if missing is not None:
            sentence = f"the events after position {last} are missing, up to {self._head.position}"
            self._wrong.add(last + 1, sentence)
        elif last > head.position:
            sentence = (
                f"there are events up to position {last}, but the log says that it ends at {head.position}"
            )
            self._wrong.add(head.position, sentence)
        loss = self._log.loss()
        if loss is not None:
            self._wrong.add(loss.position, lost_sentence(loss, head))
        wrong, accepted = tuple(self._wrong.listed), tuple(self._passed.listed)
        if wrong:
            others = self._wrong.total - 1
            more = f"; places that are wrong beside it: {others:,}" if others else ""
            message = f"{wrong[0].sentence}{more}"
            sound = self.checked if self._sound is None else self._sound
            return ChainReport(False, sound, wrong[0].position, message, wrong, accepted, missing)
        if not self.checked:
            return ChainReport(True, 0, None, "digest chain intact, the log is empty")
        message = f"digest chain intact over {self.checked} event{'' if self.checked == 1 else 's'}"
        if accepted:
            message += f", but for {self._passed.total} that an operator accepted as changed"
        return ChainReport(True, self.checked, None, message, accepted=accepted)

    def _changes_in(self, events: Sequence[RecordedEvent]) -> Iterator[tuple[int, Change]]:
        """Yield the changes in events that come next, each with its index."""
        start = 0
        while start < len(events):
            followed, change = self._walk.follow(events[start:] if start else events)
            if change is None:
                return
            self._walk.pass_over(change)
            yield start + followed, change
            start += followed + 1

    def _note_repeated(self, event: RecordedEvent) -> None:
        what = (
            f"the event at position {event.position} is marked as the second under its id ({event.event_id})"
        )
        if is_repeated(self._log, event):
            self._passed.add(event.position, f"{what}: it counts nowhere, the first one does")
        else:
            self._wrong.add(event.position, f"{what}, but there is no first: somebody hid it")

    def _note(self, change: Change) -> bool:
        """Note a change, and tell whether it was accepted."""
        position, sentence = change.event.position, change.sentence
        is_accepted = change.is_accepted(self._accepted)
        if is_accepted:
            self._passed.add(position, f"{sentence}. It was accepted: {self._accepted[position].reason}")
        else:
            self._wrong.add(position, sentence)
        return is_accepted


class _Places:
    """Places in a log: how many there are, and the first of them."""

    def __init__(self) -> None:
        self.total = 0
        self.listed: list[WrongPlace] = []

    def add(self, position: int, sentence: str) -> None:
        self.total += 1
        if len(self.listed) < _LISTED:
            self.listed.append(WrongPlace(position, sentence))
