from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

_ROUTE = "POST /api/v1/events"


def _judge(request: httpx.Request) -> httpx.Response:
    events = [orjson.loads(line) for line in request.content.splitlines()]
    results = [
        {"index": index, "ID": event.get("ID"), "verdict": "accepted" if event.get("ID") else "invalid"}
        | ({} if event.get("ID") else {"detail": "ID is not a UUID"})
        for index, event in enumerate(events)
    ]
    invalid = sum(result["verdict"] == "invalid" for result in results)
    counts = {"accepted": len(events) - invalid, "duplicates": 0, "conflicts": 0, "invalid": invalid}
    return httpx.Response(200, json={"results": results, "position": 9, **counts})


@pytest.mark.parametrize("packed", [False, True])
def test_the_lines_of_a_file_are_sent_in_batches(
    run: Run, service: FakeService, tmp_path: Path, packed: bool
) -> None:
    service.answer_with(_ROUTE, _judge)
    text = b"".join(orjson.dumps({"ID": f"{number:032}"}) + b"\n\n" for number in range(1, 6))
    file = tmp_path / ("events.ndjson.gz" if packed else "events.ndjson")
    file.write_bytes(gzip.compress(text) if packed else text)

    ended = run("import", "events", str(file), "--batch", "2")

    assert [len(request.content.splitlines()) for request in service.requests] == [2, 2, 1]
    assert (ended.code, "5 events sent" in ended.out, "5 accepted" in ended.out) == (0, True, True)


def test_what_is_refused_is_named_and_ends_with_1(run: Run, service: FakeService, tmp_path: Path) -> None:
    service.answer_with(_ROUTE, _judge)
    file = tmp_path / "events.ndjson"
    file.write_text('{"Type":"x"}\n{"ID":"' + "1" * 32 + '"}\n')

    ended = run("import", "events", str(file))

    assert ended.code == 1
    assert "invalid: an event without ID: ID is not a UUID" in ended.err


def test_each_of_many_that_are_refused_is_named(run: Run, service: FakeService, tmp_path: Path) -> None:
    def judge(request: httpx.Request) -> httpx.Response:
        answer = orjson.loads(_judge(request).content)
        bad = [each for each in answer["results"] if each["verdict"] == "invalid"]
        answer["results"] = [each for each in answer["results"] if each not in bad[10:]]
        return httpx.Response(200, json=answer)

    service.answer_with(_ROUTE, judge)
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(b'{"Type":"x%d"}\n{"ID":"%032d"}\n' % (number, number) for number in range(25)))

    ended = run("import", "events", str(file), "--json")

    assert ended.code == 1
    assert (ended.json["events"], ended.json["accepted"], ended.json["invalid"]) == (50, 25, 25)
    assert {each["detail"] for each in ended.json["problems"]} == {"ID is not a UUID"}


@pytest.mark.parametrize("content", ['{"ID":\n', "nonsense\n"])
def test_a_line_that_is_not_json_is_named(
    run: Run, service: FakeService, tmp_path: Path, content: str
) -> None:
    service.answer_with(_ROUTE, _judge)
    file = tmp_path / "events.ndjson"
    file.write_text("\n" + content)

    ended = run("import", "events", str(file))

    assert (ended.code, f"Line 2 of {file} is not JSON" in ended.err) == (2, True)
    assert service.requests == []


def test_a_file_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    ended = run("import", "events", str(tmp_path / "nothing"))

    assert (ended.code, "cannot be read" in ended.err) == (2, True)


def test_lines_are_sent_as_they_stand_in_the_file(run: Run, service: FakeService, tmp_path: Path) -> None:
    service.answer_with(_ROUTE, _judge)
    line = b'{"ID": "' + b"1" * 32 + b'", "n": 1180591620717411303424, "a": 1, "a": 0.10000000000000000001}'
    file = tmp_path / "events.ndjson"
    file.write_bytes(line + b"\r\n")

    run("import", "events", str(file))

    assert [request.content for request in service.requests] == [line]


def test_what_was_not_kept_as_it_was_sent_is_shown(run: Run, service: FakeService, tmp_path: Path) -> None:
    warning = {"field": "a", "rule": "doubled-key", "detail": "a is given twice; the last one is kept"}
    result = {"index": 0, "ID": "1" * 32, "verdict": "accepted", "position": 1, "warnings": [warning]}
    counts = {"accepted": 1, "duplicates": 0, "conflicts": 0, "invalid": 0, "position": 1}
    service.answer_with(_ROUTE, lambda _: httpx.Response(200, json={"results": [result], **counts}))
    file = tmp_path / "events.ndjson"
    file.write_text('{"a": 1, "a": 2}\n')

    shown = run("import", "events", str(file))
    told = run("import", "events", str(file), "--json")

    assert (shown.code, f"warning: {'1' * 32}: {warning['detail']}" in shown.err) == (0, True)
    assert told.json["warned"] == 1
    assert told.json["warnings"] == [{"ID": "1" * 32, "verdict": "accepted", "detail": warning["detail"]}]
