"""The formats that are plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.exports import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def to_json(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as it is, as JSON."""
    return parts.to_json(answer)


def to_ndjson(answer: Mapping[str, Any]) -> bytes:
    """
    Return an answer as JSON texts, one a line.

    ``kind`` tells them apart: first the ``answer`` without nodes and edges, then each node (``pem`` or ``artifact``),
    then each ``edge``.
    """
    parts.read(answer)
    return b"".join(parts.to_json(line) + b"\n" for line in _lines(answer))


def _lines(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield {"kind": "answer", **parts.about(answer)}
    yield from answer["nodes"]
    for edge in answer["edges"]:
        yield {"kind": "edge", **edge}
