"""What the jobs do: an operation, with its progress and a result as a JSON object."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from admin.schemas import AcceptedAnswer
from provgraph.errors import ChangedEventError
from provgraph.operations.connections import remove_unconnected, report_connections
from provgraph.operations.flush import flush
from provgraph.operations.integrity import accept_loss
from provgraph.operations.rebuild import rebuild_catalog, rebuild_graph
from provgraph.operations.repair import repair as repair_stores
from provgraph.operations.verify import NOTHING_EXPECTED, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provgraph.eventlog import Head
    from provgraph.graphstore.base import GraphDigest
    from provgraph.http import Services
    from provgraph.operations.jobs import Result
    from provgraph.operations.progress import Report

    Work = Callable[[Report], Result]

_VERIFY_SECONDS = 600.0


def verifying(
    services: Services,
    *,
    pems: bool,
    artifacts: bool,
    deep: bool,
    repair: bool,
    expected: Mapping[int, str] = NOTHING_EXPECTED,
) -> Work:
    """Return the work of a verification, with a repair before it if that is wished."""

    def work(report: Report) -> Result:
        repaired = _repaired(services, report) if repair else {}
        found = verify(
            services.log,
            services.catalog,
            services.graph,
            pems=pems,
            artifacts=artifacts,
            deep=deep or repair,
            expected=expected,
            timeout_seconds=_VERIFY_SECONDS,
            report=report,
        )
        return {
            "in_sync": found.in_sync,
            "position": found.position,
            "total": found.total,
            "differences": [difference._asdict() for difference in found.differences],
            "message": found.message,
            **repaired,
        }

    return work


def _repaired(services: Services, report: Report) -> Result:
    done = repair_stores(
        services.log, services.catalog, services.graph, timeout_seconds=_VERIFY_SECONDS, report=report
    )
    return {
        "corrected": done.corrected,
        "rebuilt_catalog": done.rebuilt_catalog,
        "repair_message": done.message,
    }


def verifying_connections(services: Services, sender: str | None) -> Work:
    """Return the work of a connection report."""

    def work(_report: Report) -> Result:
        report_id = report_connections(services.log, services.catalog, services.graph, sender=sender)
        return {"report_id": report_id}

    return work


def removing_unconnected(services: Services, report_id: str, sender: str | None) -> Work:
    """Return the work of removing what a connection report lists."""

    def work(_report: Report) -> Result:
        removal = remove_unconnected(
            services.log, services.catalog, services.graph, report_id=report_id, sender=sender
        )
        return {"report_id": removal}

    return work


def accepting_loss(services: Services, reason: str, sender: str | None) -> Work:
    """Return the work of accepting a loss: most of it is the catalog, which may have what is lost."""

    def work(report: Report) -> Result:
        said = accept_loss(services.log, services.catalog, reason, sender=sender, report=report)
        return AcceptedAnswer.of(said).model_dump()

    return work


def rebuilding(services: Services, *, graph: bool, catalog: bool, compare: bool, sender: str | None) -> Work:
    """
    Return the work of a rebuild.

    One after the other: reading events takes most of the time of both, and two threads share one interpreter, so
    doing both at once was measured to take as long and to slow everything else down.
    """

    def work(report: Report) -> Result:
        events = services.log.count()
        total = events * (graph + catalog)
        result: dict[str, Any] = {"graph": None, "catalog": None}
        before = _digests(services, graph=graph, catalog=catalog) if compare else None
        if graph:
            began = time.monotonic()
            position = rebuild_graph(
                services.builder, sender=sender, report=lambda done, _of: report(done, max(done, total))
            )
            removed = services.graph.remove_made_by_hand()
            result["graph"] = {
                "position": position,
                "seconds": time.monotonic() - began,
                "removed_by_hand": removed,
            }
        if catalog:
            first = total - events
            began = time.monotonic()
            try:
                read = rebuild_catalog(
                    services.log,
                    services.catalog,
                    report=lambda done, _of: report(first + done, max(first + done, total)),
                )
            except ChangedEventError as error:
                services.integrity.note(error)
                raise
            result["catalog"] = {"events": read, "seconds": time.monotonic() - began}
        if before is not None:
            result["digests"] = _comparison(before, _digests(services, graph=graph, catalog=catalog))
        return result

    return work


class _Digests(NamedTuple):
    """What the served projections are at a position of the log; None: not asked for."""

    head: Head
    graph: GraphDigest | None
    catalog: str | None


def _digests(services: Services, *, graph: bool, catalog: bool) -> _Digests:
    flush(services.log, services.graph, timeout_seconds=_VERIFY_SECONDS)
    return _Digests(
        services.log.head(),
        services.graph.digest() if graph else None,
        services.catalog.digest() if catalog else None,
    )


def _comparison(before: _Digests, after: _Digests) -> Result:
    """Tell whether a rebuild changed anything; None when events arrived meanwhile, for then it had to."""
    # The rebuild's own request is an event too, and says nothing about the platform.
    arrived = after.head.position - before.head.position > (0 if before.graph is None else 1)
    equal = None if arrived else (before.graph, before.catalog) == (after.graph, after.catalog)
    return {
        "equal": equal,
        "before": {"graph": before.graph and before.graph.content, "catalog": before.catalog},
        "after": {"graph": after.graph and after.graph.content, "catalog": after.catalog},
    }
