"""Which commit on a line of first parents brought a file's content in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class FirstParents:
    """
    The tree that first parents span, and which commits produced which artifact.

    Asking is logarithmic in the length of the history: each commit keeps one shortcut to a commit far behind it
    (a skew-binary jump pointer), so that a line of a hundred thousand commits is climbed in a few dozen steps.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._ids: list[str] = []
        self._parents: list[int] = []
        self._jumps: list[int] = []
        self._depths: list[int] = []
        self._makers: dict[str, list[int]] = {}

    def add(self, commit: str, parents: Sequence[str], produced: Iterable[str]) -> None:
        """Add a commit behind its first parent, with the artifacts it produced; a known one is not added again."""
        if commit in self._numbers:
            return
        number = len(self._ids)
        self._numbers[commit] = number
        self._ids.append(commit)
        self._link(number, self._numbers.get(parents[0]) if parents else None)
        for name in produced:
            self._makers.setdefault(name, []).append(number)

    def maker(self, name: str, *, of: str) -> str | None:
        """Return the last commit on the first-parent line up to and with ``of`` that produced ``name``, if one did."""
        tip = self._numbers.get(of)
        makers = self._makers.get(name)
        if tip is None or makers is None:
            return None
        # From the newest backwards: the first one that lies on the line is the last one on it.
        on_line = (maker for maker in reversed(makers) if self._is_behind(maker, tip))
        found = next(on_line, None)
        return None if found is None else self._ids[found]

    def _link(self, number: int, parent: int | None) -> None:
        if parent is None:
            parent, jump, depth = number, number, 0
        else:
            near = self._jumps[parent]
            far = self._jumps[near]
            equal = self._depths[parent] - self._depths[near] == self._depths[near] - self._depths[far]
            jump, depth = (far if equal else parent), self._depths[parent] + 1
        self._parents.append(parent)
        self._jumps.append(jump)
        self._depths.append(depth)

    def _is_behind(self, candidate: int, tip: int) -> bool:
        """Tell whether ``candidate`` is ``tip`` or one of the first parents behind it."""
        depth = self._depths[candidate]
        while self._depths[tip] > depth:
            jump = self._jumps[tip]
            tip = jump if self._depths[jump] >= depth else self._parents[tip]
        return tip == candidate
