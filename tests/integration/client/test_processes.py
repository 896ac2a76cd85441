"""Spools that several processes share, and processes that end in every way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provgraph.client import Client, SpoolDelivery
from tests.integration.client.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).resolve().parents[3]
_NOWHERE = "http://127.0.0.1:9"  # the port of "discard", where nothing listens
_SECONDS = 60

_MAKE = """
import os, sys, time
from provgraph.client import Client, SpoolDelivery
url, path, emitter, seconds = sys.argv[1:5]
client = Client(url, emitter=emitter, delivery=SpoolDelivery(path, close_timeout_seconds=float(seconds)))
def emit(count):
    for _ in range(count):
        pem = client.prepare_pem("x")
        client.send_pem(pem)
        os.write(1, f"{pem.id}\\n".encode())  # in one piece: processes share the pipe
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the spool is."""
    return tmp_path / "spool.db"


def _start(
    code: str, url: str, path: Path, *, emitter: str = "e", seconds: float = 30
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _MAKE + code, url, str(path), emitter, str(seconds)],
        cwd=_PROJECT,
        env={**os.environ, "PYTHONPATH": str(_PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    stdout, stderr = process.communicate(timeout=_SECONDS)
    assert process.returncode == 0, stderr
    return stdout.split(), stderr


def _deliver(url: str, path: Path) -> None:
    """Open a spool, and see that everything in it is delivered."""
    with Client(url, emitter="last", delivery=SpoolDelivery(path, move=True)) as client:
        client.send_pem(client.prepare_pem("last"))
        assert client.flush(timeout_seconds=_SECONDS).waiting == 0


def test_the_end_of_a_program_waits_for_what_is_left(receiver: Receiver, path: Path) -> None:
    ids, _ = _ended(_start("emit(300)", receiver.url, path))

    assert receiver.ids("e") == ids
    assert len(ids) == 300


def test_a_program_ends_in_time_when_the_service_is_away_and_says_what_is_left(
    receiver: Receiver, path: Path
) -> None:
    ids, said = _ended(_start("emit(3)", _NOWHERE, path, seconds=0.3))

    assert "3 events are left in the spool" in said
    _deliver(receiver.url, path)
    assert receiver.ids("e") == ids


def test_an_exception_that_ends_a_program_does_not_keep_events_from_arriving(
    receiver: Receiver, path: Path
) -> None:
    process = _start("emit(3)\nraise SystemExit(3)", receiver.url, path)
    ids = process.communicate(timeout=_SECONDS)[0].split()

    assert (process.returncode, receiver.ids("e")) == (3, ids)


def test_what_a_killed_process_had_spooled_the_next_one_delivers(receiver: Receiver, path: Path) -> None:
    process = _start("emit(50)\ntime.sleep(3600)", _NOWHERE, path)
    assert process.stdout is not None
    ids = [process.stdout.readline().strip() for _ in range(50)]

    process.send_signal(signal.SIGKILL)
    process.communicate()
    _deliver(receiver.url, path)

    assert receiver.ids("e") == ids


def test_processes_share_a_spool_and_one_of_them_may_be_killed_while_it_delivers(
    receiver: Receiver, path: Path
) -> None:
    processes = [_start("emit(400)", receiver.url, path, emitter=f"e{number}") for number in range(4)]
    victim, *others = processes
    assert victim.stdout is not None
    acknowledged = [victim.stdout.readline().strip() for _ in range(100)]

    victim.kill()
    acknowledged += victim.stdout.read().split()  # `communicate` passes over what `readline` has read ahead
    victim.communicate()
    told = [_ended(process)[0] for process in others]
    _deliver(receiver.url, path)

    assert [receiver.ids(f"e{number}") for number in range(1, 4)] == told
    # The kill may have come between the spool's taking an event and the program's saying so.
    assert receiver.ids("e0")[: len(acknowledged)] == acknowledged
    assert len(receiver.ids("e0")) <= len(acknowledged) + 1


def test_parent_and_child_go_on_with_one_client_after_a_fork(receiver: Receiver, path: Path) -> None:
    code = """
emit(20)
child = os.fork()
emit(20)
if child:
    assert client.flush(timeout_seconds=30).delivered == 40
    assert os.waitpid(child, 0)[1] == 0
else:
    flushed = client.flush(timeout_seconds=30)
    assert (flushed.delivered, flushed.left) == (20, 0), flushed
"""
    ids, _ = _ended(_start(code, receiver.url, path))

    assert sorted(receiver.ids("e")) == sorted(set(ids))
    assert len(set(ids)) == 60


def test_forks_while_events_are_on_their_way_leave_every_child_at_work(
    receiver: Receiver, path: Path
) -> None:
    code = """
import threading
threading.Thread(target=emit, args=(1_000,), daemon=True).start()
for _ in range(40):
    if not (child := os.fork()):
        emit(1)
        break
    assert os.waitpid(child, 0)[1] == 0
"""
    process = _start(code, receiver.url, path)
    stdout, stderr = process.communicate(timeout=_SECONDS)

    assert process.returncode == 0, stderr
    assert set(stdout.split()) <= set(receiver.ids("e"))


_SYNC = """
client.close()
client = Client(url, emitter=emitter)
emit(10)
child = os.fork()
emit(40)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
_ASYNC = """
import asyncio
from provgraph.client import AsyncClient
client.close()
client = AsyncClient(url, emitter=emitter)
async def emit(count):
    for _ in range(count):
        pem = client.prepare_pem("x")
        await client.send_pem(pem)
        os.write(1, f"{pem.id}\\n".encode())
with asyncio.Runner() as runner:
    runner.run(emit(10))
    if not (child := os.fork()):
        asyncio.run(emit(40))  # in a loop of its own
        os._exit(0)
    runner.run(emit(40))
    runner.run(client.close())
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize("code", [_SYNC, _ASYNC], ids=["sync", "async"])
def test_parent_and_child_of_a_fork_have_connections_of_their_own(
    receiver: Receiver, path: Path, code: str
) -> None:
    ids, _ = _ended(_start(code, receiver.url, path))

    assert sorted(receiver.ids("e")) == sorted(ids)
    assert receiver.requests == 90  # an answer that the other one read would have been asked for once more


def test_a_child_that_lives_on_does_not_keep_others_from_delivering(receiver: Receiver, path: Path) -> None:
    code = """
emit(200)
if child := os.fork():
    print(child, flush=True)
time.sleep(3600)
"""
    process = _start(code, receiver.url, path)
    assert process.stdout is not None
    *ids, child = [process.stdout.readline().strip() for _ in range(201)]
    process.kill()

    try:
        _deliver(receiver.url, path)
    finally:
        os.kill(int(child), signal.SIGKILL)
        process.communicate()

    assert receiver.ids("e") == ids
