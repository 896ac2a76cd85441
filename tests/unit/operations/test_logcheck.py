"""The check in the background goes through the whole log, and tells what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.eventlog import InMemoryEventLog
from provgraph.operations import logcheck
from provgraph.operations.logcheck import LogCheck
from tests.contract.builders import pem
from tests.contract.eventlog import tampering
from tests.unit.operations.stores import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryEventLog]:
    """A log of several slices."""
    monkeypatch.setattr(logcheck, "_SLICE_EVENTS", 3)
    monkeypatch.setattr(logcheck, "_LONGEST_PAUSE_SECONDS", 0.001)
    log = InMemoryEventLog()
    log.append([pem(number) for number in range(1, 21)])
    yield log
    log.close()


def checking(log: InMemoryEventLog, *, hours: float = 0.05 / 3600) -> LogCheck:
    return LogCheck(log, lease=log.lease("log check"), hours=hours)


def test_a_sound_log_is_gone_through_again_and_again(log: InMemoryEventLog) -> None:
    with checking(log) as check:
        assert eventually(lambda: check.position == 20)
        log.append([pem(21)])
        assert eventually(lambda: check.position == 21)
        assert check.is_intact


def test_its_age_begins_anew_with_each_end(log: InMemoryEventLog) -> None:
    with checking(log) as check:
        assert eventually(lambda: check.age_seconds() > 0.01)
        assert eventually(lambda: check.age_seconds() < 0.01)


def test_a_change_is_found_and_told_once(log: InMemoryEventLog, caplog: pytest.LogCaptureFixture) -> None:
    tampering.change(log, 17, payload=pem(17, Type="forged").payload)

    with checking(log) as check:
        assert eventually(lambda: not check.is_intact)
        ended = check.age_seconds
        assert eventually(lambda: ended() > 0.02)
        assert eventually(lambda: ended() < 0.02)

    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert "position 17" in told[0]


def test_it_stops_in_the_middle(log: InMemoryEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logcheck, "_LONGEST_PAUSE_SECONDS", 3600.0)
    with checking(log, hours=24.0) as check:
        assert eventually(lambda: check.position == 3)
    assert check.position == 3


def test_with_no_hours_nothing_is_checked(log: InMemoryEventLog) -> None:
    with checking(log, hours=0) as check:
        pass
    assert check.position == 0
