"""Lineage answers to export: one that tells a story, and made-up ones full of nasty names."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from provgraph.events.clock import rfc3339

Json = dict[str, Any]

INGEST, TRAIN = "12ab" * 8, "77aa" * 8
UNSEEN = "00ff" * 8


def use(event_id: str, artifact: str, **further: Any) -> Json:
    """Return a USES edge."""
    return {"type": "USES", "source": event_id, "target": artifact, **further}


def production(event_id: str, artifact: str, **further: Any) -> Json:
    """Return a PRODUCES edge."""
    return {"type": "PRODUCES", "source": event_id, "target": artifact, **further}


def predecessor(event_id: str, before: str) -> Json:
    """Return a PREDECESSOR edge."""
    return {"type": "PREDECESSOR", "source": event_id, "target": before}


def event(event_id: str, depth: int = 1, **further: Any) -> Json:
    """Return the node of an event."""
    facts = {
        "type": "train",
        "emitter": "trainer",
        "occurred_at": "2026-01-02T03:04:05.000000Z",
        "position": 12,
    }
    return {"kind": "pem", "id": event_id, "depth": depth, **facts, **further}


def artifact(name: str, depth: int = 1) -> Json:
    """Return the node of an artifact."""
    return {"kind": "artifact", "id": name, "depth": depth}


def answer(nodes: list[Json], edges: list[Json], **further: Any) -> Json:
    """Return an answer about the first node."""
    return {
        "node": {"kind": nodes[0]["kind"], "id": nodes[0]["id"]},
        "direction": "upstream",
        "depth": None,
        "nodes": nodes,
        "edges": edges,
        "position": 17,
        "complete": True,
        "reason": None,
        "cursor": None,
        **further,
    }


def story() -> Json:
    """A table is ingested from outside after an event nobody saw, and a model is trained on it."""
    ingest = event(
        INGEST, 2, type="ingest", emitter="loader", occurred_at="2026-01-01T00:00:00.250000Z", position=7
    )
    train = event(TRAIN, 1, recorded_at="2026-01-02T03:04:06.000000Z", properties={"epochs": [1, None]})
    return answer(
        [
            artifact("model/churn", 0),
            train,
            artifact("table/customers"),
            ingest,
            artifact("s3://raw data", 2),
            {"kind": "pem", "id": UNSEEN, "depth": 3, "placeholder": True},
        ],
        [
            use(TRAIN, "table/customers", version=INGEST),
            use(INGEST, "s3://raw data"),
            production(TRAIN, "model/churn", digest="sha256:1"),
            production(INGEST, "table/customers"),
            predecessor(TRAIN, INGEST),
            predecessor(INGEST, UNSEEN),
        ],
        node={"kind": "artifact", "id": "model/churn", "version": TRAIN},
    )


FRAGMENTS = [
    *string.punctuation,
    *"ab1 é日😀\n\r\t\0\x1b\x7f\x85\u0301\u2028\u202e\ufeff\ufffe",
    *(
        "\\n",
        "\\N",
        '\\"',
        "&lt;",
        "&#65;",
        "#quot;",
        "#35;",
        "]]>",
        "<!--",
        "]:::x",
        "--> n1",
        "click n0",
        "end",
    ),
    *(
        "%41",
        "%%",
        "%%{init: {}}%%",
        "$$",
        "ﬂ°°65¶ß",
        "*a*",
        "__a__",
        "1. a",
        "- a",
        "https://a.b",
        "fa:fa-car",
    ),
    *("_x0041", "_x0041_", "outside", "@outside", "artifact:a", "\r\n", "  "),
]
names = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4).map("".join), st.text(min_size=1, max_size=5)
)
event_ids = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
_times = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999).map(rfc3339)


_endings = st.fixed_dictionaries(
    {},
    optional={
        "outcome": st.sampled_from(["failed", "aborted", "unknown"]),
        "error": names,
        "recorded_at": _times,
        "reported_after": st.fixed_dictionaries(
            {"event": event_ids, "type": names, "position": st.integers(1, 9), "seconds": st.floats(0, 1e7)}
        ),
    },
)
_said_of_versions = st.fixed_dictionaries(
    {},
    optional={
        "digest": names,
        "label": names,
        "artifact_kind": names,
        "properties": st.dictionaries(names, _json, max_size=7),
        "properties_left_out": st.integers(1, 9),
    },
)


@st.composite
def _nodes(draw: st.DrawFn, ids: list[str], artifacts: list[str]) -> list[Json]:
    """Draw the nodes of an answer: not every end of an edge is one."""
    nodes: list[Json] = [artifact(name, draw(st.integers(0, 9))) for name in artifacts]
    for event_id in ids:
        if draw(st.booleans()):
            said: Json = {
                "type": draw(names),
                "emitter": draw(names),
                "occurred_at": draw(_times),
                "properties": draw(_json),
                **draw(_endings),
            }
            nodes.append(event(event_id, **said))
        else:
            nodes.append({"kind": "pem", "id": event_id, "depth": 1, "placeholder": True})
    return draw(st.permutations(nodes))[: draw(st.integers(1, len(nodes)))]


@st.composite
def _edge(draw: st.DrawFn, ids: list[str], artifacts: list[str]) -> Json:
    source = draw(st.sampled_from(ids))
    type_ = draw(st.sampled_from(["USES", "PRODUCES", "PREDECESSOR"]))
    if type_ == "PREDECESSOR":
        return predecessor(source, draw(st.sampled_from(ids)))
    target = draw(st.sampled_from(artifacts))
    if type_ == "PRODUCES":
        return production(source, target, **draw(st.just({}) | _said_of_versions))
    version = draw(st.none() | st.sampled_from(ids) | event_ids)
    further: Json = {} if version is None else {"version": version}
    if draw(st.booleans()):
        further["named_version"] = draw(names)
    if draw(st.booleans()):
        further["out_of_order"] = True
    return use(source, target, **further)


@st.composite
def answers(draw: st.DrawFn) -> Json:
    """Draw answers in which everything that emitters choose is nasty."""
    # An artifact may be named like an event.
    ids = draw(st.lists(event_ids, min_size=1, max_size=3, unique=True))
    artifacts = draw(st.lists(names | st.sampled_from(ids), min_size=1, max_size=3, unique=True))
    nodes = draw(_nodes(ids, artifacts))
    edges = draw(st.lists(_edge(ids, artifacts), max_size=6))
    return answer(
        nodes, edges, complete=draw(st.booleans()), reason=draw(st.sampled_from([None, "limit", "depth"]))
    )
