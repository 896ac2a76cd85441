"""
``python -m bench.quick``: run a little of every benchmark, every row of it, to see that it still works.

Figures of such a run mean nothing. It fails when one of them meets a PROBLEM: a request that was refused, a wrong
answer, a statement that no longer fits the tables.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
# What they cannot do without.
_WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "bench.append": ((str(_HERE.parent),),),
}


def commands() -> list[tuple[str, ...]]:
    """Return the arguments of each run: the module, and its options. A benchmark is a package that can be run."""
    folders = sorted(program.parent for program in _HERE.rglob("__main__.py"))
    modules = [".".join(folder.relative_to(_HERE.parent).parts) for folder in folders]
    return [(module, *way, "--quick") for module in modules for way in _WAYS.get(module, ((),))]


def main() -> int:
    """Run each of them; 0 if all went well, 1 if not."""
    failed = []
    for command in commands():
        name = " ".join(command)
        sys.stderr.write(f"== {name}\n")
        done = subprocess.run(  # noqa: S603 - this Python, and modules of our own
            [sys.executable, "-m", *command], cwd=_HERE.parent, check=False
        )
        if done.returncode:
            failed.append(name)
    for name in failed:
        sys.stderr.write(f"failed: python -m {name}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
