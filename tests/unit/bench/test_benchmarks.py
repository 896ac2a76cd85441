"""Every benchmark can be run again, all rows of it, and published figures say what they were measured on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench import machine, quick
from bench.figures import Bar, Row, Sample, summarize
from bench.production import plan, run
from bench.report import Report

_ROOT = Path(__file__).parents[3]
_PAGES = ("README.md", "bench/README.md")
_UNIT = "µs|us|ms|s|/s|[KMG]iB"
_FIGURE = re.compile(rf"[\d.,]+ ?({_UNIT})(\W|$)")


def test_ci_runs_a_little_of_every_benchmark() -> None:
    programs = {file.parent for file in (_ROOT / "bench").rglob("__main__.py")}
    modules = {".".join(folder.relative_to(_ROOT).parts) for folder in programs}

    assert {command[0] for command in quick.commands()} == modules >= {"bench", "bench.production"}
    assert all(command[-1] == "--quick" for command in quick.commands())
    run = (_ROOT / ".ci" / "run").read_text()
    assert re.search(r"^beside bench nice make bench-quick$", run, re.MULTILINE)
    assert re.search(r"^joined bench \|\| status=\$\?$", run, re.MULTILINE)
    assert "-m bench.quick" in (_ROOT / "Makefile").read_text()


def test_what_fails_is_named_and_fails_the_whole(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    broken = ("bench.production", "--rows", "nothing")
    monkeypatch.setattr(quick, "commands", lambda: [broken, ("bench.units",)])

    assert quick.main() == 1
    assert "failed: python -m bench.production --rows nothing\n" in capsys.readouterr().err


def test_a_quick_run_of_the_production_pair_takes_every_row() -> None:
    every = {row.key for row in plan.rows(0, 0)}

    assert set(run._options(["--quick"]).rows.split(",")) == every
    assert set(run._options([]).rows.split(",")) == every - {"million", "memory"}
    assert run._options(["--quick", "--rows", "intake"]).rows == "intake"


@pytest.mark.parametrize("page", _PAGES)
def test_each_published_table_names_its_commit(page: str) -> None:
    text = (_ROOT / page).read_text()
    parts = text.split("\n\n")

    for part, below in zip(parts, [*parts[1:], ""], strict=True):
        if _has_figures(part):
            assert re.search(r"Measured at commit `[0-9a-f]{7,40}`", below), part[:200]


@pytest.mark.parametrize(
    "row", ["| import | 1,200/s |", "| trace | 1.6 ms | |", "| memory | 203 MiB | 0.5 x |"]
)
def test_a_table_of_figures_is_known_by_its_unit_or_its_first_figure(row: str) -> None:
    assert _has_figures(f"| what | now |\n| --- | --- |\n{row}")
    assert _has_figures("| step | µs |\n| --- | --- |\n| read | 11 |")
    assert not _has_figures("| row | held against |\n| --- | --- |\n| `memory` | highest | 400 MiB |")
    assert not _has_figures(row.strip("|"))


def _has_figures(part: str) -> bool:
    """Tell whether a part of a page is a table of figures: beside what was measured, or below a ratio or unit."""
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in part.splitlines() if line[:1] == "|"]
    named = any(cell == "ratio" or re.fullmatch(_UNIT, cell) for cell in (rows[0] if rows else ()))
    return named or any(_FIGURE.match(figure) for _, figure, *_ in rows)


def test_a_report_names_the_commit_and_its_problems() -> None:
    row = Row("x", "what", str, Bar(figure_at_most=1.0))
    found = Report(
        machine=machine.describe(_ROOT)._replace(commit="0123abc"),
        states=[machine.State(0.0, 0.0, 0.0)],
        summaries=[summarize(row, [Sample(1.0, None, {}, ("it is wrong",))])],
        samples={},
        failures=["y: it broke off"],
        peers=(),
        full_size=True,
    )

    assert "Measured at commit `0123abc`." in found.markdown()
    assert found.problems == ["y: it broke off", "x: it is wrong"]
