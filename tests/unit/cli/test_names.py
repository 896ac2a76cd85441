"""Ids may be shortened, and a name that is not there is told with those that are like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.cli import names, output

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

EVENT = "4dda879de0358c33a8874a64e7be2494"
OTHER = "4dda000de0358c33a8874a64e7be2494"


def _pem(event: str) -> dict[str, Any]:
    return {"ID": event}


def _knows(service: FakeService, question: str, answer: Any, *, known: str = f"pem:{EVENT}") -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        if request.url.params["node"] == known:
            return httpx.Response(200, json=answer)
        return httpx.Response(404, json={"detail": f"Nothing is known as {request.url.params['node']}"})

    service.answer_with(f"GET /api/v1/{question}", answered)


_WHY = {"text": "Why?"}
_LINEAGE = {"node": {"kind": "pem", "id": EVENT}, "direction": "upstream", "nodes": [], "edges": []} | {
    "position": 1,
    "complete": True,
    "reason": None,
    "cursor": None,
}


@pytest.mark.parametrize("stated", ["4dda8", "pem:4dda8", "4DDA879D", "4dda879d-e035-8c33"])
def test_the_beginning_of_an_id_is_enough(run: Run, service: FakeService, stated: str) -> None:
    _knows(service, "lineage", _LINEAGE)
    service.answer("GET /query/pems", [_pem(EVENT), _pem("ff4dda87" + "0" * 24)])

    ended = run("trace", stated)

    assert ended.code == 0
    assert f"{stated} is event {EVENT}." in ended.err


def test_the_beginning_of_several_ids_names_them(run: Run, service: FakeService) -> None:
    _knows(service, "lineage", _LINEAGE)
    service.answer("GET /query/pems", [_pem(EVENT), _pem(OTHER)])

    ended = run("lineage", "4dda")

    assert (ended.code, ended.out) == (2, "")
    assert f"begin with 4dda: {OTHER}, {EVENT}" in ended.err


@pytest.mark.parametrize(
    ("command", "question"),
    [("trace", "lineage"), ("lineage", "lineage"), ("why", "why"), ("impact", "impact")],
)
def test_a_name_that_is_not_there_gets_suggestions(
    run: Run, service: FakeService, command: str, question: str
) -> None:
    _knows(service, question, _WHY, known="nothing")
    service.answer(
        "GET /query/artifacts", [{"Name": "model/churn"}, {"Name": "model/credit"}, {"Name": "table"}]
    )

    ended = run(command, "model/chrun")

    assert (ended.code, ended.out) == (5, "")
    assert ended.err == "Error: Nothing is known as model/chrun. Did you mean model/churn, model/credit?\n"


def test_a_name_is_not_suggested_for_itself(run: Run, service: FakeService) -> None:
    _knows(service, "why", _WHY, known="nothing")
    service.answer("GET /query/artifacts", [{"Name": "out/f"}])
    assert run("why", "out/f").err == "Error: Nothing is known as out/f.\n"

    service.answer("GET /query/artifacts", [{"Name": "out/f"}, {"Name": "out/f2"}, {"Name": "Out/f"}])
    assert run("why", "artifact:out/f@v1").err.endswith("Did you mean out/f2, Out/f?\n")


@pytest.mark.parametrize("answer", [{"artifacts": []}, []])
def test_without_suggestions_the_sentence_stays(run: Run, service: FakeService, answer: Any) -> None:
    _knows(service, "why", _WHY, known="nothing")
    service.answer("GET /query/artifacts", answer)

    assert run("why", "zzz").err == "Error: Nothing is known as zzz.\n"


def test_a_tag_that_is_not_there_gets_suggestions(run: Run, service: FakeService) -> None:
    _knows(service, "why", _WHY, known="nothing")
    service.answer("GET /query/tags", [{"NamespaceID": "prod", "Tag": "current"}])

    assert "Did you mean tag:prod/current?" in run("why", "tag:prod/curent").err


def test_a_suggested_tag_is_written_as_it_is_asked_for(run: Run, service: FakeService) -> None:
    _knows(service, "why", _WHY, known="nothing")
    service.answer("GET /query/tags", [{"NamespaceID": "team", "Tag": "feature/x"}])

    assert "Did you mean tag:team/feature%2Fx?" in run("why", "tag:team/feature/y").err
    assert "Did you mean" not in run("why", "tag:team/feature%2Fx").err


def test_both_ends_of_a_path_may_be_shortened(run: Run, service: FakeService) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        for field, known in (("source", EVENT), ("target", OTHER)):
            if request.url.params[field] != f"pem:{known}":
                return httpx.Response(404, json={"detail": "not there", "field": field})
        nodes = {"source": {"kind": "pem", "id": EVENT}, "target": {"kind": "pem", "id": OTHER}}
        rest = {"position": 1, "complete": True, "connected": False, "path": [], "used": None}
        return httpx.Response(200, json={**nodes, **rest})

    service.answer_with("GET /api/v1/path", answered)
    service.answer("GET /query/pems", [_pem(EVENT), _pem(OTHER)])

    ended = run("path", "4dda8", "4dda0")

    assert ended.code == 1
    assert "did not lead to" in ended.out


def test_ids_are_told_apart_by_as_little_as_it_takes() -> None:
    ids = [EVENT, OTHER, "4dda879de" + "f" * 23]

    assert names.short(ids) == {EVENT: "4dda879de0", OTHER: "4dda000d", ids[2]: "4dda879def"}
    assert names.short([]) == {}
    assert names.short([EVENT], least=4) == {EVENT: "4dda"}


@pytest.mark.parametrize("wide", [20, 80, 200])
def test_ids_are_never_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wide: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(wide))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    rows = [["2026-03-01 00:00:00", "train", "somebody@somewhere", EVENT, OTHER, "x" * 60]]

    output.say_table(("TIME", "TYPE", "EMITTER", "ID", "OTHER", "NOTE"), rows)

    printed = capsys.readouterr().out
    assert EVENT in printed
    assert OTHER in printed
