"""
Emitters, and a receiver that is killed, restarted, slow, full, or whose answers get lost, in any order.

Six emitters and each trouble once, or a little more; in the long set twenty emitters and two minutes, or as many
seconds as ``PROVGRAPH_TEST_SOAK_SECONDS`` says. ``PROVGRAPH_TEST_SOAK_SEED`` repeats the troubles of a run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import Client
from tests.e2e.gate import Gate
from tests.e2e.pairs import client_side
from tests.e2e.service import PROJECT, Service, environment
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = float(os.environ.get("PROVGRAPH_TEST_SOAK_SECONDS", quick_or_long("12", "120")))
_EMITTERS = quick_or_long(6, 20)
_TROUBLES = ("kill", "restart", "open", "slow", "full", "deaf", "cut")
_LAST_FLUSH_SECONDS = 240

# Emits until its standard input ends, then flushes, and tells what it emitted and what every flush said.
_EMITTER = """
import json, random, select, sys, time
from provgraph.client import Client, SpoolDelivery

url, path, emitter, seed, last = sys.argv[1:]
chance = random.Random(int(seed))
ids, told = [], []

def flush(client, seconds):
    flushed = client.flush(timeout_seconds=seconds)
    told.append([len(ids), flushed.delivered, flushed.refused, flushed.left, flushed.waiting, flushed.reason])
    return flushed

delivery = SpoolDelivery(path, close_timeout_seconds=1.0)
with Client(url, emitter=emitter, delivery=delivery, timeout_seconds=5.0) as client:
    before = None
    while not select.select([sys.stdin], [], [], chance.uniform(0.0, 0.15))[0]:
        pems = [
            client.prepare_pem("soak", before, {"number": len(ids) + each}, produces=[f"{emitter}/{len(ids) + each}"])
            for each in range(chance.choice([1, 1, 1, 1, 20]))
        ]
        client.send_pems(pems)
        before = pems[-1]
        ids += [pem.id for pem in pems]
        if chance.random() < 0.02:
            flush(client, chance.choice([0.0, 0.2, 1.0]))
    flush(client, float(last))
json.dump({"ids": ids, "told": told}, sys.stdout)
"""


class _Troubled:
    """A service behind a gate, to which things happen."""

    def __init__(self, folder: Path, gate: Gate, chance: random.Random) -> None:
        # So few may wait that it is full at times by itself.
        self.service = Service(folder, settings={"PROVGRAPH_QUEUE_LIMIT": str(30 * _EMITTERS)})
        self.happened: dict[str, int] = {}
        self._gate = gate
        self._chance = chance
        self._start()

    def go_on(self, until: float) -> None:
        """Let things happen until a time, and each of them once at least."""
        to_come: list[str] = []
        while (left := until - time.monotonic()) > 0 or len(self.happened) < len(_TROUBLES):
            to_come = to_come or self._chance.sample(_TROUBLES, len(_TROUBLES))
            what = to_come.pop()
            self.happened[what] = self.happened.get(what, 0) + 1
            if what in ("kill", "restart"):
                self.service.kill() if what == "kill" else self.service.stop()
                time.sleep(min(max(left, 1.0), self._chance.uniform(0.0, 2.0)))
                self._start()
            else:
                self._gate.mode = what
                time.sleep(min(max(left, 1.0), self._chance.uniform(0.3, 3.0)))
                self._gate.mode = "open"

    def _start(self) -> None:
        self._gate.target = self.service.start().url


def _emitter(url: str, path: Path, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-c", _EMITTER),
            *(url, str(path), f"soak-{number:02}", str(number), str(_LAST_FLUSH_SECONDS)),
        ],
        cwd=PROJECT,
        env={**environment({}), "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@client_side
@pytest.mark.slow
@pytest.mark.timeout(_SECONDS + _LAST_FLUSH_SECONDS + 240)
def test_every_event_arrives_once_and_in_order_whatever_happens_to_the_receiver(tmp_path: Path) -> None:
    seed = int(os.environ.get("PROVGRAPH_TEST_SOAK_SEED", str(random.randrange(10_000))))
    with ExitStack() as stack:
        gate = stack.enter_context(Gate())
        troubled = _Troubled(tmp_path / "data", gate, random.Random(seed))
        stack.enter_context(troubled.service)
        # Half of them have a spool of their own, the others share one.
        emitters = [
            _emitter(
                gate.url,
                tmp_path / (f"spool-{number}.db" if number < _EMITTERS // 2 else "shared.db"),
                number,
            )
            for number in range(_EMITTERS)
        ]
        for each in emitters:
            stack.callback(each.kill)
        troubled.go_on(time.monotonic() + _SECONDS)
        told = [_end(each) for each in emitters]
        arrived = _arrived(troubled.service.url)

    emitted = {f"soak-{number:02}": each["ids"] for number, each in enumerate(told)}
    about = (
        f"seed {seed}: {sum(map(len, emitted.values()))} events, {troubled.happened}, requests {gate.passed}"
    )
    sys.stdout.write(f"{about}\n")
    assert arrived == emitted, about
    for report in told:
        _check_flushes(report, about)


def _end(emitter: subprocess.Popen[str]) -> dict[str, Any]:
    stdout, stderr = emitter.communicate(timeout=_LAST_FLUSH_SECONDS + 120)
    assert emitter.returncode == 0, stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


def _arrived(url: str) -> dict[str, list[str]]:
    """Return the ids of each emitter's events in the order in which they were stored."""
    found: dict[str, list[str]] = {}
    with Client(url) as client:
        for pem in client.get_pems(page_size=5_000):
            found.setdefault(pem.emitter, []).append(pem.id)
    return dict(sorted(found.items()))


def _check_flushes(told: dict[str, Any], about: str) -> None:
    """Each flush accounts for everything that was handed in by then: delivered by one so far, refused, or left."""
    delivered = 0
    for handed_in, newly, refused, left, waiting, reason in told["told"]:
        delivered += newly
        assert (delivered + left, refused) == (handed_in, 0), about
        # What others put into a shared spool may wait, too, and has the same reason.
        assert reason is not None if left else reason is None or waiting > 0, about
    assert told["told"][-1][3] == 0, about
    assert delivered == len(told["ids"]), about
