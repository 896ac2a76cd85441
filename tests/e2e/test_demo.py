"""The demo, on a history that is larger than its output."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.e2e.pairs import client_side
from tests.e2e.service import PROJECT, environment

pytestmark = client_side

if TYPE_CHECKING:
    from pathlib import Path

# With the lines of `make setup` the whole is at most 60.
MOST_LINES = 50
_COMMITS, _FILES = 30, 12


def _git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_demo_is_read_at_one_look(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    for commit in range(_COMMITS):
        for number in range(_FILES):
            (tmp_path / f"file-{number}").write_text(str(commit))
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "-q", "-m", f"{commit}")

    ended = subprocess.run(
        [sys.executable, "-m", "provgraph.cli", "demo"],
        cwd=tmp_path,
        env={**environment({}), "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) <= MOST_LINES
    assert f"{_COMMITS} events sent" in ended.stdout
    assert "in sync" in ended.stdout
