"""
What typed answers and bodies cost: as dicts with orjson, as msgspec's structs, and as pydantic's models.

``python -m bench.shapes`` prints a table for decision 22: an answer of 1,000 nodes and the verdicts on 1,000 events,
made and encoded, and read; and 1,000 events, read. Milliseconds of processor time, the median of 15 rounds.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from msgspec import UNSET, Struct, UnsetType
from pydantic import BaseModel, ConfigDict, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable

_NODES, _EDGES, _ROUNDS = 1_000, 1_500, 15
_AT = "2026-03-01T02:00:00.000000Z"
_IDS = [f"{number:032x}" for number in range(_NODES)]
_ABSENT: Any = None
_LINEAGE = {"direction": "upstream", "position": 5, "complete": True, "cursor": None}
_COUNTS = {"accepted": _NODES, "invalid": 0, "position": _NODES}


class StructNode(Struct, kw_only=True):
    """A node."""

    kind: str
    id: str
    depth: int
    type: str | UnsetType = UNSET
    emitter: str | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    position: int | UnsetType = UNSET


class StructEdge(Struct, kw_only=True):
    """An edge."""

    type: str
    source: str
    target: str
    version: str | UnsetType = UNSET


class StructLineage(Struct, kw_only=True):
    """An answer."""

    nodes: list[StructNode]
    edges: list[StructEdge]
    direction: str
    position: int
    complete: bool
    cursor: str | None


class StructResult(Struct, kw_only=True):
    """A verdict."""

    index: int
    ID: str | None
    verdict: str
    position: int | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class StructResults(Struct, kw_only=True):
    """Verdicts."""

    results: list[StructResult]
    accepted: int
    invalid: int
    position: int


class StructEvent(Struct, kw_only=True):
    """An event. Other members are lost."""

    ID: str
    Type: str
    Emitter: str
    OccurredAt: str | UnsetType = UNSET
    Properties: dict[str, Any] | UnsetType = UNSET
    UsesArtifacts: list[dict[str, Any]] | UnsetType = UNSET


class ModelNode(BaseModel):
    """A node."""

    kind: str
    id: str
    depth: int
    type: str = _ABSENT
    emitter: str = _ABSENT
    occurred_at: str = _ABSENT
    position: int = _ABSENT


class ModelEdge(BaseModel):
    """An edge."""

    type: str
    source: str
    target: str
    version: str = _ABSENT


class ModelLineage(BaseModel):
    """An answer."""

    nodes: list[ModelNode]
    edges: list[ModelEdge]
    direction: str
    position: int
    complete: bool
    cursor: str | None


class ModelResult(BaseModel):
    """A verdict."""

    index: int
    ID: str | None
    verdict: str
    position: int = _ABSENT
    detail: str = _ABSENT


class ModelResults(BaseModel):
    """Verdicts."""

    results: list[ModelResult]
    accepted: int
    invalid: int
    position: int


class ModelEvent(BaseModel):
    """An event. Other members are kept."""

    model_config = ConfigDict(extra="allow")

    ID: str
    Type: str
    Emitter: str
    OccurredAt: str = _ABSENT
    Properties: dict[str, Any] = _ABSENT
    UsesArtifacts: list[dict[str, Any]] = _ABSENT


def _lineage(node: Callable[..., Any], edge: Callable[..., Any], whole: Callable[..., Any]) -> Any:
    nodes = [
        node(kind="pem", id=id_, depth=1, type="train", emitter="e", occurred_at=_AT, position=place)
        if place % 2
        else node(kind="artifact", id=id_, depth=1)
        for place, id_ in enumerate(_IDS)
    ]
    edges = [
        edge(type="USES", source=_IDS[place % _NODES], target=_IDS[place % 7], version=_IDS[3])
        for place in range(_EDGES)
    ]
    return whole(nodes=nodes, edges=edges, **_LINEAGE)


def _verdicts(result: Callable[..., Any], whole: Callable[..., Any]) -> Any:
    results = [
        result(index=place, ID=id_, verdict="accepted", position=place + 1) for place, id_ in enumerate(_IDS)
    ]
    return whole(results=results, **_COUNTS)


def _work() -> dict[str, dict[str, Callable[[], object]]]:
    encode, decode = msgspec.json.encode, msgspec.json.decode
    answer, verdicts = orjson.dumps(_lineage(dict, dict, dict)), orjson.dumps(_verdicts(dict, dict))
    event = {"Type": "train", "Emitter": "e", "OccurredAt": _AT, "Properties": {"auc": 0.9}}
    events = orjson.dumps([{"ID": id_, **event, "UsesArtifacts": [{"Name": id_}]} for id_ in _IDS])
    lineages, results, models = (
        TypeAdapter(ModelLineage),
        TypeAdapter(ModelResults),
        TypeAdapter(list[ModelEvent]),
    )
    return {
        "answer of 1,000 nodes, made": {
            "dicts": lambda: orjson.dumps(_lineage(dict, dict, dict)),
            "msgspec": lambda: encode(_lineage(StructNode, StructEdge, StructLineage)),
            "pydantic": lambda: lineages.dump_json(
                _lineage(ModelNode, ModelEdge, ModelLineage), exclude_unset=True
            ),
        },
        "1,000 verdicts, made": {
            "dicts": lambda: orjson.dumps(_verdicts(dict, dict)),
            "msgspec": lambda: encode(_verdicts(StructResult, StructResults)),
            "pydantic": lambda: results.dump_json(_verdicts(ModelResult, ModelResults), exclude_unset=True),
        },
        "answer of 1,000 nodes, read": {
            "dicts": lambda: orjson.loads(answer),
            "msgspec": lambda: decode(answer, type=StructLineage),
            "pydantic": lambda: lineages.validate_json(answer),
        },
        "1,000 verdicts, read": {
            "dicts": lambda: orjson.loads(verdicts),
            "msgspec": lambda: decode(verdicts, type=StructResults),
            "pydantic": lambda: results.validate_json(verdicts),
        },
        "1,000 events, read": {
            "dicts": lambda: orjson.loads(events),
            "msgspec": lambda: decode(events, type=list[StructEvent]),
            "pydantic": lambda: models.validate_json(events),
        },
    }


def _milliseconds(work: Callable[[], object]) -> float:
    begin = time.process_time_ns()
    work()
    return (time.process_time_ns() - begin) / 1e6


def main() -> None:
    """Print the table."""
    work = _work()
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(_ROUNDS):
        for what, ways in work.items():
            for way, done in ways.items():
                times.setdefault((what, way), []).append(min(_milliseconds(done) for _ in range(3)))
    print("| | dicts, orjson | msgspec | pydantic |\n|---|---|---|---|")
    for what, ways in work.items():
        shown = (f"{statistics.median(times[what, way]):.2f} ms" for way in ways)
        print(f"| {what} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
