"""What one commit of a git history says, wherever it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Change(NamedTuple):
    """One path whose blob is another one than in the commit's first parent."""

    path: str  # see `readable`
    old: str | None  # blob id; None: the path is new
    new: str | None  # blob id; None: the path is gone


class Commit(NamedTuple):
    """One commit, with its changes against its first parent (against nothing where it has none)."""

    id: str
    parents: tuple[str, ...]
    committed_at: datetime  # aware, UTC, whole seconds; 1970-01-01 where nothing readable is stated
    changes: tuple[Change, ...]


class History(Protocol):
    """A git history that can be read once or more."""

    @property
    def total(self) -> int:
        """How many commits there are to read, for a progress bar; it may count a few that are left out."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what the history lacks."""

    @property
    def undated(self) -> tuple[str, ...]:
        """The commits read so far that state no time that can be read; they have 1970-01-01."""

    def commits(self) -> Iterator[Commit]:
        """
        Read the commits, parents before children, one at a time.

        :raises SourceError: it cannot be read on
        """


def readable(path: bytes) -> str:
    r"""
    Return a path as text that can be sent and stored.

    Git's paths are bytes. Those that are not UTF-8 are written ``\xNN``; everything else stays as it is.
    """
    return path.decode("utf-8", "backslashreplace")
