"""
A process that appends to a log on PostgreSQL, in batches of random sizes, some of which fail at their very end.

``python -m tests.integration.postgresql.writer URL FIRST COUNT``; the events' numbers begin with FIRST.
"""

from __future__ import annotations

import random
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from provgraph.catalog.postgresql import PostgreSQLCatalogProjection
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from tests.contract.builders import pem
from tests.contract.unstamped import Unstamped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import RecordedEvent
    from provgraph.postgresql import Connection

_LARGEST_BATCH = 100
_FAILING = 0.15


class Failing(Unstamped):
    """A projection that fails now and then, when everything is written and nothing committed."""

    def __init__(self, draws: random.Random) -> None:
        self._draws = draws
        self.failures = 0

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        if self._draws.random() < _FAILING:
            self.failures += 1
            raise ArithmeticError

    def clear(self, connection: Connection) -> None:
        """There is nothing to clear."""


def write(url: str, first: int, count: int) -> int:
    """Append all events, each batch until it does not fail; return how often one did."""
    draws = random.Random(first)
    failing = Failing(draws)
    with closing(PostgreSQLEventLog(url, projections=[PostgreSQLCatalogProjection(), failing])) as log:
        number = first
        while number < first + count:
            size = min(draws.randint(1, _LARGEST_BATCH), first + count - number)
            try:
                log.append([pem(number + more, uses=[f"a{number % 50}"]) for more in range(size)])
            except ArithmeticError:
                continue
            number += size
    return failing.failures


if __name__ == "__main__":
    assert write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) > 0
