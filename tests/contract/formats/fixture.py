"""The logs of older formats under ``tests/data/formats``."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provgraph.eventlog.recording import digest_of, unread
from provgraph.events import canonical
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


# How events of format 1 may say that their work ended, and what it is read as.
ENDINGS: list[tuple[dict[str, Any], tuple[str | None, str | None] | None]] = [
    ({"Outcome": "failed", "Error": "no rows"}, ("failed", "no rows")),
    ({"Outcome": "aborted"}, ("aborted", None)),
    ({"Outcome": "succeeded"}, ("unknown", None)),
    ({"Outcome": {"a": "failed"}, "Error": 7}, ("unknown", None)),
    ({"Outcome": 0}, ("unknown", None)),
    ({"Outcome": False, "Error": ["x"]}, ("unknown", None)),
    ({"Outcome": None, "Error": "é" * 2_001}, (None, "é" * 1_999 + "\u2026")),
    ({"Error": "é" * 2_000}, (None, "é" * 2_000)),
    ({"Outcome": "", "Error": ""}, None),
    ({"Note": '"Outcome":"failed"', "Properties": {"Outcome": "failed"}}, None),
]


def payload_saying(fields: dict[str, Any], number: int) -> tuple[bytes, bytes]:
    """Return the id and the payload of an event that says this as well, as format 1 stored it."""
    id_ = f"{number:032x}"
    stated = {"ID": id_, "Type": "t", "Emitter": "e", "TimestampClient": "2026-01-02 03:04:05", **fields}
    return bytes.fromhex(id_), canonical.dumps({"Version": "2.0.0", **stated})


def expected_outcomes(last: int) -> list[tuple[int, str | None, str | None]]:
    """Return what the catalog has of the events of `ENDINGS`, which stand in the log after a position."""
    return [(position, *read) for position, (_, read) in enumerate(ENDINGS, last + 1) if read is not None]


def chained(
    fields: dict[str, object], number: int, *, after: bytes
) -> tuple[int, bytes, str, int, bytes, bytes]:
    """Return the row of format 1 of a PEM that says something, behind an event with the digest ``after``."""
    raw_id, payload = payload_saying(fields, number)
    row = (number, raw_id, "pem", number, payload)
    return (*row, digest_of(unread((*row, bytes(32), b"", None)), after=after))


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
