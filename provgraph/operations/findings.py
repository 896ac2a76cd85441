"""What a verification finds: differences, counted all, listed up to a limit."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from provgraph.operations.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTED_DIFFERENCES = 1_000
# More are counted, but not recognized when they are found again: some hundred megabytes of hashes are enough.
_CONFIRMABLE = 1_000_000


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
    """
    Differences: how many there are, and the first of them.

    While events arrive, two stores differ for moments only. So each difference is kept with its evidence, the facts
    that differ, and those which an earlier search found with the same evidence are counted in ``confirmed`` too.
    """

    def __init__(self, *, limit: int = LISTED_DIFFERENCES, earlier: Findings | None = None) -> None:
        """
        Begin with nothing found.

        :param limit: how many differences are listed
        :param earlier: what may confirm what is found now
        """
        self.total = 0
        self.listed: list[Difference] = []
        self._limit = limit
        self._earlier = earlier
        self._seen: set[int] = set()  # hashes of evidence: what is not listed can be confirmed as well
        self._confirmed: Findings | None = None if earlier is None else Findings(limit=limit)

    @property
    def confirmed(self) -> Findings:
        """What the earlier search found as well; everything where there was none."""
        return self if self._confirmed is None else self._confirmed

    def add(self, difference: Difference, *, evidence: Iterable[object] = ()) -> None:
        """Count a difference, and list it while there is room; one fact of the evidence found again confirms it."""
        facts = tuple(evidence) or ("",)
        self.total += 1
        if len(self.listed) < self._limit:
            self.listed.append(difference)
        if len(self._seen) < _CONFIRMABLE:
            self._seen.update(_key(difference, fact) for fact in facts)
        if self._earlier is not None and self._confirmed is not None:
            again = [fact for fact in facts if self._earlier.has(difference, fact)]
            if again:
                self._confirmed.add(difference, evidence=again)

    def has(self, difference: Difference, fact: object) -> bool:
        """Tell whether the same difference was found with this fact in its evidence."""
        return _key(difference, fact) in self._seen

    def add_all(self, differences: Iterable[Difference]) -> None:
        """Add several differences whose name is all their evidence."""
        for difference in differences:
            self.add(difference)

    def extend(self, other: Findings) -> None:
        """Add what another search has found."""
        unlisted = other.total - len(other.listed)
        self.add_all(other.listed)
        self.total += unlisted

    def lines(self) -> list[str]:
        """Return the differences as lines of text, with a last one that says how many more there are."""
        lines = [difference.line for difference in self.listed]
        if self.total > len(self.listed):
            lines.append(f"... and {counted(self.total - len(self.listed), 'difference')} more")
        return lines


def _key(difference: Difference, fact: object) -> int:
    return hash((difference.sense, difference.what, difference.name, fact))
