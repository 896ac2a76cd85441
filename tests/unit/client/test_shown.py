"""Every answer of a client prints as text, and shows in a notebook."""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from provgraph.client import AsyncImpact, Flushed, Impact, Lineage, Rows, SendResult, Verdict
from provgraph.client.answers import Job
from provgraph.client.impact import Search
from provgraph.client.shown import MOST_ROWS, Shown
from provgraph.client.stored import StoredPem, Tag
from provgraph.client.told import Gaps, Route, State, Why

_MODULES = ("answers", "told", "stored", "tracking.answers", "delivery.base")
_NO_ANSWERS = {"Connect"}
EVIL = "a\x1b[2Jb|c`<img src=x>`![](http://evil)\n# big"


def _answers() -> list[type[Shown]]:
    found: list[type[Any]] = []
    for name in _MODULES:
        module = importlib.import_module(f"provgraph.client.{name}")
        found += [each for each in vars(module).values() if _is_answer(each, module.__name__)]
    return found


def _is_answer(each: Any, module: str) -> bool:
    is_own = isinstance(each, type) and each.__module__ == module
    return bool(is_own and dataclasses.is_dataclass(each)) and each.__qualname__ not in _NO_ANSWERS


def _value(hint: Any, name: str, *, full: bool) -> Any:
    """Return a value of a type: the emptiest that it allows, or one with something in it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if type(None) in arguments and not full:
            return None
        return _value(next(each for each in arguments if each is not type(None)), name, full=full)
    if origin is tuple:
        return (_value(arguments[0], name, full=full),) if full else ()
    if origin is dict:
        if arguments[1] is int:
            return {"failed": 1} if full else {}
        if typing.get_origin(arguments[1]) is tuple:
            return {"model": (_value(typing.get_args(arguments[1])[0], name, full=full),)} if full else {}
        return {"kind": "artifact", "id": EVIL, "event": "e", "artifact": "a"} if full else {}
    if hint is bool:
        return full
    if hint in (int, float):
        return 3
    if hint is datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)
    if dataclasses.is_dataclass(hint):
        return _made(hint, full=full)  # type: ignore[arg-type] # a class
    return EVIL if full else "x"


def _made(answer: type[Any], *, full: bool) -> Any:
    hints = typing.get_type_hints(answer, vars(importlib.import_module("tests.unit.client.hints")))
    given = {each.name: _value(hints[each.name], each.name, full=full) for each in dataclasses.fields(answer)}
    if answer is Lineage:
        given["node"] = {"kind": "artifact", "id": "a"}
        given["nodes"] = given["edges"] = ()
    return answer(**given)


@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
@pytest.mark.parametrize("answer", _answers(), ids=lambda answer: answer.__name__)
def test_every_answer_prints_as_text_and_shows_in_a_notebook(answer: type[Shown], *, full: bool) -> None:
    made = _made(answer, full=full)

    text, shown = str(made), made._repr_markdown_()

    assert text
    assert f"{answer.__name__}(" not in text
    assert text.replace("\n", "").isprintable()
    assert shown
    assert "```text" in shown or not {"![](", "<img"} & {each for each in ("![](", "<img") if each in shown}
    assert repr(made).startswith(f"{answer.__name__}(")


@pytest.mark.parametrize("kind", [Impact, AsyncImpact])
def test_an_impact_says_how_far_it_was_read(kind: type[Impact] | type[AsyncImpact]) -> None:
    search = Search({}, limit=None, cursor=None, timeout_seconds=None)
    found = kind(None, search)  # type: ignore[arg-type] # nobody is asked

    assert "iterate" in str(found)
    search.take(b'{"kind": "start", "node": {"kind": "artifact", "id": "model"}, "affected": 2}')
    assert str(found) == "Came of artifact model: 2 events"
    search.take(b'{"kind": "end", "complete": false, "reason": "limit", "cursor": "c"}')
    assert str(found).endswith("NOT complete (limit); `cursor` leads on.")
    assert found._repr_markdown_()


def _texts(answer: Shown) -> list[str]:
    return str(answer).splitlines()


def test_a_why_prints_its_text_and_a_notebook_shows_it_as_it_is() -> None:
    answer = Why({}, (), {}, (), "Why a?\n\n1. this ```", 4, True, None, {})

    assert str(answer) == "Why a?\n\n1. this ```"
    assert answer._repr_markdown_() == "````text\nWhy a?\n\n1. this ```\n````"


def test_a_lineage_prints_its_steps_and_whether_it_is_complete() -> None:
    document = {
        "node": {"kind": "artifact", "id": "model"},
        "direction": "upstream",
        "nodes": [
            {"kind": "pem", "id": "e1", "depth": 1, "type": "train", "emitter": "me", "position": 3},
            {"kind": "artifact", "id": "model", "depth": 0},
        ],
        "edges": [{"type": "PRODUCES", "source": "e1", "target": "model"}],
        "position": 3,
        "complete": False,
        "reason": "limit",
        "cursor": "c1",
    }

    text = _texts(Lineage.read(document))

    assert text[0] == "Upstream of artifact model: 1 event, 1 artifact"
    assert "train" in text[2]
    assert "event e1" in text[2]
    assert text[-1].startswith(
        "NOT complete (the limit of nodes cut it; raise limit=, or continue with its cursor)"
    )


def test_a_lineage_becomes_a_networkx_graph() -> None:
    nx = pytest.importorskip("networkx")
    document = {
        "node": {"kind": "artifact", "id": "model"},
        "direction": "upstream",
        "nodes": [{"kind": "artifact", "id": name, "depth": 0} for name in ("model", "table")],
        "edges": [
            {"type": "PRODUCES", "source": "e1", "target": "model"},
            {"type": "USES", "source": "e1", "target": "table", "version": "e0"},
        ],
        "position": 3,
        "complete": True,
    }
    answer = Lineage.read(document)

    graph = answer.to_networkx()

    assert nx.ancestors(graph, "artifact:model") == {"pem:e1", "artifact:table"}
    assert "artifact:table@e0" in answer.to_networkx(versions=True)


def test_a_state_is_a_table() -> None:
    document: dict[str, Any] = {
        "artifacts": [
            {"artifact": "model", "version": None, "properties": {"auc": 0.9}},
            {
                "artifact": "table",
                "properties": {},
                "version": {
                    "event": "e1",
                    "position": 2,
                    "produced_at": "2026-03-01T00:00:00+00:00",
                    "label": "7",
                },
            },
        ],
        "tags": [
            {
                "namespace": "prod",
                "tag": "a/b",
                "event": "e1",
                "since": "2026-03-01T00:00:00+00:00",
                "position": 2,
            }
        ],
        "position": 2,
        "as_of": None,
        "complete": False,
        "cursor": "c",
    }

    assert _texts(State.read(document)) == [
        "2 artifacts, 1 tag, as of log position 2",
        "ARTIFACT  VERSION                  PROPERTIES",
        "model     from outside             {auc: 0.9}",
        "table     7, event e1, position 2",
        "TAG         MARKS EVENT  SINCE",
        "prod/a%2Fb  e1           2026-03-01T00:00:00Z",
        "NOT complete; `cursor` leads on.",
    ]
    cut = State.read({**document, "artifacts": document["artifacts"][:1], "tags": []})
    assert _texts(cut)[0] == "1 artifact, tags not shown yet, as of log position 2"


def test_a_table_in_a_notebook_is_one() -> None:
    assert Rows(("a", "b"), ((1, "x|y"), ({"k": 1}, None)))._repr_markdown_() == (
        "2 rows\n\n| a | b |\n| --- | --- |\n| 1 | x\\|y |\n| \\{k: 1\\} |  |"
    )


def test_of_many_rows_the_first_are_shown_and_the_rest_counted() -> None:
    text = _texts(Rows(("a",), tuple([(n,) for n in range(MOST_ROWS + 7)])))

    assert len(text) == MOST_ROWS + 3
    assert text[-1] == "... and 7 more rows"


def test_a_route_answers_the_question() -> None:
    assert str(Route(True, (), 3, True, None, {})) == "Yes, as of log position 3"
    assert str(Route(None, (), 3, False, "time", {})).startswith(
        "Not known, as of log position 3\nNOT complete (time)"
    )


def test_gaps_are_told_list_by_list() -> None:
    found = Gaps(({"artifact": "raw"},), (), (), (), {"never_produced": "c"}, 5, {})

    assert _texts(found)[:4] == [
        "What the record lacks, as of log position 5",
        "Used, but produced by no event: 1; `cursors` leads on",
        "ARTIFACT",
        "raw",
    ]


def test_what_became_of_events_is_told_in_a_line_and_refusals_below() -> None:
    verdicts = (
        Verdict(0, "a", "accepted", 4),
        Verdict(1, "b", "invalid", None, "Type", "required", "Type is empty"),
    )

    assert _texts(SendResult(verdicts, 1, 0, 0, 1, 4)) == [
        "2 events: 1 accepted, 1 invalid; log position 4",
        "PLACE  EVENT  VERDICT  FIELD  DETAIL",
        "1      b      invalid  Type   Type is empty",
    ]
    assert str(verdicts[0]) == "accepted: event a, position 4"
    assert str(SendResult.told("spooled", ["a"])) == "1 event: spooled"
    assert (
        str(Flushed(3, 0, 2, 9, "no answer")) == "3 delivered, 0 refused, 2 left, 9 waiting in all: no answer"
    )
    assert _texts(Job("1", "done", 3, None, None, None, {}))[0] == "Job"


def test_stored_things_are_a_line() -> None:
    pem = StoredPem("e1", "train", "me", None, "2026-03-01 00:00:00", "", {}, "", "", "", ("a",), ("b", "c"))

    assert str(pem) == "2026-03-01 00:00:00 me train: event e1, uses a, produces b, c"
    failed = replace(pem, outcome="failed", error="no\nroom", uses=(), produces=())
    assert str(failed) == '2026-03-01 00:00:00 me train: event e1 (failed: "no\\nroom")'
    assert (
        str(Tag("prod", "now", "e1", "2026-03-01 00:00:00"))
        == "prod/now marks event e1, since 2026-03-01 00:00:00"
    )
