"""The floor that intake is held against writes the rows that the service writes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg

from bench import workload
from bench.production import executemany
from bench.production.prepared import new_events
from provgraph.catalog.postgresql import PostgreSQLCatalogProjection
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from tests.servers.postgresql import create_database, drop_database

# What does not depend on when it was written.
_SAME = {
    "event": "SELECT position, event_id, kind, payload, sender FROM event ORDER BY position",
    "pem": "SELECT position, id, type, properties, uses, produces FROM pem ORDER BY position",
    "artifact": "SELECT name, properties FROM artifact ORDER BY name",
    "tag": "SELECT namespace, tag, pem_id FROM tag ORDER BY namespace, tag",
}


def test_the_floor_writes_what_the_service_writes(postgres_url: str) -> None:
    events = list(new_events(workload.generate(120)))
    floor = create_database(postgres_url)
    try:
        executemany.load(floor, events, size=50)
        with closing(PostgreSQLEventLog(postgres_url, projections=[PostgreSQLCatalogProjection()])) as log:
            log.append(events)

        found = written(floor)

        assert found == written(postgres_url)
        assert all(found.values())
    finally:
        drop_database(postgres_url, floor)


def written(database: str) -> dict[str, list[Any]]:
    with psycopg.connect(database) as connection:
        return {table: connection.execute(text.encode()).fetchall() for table, text in _SAME.items()}
