"""
Cursors: where an answer that was cut goes on, as opaque text.

A cursor says what the first page was true for (log position, epoch, time) and where the next one begins. It belongs to
one question, and a seal shows that it came back as it was given.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEAL_BYTES = 6


class Cursor(NamedTuple):
    """What a cursor says."""

    epoch: str
    position: int  # log position that the answer is true for
    as_of_us: int | None
    since: list[Any]  # where to go on, as the question counts it


def encode(question: Sequence[object], cursor: Cursor) -> str:
    """
    Return a cursor as text.

    :param question: what makes it the same question, as plain values; the first is its name
    """
    body = orjson.dumps([question[0], _fingerprint(question), *cursor])
    return base64.urlsafe_b64encode(_seal(body) + body).decode().rstrip("=")


def decode(text: str, question: Sequence[object]) -> Cursor:
    """
    Read a cursor that `encode` made for the same question.

    :raises InvalidInputError: it is none, or belongs to another question
    """
    stated = _read(text)
    if stated is None:
        raise InvalidInputError("cursor is not one that this service gave", field="cursor", rule="cursor")
    name, fingerprint, *cursor = stated
    if (name, fingerprint) != (question[0], _fingerprint(question)):
        raise InvalidInputError(
            "cursor belongs to another question; repeat the other parameters with it",
            field="cursor",
            rule="same-question",
        )
    return Cursor(*cursor)


def is_of(text: str, name: str) -> bool:
    """Tell whether a text is a cursor of a question of that name."""
    stated = _read(text)
    return stated is not None and stated[0] == name


def _read(text: str) -> list[Any] | None:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not body or seal != _seal(body):
        return None
    stated: list[Any] = orjson.loads(body)
    return stated


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_SEAL_BYTES]


def _fingerprint(question: Sequence[object]) -> str:
    return hashlib.sha256(orjson.dumps(question)).hexdigest()[:16]
