"""Killed at any moment, the service keeps every event that it acknowledged, once, in an unbroken chain."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.builders import artifact, pem, unique
from tests.e2e.pairs import IS_LOCAL
from tests.e2e.service import Service, deep_verify
from tests.e2e.wire import Wire, read_answer
from tests.effort import patience, quick_or_long

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Real servers are killed in tests of their own; here it is the service that dies, and every start takes longer there.
ROUNDS = quick_or_long(10, 200) if IS_LOCAL else quick_or_long(2, 50)
DEEP_EVERY = quick_or_long(5, 10)
BURST_SECONDS = (0.05, 0.3)
BATCH = 25
# What a client meets when the service dies under it.
_CUT_OFF = (OSError, http.client.HTTPException)


class Emitter:
    """
    A client that sends without pause on one connection until the service dies or `stop` is set.

    ``acknowledged`` holds the ids that a 2xx answer vouched for; ``unanswered`` the PEMs of the last request, whose
    fate the client cannot know.
    """

    def __init__(self, wire: Wire, name: str, *, batches: bool) -> None:
        self.acknowledged: list[str] = []
        self.unanswered: list[dict[str, Any]] = []
        self.failure: AssertionError | None = None
        self._wire = wire
        self.name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._batch if batches else self._single,))

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the last request is over; raises what it did not expect."""
        self._stop.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self, send: Callable[[http.client.HTTPConnection], None]) -> None:
        connection = self._wire.connection()
        try:
            while not self._stop.is_set():
                send(connection)
        except _CUT_OFF:
            pass
        except AssertionError as error:
            self.failure = error
        finally:
            connection.close()

    def _single(self, connection: http.client.HTTPConnection) -> None:
        self.unanswered = [self._event()]
        connection.request("POST", "/receiver/pem", json.dumps(self.unanswered[0]))
        answer = read_answer(connection)
        assert answer.ok, answer
        self._vouched()

    def _batch(self, connection: http.client.HTTPConnection) -> None:
        self.unanswered = [self._event() for _ in range(BATCH)]
        connection.request(
            "POST", "/api/v1/events", json.dumps(self.unanswered), {"Content-Type": "application/json"}
        )
        answer = read_answer(connection)
        assert answer.ok, answer
        assert answer.json()["accepted"] == BATCH, answer
        self._vouched()

    def _event(self) -> dict[str, Any]:
        name = f"{self.name}/{len(self.acknowledged)}"
        return pem(Emitter=self.name, UsesArtifacts=[artifact("shared")], ProducesArtifacts=[artifact(name)])

    def _vouched(self) -> None:
        self.acknowledged.extend(event["ID"] for event in self.unanswered)
        self.unanswered = []


def burst(wire: Wire, end: Callable[[], object], seconds: float) -> list[Emitter]:
    """Let two single and two batch clients send, end the service meanwhile, and return the clients."""
    name = unique("burst-")
    emitters = [Emitter(wire, f"{name}/{number}", batches=number % 2 == 1) for number in range(4)]
    for emitter in emitters:
        emitter.start()
    time.sleep(seconds)
    end()
    for emitter in emitters:
        emitter.join()
    return emitters


def stored_ids(wire: Wire, **filters: object) -> list[str]:
    return [each["ID"] for each in wire.pems(**filters)]


def check_and_retry(wire: Wire, emitters: list[Emitter]) -> None:
    """Check that what was vouched for is there once, and send again what was left unanswered, as a client would."""
    found = [id_ for emitter in emitters for id_ in stored_ids(wire, Emitter=emitter.name)]
    acknowledged = {id_ for emitter in emitters for id_ in emitter.acknowledged}
    unanswered = [event for emitter in emitters for event in emitter.unanswered]
    assert len(set(found)) == len(found)
    assert acknowledged <= set(found)
    assert set(found) <= acknowledged | {event["ID"] for event in unanswered}

    judged = wire.post_json("/api/v1/events", unanswered).json()
    assert judged["accepted"] + judged["duplicates"] == len(unanswered), judged
    assert judged["duplicates"] == len(set(found) - acknowledged)


@pytest.mark.slow
@pytest.mark.timeout(patience(600))
def test_what_was_acknowledged_survives_being_killed_at_any_moment(tmp_path: Path) -> None:
    choose = random.Random(20_260_102)
    folder = tmp_path / "data"
    emitters: list[Emitter] = []
    expected: set[str] = set()

    for round_ in range(ROUNDS):
        with Service(folder) as service:
            wire = Wire(service.url)
            check_and_retry(wire, emitters)
            if round_ % DEEP_EVERY == DEEP_EVERY - 1:
                assert_sound(service)
            emitters = burst(wire, service.kill, choose.uniform(*BURST_SECONDS))
        expected.update(id_ for emitter in emitters for id_ in emitter.acknowledged)
        expected.update(event["ID"] for emitter in emitters for event in emitter.unanswered)

    with Service(folder) as service:
        wire = Wire(service.url)
        check_and_retry(wire, emitters)
        found = stored_ids(wire)
        assert len(expected) > ROUNDS  # else the rounds were too short to prove anything
        assert len(found) == len(set(found)) == wire.count("pems")
        assert set(found) == expected
        assert_sound(service)
        assert Wire(service.url).count("artifacts") == len(wire.artifacts())


def assert_sound(service: Service) -> None:
    """Check graph, log and digest chain against each other."""
    Wire(service.url).flush()
    code, result = deep_verify(service.url)
    assert (code, result["in_sync"]) == (0, True), result


@pytest.mark.slow
def test_a_service_that_is_asked_to_stop_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    emitters: list[Emitter] = []

    for _ in range(3):
        with Service(folder) as service:
            check_and_retry(Wire(service.url), emitters)
            emitters = burst(Wire(service.url), service.stop, 0.3)
            assert service.process.returncode == 0
    with Service(folder) as service:
        check_and_retry(Wire(service.url), emitters)
        assert_sound(service)


@pytest.mark.slow
def test_killed_during_a_rebuild_the_graph_is_whole_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    events = [pem(ProducesArtifacts=[artifact(unique())]) for _ in range(2_000)]
    with Service(folder) as service:
        assert Wire(service.url).post_json("/api/v1/events", events).json()["accepted"] == len(events)
        Wire(service.url).flush()

    for seconds in (0.0, 0.02, 0.1):
        with Service(folder) as service:
            assert Wire(service.url).post("/graph_builder/rebuild").ok
            time.sleep(seconds)
            service.kill()

    with Service(folder) as service:
        wire = Wire(service.url)
        assert_sound(service)
        info = wire.get("/graph_builder/info").json()
        assert info["neo4j_pems_count"] == info["pg_pems_count"] == len(events)
        assert info["neo4j_artifacts_count"] == len(events)


@pytest.mark.slow
def test_killed_during_a_clean_it_is_either_done_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    events = [pem() for _ in range(2_000)]

    for seconds in (0.0, 0.005, 0.02):
        with Service(folder) as service:
            wire = Wire(service.url)
            before = wire.post_json("/api/v1/events", events).json()
            assert before["accepted"] + before["duplicates"] == len(events)
            cleaning = threading.Thread(target=_clean, args=(wire,))
            cleaning.start()
            time.sleep(seconds)
            service.kill()
            cleaning.join()
        with Service(folder) as service:
            assert Wire(service.url).count("pems") in (0, len(events))
            assert_sound(service)


def _clean(wire: Wire) -> None:
    try:
        wire.post("/query/clean")
    except _CUT_OFF:
        return
