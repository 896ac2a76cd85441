"""
Cursors of the questions about the past: where an answer that was cut goes on.

A cursor carries what the first page was true for (log position, epoch, time) and where the next one begins, and it
belongs to one question. (Those of `provgraph.lineage.cursor` belong to walks of the graph as it is now.)
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.errors import InvalidInputError
from provgraph.lineage.past import Past, look_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore import HistoryReader

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000
_SEAL_BYTES = 6


class Page(NamedTuple):
    """Where a page begins."""

    past: Past
    since: list[Any] | None  # what `encode` was given; None: at the beginning


def begin(
    graph: HistoryReader,
    question: Sequence[object],
    cursor: str | None,
    *,
    as_of_us: int | None,
    known_at: int | None,
) -> Page:
    """
    Return what a page is true for and where it begins.

    :param question: what makes it the same question, as plain values; the first is its name
    :raises InvalidInputError: the cursor is none, or belongs to another question
    :raises ConflictError: the log was cleaned since the first page
    """
    if cursor is None:
        return Page(look_back(graph, as_of_us=as_of_us, known_at=known_at), None)
    stated = _decoded(cursor)
    if stated is None:
        raise InvalidInputError("cursor is not one that this service gave", field="cursor", rule="cursor")
    if stated.fingerprint != _fingerprint(question):
        raise InvalidInputError(
            "cursor belongs to another question; repeat the other parameters with it",
            field="cursor",
            rule="same-question",
        )
    found = look_back(graph, as_of_us=stated.as_of_us, known_at=stated.position, epoch=stated.epoch)
    return Page(found, stated.since)


def is_one(cursor: str) -> bool:
    """Tell whether a cursor is of this kind, and not one of `provgraph.lineage.cursor`."""
    return _decoded(cursor) is not None


class _Stated(NamedTuple):
    """What a cursor says."""

    fingerprint: str
    epoch: str
    position: int
    as_of_us: int | None
    since: list[Any]


def _decoded(cursor: str) -> _Stated | None:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        return None
    seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    return _Stated(*orjson.loads(body)) if body and seal == _seal(body) else None


def encode(question: Sequence[object], past: Past, since: Sequence[object]) -> str:
    """Return a cursor as opaque text."""
    view = past.view
    stated = _Stated(_fingerprint(question), past.epoch, view.position, view.as_of_us, list(since))
    body = orjson.dumps([*stated])
    return base64.urlsafe_b64encode(_seal(body) + body).decode().rstrip("=")


def check_limit(limit: int, *, most: int = LARGEST_LIMIT) -> None:
    """
    Refuse a limit out of bounds.

    :raises InvalidInputError: it is
    """
    if not 1 <= limit <= most:
        raise InvalidInputError(f"limit must be from 1 to {most:,}", field="limit", rule=f"1-to-{most}")


def _seal(body: bytes) -> bytes:
    """Return what shows that a cursor arrived as it was given."""
    return hashlib.sha256(body).digest()[:_SEAL_BYTES]


def _fingerprint(question: Sequence[object]) -> str:
    return hashlib.sha256(orjson.dumps(question)).hexdigest()[:16]
