"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Report = Callable[[int, int], None]  # called with (done, total), in the units of the work


class RebuildProgress(NamedTuple):
    """How far a rebuild of the graph is, in events."""

    done: int
    total: int


def unreported(_done: int, _total: int) -> None:
    """Take a report of progress that nobody asked for."""


class Meter:
    """Counts units of work, and reports every so many of them."""

    def __init__(self, report: Report | None, *, total: int, every: int = 1_000) -> None:
        """
        Count towards ``total``.

        :param every: report after so many units, so that counting stays cheap
        """
        self._report = report or unreported
        self._total = total
        self._every = every
        self._done = 0

    def add(self, units: int = 1) -> None:
        """Note that so many more are done; the total grows if it was too low."""
        before, self._done = self._done, self._done + units
        if before // self._every != self._done // self._every:
            self.tell()

    def tell(self) -> None:
        """Report now."""
        self._report(self._done, max(self._done, self._total))

    def finish(self) -> None:
        """Report that all of it is done."""
        self._total = self._done
        self.tell()
