"""A server that is killed and comes back."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from provgraph.catalog import ListQuery
from provgraph.catalog.postgresql import PostgreSQLCatalog, PostgreSQLCatalogProjection
from provgraph.errors import ProvgraphError
from provgraph.eventlog import Verdict
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from tests.contract.builders import pem
from tests.servers.postgresql import create_database

if TYPE_CHECKING:
    from tests.servers.fixtures import OwnPostgreSQL

_BATCH = 20
_PATIENCE_SECONDS = 120


class Writer(threading.Thread):
    """Sends batches until it is told to stop, each one until it is acknowledged."""

    def __init__(self, log: PostgreSQLEventLog, first: int) -> None:
        super().__init__()
        self._log = log
        self._number = first
        self.acknowledged: list[str] = []
        self.refused = 0
        self.repeated = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            batch = [pem(self._number + more, uses=["a"]) for more in range(_BATCH)]
            try:
                answers = self._log.append(batch)
            except ProvgraphError:
                self.refused += 1
                time.sleep(0.02)
                continue
            assert {answer.verdict for answer in answers} <= {Verdict.ACCEPTED, Verdict.DUPLICATE}
            self.repeated += answers[0].verdict is Verdict.DUPLICATE
            self.acknowledged += [event.event_id for event in batch]
            self._number += _BATCH


def test_a_server_that_is_killed_under_load_loses_nothing_that_was_acknowledged(
    own_postgres: OwnPostgreSQL,
) -> None:
    server = own_postgres()
    url = create_database(server.url)
    seen: list[int] = []
    tailing = threading.Event()
    with (
        closing(PostgreSQLEventLog(url, projections=[PostgreSQLCatalogProjection()])) as log,
        closing(PostgreSQLEventLog(url, projections=[PostgreSQLCatalogProjection()])) as other,
        closing(PostgreSQLCatalog(url)) as catalog,
    ):

        def tail() -> None:
            while not tailing.is_set() or (seen[-1] if seen else 0) < log.head().position:
                after = seen[-1] if seen else 0
                if other.wait(after=after, timeout_seconds=0.2):
                    try:
                        seen.extend(event.position for event in other.read(after=after, limit=100))
                    except ProvgraphError:
                        time.sleep(0.02)

        writers = [Writer(log, 1_000_000), Writer(log, 2_000_000), Writer(other, 3_000_000)]
        reader = threading.Thread(target=tail)
        for thread in (*writers, reader):
            thread.start()
        for _ in range(3):
            _wait_for_more(writers)
            server.kill()
            time.sleep(0.2)
            server.start()
            _wait_for_more(writers)
        for writer in writers:
            writer.stopping.set()
            writer.join()
        tailing.set()
        reader.join()

        stored = {event.event_id for event in log.read(limit=1_000_000)}
        assert all(stored.issuperset(writer.acknowledged) for writer in writers)
        assert sum(writer.refused for writer in writers) > 0
        assert seen == list(range(1, log.head().position + 1))
        assert log.verify_chain()[:2] == (True, len(stored))
        assert catalog.pems_count(ListQuery()) == len(stored)
        digest = catalog.digest()
        catalog.rebuild(log)
        assert catalog.digest() == digest


def _wait_for_more(writers: list[Writer]) -> None:
    """Wait until every writer has had something acknowledged since now."""
    before = [len(writer.acknowledged) for writer in writers]
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while any(len(writer.acknowledged) == had for writer, had in zip(writers, before, strict=True)):
        assert time.monotonic() < give_up_at
        assert all(writer.is_alive() for writer in writers)
        time.sleep(0.01)
