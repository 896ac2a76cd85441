"""
Read a history from an export: one JSON object a line, a commit each, parents before children.

``{"commit": id, "parents": [id, ...], "committed_at": ISO time, "changes": [{"path", "old", "new"}]}``, the changes
against the first parent, ``old`` and ``new`` a blob id or null; the time null where the commit states none that can be
read. Packed with gzip or not.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from provgraph.sources import rawdates
from provgraph.sources.commits import Change, Commit, readable
from provgraph.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase
    from pathlib import Path

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GZIP_MAGIC = b"\x1f\x8b"


class Export:
    """
    A file that holds an exported history.

    :raises SourceError: the file cannot be opened
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._undated: dict[str, None] = {}  # in the order of reading
        with self._readable():
            pass

    @property
    def total(self) -> int:
        """See `History.total`."""
        return sum(1 for _ in self._lines())

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `History.warnings`."""
        return ()

    @property
    def undated(self) -> tuple[str, ...]:
        """See `History.undated`."""
        return tuple(self._undated)

    def commits(self) -> Iterator[Commit]:
        """See `History.commits`."""
        for number, line in self._lines():
            try:
                record = json.loads(line)
                commit = _commit(record)
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise SourceError(
                    f"{self._file}, line {number} is not an exported commit: {reason}"
                ) from error
            if record["committed_at"] is None:
                self._undated[commit.id] = None
            yield commit

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are not blank, with their numbers from 1."""
        try:
            with self._readable() as stream:
                yield from ((number, line) for number, line in enumerate(stream, 1) if line.strip())
        except (OSError, EOFError, zlib.error) as error:  # gzip's own error is an OSError
            raise SourceError(f"{self._file} cannot be read to its end: {error}") from error

    def _readable(self) -> BufferedIOBase:
        try:
            stream = self._file.open("rb")
            packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            stream.seek(0)
        except OSError as error:
            raise SourceError(f"{self._file} cannot be opened: {error.strerror}") from error
        return _OwningGzip(stream) if packed else stream


class _OwningGzip(gzip.GzipFile):
    """A packed file that closes the file below it too."""

    def __init__(self, below: IO[bytes]) -> None:
        super().__init__(fileobj=below, mode="rb")
        self._below = below

    def close(self) -> None:
        super().close()
        self._below.close()


def _commit(record: Any) -> Commit:
    if not isinstance(record, dict):
        raise TypeError("it is not a JSON object")
    parents = tuple(_object_id(parent) for parent in _list(record["parents"]))
    changes = tuple(_change(change) for change in _list(record["changes"]))
    return Commit(_object_id(record["commit"]), parents, _time(record["committed_at"]), changes)


def _change(record: Any) -> Change:
    if not isinstance(record, dict):
        raise TypeError("a change is not a JSON object")
    path = record["path"]
    if not isinstance(path, str) or not path:
        raise TypeError("a change has no path")
    old, new = (None if record[side] is None else _object_id(record[side]) for side in ("old", "new"))
    return Change(_sendable(path), old, new)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("parents and changes are lists")
    return value


def _object_id(value: Any) -> str:
    if not isinstance(value, str) or not _OBJECT_ID.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not an object id")
    return value


def _time(value: Any) -> datetime:
    if value is None:
        return rawdates.UNDATED
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("committed_at has no zone")
    return time.astimezone(UTC).replace(microsecond=0)


def _sendable(path: str) -> str:
    """Return the path as a repository's reader writes it: exporters keep odd bytes as lone surrogates."""
    try:
        return readable(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return readable(path.encode("utf-8", "surrogatepass"))
