"""Taking measurements: what is wanted, what has been found so far, and what became of what broke off."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from bench import machine
from bench.figures import Sample, Summary, summarize
from bench.load import NoAnswerError
from bench.service import ROOT, ServiceError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from bench.figures import Row
    from bench.machine import State
    from bench.report import Report

RESULTS = ROOT / "bench" / "results"

Samples = Generator[tuple[str, Sample], None, None]


class Measurement(NamedTuple):
    """A function that measures, and the rows it fills, one after the other."""

    rows: tuple[str, ...]
    run: Callable[[], Samples]


class Rounds:
    """What one run wants to know and has found so far."""

    def __init__(
        self, folder: Path, wanted: Collection[str], *, breaks: tuple[type[Exception], ...] = ()
    ) -> None:
        """
        Begin with nothing.

        :param folder: on the filesystem that counts
        :param wanted: keys of rows
        :param breaks: errors that end a measurement and not the run, beside those of the service
        """
        self._folder = folder
        self._breaks: tuple[type[Exception], ...] = (ServiceError, NoAnswerError, OSError, *breaks)
        self._wanted = frozenset(wanted)
        self.samples: defaultdict[str, list[Sample]] = defaultdict(list)
        self.states: list[State] = []
        self.failures: list[str] = []

    def wants(self, one: Measurement) -> bool:
        """Whether any of its rows is wanted."""
        return not self._wanted.isdisjoint(one.rows)

    def probe(self, moment: str) -> None:
        """Note how the machine is doing."""
        self.states.append(machine.probe(self._folder))
        say(f"{moment}: {self.states[-1].line()}")

    def take(self, one: Measurement, *, keep: bool = True) -> None:
        """
        Measure until every wanted row has its sample; what breaks off is noted.

        :param keep: False for a rehearsal, whose samples are told and forgotten
        """
        wanted = set(self._wanted.intersection(one.rows))
        try:
            with contextlib.closing(one.run()) as samples:
                while wanted:
                    key, sample = next(samples)
                    if key in self._wanted:
                        self._tell(key, sample)
                        if keep:
                            self.samples[key].append(sample)
                    wanted.discard(key)
        except self._breaks as error:
            # What was measured before, and the other rows, are worth having all the same.
            self.failures.append(f"{', '.join(sorted(wanted))}: {type(error).__name__}: {error}")
            say(f"  PROBLEM: {self.failures[-1]}")

    def _tell(self, key: str, sample: Sample) -> None:
        floor = "" if sample.floor is None else f", floor {sample.floor:.5g}"
        problems = "".join(f"; PROBLEM: {problem}" for problem in sample.problems)
        say(f"  {key}: {sample.figure:.5g}{floor}{problems}")

    def summaries(self, rows: Sequence[Row]) -> list[Summary]:
        """Sum up the rows that have samples."""
        return [summarize(row, self.samples[row.key]) for row in rows if self.samples[row.key]]


def tell(found: Report, results: Path) -> int:
    """Print the table and write every sample to a new file; the status to exit with."""
    sys.stdout.write("\n" + found.markdown())
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(found.json() + "\n")
    say(f"\nEvery sample is in {path}")
    return 1 if found.problems else 0


def say(line: str) -> None:
    """Tell whoever waits how it goes, apart from the table."""
    sys.stderr.write(line + "\n")
