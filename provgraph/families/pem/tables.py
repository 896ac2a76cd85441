"""The PEMs as lists show them."""

from __future__ import annotations

from provgraph.relational.changes import Add
from provgraph.relational.columns import numbers, some_texts, table, texts

# position, id, type, predecessor, emitter, timestamp_client, timestamp_received, properties, version, tag,
# tag_namespace, uses, produces
PemRow = tuple[int, str, str, str | None, str, str, str, str, str, str | None, str | None, str, str]
OutcomeRow = tuple[int, str | None, str | None]  # position, outcome, error

PEM = table(
    "pem",
    numbers("position"),
    texts("id", "type"),
    some_texts("predecessor"),
    texts("emitter", "timestamp_client", "timestamp_received", "properties", "version"),
    some_texts("tag", "tag_namespace"),
    texts("uses", "produces"),
    key=("position",),
)
# A row for each PEM that says how its work ended. Nearly none does, and those cost nothing for it.
OUTCOME = table("pem_outcome", numbers("position"), some_texts("outcome", "error"), key=("position",))

REPORTED: Add[PemRow] = Add(PEM)
ENDED: Add[OutcomeRow] = Add(OUTCOME)
