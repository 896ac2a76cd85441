"""
Cursors: where an answer that was cut goes on, as opaque text.

A cursor says what the first page was true for (log position, epoch, time) and where the next one begins. It belongs to
one question. A code, made with a secret of the log, shows that the service itself wrote it: what comes back is text
from outside, and nobody else may decide what a question goes on with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODE_BYTES = 16
# What the key is for. The number changes with what a cursor says, so that one of another version is refused.
_PURPOSE = b"provgraph cursor 2"


class Cursor(NamedTuple):
    """What a cursor says."""

    epoch: str
    position: int  # log position that the answer is true for
    as_of_us: int | None
    since: list[Any]  # where to go on, as the question counts it


class _Stated(NamedTuple):
    """What the text of a cursor says: of which question it is, and the rest."""

    name: str
    fingerprint: str
    cursor: Cursor


class Cursors:
    """Writes cursors, and reads those that it wrote itself. Safe to use from several threads."""

    def __init__(self, secret: bytes) -> None:
        """
        Write cursors that whoever has the same secret can read.

        :param secret: see `provgraph.eventlog.EventLog.secret`
        """
        self._key = hmac.digest(secret, _PURPOSE, "sha256")

    def encode(self, question: Sequence[object], cursor: Cursor) -> str:
        """
        Return a cursor as text.

        :param question: what makes it the same question, as plain values; the first is its name
        """
        body = orjson.dumps([question[0], _fingerprint(question), *cursor])
        return base64.urlsafe_b64encode(self._code(body) + body).decode().rstrip("=")

    def decode(self, text: str, question: Sequence[object]) -> Cursor:
        """
        Read a cursor that `encode` made for the same question.

        :raises InvalidInputError: this service did not make it, or it belongs to another question
        """
        stated = self._read(text)
        if stated is None:
            raise InvalidInputError(
                "cursor is not one that this service gave; ask again without cursor",
                field="cursor",
                rule="cursor",
            )
        if (stated.name, stated.fingerprint) != (question[0], _fingerprint(question)):
            raise InvalidInputError(
                "cursor belongs to another question; repeat the other parameters with it",
                field="cursor",
                rule="same-question",
            )
        return stated.cursor

    def is_of(self, text: str, name: str) -> bool:
        """Tell whether a text is a cursor of a question of that name."""
        stated = self._read(text)
        return stated is not None and stated.name == name

    def _read(self, text: str) -> _Stated | None:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        code, body = raw[:_CODE_BYTES], raw[_CODE_BYTES:]
        return _stated(body) if hmac.compare_digest(code, self._code(body)) else None

    def _code(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_CODE_BYTES]


# For questions that are asked within one process, without a service.
OF_THIS_PROCESS = Cursors(secrets.token_bytes(32))


def _stated(body: bytes) -> _Stated | None:
    """Return what a cursor says, None when it has not the form of one."""
    try:
        name, fingerprint, epoch, position, as_of_us, since = orjson.loads(body)
    except (ValueError, TypeError):  # no JSON, no list, or one of another length
        return None
    if not all(isinstance(text, str) for text in (name, fingerprint, epoch)):
        return None
    if type(position) is not int or type(as_of_us) not in (int, type(None)) or not isinstance(since, list):
        return None
    return _Stated(name, fingerprint, Cursor(epoch, position, as_of_us, since))


def _fingerprint(question: Sequence[object]) -> str:
    return hashlib.sha256(orjson.dumps(question)).hexdigest()[:16]
