"""A small graph, written by the embedded store's own writer."""

from __future__ import annotations

import sqlite3

from provgraph.events.clock import parse_time, second_text
from provgraph.families.artifact.events import note
from provgraph.families.pem.events import ArtifactStatement, Pem
from provgraph.graphstore.base import Checkpoint, TagFacts
from provgraph.graphstore.embedded import schema
from provgraph.graphstore.embedded.writer import GraphWriter
from provgraph.graphstore.projection import GraphStep

INGEST, TRAIN, AUDIT, OLD, MISSING = (digit * 32 for digit in "1230f")
QUOTED_NAME = 'it\'s "10%"_\\'
RECORDED = "2026-01-05 00:00:00"


def _pem(id_: str, type_: str, emitter: str, occurred_at: str) -> Pem:
    occurred_us = parse_time(occurred_at, field="OccurredAt")
    return Pem(
        id=id_,
        type=type_,
        emitter=emitter,
        predecessors=(),
        timestamp_client=second_text(occurred_us),
        occurred_us=occurred_us,
        properties="{}",
        version="2.0.0",
        tag=None,
        tag_namespace=None,
        uses=(),
        produces=(),
    )


PEMS = (
    _pem(OLD, "import", "archive", "1969-12-31T23:59:58.250000Z"),
    _pem(INGEST, "ingest", "loader", "2026-01-02T03:04:05.000000Z")._replace(
        properties='{"rows":10}',
        produces=(
            ArtifactStatement("table/customers", '{"a":1}', version="v1", digest="d1", kind="table"),
            ArtifactStatement("Äpfel 🍏"),
        ),
    ),
    _pem(TRAIN, "train", "trainer", "2026-01-03T00:00:00.500000Z")._replace(
        predecessors=(INGEST,),
        uses=(ArtifactStatement("table/customers"), ArtifactStatement(QUOTED_NAME)),
        produces=(ArtifactStatement("model/churn", '{"f1":0.9}'),),
    ),
    _pem(AUDIT, "audit", "trainer", "2026-01-04T00:00:00.000000Z")._replace(
        predecessors=(TRAIN, MISSING),
        uses=(ArtifactStatement("model/churn"), ArtifactStatement("table/customers", version="v1")),
    ),
)
TAGS = {("models", "best"): TRAIN, ("", "checked"): AUDIT}


def open_graph() -> sqlite3.Connection:
    """Return a connection to the graph, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(schema.CREATE)
    step = GraphStep(
        [(pem, position, 0) for position, pem in enumerate(PEMS, 1)],
        {},
        [TagFacts(*name, pem_id, 0, position) for position, (name, pem_id) in enumerate(TAGS.items(), 1)],
        (),
    )
    for position, pem in enumerate(PEMS, 1):
        note(
            step.artifacts,
            [*pem.uses, *pem.produces],
            recorded_us=0,
            recorded_at=RECORDED,
            occurred_us=pem.occurred_us,
            position=position,
        )
    GraphWriter(connection).apply([step], expected=Checkpoint(), to=Checkpoint("epoch", len(PEMS)))
    return connection
