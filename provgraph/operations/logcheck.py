"""The check in the background: through the whole log, in slices, again and again."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Self

from provgraph.errors import ProvgraphError
from provgraph.eventlog.checking import Checkup
from provgraph.eventlog.witnesses import heed

if TYPE_CHECKING:
    from provgraph.eventlog import ChainReport, EventLog, Lease

logger = logging.getLogger(__name__)

# Few enough that nobody waits for one: some milliseconds.
_SLICE_EVENTS = 500
# A small log is gone through within minutes, and then left alone until its time comes again.
_LONGEST_PAUSE_SECONDS = 5.0
_STANDBY_SECONDS = 30.0


class LogCheck:
    """
    Recomputes the digest chain of a log, once in so many hours; of all that use a log, one does.

    A context manager: it works inside the block. What it finds is told by the metrics and, once, in the process's own
    log; it stops nothing, for whoever makes something of the log checks it as well.
    """

    def __init__(self, log: EventLog, *, lease: Lease, hours: float) -> None:
        """
        Prepare to check ``log``.

        :param lease: says whether this process is the one that does it
        :param hours: how long one way through the log may take, and how often it is made; 0: never
        """
        self._log = log
        self._lease = lease
        self._seconds = hours * 3600
        self._is_intact = True
        self._position = 0
        self._ended = time.monotonic()
        self._told = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-check", daemon=True)

    def __enter__(self) -> Self:
        if self._seconds:
            self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._lease.release()

    @property
    def is_intact(self) -> bool:
        """Whether the last way through the log found nothing wrong; also before the first one has ended."""
        return self._is_intact

    @property
    def position(self) -> int:
        """Up to where the way that is being made has come, a log position."""
        return self._position

    def age_seconds(self) -> float:
        """Return for how long no way through the log has ended, or this process has lived if none has."""
        return time.monotonic() - self._ended

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                is_done = self._lease.held() and self._check()
            except ProvgraphError as error:
                logger.warning("the log cannot be checked, it is tried again: %s", error)
                is_done = False
            rest = began + self._seconds - time.monotonic() if is_done else _STANDBY_SECONDS
            self._stopping.wait(max(0.0, min(rest, self._seconds)))

    def _check(self) -> bool:
        """Go through the log once; tell whether it was gone through to its end."""
        head = self._log.head()
        checkup = Checkup(self._log, head)
        slices = max(1, math.ceil(self._log.count() / _SLICE_EVENTS))
        pause = min(self._seconds / slices, _LONGEST_PAUSE_SECONDS)
        while checkup.go_on(_SLICE_EVENTS):
            self._position = checkup.position
            if self._stopping.wait(pause):
                return False
        if self._log.head().epoch != head.epoch:
            return False  # cleaned meanwhile
        report = checkup.report()
        heed(self._log, report)
        self._tell(report)
        self._ended = time.monotonic()
        return True

    def _tell(self, report: ChainReport) -> None:
        self._is_intact = report.intact
        if report.message != self._told and not report.intact:
            logger.error("the log is not what was recorded: %s", report.message)
        self._told = report.message
