"""A log that a newer provgraph has written to: it is sound, and says which part of it this version does not know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import SQLiteCatalogProjection
from provgraph.cli.stores import opened_place
from provgraph.errors import NewerEventError
from provgraph.eventlog import SQLiteEventLog
from provgraph.eventlog.copying import copy_log
from provgraph.events import Kind, NewEvent, UnknownKind
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.contract.builders import pem, pem_id
from tests.integration.serving import Served, serving

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from provgraph.events import RecordedEvent

SENTENCE = "The event at position 2 of the log is of the kind record.added, which this version does not know"


class _NewerProjection(SQLiteCatalogProjection):
    """Knows the new family, which has tables of its own."""

    def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
        super().apply(connection, [event for event in events if isinstance(event.kind, Kind)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that a newer version has left: an event, one of a new family, an event."""
    folder = tmp_path / "data"
    with opened_place(str(folder)):
        pass
    log = SQLiteEventLog(folder / "provgraph.db", projections=[_NewerProjection()])
    unknown: Kind = UnknownKind("record.added")  # type: ignore[assignment] # what a newer version's list has
    log.append([pem(1), NewEvent("e" * 32, unknown, b"{}", None), pem(2)])
    log.close()
    return folder


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as served:
        yield served


def eventually_not_ready(served: Served) -> str:
    give_up = time.monotonic() + 30
    while (answer := served.client.get("/readyz")).status_code == 200:
        assert time.monotonic() < give_up
    return answer.text


def test_the_graph_stops_before_it_and_readiness_says_why(served: Served) -> None:
    told = eventually_not_ready(served)

    assert SENTENCE in told
    assert "recorded by a newer provgraph" in told
    assert "damage" not in told
    assert served.services.graph.checkpoint().position == 1
    assert served.services.graph.counts().pems == 1


def test_a_metric_names_the_position(served: Served) -> None:
    eventually_not_ready(served)

    assert "provgraph_graph_newer_event_position 2.0" in served.client.get("/metrics").text


def test_the_metric_is_0_without_such_an_event(tmp_path: Path) -> None:
    with serving(tmp_path / "other") as served:
        served.send()
        served.flush()

        assert "provgraph_graph_newer_event_position 0.0" in served.client.get("/metrics").text


def test_lists_and_questions_go_on(served: Served) -> None:
    eventually_not_ready(served)

    listed = served.client.get("/query/pems").json()
    asked = served.client.get("/api/v1/lineage", params={"node": f"pem:{pem_id(1)}"})
    assert [each["ID"] for each in listed] == [pem_id(1), pem_id(2)]
    assert served.client.get("/query/pems_count").json() == {"pems_count": 2}
    assert (asked.status_code, asked.json()["position"]) == (200, 1)


def test_events_are_still_taken(served: Served) -> None:
    sent = served.send()

    assert sent["ID"] in served.client.get("/query/pems").text


def test_who_waits_for_the_graph_is_told_at_once(served: Served) -> None:
    log, graph = served.services.log, served.services.graph
    began = time.monotonic()

    with pytest.raises(NewerEventError, match="use that version to go on"):
        flush(log, graph, timeout_seconds=60)
    with pytest.raises(NewerEventError):
        verify(log, served.services.catalog, graph)
    assert time.monotonic() - began < 30
    answer = served.client.post("/admin/flush")
    assert (answer.status_code, answer.json()["position"]) == (503, 2)
    assert answer.json()["title"] == "Recorded by a newer provgraph"


def test_a_deep_verification_checks_the_chain_and_says_where_it_ends(served: Served) -> None:
    found = verify(served.services.log, served.services.catalog, served.services.graph, deep=True)

    assert not found.in_sync
    assert [(each.what, each.name) for each in found.differences] == [("log position", "2")]
    assert SENTENCE in found.message
    assert "nothing compared, at position 1. This version cannot replay the log; " in found.message
    assert served.services.log.verify_chain().message in found.message


def test_a_question_that_waits_for_the_graph_is_told_at_once(served: Served) -> None:
    eventually_not_ready(served)

    answer = served.client.get("/api/v1/why", params={"node": f"pem:{pem_id(1)}", "wait": "3"})

    assert (answer.status_code, answer.json()["title"]) == (503, "Recorded by a newer provgraph")


def test_the_log_is_not_cleaned(served: Served) -> None:
    head = served.services.log.head()

    with pytest.raises(NewerEventError):
        served.services.log.clean(keep=())
    assert served.services.log.head() == head


def test_the_chain_verifies(served: Served) -> None:
    assert served.services.log.verify_chain()[:2] == (True, 3)


def test_a_rebuild_stops_at_it_and_the_served_graph_and_catalog_stay(served: Served) -> None:
    catalog = served.services.catalog
    eventually_not_ready(served)
    before = catalog.digest()

    with pytest.raises(NewerEventError):
        catalog.rebuild(served.services.log)
    served.services.builder.request_rebuild()
    assert SENTENCE in eventually_not_ready(served)

    assert catalog.digest() == before
    assert served.services.graph.checkpoint().position == 1


def test_a_copy_is_refused_and_says_why(folder: Path, tmp_path: Path) -> None:
    with (
        opened_place(str(folder)) as source,
        opened_place(str(tmp_path / "target")) as target,
        pytest.raises(NewerEventError, match="Nothing was skipped or changed"),
    ):
        copy_log(source.log, target.log)
