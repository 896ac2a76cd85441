"""
Append events to one log, and print what that took as JSON.

A program of its own, so that it can run another checkout's code: it uses nothing but what every version has.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.eventlog import SQLiteEventLog

try:
    from provgraph.families.pem.events import accept
except ModuleNotFoundError:  # an older checkout
    from provgraph.events import accept  # type: ignore[attr-defined, no-redef] # it is there

_BATCH = 500
_SENDER = "00112233445566778899aabbccddeeff"


def main() -> None:
    """Read ``STORE EVENTS PLACE WITH_SENDER`` from the command line; the place is a folder or a database's URL."""
    store, events, place, with_sender = sys.argv[1:]
    lengths = random.Random(1)  # noqa: S311 - the same ones each time
    prepared = [accept(_pem(number, lengths)) for number in range(int(events))]
    if with_sender == "true":
        prepared = [event._replace(sender=_SENDER) for event in prepared]
    with _opened(store, place) as log:
        log.append(prepared[:_BATCH])  # statements are prepared, files have their first pages
        wall, cpu = time.perf_counter(), time.process_time()
        for start in range(_BATCH, len(prepared), _BATCH):
            log.append(prepared[start : start + _BATCH])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = len(prepared) - _BATCH
    size = (Path(place) / "log.db").stat().st_size if store == "sqlite" else 0
    print(json.dumps({"rate": count / wall, "cpu_us": 1e6 * cpu / count, "bytes": size / len(prepared)}))


@contextlib.contextmanager
def _opened(store: str, place: str) -> Any:
    if store == "sqlite":
        path = Path(place) / "log.db"
        with (
            contextlib.closing(SQLiteCatalog(path)),
            contextlib.closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
        ):
            yield log
        return
    from provgraph.catalog.postgresql import PostgreSQLCatalogProjection  # noqa: PLC0415 - only where it is wanted
    from provgraph.eventlog.postgresql import PostgreSQLEventLog  # noqa: PLC0415 - the same

    with contextlib.closing(
        PostgreSQLEventLog(place, projections=[PostgreSQLCatalogProjection()])
    ) as postgresql:
        yield postgresql


def _pem(number: int, lengths: random.Random) -> dict[str, Any]:
    return {
        "ID": uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex,
        "Type": "train",
        "Emitter": f"trainer-{number % 20}",
        "TimestampClient": f"2026-01-02 03:{number // 60 % 60:02d}:{number % 60:02d}",
        # Events of many lengths: how many rows fit into a page shall not be chance.
        "Properties": {"run": number, "site": "bln", "note": "n" * lengths.randrange(199)},
        "UsesArtifacts": [{"Name": f"table/{max(0, number - step)}"} for step in (3, 7)],
        "ProducesArtifacts": [{"Name": f"table/{number}", "Properties": {"rows": number}}],
    }


if __name__ == "__main__":
    main()
