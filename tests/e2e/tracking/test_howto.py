"""What docs/howto/track.md shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from typer.testing import CliRunner

from provgraph.cli.app import app
from tests.e2e.pairs import client_side

if TYPE_CHECKING:
    import pytest

    from tests.e2e.wire import Wire

pytestmark = client_side

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "track.md"
ADDRESS = "http://127.0.0.1:8082"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What differs from run to run: ids, times, who runs it; and with their lengths the width of columns.
_DIFFERS = re.compile(
    r"\b[0-9a-f]{8,32}\b|\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b|[\w.-]+@[\w.-]+\u2026?|[\w.-]+\u2026"
)


class Step(NamedTuple):
    """Something that the page does, and what it prints then."""

    code: str
    is_command: bool
    printed: str


def steps(text: str) -> list[Step]:
    """Return what the page does, in order."""
    found: list[Step] = []
    for language, content in _BLOCK.findall(text):
        if language == "text":
            found[-1] = found[-1]._replace(printed=content)
        elif language == "console":
            command, _, printed = content.partition("\n")
            found.append(Step(command.removeprefix("$ provgraph "), is_command=True, printed=printed))
        else:
            found.append(Step(content, is_command=False, printed=""))
    return found


def done(step: Step, names: dict[str, Any], url: str) -> str:
    """Do a step, and return what it prints."""
    if step.is_command:
        return CliRunner().invoke(app, [*step.code.split(), "--url", url]).stdout
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(step.code.replace(ADDRESS, url), names)  # noqa: S102 - the page of this very project
    return printed.getvalue()


def told(text: str) -> list[list[str]]:
    """Return the words of each line, without what differs from run to run."""
    return [_DIFFERS.sub("?", line).split() for line in text.splitlines()]


def test_the_page_shows_what_happens(fresh: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}

    for step in steps(PAGE.read_text()):
        assert told(done(step, names, fresh.url)) == told(step.printed), step.code
