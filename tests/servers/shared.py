"""
The one PostgreSQL server of a test run, shared by the run's worker processes.

The first worker that needs the server starts this module as a process of its own, which starts the server, writes down
where it is, and ends it when the run says so or is gone, however it went. Each test has a database of its own there.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.servers.base import ServerFailedError, ServerUnavailableError
from tests.servers.files import exclusively
from tests.servers.postgresql import find_postgresql

VARIABLE = "TEST_RUN_SERVERS"

_ROOT = Path(__file__).parent.parent.parent
_END_SECONDS = 30.0


class Run(NamedTuple):
    """One run of the tests: the process that ends last, and a private folder that need not exist yet."""

    owner: int
    folder: Path

    @classmethod
    def begin(cls) -> Self:
        """Return a new run of this process, and tell the processes it starts by the environment."""
        name = f"provgraph-tests-run-{secrets.token_hex(8)}"
        run = cls(os.getpid(), Path(tempfile.gettempdir()) / name)
        os.environ[VARIABLE] = f"{run.owner}:{run.folder}"
        return run

    @classmethod
    def current(cls) -> Self:
        """Return the run that this process belongs to."""
        owner, _, folder = os.environ[VARIABLE].partition(":")
        return cls(int(owner), Path(folder))

    def end(self) -> None:
        """End the run's server, if there is one, and wait until it has ended."""
        if (state := _read(self.folder)) is not None and "pid" in state:
            with suppress(ProcessLookupError):
                os.kill(state["pid"], signal.SIGTERM)
            deadline = time.monotonic() + _END_SECONDS
            while _state_file(self.folder).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.environ.pop(VARIABLE, None)

    def private_folder(self) -> Path:
        """Return the run's folder, made if need be."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return self.folder


class SharedServer(NamedTuple):
    """Where the run's PostgreSQL server is: see :class:`tests.servers.postgresql.PostgreSQLServer`."""

    url: str
    route: str


def shared_postgresql(run: Run) -> SharedServer:
    """
    Return the run's server; the first caller starts it.

    :raises ServerUnavailableError: with what each route lacks
    :raises ServerFailedError: with the server's last words
    """
    folder = run.private_folder()
    with exclusively(folder / "lock"):
        state = _read(folder) or _state_of_new_server(run)
    if "reasons" in state:
        raise ServerUnavailableError(*state["reasons"])
    if "failure" in state:
        raise ServerFailedError(state["failure"])
    return SharedServer(state["url"], state["route"])


def _state_of_new_server(run: Run) -> dict[str, Any]:
    """Start the process that keeps the server, and return what it says."""
    with (run.folder / "console.log").open("ab") as console:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.shared"],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Kept for good: it outlives this worker if others still use the server.
    _KEEPERS.append(keeper)
    while (state := _read(run.folder)) is None:
        if keeper.poll() is not None and (state := _read(run.folder)) is None:
            printed = (run.folder / "console.log").read_text(errors="replace")
            raise ServerFailedError(
                f"the keeper of the shared server has ended. It printed:\n{printed[-8000:]}"
            )
        time.sleep(0.02)
    return state


_KEEPERS: list[subprocess.Popen[bytes]] = []


def _keep(run: Run) -> None:
    """Run the server until the run asks for its end (SIGTERM) or is gone; then tidy up in its place."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with find_postgresql() as server:
            _write(run.folder, {"pid": os.getpid(), "url": server.url, "route": server.route})
            _wait_for_end_of(run.owner)
    except ServerUnavailableError as error:
        _write(run.folder, {"reasons": error.reasons})
    except ServerFailedError as error:
        _write(run.folder, {"failure": str(error)})
    except SystemExit:
        _state_file(run.folder).unlink(missing_ok=True)
    else:
        shutil.rmtree(run.folder, ignore_errors=True)


def _wait_for_end_of(process: int) -> None:
    try:
        # Wakes at once, and is not fooled by a process that ended but was not waited for.
        ended = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not everywhere
        while _alive(process):
            time.sleep(0.5)
    else:
        select.select([ended], [], [])


def _alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def _state_file(folder: Path) -> Path:
    return folder / "postgresql.json"


def _read(folder: Path) -> dict[str, Any] | None:
    with suppress(FileNotFoundError):
        state: dict[str, Any] = json.loads(_state_file(folder).read_text())
        return state
    return None


def _write(folder: Path, state: dict[str, Any]) -> None:
    """Write the state so that nobody sees half of it."""
    draft = folder / "draft.json"
    draft.write_text(json.dumps(state))
    draft.rename(_state_file(folder))


if __name__ == "__main__":
    _keep(Run.current())
