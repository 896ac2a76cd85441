"""
Connection reports: artifacts that no PEM uses or produces, and their removal.

Both leave a report: opened in the log when the work starts, closed with what was found.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provgraph.catalog import ListQuery
from provgraph.errors import ConflictError, InvalidEventError, NotFoundError, ProvgraphError, told
from provgraph.families.artifact.events import artifacts_removed
from provgraph.families.pem.events import event_id
from provgraph.families.report.events import (
    CONNECTIONS,
    DONE,
    FAILED,
    IN_PROGRESS,
    REMOVAL,
    report_closed,
    report_opened,
)
from provgraph.merging import side_by_side
from provgraph.operations.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.catalog import Catalog, CatalogReport
    from provgraph.eventlog import EventLog
    from provgraph.events import NewEvent
    from provgraph.graphstore.base import GraphStore

logger = logging.getLogger(__name__)

_BY_NAME = ListQuery(sort_field="Name")


def report_connections(
    log: EventLog, catalog: Catalog, graph: GraphStore, *, sender: str | None = None
) -> str:
    """
    Look for artifacts that no PEM uses or produces, store what was found as a report, and return its id.

    An artifact that only one of the two stores has counts too, if no PEM names it.

    :param sender: the id of the credential that asks for it
    :raises StoreError: a store failed; the report is closed as failed
    """
    said = _Reporter(log, sender)
    report_id = said.open(CONNECTIONS)
    with said.failing(report_id, "The search for unconnected artifacts"):
        found = _unconnected(catalog, graph)
        summary = f"{counted(len(found), 'unconnected artifact')}: no PEM uses or produces"
        summary += f" {'it' if len(found) == 1 else 'them'}{_by_hand(graph.made_by_hand(), 'in the graph')}"
        said.close(report_id, summary, found)
    return report_id


def remove_unconnected(
    log: EventLog, catalog: Catalog, graph: GraphStore, *, report_id: str, sender: str | None = None
) -> str:
    """
    Remove the artifacts that a connection report lists, and return the id of the report on that.

    Artifacts that a PEM names by now are spared. The new report lists what was removed.

    :param report_id: in any spelling of a UUID
    :param sender: the id of the credential that asks for it
    :raises NotFoundError: there is no such report
    :raises ConflictError: it is no connection report, or is not finished
    :raises StoreError: a store failed; the new report is closed as failed
    """
    listing = find_removable(catalog, report_id)
    said = _Reporter(log, sender)
    removal_id = said.open(REMOVAL)
    with said.failing(removal_id, "The removal of unconnected artifacts"):
        removed = _remove(said, catalog, graph, listing)
        spared = len(listing.names) - len(removed)
        summary = f"{counted(len(removed), 'unconnected artifact')} removed"
        if spared:
            summary += (
                f"; {counted(spared, 'artifact')} of report {listing.id} spared: connected or gone by now"
            )
        summary += _by_hand(graph.remove_made_by_hand(), "removed from the graph")
        said.close(removal_id, summary, removed)
    return removal_id


def _by_hand(nodes: Sequence[str], what: str) -> str:
    """Return what a report says of nodes that somebody made with the graph store's own tools."""
    return f"; {counted(len(nodes), 'node')} that nobody reported {what}: {', '.join(nodes)}" if nodes else ""


def find_report(catalog: Catalog, report_id: str) -> CatalogReport:
    """
    Return a report.

    :param report_id: in any spelling of a UUID
    :raises NotFoundError: there is no such report
    """
    try:
        report = catalog.report(event_id(report_id))
    except InvalidEventError:
        report = None
    if report is None:
        raise NotFoundError(f"There is no report {report_id}")
    return report


def find_removable(catalog: Catalog, report_id: str) -> CatalogReport:
    """
    Return a report whose artifacts can be removed.

    :param report_id: in any spelling of a UUID
    :raises NotFoundError: there is no such report
    :raises ConflictError: it is no connection report, or is not finished
    """
    listing = find_report(catalog, report_id)
    if listing.subject != CONNECTIONS:
        raise ConflictError(
            f"Report {listing.id} lists no unconnected artifacts: it is a report on a {listing.subject}"
        )
    if listing.status != DONE:
        raise ConflictError(f"Report {listing.id} is not finished: {listing.status}")
    return listing


def close_abandoned_reports(log: EventLog, catalog: Catalog) -> list[str]:
    """
    Close the reports that the end of an earlier process left in progress, and return their ids.

    To be called before anything else opens reports.

    :raises StoreError: the log cannot be written
    """
    abandoned = [report.id for report in catalog.reports() if report.status == IN_PROGRESS]
    if abandoned:
        reason = "Not finished: the service stopped while it was working on this"
        log.append([report_closed(report_id, FAILED, reason) for report_id in abandoned])
        logger.warning("closed %d reports that were left in progress", len(abandoned))
    return abandoned


def _unconnected(catalog: Catalog, graph: GraphStore) -> tuple[str, ...]:
    candidates = set(graph.unconnected_artifacts())
    candidates.update(_in_one_store_only(catalog, graph))
    # The graph may lag: only the catalog knows for certain that nothing in the log names them.
    return catalog.unnamed(tuple(sorted(candidates)))


def _in_one_store_only(catalog: Catalog, graph: GraphStore) -> Iterator[str]:
    listed = (artifact.name for artifact in catalog.artifacts(_BY_NAME))
    in_graph = (artifact.name for artifact in graph.artifacts())
    for left, right in side_by_side(listed, in_graph, left_key=str, right_key=str):
        if right is None and left is not None:
            yield left
        elif left is None and right is not None:
            yield right


def _remove(said: _Reporter, catalog: Catalog, graph: GraphStore, listing: CatalogReport) -> tuple[str, ...]:
    unnamed = catalog.unnamed(listing.names)
    there = _existing(catalog, graph, unnamed)
    removable = tuple(name for name in unnamed if name in there)
    if not removable:
        return ()
    said.append(artifacts_removed(removable, report_id=listing.id))
    # A PEM that came in between has kept its artifacts: both projections spare what is connected.
    return catalog.unnamed(removable)


def _existing(catalog: Catalog, graph: GraphStore, names: Iterable[str]) -> set[str]:
    wanted = set(names)
    found = {name for name in wanted if graph.has_artifact(name)}
    if found != wanted:
        found.update(artifact.name for artifact in catalog.artifacts(ListQuery()) if artifact.name in wanted)
    return found


class _Reporter:
    """Says in the log what is done, in the name of whoever asked for it."""

    def __init__(self, log: EventLog, sender: str | None) -> None:
        self._log = log
        self._sender = sender

    def append(self, event: NewEvent) -> None:
        """Append one event."""
        self._log.append([event.sent_by(self._sender)])

    def open(self, subject: str) -> str:
        """Open a report, and return its id."""
        opened = report_opened(subject)
        self.append(opened)
        return opened.event_id

    def close(self, report_id: str, summary: str, names: tuple[str, ...]) -> None:
        """Close a report with what was found."""
        text = "\n".join([summary, *map(one_line, names)])
        self.append(report_closed(report_id, DONE, text, names))

    @contextmanager
    def failing(self, report_id: str, what: str) -> Iterator[None]:
        """Close the report as failed when the block raises."""
        try:
            yield
        except Exception as error:
            try:
                self.append(report_closed(report_id, FAILED, f"{what} failed: {told(error)}"))
            except ProvgraphError:  # the log itself failed: the next start of the service closes the report
                logger.exception("report %s cannot be closed", report_id)
            raise
