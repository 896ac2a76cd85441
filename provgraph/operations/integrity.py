"""What this process knows of changes in the log, and the operator's word on them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from provgraph.errors import ChangedEventError, ConflictError, InvalidInputError, NotFoundError
from provgraph.eventlog.checking import ChainWalk, CheckedReader, accepted_changes
from provgraph.families.acceptance.events import ChangeAccepted, change_accepted
from provgraph.operations.progress import unreported
from provgraph.operations.rebuild import rebuild_catalog

if TYPE_CHECKING:
    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent
    from provgraph.operations.progress import Report

logger = logging.getLogger(__name__)

_LONGEST_REASON = 1_000


class Integrity:
    """
    The change that whoever read the log last stumbled over. Safe to use from several threads.

    It is remembered until the event is accepted, or is again what was recorded.
    """

    def __init__(self, log: EventLog) -> None:
        """Know of nothing yet."""
        self._log = log
        self._lock = threading.Lock()
        self._found: ChangedEventError | None = None

    def note(self, error: ChangedEventError) -> None:
        """Remember a change."""
        with self._lock:
            self._found = error

    def change(self) -> ChangedEventError | None:
        """
        Return the change, None when there is none.

        :raises StoreError: the log cannot be read
        """
        with self._lock:
            found = self._found
        if found is None:
            return None
        try:
            CheckedReader(self._log).read(after=found.position - 1, limit=1)
        except ChangedEventError as error:
            return error
        with self._lock:
            if self._found is found:
                self._found = None
        return None

    def probe(self) -> None:
        """
        Raise when there is a change.

        :raises ChangedEventError: there is
        :raises StoreError: the log cannot be read
        """
        found = self.change()
        if found is not None:
            raise found


def accept_change(log: EventLog, position: int, reason: str, *, sender: str | None = None) -> RecordedEvent:
    """
    Have a changed event count as it stands now, and return the event that says so. Doing it again changes nothing.

    :param position: of the changed event
    :param reason: for whoever asks later
    :param sender: the id of the credential that it came with
    :raises InvalidInputError: there is no reason, or it is too long
    :raises NotFoundError: there is no event at this position
    :raises ConflictError: the event there is what was recorded
    :raises StoreError: the log cannot be read or written
    """
    _check_reason(reason)
    found = log.read(after=position - 1, limit=1, unparsed=True)
    if not found or found[0].position != position:
        raise NotFoundError(f"There is no event at position {position} of the log", field="position")
    _, change = ChainWalk(log, after=position - 1).follow(found)
    if change is None:
        raise ConflictError(
            f"The event at position {position} is what was recorded: there is nothing to accept"
        )
    if change.is_accepted(accepted_changes(log)):
        return _acceptance(log, position)
    stated = ChangeAccepted(
        *(position, change.event.event_id, change.event.digest.hex(), change.found.hex()), reason.strip()
    )
    return log.append([change_accepted(stated, sender=sender)])[0].recorded


def check_loss(log: EventLog, reason: str) -> None:
    """
    Refuse to accept a loss that is none.

    :raises InvalidInputError: there is no reason, or it is too long
    :raises ConflictError: nothing is lost
    """
    _check_reason(reason)
    if log.loss() is None:
        raise ConflictError("The log has everything that its witnesses saw: there is no loss to accept")


def accept_loss(
    log: EventLog,
    catalog: Catalog,
    reason: str,
    *,
    sender: str | None = None,
    report: Report = unreported,
) -> RecordedEvent:
    """
    Have a log that lost events take writes again, and return the event that says so.

    The catalog may have what is lost: it is built anew first, while nothing is written. Where that cannot be, for an
    event was changed as well, the catalog waits for that to be accepted and for a rebuild.

    :raises InvalidInputError: there is no reason, or it is too long
    :raises ConflictError: nothing is lost
    :raises StoreError: the log cannot be read or written
    """
    check_loss(log, reason)
    try:
        rebuild_catalog(log, catalog, report=report)
    except ChangedEventError as error:
        logger.warning("the catalog still has what is lost, and cannot be built anew yet: %s", error)
    return log.accept_loss(reason.strip(), sender=sender)


def _acceptance(log: EventLog, position: int) -> RecordedEvent:
    of_it = [
        event
        for event in log.acceptances()
        if isinstance(event.content, ChangeAccepted) and event.content.position == position
    ]
    return of_it[-1]


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInputError(
            "A reason is needed: it is recorded, for whoever asks later", field="reason", rule="required"
        )
    if len(reason) > _LONGEST_REASON:
        raise InvalidInputError(
            f"The reason has {len(reason)} characters, at most {_LONGEST_REASON} are allowed",
            field="reason",
            rule="length",
        )
