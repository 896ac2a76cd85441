"""``python -m bench.append``: this checkout and another one append in turn; medians and their ratio."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.service import ROOT
from tests.servers.postgresql import create_database, drop_database, start_postgresql

_PROGRAM = Path(__file__).with_name("appending.py")
_FIGURES = ("rate", "cpu_us", "bytes")

Figures = dict[str, float]


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.append", description=__doc__)
    parser.add_argument("against", type=Path, help="the other checkout")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sender", action="store_true", help="here the events come with a credential")
    parser.add_argument("--quick", action="store_true", help="one round of a few events: does it run?")
    asked = parser.parse_args()
    events, rounds = (1_500, 1) if asked.quick else (asked.events, asked.rounds)
    print("| store | figure | other | here | here to other |\n| --- | --- | --- | --- | --- |")
    with start_postgresql() as server:
        for store in ("sqlite", "postgresql"):
            found = [
                (
                    _run(store, server.url, asked.against.resolve(), events, with_sender=False),
                    _run(store, server.url, ROOT, events, with_sender=asked.sender),
                )
                for _ in range(rounds)
            ]
            _tell(store, found)
    return 0


def _run(store: str, server: str, checkout: Path, events: int, *, with_sender: bool) -> Figures:
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        place = folder if store == "sqlite" else create_database(server)
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-P", _PROGRAM, store, str(events), place, str(with_sender).lower()],
                env={**os.environ, "PYTHONPATH": str(checkout)},
                check=True,
                capture_output=True,
                text=True,
            )
        finally:
            if store != "sqlite":
                drop_database(server, place)
    figures: Figures = json.loads(done.stdout)
    return figures


def _tell(store: str, found: list[tuple[Figures, Figures]]) -> None:
    for figure in _FIGURES:
        other = statistics.median(pair[0][figure] for pair in found)
        here = statistics.median(pair[1][figure] for pair in found)
        if other:
            ratio = statistics.median(pair[1][figure] / pair[0][figure] for pair in found)
            print(f"| {store} | {figure} | {other:,.1f} | {here:,.1f} | {ratio:.3f} |")


if __name__ == "__main__":
    sys.exit(main())
