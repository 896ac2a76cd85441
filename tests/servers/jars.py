"""
The jars of a Neo4j Community server, resolved by Maven from ``tests/neo4j/pom.xml`` and kept in a cache folder.

``tests/neo4j/jars.sha256`` lists every jar with its SHA-256. A folder that holds anything else, more or less is not
used. The cache is ``provgraph-tests/neo4j-<version>`` in ``$XDG_CACHE_HOME`` or ``~/.cache``: 212 jars, 118 MB; Maven
keeps its own copies besides. Fetching takes half a minute with a good connection, checking a fifth of a second.

The jars are GPL: they are fetched for tests and never shipped.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.base import ServerFailedError, ServerUnavailableError
from tests.servers.files import exclusively

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = Path(__file__).parent.parent / "neo4j"

_FETCH_SECONDS = 900


def neo4j_version() -> str:
    """Return the version that the pom asks for."""
    found = re.search(r"<neo4j\.version>([^<]+)</neo4j\.version>", (SOURCES / "pom.xml").read_text())
    assert found is not None, "pom.xml names no neo4j.version"
    return found[1]


def cache_folder() -> Path:
    """Return where this account's jars of that version lie, or will lie."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "provgraph-tests" / f"neo4j-{neo4j_version()}"


@cache
def jars() -> Path:
    """
    Return the folder with exactly the listed jars, after fetching them if need be.

    :raises ServerUnavailableError: they are not in the cache and Maven is not there or cannot fetch them
    :raises ServerFailedError: Maven fetched something that is not listed
    """
    folder = cache_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(folder.with_name(folder.name + ".lock")):
        if differences(folder, listed()):
            _replace(folder)
    return folder


def listed() -> dict[str, str]:
    """Return the SHA-256 of each listed jar by name."""
    return parse_list((SOURCES / "jars.sha256").read_text())


def parse_list(text: str) -> dict[str, str]:
    """Return name → SHA-256 from lines as ``sha256sum`` prints them."""
    return {name: digest for digest, name in (line.split("  ", 1) for line in text.splitlines())}


def differences(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Say what in ``folder`` is missing, different or too much; nothing when it may be used."""
    found = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    return [
        *(f"{name} is missing" for name in sorted(expected.keys() - found.keys())),
        *(f"{name} is not listed" for name in sorted(found.keys() - expected.keys())),
        *(
            f"{name} has another SHA-256"
            for name in sorted(expected.keys() & found.keys())
            if _sha256(found[name]) != expected[name]
        ),
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(folder: Path) -> None:
    """Fetch the jars beside ``folder`` and put them there once they are the listed ones."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as scratch:
        fetched = Path(scratch) / "lib"
        _fetch(fetched)
        wrong = differences(fetched, listed())
        if wrong:
            raise ServerFailedError(f"Maven did not fetch what jars.sha256 lists: {'; '.join(wrong[:10])}")
        shutil.rmtree(folder, ignore_errors=True)
        fetched.rename(folder)


def _fetch(into: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerUnavailableError("Maven is not installed (apt-get install maven openjdk-17-jdk-headless)")
    command = [
        *(maven, "--batch-mode", "--no-transfer-progress", "--quiet"),
        *("--file", str(SOURCES / "pom.xml")),
        *("dependency:copy-dependencies", f"-DoutputDirectory={into}"),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as fetching:
        try:
            printed, _ = fetching.communicate(timeout=_FETCH_SECONDS)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(fetching.pid, signal.SIGKILL)
            raise
    if fetching.returncode != 0:
        raise ServerUnavailableError(f"Maven cannot fetch Neo4j's jars; it printed:\n{printed[-2000:]}")
