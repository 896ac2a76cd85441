"""Small repositories, made with the git program."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Nobody's configuration, and the same commit ids each time.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}
_FIRST_SECOND = 1_700_000_000


class Repo:
    """A repository in a folder; commits are a minute apart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._seconds = _FIRST_SECOND
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str | bytes) -> str:
        """Run git here and return what it printed."""
        clock = {"GIT_AUTHOR_DATE": f"{self._seconds} +0200", "GIT_COMMITTER_DATE": f"{self._seconds} +0200"}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env=_ENVIRONMENT | clock,
            capture_output=True,
            check=True,
        )
        return os.fsdecode(done.stdout).rstrip("\n")

    def write(self, path: str | bytes, content: str) -> None:
        """Write a file, in its folder."""
        target = os.path.join(os.fsencode(self.folder), os.fsencode(path))  # noqa: PTH118 - odd bytes in the name
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 - odd bytes in the name
        with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123 - odd bytes in the name
            file.write(content)

    def commit(self, **files: str) -> str:
        """Commit the given files (name without suffix) and everything else that changed; returns the commit's id."""
        for name, content in files.items():
            self.write(f"{name}.txt", content)
        self._seconds += 60
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=A change")
        return self.head()

    def commit_as_stated(self, committer: str, *parents: str) -> str:
        """Commit what is there with a committer's line that git itself would not write; returns the commit's id."""
        tree = self.git("write-tree")
        lines = [
            f"tree {tree}",
            *(f"parent {parent}" for parent in parents),
            "author A <a@example.org> 1 +0000",
        ]
        self.write(b".git/object", "\n".join([*lines, *([committer] if committer else []), "", "Odd", ""]))
        commit = self.git("hash-object", "-t", "commit", "-w", "--literally", ".git/object")
        self.git("update-ref", "HEAD", commit)
        return commit

    def merge(self, *branches: str) -> str:
        """Merge branches into the current one; returns the commit's id."""
        self._seconds += 60
        self.git("merge", "--quiet", "--no-ff", "--message=A merge", *branches)
        return self.head()

    def head(self) -> str:
        """Return the current commit's id."""
        return self.git("rev-parse", "HEAD")

    def blob(self, content: str) -> str:
        """Return the id of a blob."""
        self.write(b".git/blob", content)
        return self.git("hash-object", ".git/blob")
