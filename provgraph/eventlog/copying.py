"""
Moving house: a log copied into another one, event by event as it stands.

Positions, digests, recorded times and the epoch stay, so that graph and answers that were built from the one log are
true for the other. The target's catalog is written by the target's own projection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ConflictError, CorruptStoreError
from provgraph.eventlog.checking import CheckedReader, accepted_changes
from provgraph.eventlog.witnesses import lost_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.eventlog.base import EventLog, Head

_CHUNK = 2_000


class Copied(NamedTuple):
    """A copy that ended well."""

    copied: int  # how many events were copied now; those that an earlier try copied are not among them
    events: int  # how many the log has
    head: Head  # where both logs end


def copy_log(
    source: EventLog, target: EventLog, *, progress: Callable[[int, int], None] | None = None
) -> Copied:
    """
    Copy what ``target`` lacks of ``source``, then verify it.

    The target is empty, or was copied from this source before: then the copy goes on behind its head, so that one
    that was interrupted is simply begun again. Events that arrive in the source meanwhile are copied, too.

    :param progress: called with how much is done of how much; each event counts twice, copied and verified
    :raises ConflictError: the target has events of its own, or the source was cleaned meanwhile
    :raises ChangedEventError: an event of the source was changed; what stands before it was copied
    :raises LostEventsError: the source, or the target, lacks what a witness saw
    :raises CorruptStoreError: the copy does not verify
    :raises StoreError: one of the logs failed; what was copied so far stays
    """
    return _Copy(source, target, progress).run()


class _Copy:
    def __init__(
        self, source: EventLog, target: EventLog, progress: Callable[[int, int], None] | None
    ) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._reader = CheckedReader(source)
        self._accepted = accepted_changes(source)
        self._epoch = source.head().epoch
        self._total = source.count()
        self._copied = 0

    def run(self) -> Copied:
        """Do all of it."""
        loss = self._source.loss()
        if loss is not None:  # nobody would have seen more of the copy
            raise lost_error(loss, self._source.head())
        at = self._beginning()
        there = self._target.count()
        self._tell(there)
        while at != self._source.head():
            at = self._follow(at, there)
        report = self._target.verify_chain(lambda checked: self._tell(there + self._copied + checked))
        if not report.intact:
            raise CorruptStoreError(f"The copy does not verify: {report.message}")
        if self._target.head() != at:
            raise ConflictError("Something else was appended to the target meanwhile: it is no copy any more")
        return Copied(self._copied, report.events, at)

    def _beginning(self) -> Head:
        """Return where the target ends, having made sure that the source goes on from there."""
        at = self._target.head()
        if at.position == 0:
            return self._target.restore([], epoch=self._epoch)
        if at.epoch == self._epoch:
            found = self._source.read(after=at.position - 1, limit=1, stored=True)
            if found and (found[0].position, found[0].digest) == (at.position, at.digest):
                return at
        raise ConflictError(
            f"The target holds other events than the source, up to position {at.position} of its epoch {at.epoch}: "
            "copy into an empty one"
        )

    def _follow(self, at: Head, there: int) -> Head:
        """Copy the next events behind ``at``, and return where the target ends now."""
        events = self._reader.read(after=at.position, limit=_CHUNK)
        if self._source.head().epoch != self._epoch:
            raise ConflictError("The source was cleaned meanwhile: copy it again, into an empty target")
        if not events:
            raise CorruptStoreError(f"The source does not give what stands behind position {at.position}")
        at = self._target.restore(events, epoch=self._epoch, accepted=self._accepted)
        self._copied += len(events)
        self._tell(there + self._copied)
        return at

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._total = max(self._total, (done + 1) // 2)
            self._progress(done, 2 * self._total)
