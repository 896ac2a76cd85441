"""The logs of older formats under ``tests/data/formats``."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import data

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog

FORMATS = Path(data.__file__).parent / "formats"
FORMAT_1 = FORMATS / "format-1"
EXPECTED: dict[str, Any] = json.loads((FORMAT_1 / "expected.json").read_text())


def unpacked(name: str, into: Path) -> Path:
    """Return a new data folder with the files of ``FORMAT_1 / name``."""
    for packed in (FORMAT_1 / name).rglob("*"):
        target = into / packed.relative_to(FORMAT_1 / name)
        if packed.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if packed.suffix == ".xz":
            target.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        else:
            shutil.copyfile(packed, target)
    return into


def told(log: EventLog) -> list[list[object]]:
    """Return each event's position, id, kind and digest, as ``expected.json`` has them."""
    return [
        [event.position, event.event_id, event.kind, event.digest.hex()] for event in log.read(limit=10_000)
    ]


def expected_events(name: str) -> list[list[object]]:
    """Return what `told` has to say of a fixture."""
    events: list[list[object]] = EXPECTED["sqlite"]["events"]
    if name == "sqlite-killed":
        return [*events, *EXPECTED["sqlite_killed"]["events_after_those_of_sqlite"]]
    return events
