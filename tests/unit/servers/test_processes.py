from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.files import exclusively
from tests.servers.processes import ServerProcess, free_port, remove_folder, server_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parent.parent.parent.parent
# Holds a lock as long as it lives, and says when it has it.
_HOLD = """
import fcntl, sys, time
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""
# A test process: starts a server, says what it made, and waits to be killed.
_TESTS = """
import sys, time
from tests.servers.processes import ServerProcess, server_folder
folder = server_folder("unit")
server = ServerProcess([sys.executable, "-c", sys.argv[2], sys.argv[1]], folder=folder)
server.start()
while "held" not in server.console:
    time.sleep(0.01)
print(folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = server_folder("unit")
    yield folder
    remove_folder(folder)


@pytest.fixture
def server(folder: Path) -> Iterator[ServerProcess]:
    server = ServerProcess([sys.executable, "-c", _HOLD, str(folder / "lock")], folder=folder)
    yield server
    server.kill()


def test_a_server_runs_from_its_start_to_its_stop(server: ServerProcess) -> None:
    states = [server.running]
    server.start()
    states.append(server.running)
    server.stop()
    states.append(server.running)

    assert states == [False, True, False]


def test_a_killed_server_can_be_started_again(server: ServerProcess) -> None:
    server.start()
    first = server.pid
    server.kill()

    server.start()

    assert server.running
    assert server.pid != first


def test_starting_a_running_server_changes_nothing(server: ServerProcess) -> None:
    server.start()
    first = server.pid

    server.start()

    assert server.pid == first


def test_a_server_that_ended_by_itself_is_not_running_and_its_words_are_kept(folder: Path) -> None:
    server = ServerProcess(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], folder=folder)
    server.start()

    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)

    assert not server.running
    assert server.console == "out\nerr\n"


def test_ctrl_c_in_the_terminal_does_not_reach_a_server(server: ServerProcess) -> None:
    server.start()

    assert os.getpgid(server.pid) == server.pid != os.getpgid(0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_servers_and_folders_do_not_outlive_the_tests_that_made_them(
    number: signal.Signals, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", _TESTS, str(lock), _HOLD],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        folder = Path(tests.stdout.readline().strip())
        assert folder.is_dir()

        tests.send_signal(number)

        with exclusively(lock):  # as soon as the server is gone
            pass
        while folder.exists():  # as soon as the watchdog has seen that, or after its patience
            time.sleep(0.05)


def test_a_free_port_is_outside_the_range_that_outgoing_connections_take_theirs_from() -> None:
    with socket.socket() as client, socket.create_server(("127.0.0.1", 0)) as listener:
        client.connect(listener.getsockname())
        ephemeral = client.getsockname()[1]

    port = free_port()

    assert 1024 < port < ephemeral
    with socket.create_server(("127.0.0.1", port)):
        pass
