"""From samples to a verdict: what one measurement says, which bar it has to clear, what the rounds say together."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.units import Unit


@dataclass(frozen=True)
class Sample:
    """What one round measured for one row. Rates are per second, times in seconds, memory in MiB."""

    figure: float
    floor: float | None = None
    """What the figure is held against: usually bare SQLite at the same work, moments before or after."""
    notes: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Refused requests, wrong answers, missing PEMs. With any of these there is no figure worth having."""

    @property
    def ratio(self) -> float | None:
        """The figure in terms of the floor."""
        return None if self.floor is None else self.figure / self.floor


@dataclass(frozen=True)
class Bar:
    """What a row has to reach; limits that are None do not apply."""

    ratio_at_least: float | None = None
    ratio_at_most: float | None = None
    figure_at_most: float | None = None
    allowance: float = 0.0
    """What the figure may be above ``ratio_at_most`` times the floor, in the figure's unit."""

    def is_met(self, figure: float, ratio: float | None) -> bool:
        """Whether every limit is kept."""
        kept = [
            self.ratio_at_least is None or (ratio is not None and ratio >= self.ratio_at_least),
            self.ratio_at_most is None
            or (ratio is not None and ratio * (1 - self.allowance / figure) <= self.ratio_at_most),
            self.figure_at_most is None or figure <= self.figure_at_most,
        ]
        return all(kept)

    def text(self, unit: Unit) -> str:
        """Say the limits in words."""
        limits = []
        if self.ratio_at_least is not None:
            limits.append(f"at least {self.ratio_at_least:g} x")
        if self.figure_at_most is not None:
            limits.append(f"at most {unit(self.figure_at_most)}")
        if self.ratio_at_most is not None:
            allowance = f" + {unit(self.allowance)}" if self.allowance else ""
            limits.append(f"at most {self.ratio_at_most:g} x{allowance}")
        return ", ".join(limits)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    key: str
    title: str
    unit: Unit
    bar: Bar | None = None
    """None: for information only."""
    against: str = ""
    """What the floor column holds, where that is not bare SQLite."""


@dataclass(frozen=True)
class Summary:
    """What all rounds together say about one row: medians, field by field."""

    row: Row
    figure: float
    lowest: float
    highest: float
    floor: float | None
    ratio: float | None
    """Median of the rounds' own ratios: both halves of each were measured while the machine was in one mood."""
    notes: Mapping[str, float]
    problems: tuple[str, ...]
    rounds: int

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None if there is none."""
        if self.row.bar is None:
            return None
        return not self.problems and self.row.bar.is_met(self.figure, self.ratio)


def summarize(row: Row, samples: Sequence[Sample]) -> Summary:
    """Take the medians over all rounds of a row; ``samples`` holds at least one."""
    figures = [sample.figure for sample in samples]
    floors = [sample.floor for sample in samples if sample.floor is not None]
    ratios = [sample.ratio for sample in samples if sample.ratio is not None]
    return Summary(
        row=row,
        figure=statistics.median(figures),
        lowest=min(figures),
        highest=max(figures),
        floor=statistics.median(floors) if floors else None,
        ratio=statistics.median(ratios) if ratios else None,
        notes={name: statistics.median(s.notes[name] for s in samples) for name in samples[0].notes},
        problems=tuple(problem for sample in samples for problem in sample.problems),
        rounds=len(samples),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which ``share`` (0 to 1) of the values lie: the nearest one, not interpolated."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]
