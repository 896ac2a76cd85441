from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parents[3]
# What the extra `server` brings, and what only the command line needs.
_NOT_NEEDED = {
    *("alembic", "fastapi", "neo4j", "networkx", "prometheus_client", "prov", "psycopg", "sqlalchemy"),
    *("starlette", "uvicorn", "pydantic", "pydantic_settings", "typer", "asyncio"),
}


@pytest.mark.parametrize("module", ["provgraph.client", "provgraph.client.recordkeeper"])
def test_the_client_brings_in_no_library_of_the_server(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(_PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert not _NOT_NEEDED.intersection(done.stdout.split())


def test_the_client_brings_in_no_tracking_before_something_is_tracked() -> None:
    code = "import sys; from provgraph.client import Client; Client(); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(_PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "provgraph.client.client" in done.stdout.split()
    assert "provgraph.client.tracking" not in done.stdout.split()
