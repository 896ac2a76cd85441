"""
Encodings of request bodies (``Content-Encoding``): none, or gzip, unpacked piece by piece.

What comes out is bounded by whoever reads: a few packed bytes can be gigabytes.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from provgraph.errors import InvalidInputError, UnsupportedEncodingError

if TYPE_CHECKING:
    from collections.abc import Iterable

_GZIP = frozenset({b"gzip", b"x-gzip"})
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
# A body may have several members, one after another, as log shippers make them. Each costs work, even an empty one.
_MOST_MEMBERS = 1_000
# What cannot be packed gets a little longer by packing.
_OVERHEAD_BYTES = 4_096
_OVERHEAD_PART = 1_000


class Plain:
    """Passes on what it gets."""

    has_too_much = False

    def read(self, piece: bytes, *, at_most: int) -> bytes:  # noqa: ARG002 - what is there is there
        """Return a piece of a body as it is."""
        return piece

    def end(self) -> None:
        """Nothing can be missing."""

    def whole(self, size: int) -> int | None:
        """Return how long the body is, from what was read of it and the rest of it that was not."""
        return size


class Gzip:
    """Unpacks gzip, of one member or several."""

    def __init__(self, *, limit: int) -> None:
        """
        Begin.

        :param limit: how long the body may be, unpacked; a packed one that is much longer is not read on
        """
        self._left = limit + limit // _OVERHEAD_PART + _OVERHEAD_BYTES
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._is_begun = False
        self._members = 1
        self.has_too_much = False

    def read(self, piece: bytes, *, at_most: int) -> bytes:
        """
        Return what a piece holds, but no more than ``at_most`` bytes of it (at least 1).

        :raises InvalidInputError: it is not gzip
        """
        self._left -= len(piece)
        self.has_too_much = self._left < 0
        unpacked = []
        while piece and at_most:
            if self._member.eof:
                self._begin_another()
            self._is_begun = True
            try:
                unpacked.append(self._member.decompress(piece, at_most))
            except zlib.error as error:
                raise _damaged(str(error)) from error
            at_most -= len(unpacked[-1])
            piece = self._member.unused_data
        return b"".join(unpacked)

    def end(self) -> None:
        """
        Check that nothing is missing. A body without any bytes is an empty one.

        :raises InvalidInputError: it ends before its end
        """
        if self._is_begun and not self._member.eof:
            raise _damaged("it breaks off")

    def whole(self, _size: int) -> int | None:
        """Return None: what was not unpacked has no length."""
        return None

    def _begin_another(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise _damaged(f"it has more than {_MOST_MEMBERS:,} members")
        self._member = zlib.decompressobj(_GZIP_FORMAT)


def reader_of(headers: Iterable[tuple[bytes, bytes]], *, limit: int) -> Gzip | None:
    """
    Return who unpacks the body of a request with these headers; None when it is not packed.

    :param limit: see `Gzip`
    :raises UnsupportedEncodingError: it is encoded otherwise, or more than once
    """
    stated = [value for name, value in headers if name == b"content-encoding"]
    if not stated:
        return None
    encodings = [each.strip().lower() for value in stated for each in value.split(b",")]
    encodings = [each for each in encodings if each not in (b"", b"identity")]
    if not encodings:
        return None
    if len(encodings) == 1 and encodings[0] in _GZIP:
        return Gzip(limit=limit)
    shown = b", ".join(encodings)[:60].decode("latin-1")
    raise UnsupportedEncodingError(
        f"Content-Encoding {shown!r} is not read here: send the body as it is, or packed once with gzip"
    )


def _damaged(reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"The body cannot be unpacked as Content-Encoding gzip says: {reason}", field="body", rule="gzip"
    )
