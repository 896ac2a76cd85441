"""Turns of heavy questions: one at a time while events come in, and as many as there are while none do."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from itertools import count
from types import SimpleNamespace

import pytest

from provgraph.errors import OverloadedError, StoreError
from provgraph.http import turns as module
from provgraph.http.turns import Turns


class Work:
    """Work that notes how many of it are done at a time."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.at_once = 0
        self.most_at_once = 0
        self.begun: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, number: int) -> int:
        with self._lock:
            self.begun.append(number)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
        return number


async def _all(turns: Turns, work: Work, count: int) -> list[int]:
    return await asyncio.gather(*(turns.run(work, number) for number in range(count)))


def test_while_events_come_in_one_is_worked_on_at_a_time_in_the_order_of_asking() -> None:
    work = Work()
    results = asyncio.run(_all(Turns(is_busy=lambda: True), work, 8))

    assert results == work.begun == list(range(8))
    assert work.most_at_once == 1


def test_a_turn_rests_while_events_come_in() -> None:
    work = Work(seconds=0.1)
    begun = time.monotonic()
    asyncio.run(_all(Turns(is_busy=lambda: True), work, 5))

    # A rest after each piece but the last, some of which may be owed.
    assert time.monotonic() - begun >= 0.1 * (5 + 4 * module._REST) - module._BURST_SECONDS


def test_short_work_now_and_then_does_not_wait_for_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", rests.append)  # which would be awaited in vain
    clock = count(0, 0.001)  # the work is as short as that on a busy machine, too
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    turns = Turns(is_busy=lambda: True)
    for number in range(5):
        assert asyncio.run(turns.run(Work(seconds=0), number)) == number

    assert rests == []


def test_without_events_nobody_waits() -> None:
    work = Work(seconds=0.3)
    asyncio.run(_all(Turns(), work, 4))

    assert work.most_at_once == 4


def test_work_that_fails_gives_its_turn_on() -> None:
    def fail() -> None:
        raise StoreError("it broke")

    async def play() -> int:
        turns = Turns(is_busy=lambda: True)
        with pytest.raises(StoreError):
            await turns.run(fail)
        return await turns.run(Work(), 7)

    assert asyncio.run(play()) == 7


def test_who_goes_away_while_waiting_keeps_nobody_from_a_turn() -> None:
    async def play() -> int:
        turns, work = Turns(is_busy=lambda: True), Work(seconds=0.05)
        tasks = [asyncio.ensure_future(turns.run(work, number)) for number in range(3)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        with suppress(asyncio.CancelledError):
            await tasks[1]
        assert work.begun == [0]
        return await tasks[2]

    assert asyncio.run(play()) == 2


def test_who_waits_too_long_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)

    async def play() -> None:
        turns = Turns(is_busy=lambda: True)
        first = asyncio.ensure_future(turns.run(Work(seconds=0.3), 0))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await turns.run(Work(), 1)
        await first

    asyncio.run(play())
