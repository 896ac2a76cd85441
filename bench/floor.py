"""
The floor: what bare SQLite does with the same work on this machine, in process, without HTTP.

Three tables hold what the work says: the event as a row of JSON, the artifact it makes, and one edge for each
use. Durability is the service's: WAL and ``synchronous=FULL``, so a committed transaction survives a power cut.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bench import workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.workload import Event

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, body TEXT);
CREATE TABLE artifact (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT);
CREATE TABLE edge (made INTEGER, used INTEGER, PRIMARY KEY (made, used)) WITHOUT ROWID;
"""

_LOG = "INSERT INTO log (id, body) VALUES (?, ?)"
_ARTIFACT = "INSERT INTO artifact VALUES (?, ?, ?)"
_EDGE = "INSERT INTO edge VALUES (?, ?)"

_UPSTREAM = """
WITH RECURSIVE up (id, hop) AS (
    SELECT ?, 0
    UNION
    SELECT edge.used, up.hop + 1 FROM up JOIN edge ON edge.made = up.id WHERE up.hop < ?
)
SELECT DISTINCT id FROM up
"""


class _Facts(NamedTuple):
    """What one event has to say; putting it into JSON is part of storing it, as it is for the service."""

    id: str
    body: list[Any]
    made: int
    name: str
    artifact_properties: dict[str, str]
    uses: tuple[int, ...]


class Traced(NamedTuple):
    """The time each question took, in seconds, and how many answers differed from the right one."""

    seconds: list[float]
    wrong: int


class Floor:
    """An open floor database in ``folder``; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def load(self, events: Sequence[Event], *, size: int) -> float:
        """Store the events, ``size`` in each transaction, one after the other; seconds it took."""
        facts = [_facts(event) for event in events]  # not SQLite's work, so not on its clock
        began = time.perf_counter()
        for start in range(0, len(facts), size):
            self._database.execute("BEGIN")
            for one in facts[start : start + size]:
                self._store(one)
            self._database.execute("COMMIT")
        return time.perf_counter() - began

    def _store(self, facts: _Facts) -> None:
        execute = self._database.execute
        execute(_LOG, (facts.id, json.dumps(facts.body)))
        execute(_ARTIFACT, (facts.made, facts.name, json.dumps(facts.artifact_properties)))
        for used in facts.uses:
            execute(_EDGE, (facts.made, used))

    def upstream(self, start: int, *, depth: int = workload.DEPTH) -> set[int]:
        """Answer the question with one recursive statement."""
        rows = self._database.execute(_UPSTREAM, (start, depth)).fetchall()
        return {number for (number,) in rows} - {start}

    def trace(self, events: Sequence[Event], targets: Sequence[int]) -> Traced:
        """Ask for every target, one after the other, and compare the answers afterwards."""
        seconds, answers = [], []
        for target in targets:
            began = time.perf_counter()
            answers.append(self.upstream(target))
            seconds.append(time.perf_counter() - began)
        right = [workload.upstream(events, target) for target in targets]
        return Traced(seconds, sum(a != r for a, r in zip(answers, right, strict=True)))


def _facts(event: Event) -> _Facts:
    body = [
        event.type,
        event.emitter,
        event.time,
        event.predecessor,
        event.uses,
        event.produces,
        event.properties,
    ]
    name = workload.artifact_name(event.produces)
    return _Facts(event.id, body, event.produces, name, event.artifact_properties, event.uses)
