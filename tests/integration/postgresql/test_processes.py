"""Several processes on one database."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import ListQuery
from provgraph.catalog.postgresql import PostgreSQLCatalog
from provgraph.eventlog import PROJECTOR_LEASE
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from tests.contract.builders import pem, pem_id

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITERS = 8
EVENTS = 50_000


@contextmanager
def process(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this folder; it is killed when the block ends before it does."""
    command = [sys.executable, "-m", f"tests.integration.postgresql.{module}", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def test_four_processes_that_start_at_once_migrate_once(postgres_url: str) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(process("holder", postgres_url)) for _ in range(4)]
        answers = [holder.stdout.readline().strip() for holder in holders if holder.stdout]

    assert sorted(answers) == ["False", "False", "False", "True"]
    with closing(PostgreSQLEventLog(postgres_url)) as log:
        assert log.append([pem(1)])[0].recorded.position == 1


def test_threads_that_start_at_once_migrate_once(postgres_url: str) -> None:
    opened: list[PostgreSQLEventLog | PostgreSQLCatalog] = []
    kinds = [PostgreSQLEventLog, PostgreSQLCatalog] * 4
    threads = [threading.Thread(target=lambda kind=kind: opened.append(kind(postgres_url))) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for store in opened:
        store.close()
    assert len(opened) == len(kinds)


def test_the_lease_of_a_killed_process_is_free_at_once(postgres_url: str) -> None:
    with closing(PostgreSQLEventLog(postgres_url)) as log, process("holder", postgres_url) as holder:
        lease = log.lease(PROJECTOR_LEASE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not lease.held()
        assert lease.is_held_by_anyone()

        holder.kill()
        give_up_at = time.monotonic() + 30
        while not lease.held() and time.monotonic() < give_up_at:
            time.sleep(0.05)

        assert lease.held()
        lease.release()


@pytest.mark.slow
def test_a_reader_that_tails_many_writing_processes_skips_nothing_and_sees_nothing_twice(
    postgres_url: str,
) -> None:
    each = EVENTS // WRITERS
    numbers = [writer * 1_000_000 for writer in range(WRITERS)]
    seen: list[tuple[int, str]] = []
    with closing(PostgreSQLEventLog(postgres_url)) as log, ExitStack() as stack:
        writers = [stack.enter_context(process("writer", postgres_url, first, each)) for first in numbers]
        after = 0
        while len(seen) < EVENTS and log.wait(after=after, timeout_seconds=60):
            # What is visible now must stay all there is up to here.
            events = log.read(after=after, limit=500)
            seen.extend((event.position, event.event_id) for event in events)
            after = events[-1].position
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS

        assert [position for position, _ in seen] == list(range(1, EVENTS + 1))
        expected = {pem_id(first + number) for first in numbers for number in range(each)}
        assert {event_id for _, event_id in seen} == expected
        assert log.verify_chain()[:2] == (True, EVENTS)
    with closing(PostgreSQLCatalog(postgres_url)) as catalog:
        assert catalog.pems_count(ListQuery()) == EVENTS
