"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.e2e.wire import Wire

README = (Path(__file__).parents[2] / "README.md").read_text()
DEFAULT_URL = "http://127.0.0.1:8082"


def block(language: str, beginning: str) -> str:
    """Return the code block in ``language`` that begins so."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(text for text in blocks if text.startswith(beginning))


def without_recorded(text: str) -> str:
    """Return a text without the times at which events were recorded: they are never the same."""
    return re.sub(r"recorded \d{4}-[-:.\dT]+Z", "recorded ...", text.strip())


def test_the_commands_of_the_readme_are_there_after_make_setup_as_they_are_printed() -> None:
    commands = [line[2:].split()[0] for line in README.splitlines() if line.startswith("$ ")]

    assert set(commands) == {".venv/bin/provgraph", "curl"}
    assert "`provgraph import" not in README


def test_the_events_that_the_readme_sends_give_the_answer_that_it_shows(fresh: Wire) -> None:
    events = re.search(r"-d '(\[.*?\])'", block("console", "$ curl"), re.DOTALL)
    command, _, shown = block("console", "$ .venv/bin/provgraph why").partition("\n")
    assert events is not None

    sent = httpx.post(
        f"{fresh.url}/api/v1/events",
        content=events[1],
        headers={"Content-Type": "application/json"},
    )
    httpx.post(f"{fresh.url}/admin/flush")
    arguments = command.removeprefix("$ .venv/bin/provgraph ").split()
    asked = subprocess.run(
        [sys.executable, "-m", "provgraph.cli", *arguments, "--url", fresh.url],
        capture_output=True,
        text=True,
        check=True,
    )

    assert sent.json()["accepted"] == 4
    assert without_recorded(asked.stdout) == without_recorded(shown)


def test_the_program_with_the_client_in_the_readme_runs_as_it_stands(fresh: Wire, tmp_path: Path) -> None:
    program = block("python", "from provgraph.client").replace(DEFAULT_URL, fresh.url)

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "True\n"
    httpx.post(f"{fresh.url}/admin/flush")
    assert httpx.get(f"{fresh.url}/api/v1/why?node=model/churn").json()["steps"][0]["type"] == "train"


def test_the_program_in_the_readme_runs_as_it_stands(fresh: Wire) -> None:
    program = block("python", "from rkclient").replace(DEFAULT_URL, fresh.url)

    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    count = httpx.get(f"{fresh.url}/query/pems_count", params={"Type": "train"})
    assert count.json() == {"pems_count": 1}
