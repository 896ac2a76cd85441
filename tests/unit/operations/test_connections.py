"""Connection reports, and the removal of what they list."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NoReturn

import pytest

from provgraph.catalog import ListQuery
from provgraph.errors import ConflictError, NotFoundError, StoreError
from provgraph.families.artifact.events import ARTIFACTS_REMOVED
from provgraph.families.report.events import CONNECTIONS, REPORT_CLOSED, REPORT_OPENED, report_opened
from provgraph.operations.connections import (
    close_abandoned_reports,
    find_report,
    remove_unconnected,
    report_connections,
)
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.unit.operations.stores import pem

if TYPE_CHECKING:
    from provgraph.catalog import CatalogReport
    from tests.unit.operations.stores import Stores

pytestmark = pytest.mark.usefixtures("projector")

_IN_BOTH, _IN_GRAPH, _IN_CATALOG = "in both", "in graph", "in catalog"


@pytest.fixture
def littered(stores: Stores) -> Stores:
    """Stores with two connected artifacts, and three that no PEM names."""
    stores.append(pem(1, uses=["data"], produces=["model"]))
    flush(stores.log, stores.graph, timeout_seconds=30)
    for key, name in ((100, _IN_BOTH), (101, _IN_GRAPH)):
        stores.tamper_with_graph(
            "INSERT INTO artifact VALUES (?, ?, '{}', '2020-01-01 00:00:00', 0, 0, 0)", key, name
        )
    for key, name in ((100, _IN_BOTH), (102, _IN_CATALOG)):
        stores.tamper_with_database(
            "INSERT INTO artifact VALUES (?, ?, '{}', 0, '2020-01-01 00:00:00')", key, name
        )
    return stores


def reported(stores: Stores) -> CatalogReport:
    report_id = report_connections(stores.log, stores.catalog, stores.graph)
    return find_report(stores.catalog, report_id)


def removed(stores: Stores, report_id: str) -> CatalogReport:
    removal_id = remove_unconnected(stores.log, stores.catalog, stores.graph, report_id=report_id)
    flush(stores.log, stores.graph, timeout_seconds=30)
    return find_report(stores.catalog, removal_id)


def names(stores: Stores) -> tuple[set[str], set[str]]:
    listed = {artifact.name for artifact in stores.catalog.artifacts(ListQuery())}
    return listed, {artifact.name for artifact in stores.graph.artifacts()}


def test_connected_artifacts_make_an_empty_report(stores: Stores) -> None:
    stores.append(pem(1, uses=["data"], produces=["model"]))

    report = reported(stores)

    assert (report.subject, report.status, report.names) == ("connections", "done", ())
    assert report.text == "0 unconnected artifacts: no PEM uses or produces them"


def test_reports_and_removals_are_recorded_with_who_asked_for_them(littered: Stores) -> None:
    stores, sender = littered, "ab" * 16
    head = stores.log.head().position

    report_id = report_connections(stores.log, stores.catalog, stores.graph, sender=sender)
    remove_unconnected(stores.log, stores.catalog, stores.graph, report_id=report_id, sender=sender)

    events = stores.log.read(after=head)
    assert [event.kind for event in events] == [
        *(REPORT_OPENED, REPORT_CLOSED),
        *(REPORT_OPENED, ARTIFACTS_REMOVED, REPORT_CLOSED),
    ]
    assert {event.sender for event in events} == {sender}


def test_what_no_pem_names_is_reported_whichever_store_has_it(littered: Stores) -> None:
    report = reported(littered)

    assert report.names == (_IN_BOTH, _IN_CATALOG, _IN_GRAPH)
    assert report.text.splitlines() == [
        "3 unconnected artifacts: no PEM uses or produces them",
        *report.names,
    ]


def test_what_a_report_lists_is_removed_from_both_stores(littered: Stores) -> None:
    removal = removed(littered, reported(littered).id)

    assert (removal.subject, removal.status) == ("removal", "done")
    assert removal.text.splitlines()[0] == "3 unconnected artifacts removed"
    assert removal.names == (_IN_BOTH, _IN_CATALOG, _IN_GRAPH)
    assert names(littered) == ({"data", "model"}, {"data", "model"})
    assert verify(littered.log, littered.catalog, littered.graph).in_sync


def test_an_artifact_that_got_connected_is_spared(littered: Stores) -> None:
    report = reported(littered)
    littered.append(pem(2, uses=[_IN_BOTH]))

    removal = removed(littered, report.id)

    assert removal.names == (_IN_CATALOG, _IN_GRAPH)
    assert f"1 artifact of report {report.id} spared" in removal.text.splitlines()[0]
    assert names(littered) == ({"data", "model", _IN_BOTH}, {"data", "model", _IN_BOTH})


def test_removing_again_removes_nothing(littered: Stores) -> None:
    report = reported(littered)
    removed(littered, report.id)

    again = removed(littered, report.id)

    assert (again.status, again.names) == ("done", ())


def test_a_report_is_found_under_either_spelling_of_its_id(stores: Stores) -> None:
    report = reported(stores)

    assert find_report(stores.catalog, str(uuid.UUID(report.id)).upper()) == report
    assert removed(stores, str(uuid.UUID(report.id))).status == "done"


@pytest.mark.parametrize("unknown", ["87177cefdeff40d9b39e7b102b482708", "no-id", ""])
def test_an_unknown_report_is_not_found(stores: Stores, unknown: str) -> None:
    with pytest.raises(NotFoundError):
        remove_unconnected(stores.log, stores.catalog, stores.graph, report_id=unknown)


def test_only_a_connection_report_can_be_removed_by(stores: Stores) -> None:
    removal = removed(stores, reported(stores).id)

    with pytest.raises(ConflictError, match="report on a removal"):
        remove_unconnected(stores.log, stores.catalog, stores.graph, report_id=removal.id)


def test_an_unfinished_report_cannot_be_removed_by(stores: Stores) -> None:
    opened = report_opened(CONNECTIONS)
    stores.append(opened)

    with pytest.raises(ConflictError, match="not finished: in progress"):
        remove_unconnected(stores.log, stores.catalog, stores.graph, report_id=opened.event_id)


def test_work_that_fails_leaves_a_failed_report(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> NoReturn:
        raise StoreError("the graph is on fire")

    monkeypatch.setattr(stores.graph, "unconnected_artifacts", broken)

    with pytest.raises(StoreError):
        report_connections(stores.log, stores.catalog, stores.graph)

    (report,) = stores.catalog.reports()
    assert report.status == "failed"
    assert report.text.endswith("failed: the graph is on fire")


def test_reports_that_a_crash_left_open_are_closed_as_failed(stores: Stores) -> None:
    finished = reported(stores)
    opened = report_opened(CONNECTIONS)
    stores.append(opened)

    assert close_abandoned_reports(stores.log, stores.catalog) == [opened.event_id]

    assert find_report(stores.catalog, opened.event_id).status == "failed"
    assert find_report(stores.catalog, finished.id) == finished
    assert close_abandoned_reports(stores.log, stores.catalog) == []
