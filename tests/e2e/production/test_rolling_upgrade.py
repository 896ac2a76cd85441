"""Processes of a newer version take the place of those of this one, one after the other, while events come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.builders import pem
from tests.e2e.pairs import chooses_stores
from tests.e2e.production.deployment import Deployment, Persistent, assert_nothing_is_lost, readiness
from tests.e2e.production.newerversion import newer_version
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire
from tests.effort import patience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.neo4j import Neo4jServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(patience(300)), chooses_stores]


@pytest.fixture
def deployment(tmp_path: Path, postgres_url: str, cleared_neo4j: Neo4jServer) -> Iterator[Deployment]:
    with Deployment(tmp_path, log_url=postgres_url, graph_url=cleared_neo4j.uri) as deployed:
        yield deployed


def test_a_rolling_upgrade_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, deployment: Deployment
) -> None:
    newer = newer_version(tmp_path / "newer")
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    builder = deployment.start("graphbuilder")
    with Persistent(receiver, batch=100) as emitter:
        emitter.wait_for(1_000)
        newer_receiver = deployment.start("receiver", project=newer)
        # The older one told its clients to come back, and its operators why.
        refused = Wire(receiver.url).post_json("/api/v1/events", [pem()])
        assert (refused.status, "restart this process" in refused.json()["detail"]) == (503, True), refused
        status, parts = readiness(receiver)
        assert (status, "restart this process" in str(parts)) == (503, True), parts
        emitter.use(newer_receiver)
        emitter.wait_for(500)
        for path in ("pems_count", "tags", "tags_count"):  # nothing that it asks for was taken away
            assert Wire(query.url).get(f"/query/{path}").ok, path
        newer_builder = deployment.start("graphbuilder", project=newer)
        builder.stop()
        newer_query = deployment.start("query", "admin", project=newer)
        query.stop()
        receiver.stop()
        emitter.wait_for(500)
        assert eventually(lambda: readiness(newer_builder)[0] == 200), newer_builder.output()
    assert_nothing_is_lost(newer_query, emitter)
    assert "built anew from the log" in newer_receiver.output()


def test_an_older_version_does_not_start_where_a_newer_one_made_the_tables(
    tmp_path: Path, deployment: Deployment
) -> None:
    newer = newer_version(tmp_path / "newer")
    with deployment.start("receiver", project=newer) as receiver, Persistent(receiver) as emitter:
        emitter.wait_for(100)

    said = deployment.refusal("receiver")
    assert "99.0.0, a newer version, made the catalog's tables" in said
    assert "PROVGRAPH_CATALOG_TAKE_BACK=true" in said

    taking_back = deployment.start("receiver", settings={"PROVGRAPH_CATALOG_TAKE_BACK": "true"})
    with Persistent(taking_back) as second:
        second.wait_for(100)
    query = deployment.start("query", "admin")
    deployment.start("graphbuilder")
    assert_nothing_is_lost(query, emitter, second)
