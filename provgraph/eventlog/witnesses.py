"""
Who has seen how far a log went, and what is wrong when the log does not agree.

A log that lost its end looks as sound as any other: its chain verifies. So others are asked how far they saw it: on
SQLite the file's own count of positions, the catalog, the head file; on PostgreSQL the row with the log's state, and
the catalog; on both the graph's checkpoint. Each of them is written after the events that it tells of are durable, so
each may be behind the log, and none is ever ahead of it, whenever a process is killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.errors import LostEventsError, UnreadableEventError
from provgraph.eventlog.base import Head, Loss
from provgraph.families.acceptance.events import LossAccepted
from provgraph.families.operation.events import LogCleaned

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.eventlog.base import ChainReport, EventLog

CATALOG = "the catalog"
GRAPH = "the graph"
HEAD_FILE = "the head file"
SERVICE = "this service"
SEQUENCE = "the file's count of positions"
STATE = "the row with the log's state"

_EXCERPT = 12  # digits of a digest that a sentence shows


def lost(log: EventLog, seen: Head, *, witness: str, of_this_epoch: bool = False) -> Loss | None:
    """
    Return what a witness saw and the log lacks, None when the log has it, or when an operator accepted the loss.

    :param seen: how far it saw the log; an empty digest: it does not know which event was there
    :param of_this_epoch: whether only what it saw of the log's present epoch counts
    :raises StoreError: the log cannot be read
    """
    while True:
        epoch = log.head().epoch
        if of_this_epoch and seen.epoch != epoch:
            return None
        if has(log, seen) or _is_accepted(log, seen):
            return None
        # Where the log was cleaned meanwhile, one answer was of the old epoch and the next of the new one.
        if log.head().epoch == epoch:
            return Loss(witness, seen.epoch, seen.position, seen.digest.hex())


def ask(
    log: EventLog, witness: str, seen: Callable[[], Head | None], *, of_this_epoch: bool = False
) -> Loss | None:
    """
    Ask a witness, have the log take no writes when it lacks what that saw, and return what it lacks.

    :raises StoreError: the log, or the witness, cannot be read
    """
    stated = seen()
    loss = None if stated is None else lost(log, stated, witness=witness, of_this_epoch=of_this_epoch)
    if loss is not None:
        log.refuse(loss)
    return loss


def heed(log: EventLog, report: ChainReport) -> None:
    """
    Have a log take no writes when the walk through it missed its end: it was there when this service looked last.

    :raises StoreError: the log cannot be written
    """
    if report.missing is not None:
        epoch, position, digest = report.missing
        log.refuse(Loss(SERVICE, epoch, position, digest.hex()))


def lost_error(loss: Loss, head: Head) -> LostEventsError:
    """Return the error that tells of a loss."""
    sentence = lost_sentence(loss, head)
    return LostEventsError(
        f"Events were lost: {sentence}. Nothing is written, so that no position is given twice. Put the newest backup "
        "of the log back; or, if the events are gone for good, say so: provgraph admin accept-loss --reason '...'"
    )


def lost_sentence(loss: Loss, head: Head) -> str:
    """Return what was lost, for people."""
    seen = f"{loss.witness} has seen"
    if loss.epoch != head.epoch:
        old, own = loss.epoch[:_EXCERPT], head.epoch[:_EXCERPT]
        return f"the event log is of epoch {own}, but {seen} epoch {old} up to position {loss.position}"
    if head.position < loss.position:
        return f"the event log ends at position {head.position}, but {seen} it up to position {loss.position}"
    return (
        f"the event at position {loss.position} of the event log is missing, or another one than {seen} there"
    )


def has(log: EventLog, seen: Head) -> bool:
    """
    Tell whether a log has what somebody saw of it, or was cleaned since.

    :raises StoreError: the log cannot be read
    """
    head = log.head()
    if seen.position == 0:
        return True
    if seen.epoch != head.epoch:
        # Cleaned since: the first event of an epoch names those before.
        began = opening(log)
        return began is not None and began.had(seen.epoch, seen.position)
    return head.position >= seen.position and (not seen.digest or log.digest_at(seen.position) == seen.digest)


def _is_accepted(log: EventLog, seen: Head) -> bool:
    return any(
        isinstance(event.content, LossAccepted)
        and event.content.epoch == seen.epoch
        and seen.position <= event.content.position
        for event in log.acceptances()
    )


def opening(log: EventLog) -> LogCleaned | None:
    """
    Return what opened the log's epoch, None when it is the first, or when that cannot be read.

    :raises StoreError: the log cannot be read
    """
    try:
        first = next(iter(log.read(after=0, limit=1)), None)
    except UnreadableEventError:
        return None
    return first.content if first is not None and isinstance(first.content, LogCleaned) else None
