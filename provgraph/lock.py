"""The data folder, and the lock that lets one process at a time use it."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from provgraph import private
from provgraph.errors import LockedError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


class DataFolder:
    """
    A folder that this process alone uses while the block runs.

    The lock is the kernel's: it goes when the process goes, however that happens. The file stays and tells, while
    the lock is held, whose it is.
    """

    def __init__(self, path: Path) -> None:
        """
        Name the folder; entering the block makes and locks it.

        :param path: made with its parents when it is not there
        """
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        """Where the event log and the catalog are."""
        return self.path / "provgraph.db"

    @property
    def head(self) -> Path:
        """The file that says how far the event log went."""
        return self.path / "head.json"

    @property
    def graph(self) -> Path:
        """Folder of the graph store."""
        return self.path / "graph"

    def __enter__(self) -> Self:
        """
        Make and lock the folder.

        :raises LockedError: another process has it
        :raises StoreError: it cannot be made or written
        """
        try:
            private.make_folder(self.path)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
        except OSError as error:
            raise StoreError(f"The data folder {self.path} cannot be used: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise LockedError(
                f"The data folder {self.path} is in use by another process (pid {holder}); stop it first, "
                "or choose another folder"
            ) from None
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock
        self._tell_what_others_can_reach()
        return self

    def _tell_what_others_can_reach(self) -> None:
        reachable = private.open_to_others(self.path)
        if reachable:
            logger.warning(
                "other users of this machine can reach %s and %d more in the data folder, which holds the events and "
                "the hashes of credentials: chmod -R go= %s",
                reachable[0],
                len(reachable) - 1,
                self.path,
            )

    def __exit__(self, *_exception: object) -> None:
        if self._lock is not None:
            with suppress(OSError):
                os.truncate(self._lock, 0)
            os.close(self._lock)  # unlocks
            self._lock = None
