"""
Cursors: where an answer that was cut goes on.

A cursor remembers the question, how many nodes were given, and the log position that the first page was true for. The
walk is the same each time, so the next page skips what was given; events behind that position are left out, so pages
of one answer never contradict each other.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

import orjson

from provgraph.errors import InvalidEventError, InvalidInputError
from provgraph.events import event_id

if TYPE_CHECKING:
    from provgraph.lineage.request import LineageRequest


class Cursor(NamedTuple):
    """Where to go on."""

    given: int  # nodes given so far
    position: int  # log position that the answer is true for
    epoch: str
    version: str | None  # of the artifact asked about: id of its producing event


def encode(cursor: Cursor, request: LineageRequest) -> str:
    """Return a cursor as opaque text."""
    body = orjson.dumps([*cursor, _fingerprint(request)])
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def decode(text: str, request: LineageRequest) -> Cursor:
    """
    Read a cursor that `encode` made for the same question.

    :raises InvalidInputError: it is not one, or belongs to another question
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        given, position, epoch, version, fingerprint = orjson.loads(base64.urlsafe_b64decode(padded))
        cursor = Cursor(int(given), int(position), str(epoch), None if version is None else event_id(version))
    except (ValueError, TypeError, InvalidEventError):
        raise InvalidInputError(
            "cursor is not one that this service gave", field="cursor", rule="cursor"
        ) from None
    if fingerprint != _fingerprint(request) or cursor.given < 1:
        raise InvalidInputError(
            "cursor belongs to another question; repeat node, direction, depth and version with it",
            field="cursor",
            rule="same-question",
        )
    return cursor


def _fingerprint(request: LineageRequest) -> str:
    question = orjson.dumps([request.node, request.direction, request.depth, request.version])
    return hashlib.sha256(question).hexdigest()[:16]
