"""
Files and folders that nobody but the service's own user reaches.

Events hold what a company knows of its customers, and the catalog the hashes of its credentials.
"""

from __future__ import annotations

import logging
import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = 0o600
_FOLDER = 0o700
_OTHERS = 0o077


def make_folder(path: Path) -> None:
    """
    Make a folder, with its parents, when it is not there. One that is there stays as it is.

    :raises OSError: it cannot be made
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=_FOLDER, exist_ok=True)


def make_file(path: Path) -> None:
    """
    Make an empty file when it is not there. What SQLite puts beside it gets the same rights.

    :raises OSError: it cannot be made
    """
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE))


def write_text(path: Path, text: str) -> None:
    """
    Write a file.

    :raises OSError: it cannot be written
    """
    make_file(path)
    path.write_text(text)


def open_to_others(folder: Path) -> list[Path]:
    """Return the folder and what is in it, as far as other users of this machine can reach it by its rights."""
    return [path for path in (folder, *sorted(folder.rglob("*"))) if _is_open_to_others(path)]


def tell_if_open_to_others(file: Path, what: str) -> None:
    """
    Warn when other users of this machine can reach a file by its own rights.

    :param what: says what is in it, as the end of "other users of this machine can reach FILE,"
    """
    if _is_open_to_others(file):
        logger.warning(
            "other users of this machine can reach %s, %s: chmod go= %s", file, what, shlex.quote(str(file))
        )


def _is_open_to_others(path: Path) -> bool:
    try:
        return not path.is_symlink() and bool(path.stat().st_mode & _OTHERS)
    except FileNotFoundError:  # it went meanwhile
        return False
