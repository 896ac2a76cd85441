"""What the command line prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from provgraph.client.traced import recorder
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "counted",
    "note",
    "printable",
    "progress_bar",
    "recorder",
    "say",
    "say_content",
    "say_facts",
    "say_json",
    "say_json_line",
    "say_table",
    "say_table_with_rare",
    "seen_enough",
]

# Wide enough that nothing is cut or folded when a program reads the output.
_UNBOUNDED_COLUMNS = 100_000
# What a column that is not of ids is folded to at most.
_NARROWEST = 12
_ID = re.compile("[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def say(text: str = "") -> None:
    """Print a line of the answer."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line about the answer, where a script that reads the answer does not see it."""
    typer.echo(text, err=True)


def say_json(document: Any) -> None:
    """Print a document as JSON, and nothing else."""
    try:
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    except orjson.JSONEncodeError:  # nested deeper than it goes: an event's properties may be
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def say_json_line(document: Any) -> None:
    """Print a document as JSON in one line."""
    try:
        typer.echo(orjson.dumps(document).decode())
    except orjson.JSONEncodeError:
        typer.echo(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def say_content(text: str) -> None:
    """Print a file's content as it is: for programs, not for terminals."""
    typer.echo(text if text.endswith("\n") else f"{text}\n", nl=False)


def say_table_with_rare(columns: Sequence[str], rows: Iterable[Sequence[object]], *, rare: int = 1) -> None:
    """Print a table; each of its last ``rare`` columns is left out when nothing stands in it."""
    found = list(rows)
    first = len(columns) - rare
    shown = [at for at in range(len(columns)) if at < first or any(row[at] for row in found)]
    say_table([columns[at] for at in shown], [[row[at] for at in shown] for row in found])


def say_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """
    Print a table: folded to the terminal's width, or unbounded when stdout is not a terminal.

    Ids are never folded, so that they can be copied: a table that has too many of them is wider than the terminal.
    """
    cells = [[printable(value) for value in row] for row in rows]
    ids = [any(_ID.fullmatch(row[at]) for row in cells) for at in range(len(columns))]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, is_id in zip(columns, ids, strict=True):
        table.add_column(column, overflow="fold", no_wrap=is_id)
    for row in cells:
        table.add_row(*map(Text, row))
    _Console(width=_width(columns, cells, ids), highlight=False).print(table)


def _width(columns: Sequence[str], cells: Sequence[Sequence[str]], ids: Sequence[bool]) -> int:
    if not sys.stdout.isatty():
        return _UNBOUNDED_COLUMNS
    longest = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    needed = [wide if is_id else min(wide, _NARROWEST) for wide, is_id in zip(longest, ids, strict=True)]
    return max(Console().width, sum(needed) + 2 * (len(columns) - 1))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave what to do about it to whoever runs the command: see `seen_enough`."""
        raise BrokenPipeError(errno.EPIPE, "the reader of our output has seen enough")


def seen_enough() -> None:
    """Stop to print: the reader, such as ``head``, has seen enough. Nothing that is still to be written fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):  # no file stands behind stdout in a test
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def say_facts(title: str, facts: dict[str, Any]) -> None:
    """Print a title with a fact a line below it."""
    say(title)
    wide = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        say(f"  {name:<{wide}}  {printable(value)}")


@contextmanager
def progress_bar(label: str, *, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """
    Show how far something has come, on stderr and only on a terminal.

    Gives a function that takes what is done and, where it is known, the total.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=total)

        def show(done: int, of: int | None) -> None:
            progress.update(task, completed=done, total=of)

        yield show
