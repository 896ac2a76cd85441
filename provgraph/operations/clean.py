"""Clean: remove every event, and with them both projections and the reports."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import CorruptStoreError, OverloadedError
from provgraph.families.registry import SURVIVING
from provgraph.operations.flush import has_followed

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog, Head
    from provgraph.graphstore.base import GraphStore

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.005


class Cleaned(NamedTuple):
    """What is there after everything was removed."""

    head: Head
    removed_by_hand: tuple[str, ...]  # nodes that nobody reported, the first hundred


def clean(
    log: EventLog,
    graph: GraphStore,
    *,
    timeout_seconds: float,
    sender: str | None = None,
    at: int | None = None,
) -> Cleaned:
    """
    Remove every event but the credentials', wait until the graph is empty too, and return what is there now.

    What somebody put into the graph by hand goes as well, and is told in the service's log.

    A rebuild that is running is given up: it would build what is no more.

    :param sender: the id of the credential that asks for it
    :param at: the position that the log has to end at; None: any, as Record Keeper's client asks for it
    :raises ConflictError: the log ends elsewhere; nothing was removed
    :raises CorruptStoreError: an event was changed: what stays would be recorded anew as if it had always been so
    :raises StoreError: the log cannot be written; nothing was removed
    :raises OverloadedError: the log is clean, but the graph did not follow within ``timeout_seconds``
    """
    _require_unchanged(log)
    head = log.clean(keep=SURVIVING, sender=sender, at=at)
    give_up_at = time.monotonic() + timeout_seconds
    while not has_followed(log, graph, head=head) or graph.has_next_generation():
        if time.monotonic() >= give_up_at:
            raise OverloadedError(
                "Everything was removed, but the graph has not followed yet; it will as soon as it can"
            )
        time.sleep(_PAUSE_SECONDS)
    removed = graph.remove_made_by_hand()
    if removed:
        logger.warning("nodes that nobody reported were removed from the graph: %s", ", ".join(removed))
    return Cleaned(head, tuple(removed))


def _require_unchanged(log: EventLog) -> None:
    chain = log.verify_chain()
    if not chain.intact:
        raise CorruptStoreError(
            f"Nothing was removed, for the log was changed, and credentials are recorded anew: {chain.message}. See "
            "provgraph admin verify --deep, and accept what is to count (provgraph admin accept-change)"
        )
