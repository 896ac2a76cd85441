"""A command whose reader has seen enough, as ``head`` has, ends well and says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e.native import batch
from tests.e2e.pairs import client_side
from tests.e2e.service import environment

pytestmark = client_side

if TYPE_CHECKING:
    from tests.e2e.wire import Wire

_ID = "11111111000040008000000000000001"
COMMANDS = [
    "--help",
    "pems --help",
    "info",
    "pems",
    "pems --json",
    "artifacts",
    "artifacts --count",
    f"trace pem:{_ID}",
    "why artifact:pipes",
    "why artifact:pipes --json",
    "why artifact:pipes --format dot",
    "lineage artifact:pipes --all",
    "lineage artifact:pipes --format ndjson",
    "state",
    "state --json",
    "diff now-1d now",
    "impact artifact:pipes",
    "impact artifact:pipes --format ndjson",
    f"path pem:{_ID} artifact:pipes",
    "gaps",
    "gaps --json",
    "runs list",
    "groups list",
    "groups orphaned",
    "admin flush",
    "admin verify",
    "admin verify-connections",
    "admin report list",
    "admin credential list",
]


def _ended(wire: Wire, command: str, *, lines: int) -> tuple[str, int, str]:
    """Run a command whose reader goes away after some lines."""
    read, write = os.pipe()
    if not lines:
        os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-m", "provgraph.cli", *command.split()],
        env={**environment({}), "PROVGRAPH_URL": wire.url},
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    if lines:
        with os.fdopen(read) as stream:
            stream.readline()
    _, told = process.communicate(timeout=60)
    return command, process.returncode, told


@pytest.mark.parametrize("lines", [0, 1])
def test_a_command_whose_reader_has_seen_enough_ends_with_0(wire: Wire, lines: int) -> None:
    made = {"ProducesArtifacts": [{"Name": "pipes"}], "OccurredAt": "2026-03-01T00:00:00Z"}
    batch(wire, {"ID": _ID, "Type": "make", "Emitter": "pipes", **made})
    wire.post("/admin/flush", b"")

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda command: _ended(wire, command, lines=lines), COMMANDS))

    assert [(command, code) for command, code, _ in ended if code] == []
    assert [
        told for _, _, told in ended if "Traceback" in told or "Error" in told or "Exception" in told
    ] == []
