"""
Run every command of docs/worked-example.md against a fresh service, and compare what it prints with the document.

``python docs/example/run.py`` shows it; ``--write`` puts what was printed there. Ends with 1 when they differ.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "worked-example.md"
_BLOCK = re.compile(r"```console\n\$ (provgraph [^\n]*)\n(.*?)```", re.DOTALL)
_LISTENING = re.compile(r"provgraph is listening on (http://\S+)")


def main() -> int:
    """Run the example; 0 if everything came out as it is written."""
    write = "--write" in sys.argv[1:]
    text = DOCUMENT.read_text()
    differing = 0
    with tempfile.TemporaryDirectory(prefix="provgraph-example-") as folder, _service(folder) as url:

        def run(block: re.Match[str]) -> str:
            nonlocal differing
            command, written = block.groups()
            printed = _run(command, url)
            sys.stdout.write(f"$ {command}\n{printed}\n")
            if printed.strip() != written.strip():
                differing += 1
                if not write:
                    sys.stdout.write(f"^^^ {DOCUMENT.name} says otherwise:\n{written}\n")
            return f"```console\n$ {command}\n{printed.strip()}\n```"

        made = _BLOCK.sub(run, text)
    if write:
        DOCUMENT.write_text(made)
    sys.stdout.write(
        "Everything came out as the document says.\n" if not differing else f"{differing} answers differ.\n"
    )
    return 1 if differing and not write else 0


def _run(command: str, url: str) -> str:
    """Return what a command prints, but for what is never the same: how long it took, when it was, how long ago."""
    arguments = [*shlex.split(command)[1:], "--url", url]
    ended = subprocess.run(
        [sys.executable, "-m", "provgraph.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    printed = re.sub(r"sent in [\d.]+ s", "sent", ended.stdout + ended.stderr)
    printed = re.sub(r"recorded \d{4}-[-:.\dT]+Z", "recorded ...", printed)
    printed = re.sub(r"\b\d{3,}\.\d d", "...", printed)
    return "\n".join(line.rstrip() for line in printed.splitlines())


@contextmanager
def _service(folder: str) -> Iterator[str]:
    """Run a service on an empty folder and a free port, and give its URL."""
    command = [sys.executable, "-m", "provgraph.cli", "serve", "--data", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout or ():
                if found := _LISTENING.search(line):
                    yield found[1]
                    return
            sys.exit("The service did not start")
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
