from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.sources.commits import Change, Commit
from provgraph.sources.errors import SourceError
from provgraph.sources.export import Export

if TYPE_CHECKING:
    from pathlib import Path

_ONE, _TWO, _BLOB = "1" * 40, "2" * 40, "a" * 40


def _record(**changed: Any) -> dict[str, Any]:
    record = {
        "commit": _TWO,
        "parents": [_ONE],
        "committed_at": "2026-01-02T05:04:05+02:00",
        "changes": [{"path": "a.txt", "old": None, "new": _BLOB}],
    }
    return record | changed


def _written(file: Path, *records: object) -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


@pytest.mark.parametrize("name", ["history.ndjson", "history.ndjson.gz"])
def test_packed_or_not_a_line_is_a_commit(tmp_path: Path, name: str) -> None:
    export = Export(_written(tmp_path / name, _record()))

    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert list(export.commits()) == [Commit(_TWO, (_ONE,), time, (Change("a.txt", None, _BLOB),))]
    assert export.total == 1


def test_an_odd_byte_that_an_exporter_kept_as_a_surrogate_is_written_out(tmp_path: Path) -> None:
    change = {"path": b"latin\xe9".decode("utf-8", "surrogateescape"), "old": None, "new": _BLOB}

    (commit,) = Export(_written(tmp_path / "odd.ndjson", _record(changes=[change]))).commits()

    assert commit.changes[0].path == "latin\\xe9"


@pytest.mark.parametrize("path", ["\ud800", "\udfff\ud800"])
def test_no_lone_surrogate_gets_through(tmp_path: Path, path: str) -> None:
    change = {"path": path, "old": None, "new": _BLOB}

    (commit,) = Export(_written(tmp_path / "odd.ndjson", _record(changes=[change]))).commits()

    assert commit.changes[0].path.encode()


@pytest.mark.parametrize(
    "record",
    [
        [],
        {},
        _record(commit="main"),
        _record(commit=7),
        _record(parents=None),
        _record(parents=["x"]),
        _record(committed_at="yesterday"),
        _record(committed_at="2026-01-02T05:04:05"),
        _record(committed_at=5),
        _record(committed_at="0001-01-01T00:00:00+23:00"),
        _record(changes=[[]]),
        _record(changes=[{"path": "a"}]),
        _record(changes=[{"path": "", "old": None, "new": None}]),
        _record(changes=[{"path": "a", "old": None, "new": "x"}]),
    ],
)
def test_a_line_that_is_no_commit_is_named_by_its_number(tmp_path: Path, record: object) -> None:
    export = Export(_written(tmp_path / "bad.ndjson", _record(), record))

    with pytest.raises(SourceError, match=r"bad.ndjson, line 2 is not an exported commit"):
        list(export.commits())


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")

    with pytest.raises(SourceError, match="line 1 is not an exported commit"):
        list(Export(file).commits())


def test_a_truncated_file_is_an_error_and_not_a_shorter_history(tmp_path: Path) -> None:
    file = _written(tmp_path / "cut.ndjson.gz", *[_record()] * 50)
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(SourceError, match="cannot be read to its end"):
        list(Export(file).commits())


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        Export(tmp_path / "missing.ndjson")
