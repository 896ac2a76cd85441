"""Whether a worker thread can do its work, and how long it pauses when it cannot."""

from __future__ import annotations

import logging

from provgraph.errors import told

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Health:
    """The state of one kind of work. Each change is logged once, however often the work is tried again."""

    def __init__(self, work: str) -> None:
        """
        Begin in good health.

        :param work: what is being done, in the words of the log: "following the log"
        """
        self._work = work
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self.failure: str | None = None  # what whoever asks may read
        self._logged = ""

    def failed(self, error: Exception) -> float:
        """Note that a try failed, and return how many seconds to wait before the next."""
        said = str(error) or repr(error)
        if self.failure is None or said != self._logged:
            logger.error("%s failed, it is tried again: %s", self._work, said, exc_info=error)
        self.failure, self._logged = told(error), said
        pause = self._pause_seconds
        self._pause_seconds = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return pause

    def worked(self) -> None:
        """Note that a try went well."""
        if self.failure is not None:
            logger.info("%s works again", self._work)
            self.failure = None
            self._pause_seconds = _FIRST_PAUSE_SECONDS
