"""Tracked work: its steps, and what they left: objects, groups, runs, operations and kinds."""

from __future__ import annotations

from provgraph.relational.columns import numbers, some_numbers, some_texts, table, texts

STEP = table(
    "tracked_step",
    numbers("sequence"),
    texts("request", "event_id"),
    numbers("occurred_us", "position"),
    texts("answer"),
    key=("sequence",),
    unique=(("request",),),
)
# Names may be longer than an index takes: what is looked up is a hash of them. Other indexed texts are ids.
OBJECT = table(
    "tracked_object",
    texts("id"),
    some_texts("lookup"),
    texts("artifact_lookup", "kind_lookup"),
    some_texts("parent"),
    numbers("is_group", "live"),
    texts("version"),
    numbers("position", "sequence", "recorded_us"),
    some_texts("actor", "run_id"),
    texts("document"),
    numbers("created"),  # number of the step that made it: no change moves it in a list
    key=("id",),
    unique=(
        ("lookup",),
        ("artifact_lookup", "id"),
        ("kind_lookup", "created", "id"),
        ("parent", "id"),
        ("is_group", "created", "id"),
    ),
)
MEMBER = table(
    "tracked_member",
    texts("group_id"),
    numbers("ordinal"),
    texts("member_id"),
    key=("group_id", "ordinal"),
    unique=(("member_id", "group_id", "ordinal"),),
    by_key=True,
)
RUN = table(
    "tracked_run",
    texts("id"),
    some_texts("group_id"),
    texts("state", "identifier"),
    numbers("opened"),
    some_numbers("closed"),
    numbers("position"),
    texts("document"),
    key=("id",),
    unique=(("group_id", "closed", "id"), ("opened", "id")),
)
OPERATION = table(
    "tracked_operation",
    numbers("sequence", "ordinal"),
    some_texts("run_id"),
    texts("object_id", "event_id"),
    numbers("position", "recorded_us"),
    some_texts("actor"),
    texts("document"),
    key=("sequence", "ordinal"),
    unique=(("run_id", "sequence", "ordinal"), ("object_id", "sequence", "ordinal")),
    by_key=True,
)
KIND = table("tracked_kind", texts("kind"), numbers("sequence"), texts("document"), key=("kind",))
