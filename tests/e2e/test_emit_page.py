"""The programs on the page about emitting run as they stand, and print what is written there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.e2e.pairs import client_side
from tests.e2e.service import PROJECT, environment

pytestmark = client_side

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.wire import Wire

_PAGE = (PROJECT / "docs" / "howto" / "emit.md").read_text()
_PROGRAMS = re.findall(r"```python\n(.*?)```(?:\s+```text\n(.*?)```)?", _PAGE, re.DOTALL)


def test_every_program_on_the_page_prints_what_is_written_there(fresh: Wire, tmp_path: Path) -> None:
    for program, shown in _PROGRAMS:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program.replace("http://127.0.0.1:8082", fresh.url)],
            cwd=tmp_path,
            env={**environment({}), "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert (ended.stdout, ended.returncode) == (shown, 0), ended.stderr
    assert len(_PROGRAMS) == 6


def test_the_page_names_every_variable_that_the_client_reads() -> None:
    source = (PROJECT / "provgraph" / "client" / "environment.py").read_text()

    assert set(re.findall(r"PROVGRAPH_[A-Z_]+\b", source)) <= set(re.findall(r"PROVGRAPH_[A-Z_]+\b", _PAGE))
