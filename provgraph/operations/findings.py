"""What a verification finds: differences, counted all, listed up to a limit."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from provgraph.operations.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTED_DIFFERENCES = 1_000


class Sense(StrEnum):
    """In which way something differs from what the log says."""

    MISSING = "missing"
    SURPLUS = "surplus"
    DIFFERENT = "different"


class Difference(NamedTuple):
    """One item that differs."""

    sense: Sense
    what: str  # "PEM", "artifact", "tag", ...
    name: str  # id or name
    details: str  # where it is missing from, or which facts differ

    @property
    def line(self) -> str:
        """The difference as one line of text."""
        return f"{self.sense} {self.what} {one_line(self.name)}: {self.details}"


class Findings:
    """Differences: how many there are, and the first of them."""

    def __init__(self, *, limit: int = LISTED_DIFFERENCES) -> None:
        self.total = 0
        self.listed: list[Difference] = []
        self._limit = limit

    def add(self, difference: Difference) -> None:
        """Count a difference, and list it while there is room."""
        self.total += 1
        if len(self.listed) < self._limit:
            self.listed.append(difference)

    def add_all(self, differences: Iterable[Difference]) -> None:
        """Add several differences."""
        for difference in differences:
            self.add(difference)

    def extend(self, other: Findings) -> None:
        """Add what another search has found."""
        unlisted = other.total - len(other.listed)
        self.add_all(other.listed)
        self.total += unlisted

    def confirmed_by(self, later: Findings) -> Findings:
        """
        Return what both searches found.

        When one of them found more than it could list, the later one stands as it is.
        """
        if self.total > len(self.listed) or later.total > len(later.listed):
            return later
        found_before = {difference[:3] for difference in self.listed}
        both = Findings(limit=self._limit)
        both.add_all(difference for difference in later.listed if difference[:3] in found_before)
        return both

    def lines(self) -> list[str]:
        """Return the differences as lines of text, with a last one that says how many more there are."""
        lines = [difference.line for difference in self.listed]
        if self.total > len(self.listed):
            lines.append(f"... and {counted(self.total - len(self.listed), 'difference')} more")
        return lines
