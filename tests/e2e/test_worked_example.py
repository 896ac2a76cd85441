"""The worked example in the documentation is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.native import batch
from tests.e2e.pairs import chooses_stores, client_side

if TYPE_CHECKING:
    from tests.e2e.wire import Wire

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "worked-example.md"


@chooses_stores
def test_every_command_prints_what_is_written_there() -> None:
    ended = subprocess.run(
        [sys.executable, "docs/example/run.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("$ provgraph ") >= 12


@client_side
def test_the_program_for_notebooks_runs_as_it_stands(fresh: Wire) -> None:
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    program = found[1].replace("http://127.0.0.1:8082", fresh.url)
    events = (ROOT / "docs" / "example" / "credit.ndjson").read_text()
    assert batch(fresh, *map(_read, events.splitlines()))["accepted"] == 11
    fresh.post_json("/admin/flush", {})

    ended = subprocess.run(
        [sys.executable, "-c", f"{program}print(graph.number_of_nodes())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(ended.stdout) > 10


def _read(line: str) -> dict[str, object]:
    event: dict[str, object] = json.loads(line)
    return event
