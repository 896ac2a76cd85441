"""
The head file: a small file beside a log on SQLite that says how far the log went.

It is written by a thread of its own, at most once a second and at the end, and never on the way of an append. It is
replaced as a whole, and synced, after the events that it tells of are durable: it may be behind the log, never ahead.
Before the log is cleaned it is written as well, so that it is never older than the epoch before, which the first event
of an epoch names.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Self

from provgraph.errors import ProvgraphError, StoreError
from provgraph.eventlog.base import Head

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.eventlog.base import EventLog

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0


class HeadFile:
    """``{"epoch", "position", "digest"}``: where a log ended a moment ago. The digest is hex."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self._path = path
        self._lock = threading.Lock()
        self._written: Head | None = None

    def read(self) -> Head | None:
        """Return what it says, None when it is not there, or says nothing that can be read."""
        try:
            stated = json.loads(self._path.read_bytes())
            return Head(str(stated["epoch"]), int(stated["position"]), bytes.fromhex(stated["digest"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error(  # noqa: TRY400 - where it was raised says nothing
                "the head file %s cannot be read, so it is no witness of how far the log went: %r",
                self._path,
                error,
            )
            return None

    def keep(self, log: EventLog) -> None:
        """
        Say where a log ends now, unless the file does already. While events are lost, it stays as it is.

        :raises StoreError: it cannot be written, or the log cannot be asked
        """
        with self._lock:  # asked for inside, so that an older head is never written after a newer one
            head = log.head()
            if head == self._written or not head.position or log.loss() is not None:
                return
            try:
                self._write(head)
            except OSError as error:
                raise StoreError(f"The head file {self._path} cannot be written: {error}") from error
            self._written = head

    def _write(self, head: Head) -> None:
        text = json.dumps({"epoch": head.epoch, "position": head.position, "digest": head.digest.hex()})
        written = self._path.with_name(f"{self._path.name}.new")
        handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._path)


class HeadKeeper:
    """Keeps a head file near a log's head. A context manager: it works inside the block, and writes at its end."""

    def __init__(self, log: EventLog, file: HeadFile) -> None:
        """Prepare to keep ``file``."""
        self._log = log
        self._file = file
        self._failure = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-head-file", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._keep()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            self._keep()

    def _keep(self) -> None:
        try:
            self._file.keep(self._log)
            self._failure = ""
        except ProvgraphError as error:
            if str(error) != self._failure:
                self._failure = str(error)
                logger.warning("%s; it is tried again", error)
