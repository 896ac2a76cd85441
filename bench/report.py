"""What a run found, as Markdown for people and JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import units
from bench.figures import Bar, Row, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.figures import Sample
    from bench.machine import Machine, State

_MEMORY = Bar(figure_at_most=250.0)


def rows(events: int, grown: int) -> list[Row]:
    """List the table's rows in the order they are printed."""
    return [
        Row("single", "single durable PEM, 32 clients", units.per_second, Bar(ratio_at_least=0.5)),
        Row("batch", "batches: durable, in catalog and projected", units.per_second, Bar(ratio_at_least=0.4)),
        Row(
            "trace",
            "upstream trace, depth 10, `uniform`, p50",
            units.milliseconds,
            Bar(figure_at_most=0.005, ratio_at_most=4.0),
        ),
        Row("recent", "upstream trace, depth 10, `recent`, p50", units.milliseconds),
        Row("rebuild", f"rebuild of {events:,}, graph and catalog", units.seconds, Bar(ratio_at_most=3.0)),
        Row(
            "growth",
            f"intake rate at {grown:,} PEMs",
            units.per_second,
            Bar(ratio_at_least=0.8),
            against=f"at {events:,}",
        ),
        Row("memory", f"resident memory after {grown:,} PEMs", units.mebibytes, _MEMORY),
        Row("listing", "peak memory while all are listed unpaged", units.mebibytes, _MEMORY),
        Row("lag", "graph behind the log, worst probe", units.seconds, Bar(figure_at_most=1.0)),
        Row(
            "readers",
            "single PEM beside 20 heavy readers, p50",
            units.milliseconds,
            Bar(ratio_at_most=3.0),
            against="without them",
        ),
    ]


@dataclass(frozen=True)
class Report:
    """Everything one run found."""

    machine: Machine
    states: Sequence[State]
    """One before each round and one at the end."""
    summaries: Sequence[Summary]
    samples: Mapping[str, Sequence[Sample]]
    failures: Sequence[str]
    """Measurements that broke off, and why."""
    peers: Sequence[Comparison]
    full_size: bool
    """False: smaller than the sizes the bars are stated for."""
    remarks: Sequence[str] = ()
    """Sentences about what was measured on, beside the machine."""

    @property
    def problems(self) -> list[str]:
        """Everything that makes a figure worthless, with the row it spoils."""
        spoilt = [f"{s.row.key}: {problem}" for s in self.summaries for problem in s.problems]
        return [*self.failures, *spoilt]

    def markdown(self) -> str:
        """Write tables, machine and notes."""
        parts = [self._table(), *(peer.table() for peer in self.peers), self._notes()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _table(self) -> str:
        header = ("what", "provgraph", "lowest to highest", "floor", "ratio", "bar", "met")
        return _table(header, (_cells(summary) for summary in self.summaries))

    def _notes(self) -> str:
        lines = [
            f"Measured at commit `{self.machine.commit or 'unknown'}`.",
            f"Machine: {self.machine.line()}.",
        ]
        lines += self.remarks
        lines += [
            f"State {when}: {state.line()}." for when, state in zip(_moments(self), self.states, strict=True)
        ]
        if not self.full_size:
            lines.append("Smaller than the sizes the bars are stated for: good for a smoke test only.")
        for summary in self.summaries:
            if summary.notes:
                noted = ", ".join(_note(name, value) for name, value in summary.notes.items())
                lines.append(f"{summary.row.key} ({_times(summary.rounds)}): {noted}.")
        lines += [f"PROBLEM {problem}." for problem in self.problems]
        return "\n".join(f"- {line}" for line in lines)

    def json(self) -> str:
        """Write every sample of every round, the machine and the verdicts."""
        content: dict[str, Any] = {
            "machine": self.machine._asdict(),
            "remarks": list(self.remarks),
            "states": [state._asdict() for state in self.states],
            "full_size": self.full_size,
            "rows": {summary.row.key: _plain(summary) for summary in self.summaries},
            "samples": {key: [vars(sample) for sample in some] for key, some in self.samples.items()},
            "failures": list(self.failures),
            "peers": {peer.name: peer.plain() for peer in self.peers},
        }
        return json.dumps(content, indent=2)


@dataclass(frozen=True)
class Comparison:
    """A peer's medians beside ours; rates per second and times in seconds, by row."""

    name: str
    version: str
    durable: str
    rounds: int
    wrong_answers: int
    figures: Mapping[str, float]
    ours: Mapping[str, Summary]

    def table(self) -> str:
        """Write the rows both have."""
        shared = [summary for key, summary in self.ours.items() if key in self.figures]
        header = ("what", "provgraph, over HTTP", f"{self.name} {self.version}, in process", "ratio")
        table = _table(header, (self._cells(summary) for summary in shared))
        caution = f" **{self.wrong_answers} of its answers were wrong.**" if self.wrong_answers else ""
        return f"{table}\n\n{self.name}: {self.durable}; {_times(self.rounds)}.{caution}"

    def _cells(self, summary: Summary) -> tuple[str, ...]:
        theirs = self.figures[summary.row.key]
        unit = summary.row.unit
        return summary.row.title, unit(summary.figure), unit(theirs), f"{summary.figure / theirs:.2f} x"

    def plain(self) -> dict[str, Any]:
        """Give what a program wants to know."""
        return {
            "version": self.version,
            "durable": self.durable,
            "rounds": self.rounds,
            "wrong_answers": self.wrong_answers,
            "figures": dict(self.figures),
        }


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(summary: Summary) -> tuple[str, ...]:
    row = summary.row
    several = summary.rounds > 1
    return (
        row.title,
        row.unit(summary.figure),
        f"{row.unit(summary.lowest)} to {row.unit(summary.highest)}" if several else "",
        "" if summary.floor is None else f"{row.unit(summary.floor)} {row.against}".rstrip(),
        "" if summary.ratio is None else f"{summary.ratio:.2f} x",
        row.bar.text(row.unit) if row.bar else "for information",
        {True: "yes", False: "**no**", None: ""}[summary.met],
    )


def _moments(report: Report) -> list[str]:
    before = [f"before round {number}" for number in range(1, len(report.states))]
    return [*before, "at the end"]


def _note(name: str, value: float) -> str:
    """Write one note: the end of its name is its unit."""
    if name.endswith("cpu_seconds_per_event"):
        return f"{name.removesuffix('_seconds_per_event')} {value * 1e6:.3g} us an event"
    if name.endswith("seconds"):
        return f"{name.removesuffix('seconds').strip('_') or 'took'} {units.seconds(value)}"
    if name.endswith("_mebibytes"):
        return f"{name.removesuffix('_mebibytes')} {units.mebibytes(value)}"
    if name.endswith("_per_second"):
        return f"{name.removesuffix('_per_second')} {units.per_second(value)}"
    return f"{name} {value:g}"


def _times(rounds: int) -> str:
    return "measured once" if rounds == 1 else f"median of {rounds} rounds"


def _plain(summary: Summary) -> dict[str, Any]:
    return {
        "title": summary.row.title,
        "figure": summary.figure,
        "lowest": summary.lowest,
        "highest": summary.highest,
        "floor": summary.floor,
        "ratio": summary.ratio,
        "bar": summary.row.bar and vars(summary.row.bar),
        "met": summary.met,
        "rounds": summary.rounds,
        "notes": dict(summary.notes),
        "problems": list(summary.problems),
    }
