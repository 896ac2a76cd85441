"""
Answers as people read them: ``print(answer)`` gives text, and a notebook shows the same as tables.

Names and values that emitters wrote cannot steer a terminal, nor be taken for Markdown. What is long is bounded; all of
it is in the answer's own members.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from provgraph import telling
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_ROWS = 50
_WIDEST_CELL = 80
_HIDDEN = ("document",)
# What Markdown, or what a notebook makes of it, would take for more than a character.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]#!|~$]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BACKTICKS = re.compile("`{3,}")


class Table(NamedTuple):
    """Rows below the names of their columns; where no column has a name, the rows alone."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Block(NamedTuple):
    """Lines that stay as they are."""

    lines: Sequence[str]


# A text is a line.
Piece: TypeAlias = "str | Table | Block"


class Shown:
    """Something that can be printed. A class says how, with one of two methods; otherwise its members are listed."""

    __slots__ = ()

    def brief(self) -> str | None:
        """Return what it says in one line; None: it takes more."""
        return None

    def pieces(self) -> Iterable[Piece]:
        """Return what it says, in full."""
        line = self.brief()
        return _facts(self) if line is None else (line,)

    def __str__(self) -> str:
        return "\n".join(line for piece in self.pieces() for line in _as_text(piece))

    def _repr_markdown_(self) -> str:
        return "\n\n".join(_as_markdown(piece) for piece in self.pieces())


def place(event: object, position: object) -> str:
    """Return how an event is named in a line."""
    return f"event {event}" + (f", position {position}" if position else "")


def truth(position: int, as_of: object = None) -> str:
    """Return what an answer is true for, as part of a sentence."""
    return f"as of log position {position}" + (f", at {_cell(as_of)}" if as_of else "")


class Ended(Protocol):
    """Says how the work of an event ended."""

    @property
    def outcome(self) -> str | None:
        """``failed``, ``aborted``, ``unknown``; None: the event did not say."""

    @property
    def error(self) -> str | None:
        """What went wrong."""


def ending(told: Ended) -> str:
    """Return how the work of an event ended, where it does not say that it ended well."""
    ended = telling.ended({"outcome": told.outcome, "error": told.error})
    return f" ({printable(ended)})" if ended else ""


def changed(change: object) -> str:
    """
    Return that an event was changed after it was recorded, to stand after what rests on it.

    :param change: what the service says of that; None: nothing
    """
    return "" if change is None else " CHANGED after it was recorded"


def more(cursor: str | None, reason: str | None = None) -> str:
    """Return the line that says that an answer is not complete."""
    why = f" ({printable(reason)})" if reason else ""
    return f"NOT complete{why}" + ("; `cursor` leads on." if cursor else ".")


def _facts(answer: Any) -> Iterable[Piece]:
    named = [each.name for each in dataclasses.fields(answer) if each.name not in _HIDDEN]
    facts = [(name.replace("_", " "), _fact(getattr(answer, name))) for name in named]
    # ``CloseReport`` is a close report.
    yield re.sub(r"(?<=[a-z])([A-Z])", lambda found: f" {found[1].lower()}", type(answer).__name__)
    yield Table((), [fact for fact in facts if fact[1]])


def _fact(value: object) -> str:
    if isinstance(value, tuple | list):
        shown = telling.listed(_cell(each) for each in value)
        return f"{len(value)}: {shown}" if value else ""
    return _cell(value)


def _cell(value: object) -> str:
    if value is None or value == "" or value == {}:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Shown):
        return printable(value.brief() or str(value).partition("\n")[0])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return printable(telling.described(value))
    text = printable(value)
    return text if len(text) <= _WIDEST_CELL else f"{text[: _WIDEST_CELL - 3]}..."


def _rows(table: Table) -> tuple[list[list[str]], int]:
    """Return the rows that are shown, and how many are not. A column in which nothing stands is empty everywhere."""
    shown = [[_cell(value) for value in row] for row in table.rows[:MOST_ROWS]]
    return shown, len(table.rows) - len(shown)


def _as_text(piece: Piece) -> Iterable[str]:
    if isinstance(piece, str):
        yield printable(piece)
        return
    if isinstance(piece, Block):
        yield from map(printable, piece.lines)
        return
    rows, left = _rows(piece)
    head = [printable(column).upper() for column in piece.columns]
    whole = [head, *rows] if head else rows
    wide = [max(map(len, column)) for column in zip(*whole, strict=True)]
    indent = "" if head else "  "
    for row in whole:
        yield (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True))).rstrip()
    if left:
        yield f"... and {counted(left, 'more row')}"


def _as_markdown(piece: Piece) -> str:
    if isinstance(piece, str):
        return _escaped(printable(piece))
    if isinstance(piece, Block):
        text = "\n".join(map(printable, piece.lines))
        fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=2))
        return f"{fence}text\n{text}\n{fence}"
    rows, left = _rows(piece)
    columns = [*map(printable, piece.columns)] or [""] * max(map(len, rows), default=1)
    lines = [_row(columns), _row(["---"] * len(columns), raw=True), *map(_row, rows)]
    return "\n".join(lines) + (f"\n\n... and {counted(left, 'more row')}" if left else "")


def _row(cells: Sequence[str], *, raw: bool = False) -> str:
    return "| " + " | ".join(cells if raw else map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    safe = "".join(_HTML.get(char, char) for char in text)
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", safe)
