"""A process that takes a lease, says so, and keeps it: ``python -m tests.integration.postgresql.holder URL``."""

from __future__ import annotations

import sys
import time

from provgraph.eventlog import PROJECTOR_LEASE
from provgraph.eventlog.postgresql import PostgreSQLEventLog

if __name__ == "__main__":
    lease = PostgreSQLEventLog(sys.argv[1]).lease(PROJECTOR_LEASE)
    while True:
        sys.stdout.write(f"{lease.held()}\n")
        sys.stdout.flush()
        time.sleep(0.1)
