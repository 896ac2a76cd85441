"""``provgraph why``, ``lineage``, ``state``, ``diff``, ``impact``, ``path`` and ``gaps``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from provgraph.cli.asking import Form
from provgraph.cli.exits import ExitCode
from provgraph.cli.gaps import length
from provgraph.exports import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

_TRUTH = {"position": 17, "as_of": None}
_PAGE = {**_TRUTH, "complete": True, "reason": None, "cursor": None}
_CUT = {**_TRUTH, "complete": False, "reason": "limit", "cursor": "c42"}
_WHY: dict[str, Any] = {**_PAGE, "node": {}, "steps": [], "artifacts": {}, "claims": [], "text": "x"}
_VERSION = {"event": "e1", "position": 12, "produced_at": "2026-01-02T03:04:05.000000Z", "label": "7"}
_ARTIFACT = {"artifact": "model", "version": _VERSION, "properties": {"auc": 1}}
_OUTSIDE: dict[str, Any] = {"artifact": "raw", "version": None, "properties": {}}
_TAG = {"namespace": "prod", "tag": "current", "event": "e1", "since": "2026-01-02", "position": 12}


def params(service: FakeService, index: int = 0) -> dict[str, str]:
    """Return the parameters of a request."""
    return dict(service.requests[index].url.params)


def in_turn(service: FakeService, route: str, *documents: object) -> None:
    """Answer a route with one document after another."""
    left = iter(documents)
    service.answer_with(route, lambda _: httpx.Response(200, content=orjson.dumps(next(left))))


def test_the_formats_of_the_command_line_are_those_that_there_are() -> None:
    assert [form.value for form in Form] == ["text", *FORMATS]


# why


def test_why_prints_the_text(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/why", {**_WHY, "text": "Why model:\n\n1. \x1b[2Jtrained.\n"})

    ended = run("why", "model", "--at", "yesterday", "--known-at", "12", "--depth", "3", "--seconds", "5")

    assert ended.out == "Why model:\n\n1. \\x1b[2Jtrained.\n"
    assert params(service) == {
        "node": "model",
        "as_of": "yesterday",
        "known_at": "12",
        "depth": "3",
        "limit": "1000",
        "seconds": "5",
    }


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"], ["--format", "json", "--json"]])
def test_why_as_json_is_the_services_own_document(run: Run, service: FakeService, option: list[str]) -> None:
    document = {**_WHY, "new": 1}
    service.answer("GET /api/v1/why", document)

    assert run("why", "model", *option).json == document


@pytest.mark.parametrize("command", ["why", "lineage"])
def test_a_format_is_what_the_service_says_and_nothing_else(
    run: Run, service: FakeService, command: str
) -> None:
    service.answer_with(f"GET /api/v1/{command}", lambda _: httpx.Response(200, text="digraph {\n}"))

    ended = run(command, "model", "--format", "dot")

    assert ended.out == "digraph {\n}\n"
    assert params(service)["format"] == "dot"


@pytest.mark.parametrize("command", ["why", "lineage", "impact"])
def test_two_forms_at_once_are_wrong_usage(run: Run, service: FakeService, command: str) -> None:
    ended = run(command, "model", "--format", "ndjson", "--json")

    assert (ended.code, service.requests) == (ExitCode.USAGE, [])


@pytest.mark.parametrize(
    "command", [["lineage", "x"], ["state"], ["diff", "1", "2"], ["impact", "x"], ["gaps"]]
)
def test_a_part_and_the_whole_at_once_are_wrong_usage(
    run: Run, service: FakeService, command: list[str]
) -> None:
    ended = run(*command, "--cursor", "c", "--all")

    assert (ended.code, service.requests) == (ExitCode.USAGE, [])


# lineage


def _lineage(*ids: str, **changed: object) -> dict[str, Any]:
    return {
        "node": {"kind": "tag", "id": "prod/current", "event": "e1"},
        "direction": "both",
        "depth": None,
        "nodes": [
            {
                "kind": "pem",
                "id": id_,
                "type": "t",
                "emitter": "e",
                "occurred_at": "-",
                "position": 1,
                "depth": 0,
            }
            for id_ in ids
        ],
        "edges": [],
        **_PAGE,
        **changed,
    }


def test_lineage_takes_every_filter(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage("e1", as_of="2026-01-02T00:00:00.000000Z"))

    ended = run(
        *("lineage", "tag:prod/current", "--direction", "both", "--any-version", "--at", "2026-01-02"),
        *("--type", "a", "--type", "b", "--emitter", "c", "--from", "now-1w", "--to", "now", "--limit", "5"),
    )

    assert "Upstream and downstream of tag prod/current: 1 event, 0 artifacts" in ended.out
    assert "Complete, as of log position 17, at 2026-01-02T00:00:00.000000Z." in ended.out
    assert service.requests[0].url.params.multi_items() == [
        ("node", "tag:prod/current"),
        ("direction", "both"),
        ("limit", "5"),
        ("versions", "any"),
        ("type", "a"),
        ("type", "b"),
        ("emitter", "c"),
        ("from", "now-1w"),
        ("to", "now"),
        ("as_of", "2026-01-02"),
        ("details", "true"),
    ]


def test_a_lineage_of_both_directions_says_on_which_side_an_event_is(run: Run, service: FakeService) -> None:
    answer = _lineage("e1", "e2", "e3")
    answer["nodes"][1] |= {"depth": 1, "side": "upstream"}
    answer["nodes"][2] |= {"depth": 1, "side": "downstream", "placeholder": True}
    service.answer("GET /api/v1/lineage", answer)

    lines = run("lineage", "x", "--direction", "both").out.splitlines()

    assert [line.partition("]")[0] for line in lines if line.startswith("[")] == [
        "[0",
        "[1 upstream",
        "[1 downstream",
    ]


def test_all_of_a_lineage_is_its_pages_put_together(run: Run, service: FakeService) -> None:
    in_turn(service, "GET /api/v1/lineage", _lineage("e1", **_CUT), _lineage("e2"))

    ended = run("lineage", "x", "--all", "--json")

    assert [node["id"] for node in ended.json["nodes"]] == ["e1", "e2"]
    assert (ended.json["complete"], ended.json["cursor"]) == (True, None)
    assert (params(service)["limit"], params(service, 1)["cursor"]) == ("100000", "c42")


def test_all_of_a_lineage_can_be_put_into_a_format_here(run: Run, service: FakeService) -> None:
    in_turn(service, "GET /api/v1/lineage", _lineage("e1", **_CUT), _lineage("e2"))

    ended = run("lineage", "x", "--all", "--format", "dot")

    assert ended.out.startswith("digraph")
    assert ended.out.count("shape=box") == 2


def test_a_lineage_that_the_time_cut_says_so(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage("e1", complete=False, reason="time"))

    assert "NOT complete (the time was over; raise --seconds)" in run("lineage", "x").out


# state and diff


def test_a_state_is_two_tables(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/state", {"artifacts": [_ARTIFACT, _OUTSIDE], "tags": [_TAG], **_PAGE})

    ended = run("state", "--at", "now-2h", "--known-at", "now")

    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[1] == ["model", "7", "2026-01-02T03:04:05.000000Z", "e1", "12", '{"auc":1}']
    assert lines[2] == ["raw", "from", "outside"]
    assert lines[5] == ["prod", "current", "e1", "2026-01-02", "12"]
    assert ended.err.strip() == "2 artifacts, 1 tag, as of log position 17."
    assert params(service) == {"limit": "50", "as_of": "now-2h", "known_at": "now"}


def test_a_state_that_was_cut_says_how_to_go_on(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/state", {"artifacts": [_ARTIFACT], "tags": [], **_CUT})

    ended = run("state", "--limit", "1")

    assert "NOT complete: the limit cut it; more with --cursor c42, everything with --all." in ended.err
    assert "c42" not in ended.out


def test_all_of_a_state_is_its_pages_put_together(run: Run, service: FakeService) -> None:
    in_turn(
        service,
        "GET /api/v1/state",
        {"artifacts": [_ARTIFACT], "tags": [], **_CUT},
        {"artifacts": [_OUTSIDE], "tags": [_TAG], **_PAGE},
    )

    ended = run("state", "--all", "--json")

    assert ended.json == {"artifacts": [_ARTIFACT, _OUTSIDE], "tags": [_TAG], **_PAGE}


def test_a_difference_is_a_table_of_what_was_before_and_is_after(run: Run, service: FakeService) -> None:
    changes: list[dict[str, Any]] = [
        {"change": "appeared", "artifact": "raw", "before": None, "after": _OUTSIDE},
        {"change": "changed", "artifact": "raw", "before": _OUTSIDE, "after": _ARTIFACT},
        {
            "change": "changed",
            "artifact": "model",
            "before": _ARTIFACT,
            "after": {**_ARTIFACT, "properties": {"auc": 2}},
        },
        {
            "change": "moved",
            "namespace": "prod",
            "tag": "current",
            "before": _TAG,
            "after": {**_TAG, "event": "e2"},
        },
    ]
    ends = {"from": {"position": 3, "as_of": None}, "to": {"position": 17, "as_of": "2026-01-02"}}
    service.answer("GET /api/v1/diff", {"changes": changes, **ends, **_PAGE})

    ended = run("diff", "3", "2026-01-02", "--clock", "recorded")

    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[1:] == [
        "appeared artifact raw from outside",
        "changed artifact raw from outside 7, event e1",
        'changed artifact model 7, event e1 {"auc":1} 7, event e1 {"auc":2}',
        "moved tag prod/current event e1 event e2",
    ]
    assert ended.err.strip() == "4 changes, from log position 3 to 2026-01-02."
    assert params(service) == {"from": "3", "to": "2026-01-02", "clock": "recorded"}


def test_no_difference_is_no_table(run: Run, service: FakeService) -> None:
    end = {"position": 17, "as_of": None}
    service.answer("GET /api/v1/diff", {"changes": [], "from": end, "to": end, **_PAGE})

    ended = run("diff", "now-1h", "now")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("0 changes")


# impact


def _affected(**changed: object) -> dict[str, Any]:
    return {
        "event": "e2",
        "type": "decide",
        "emitter": "camp\naigns",
        "occurred_at": "2026-01-03T00:00:00.000000Z",
        "position": 14,
        "depth": 2,
        "produced": [{"artifact": "decision", "version": _VERSION}],
        "path": [
            {"event": "e1", "position": 12, "by": "table"},
            {"event": "e2", "position": 14, "by": None},
        ],
        **changed,
    }


def _streamed(service: FakeService, *events: dict[str, Any], **end: object) -> None:
    node = {"kind": "artifact", "id": "table", "version": None}
    documents = [
        {"kind": "start", "node": node, "affected": len(events), "cursor": "c0", **_TRUTH},
        *events,
        {"kind": "end", "node": node, "affected": len(events), **_PAGE, **end},
    ]
    content = b"".join(orjson.dumps(document) + b"\n" for document in documents)
    service.answer_with("GET /api/v1/impact", lambda _: httpx.Response(200, content=content))


def test_impact_lists_events_with_the_way_to_them(run: Run, service: FakeService) -> None:
    _streamed(service, _affected())

    ended = run("impact", "table", "--from", "2026-01-01", "--to", "2026-02-01")

    assert ended.out.splitlines() == [
        "Came of artifact table: 1 event",
        "",
        "[2] decide  camp\\naigns  2026-01-03T00:00:00.000000Z  log position 14  event e2",
        "      through   table -> event e1",
        "      produced  decision  version 7",
        "",
        "Complete, as of log position 17.",
    ]
    assert params(service)["limit"] == "1000"


def test_impact_of_nothing_says_so(run: Run, service: FakeService) -> None:
    _streamed(service)

    assert run("impact", "table").out.splitlines() == [
        "Came of artifact table: 0 events",
        "",
        "Complete, as of log position 17.",
    ]


def test_a_long_way_is_shown_by_its_ends(run: Run, service: FakeService) -> None:
    steps = [{"event": f"e{number}", "position": number, "by": f"a{number}"} for number in range(10)]
    _streamed(service, _affected(path=steps))

    assert "a0 -> a1 -> a2 -> ... 4 more ... -> a7 -> a8 -> a9" in run("impact", "table").out


def test_impact_as_json_is_one_document(run: Run, service: FakeService) -> None:
    _streamed(service, _affected(), _affected(event="e3"), **_CUT)

    document = run("impact", "table", "--json", "--limit", "2").json

    assert [item["event"] for item in document["items"]] == ["e2", "e3"]
    assert (document["complete"], document["cursor"]) == (False, "c42")
    assert "kind" not in document


def test_impact_a_line_an_event_ends_with_what_it_is_true_for(run: Run, service: FakeService) -> None:
    _streamed(service, _affected(), **_CUT)

    ended = run("impact", "table", "--format", "ndjson", "--limit", "1")

    event, end = map(orjson.loads, ended.out.splitlines())
    assert event == _affected()
    assert (end["kind"], end["cursor"]) == ("end", "c42")


def test_impact_that_was_cut_says_how_to_go_on(run: Run, service: FakeService) -> None:
    _streamed(service, _affected(), **_CUT)

    ended = run("impact", "table", "--limit", "1")

    assert "NOT complete (the limit cut it; more with --cursor c42, everything with --all)" in ended.out


# path


def _path(**changed: object) -> dict[str, Any]:
    return {
        "source": {"kind": "artifact", "id": "raw", "version": None},
        "target": {"kind": "pem", "id": "e2"},
        "connected": True,
        "path": [
            {
                "event": "e1",
                "position": 1,
                "by": "table",
                "emitter": "crm",
                "type": "ingest",
                "occurred_at": "2026",
            },
            {"event": "e2", "position": 2, "by": None, "emitter": "ml", "type": "train"},
            {"event": "e3", "position": None, "by": None},
        ],
        "used": {"event": "e1", "artifact": "raw", "version": None},
        **_PAGE,
        **changed,
    }


def test_a_path_is_told_step_by_step(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/path", _path())

    ended = run("path", "raw", "pem:e2", "--target-version", "7")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "Artifact raw led to pem e2, by 3 events:",
        "",
        "1. ingest  crm  2026  log position 1  event e1",
        "      used      raw",
        "2. train  ml  log position 2  event e2",
        "      used      table",
        "3. (never reported)  event e3",
        "      followed  the one before",
        "",
        "Found as of log position 17.",
    ]
    assert params(service) == {"source": "raw", "target": "pem:e2", "target_version": "7"}


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_no_path_ends_with_1(run: Run, service: FakeService, option: list[str]) -> None:
    service.answer("GET /api/v1/path", _path(connected=False, path=[], used=None))

    ended = run("path", "raw", "pem:e2", *option)

    assert ended.code == ExitCode.NEGATIVE
    assert "did not lead to" in ended.out or ended.json["connected"] is False


def test_a_search_that_ended_too_early_ends_with_6(run: Run, service: FakeService) -> None:
    cut = {"complete": False, "reason": "time"}
    service.answer("GET /api/v1/path", _path(connected=None, path=[], used=None, **cut))

    ended = run("path", "raw", "pem:e2")

    assert ended.code == ExitCode.FAILED
    assert ended.out.startswith("Not known whether artifact raw led to pem e2 (the time was over")


# gaps


def _gaps(**changed: object) -> dict[str, Any]:
    def listed(*items: object) -> dict[str, Any]:
        return {"items": list(items), "complete": True, "reason": None, "cursor": None}

    early = {"event": "e1", "emitter": "crm", "occurred_at": "2026-01-02", "artifact": "t"}
    return {
        "never_produced": listed({"artifact": "raw"}),
        "unseen_predecessors": listed(),
        "out_of_order": listed({**early, "version": _VERSION, "seconds_early": 7200.0}),
        "emitters": [
            {
                "emitter": "crm",
                "events": 3,
                "first_at": "2026-01-01",
                "last_at": "2026-01-02",
                "last_position": 9,
                "silent": True,
                "silent_seconds": 172_800.0,
                "coverage": 0.5,
                "delay_seconds": {"least": -2.0, "mean": 0.25, "greatest": 3.0},
                "clock_ahead_seconds": 2.0,
            }
        ],
        **_TRUTH,
        **changed,
    }


def test_gaps_are_tables(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/gaps", _gaps())

    ended = run("gaps", "--silent-after", "12h")

    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines == [
        "Used, but produced by no event: 1",
        "ARTIFACT",
        "raw",
        "",
        "Named as predecessors, but never reported: none",
        "",
        "Used before they were produced, by the emitters' clocks: 1",
        "ARTIFACT USED AT (UTC) BY EMITTER IN EVENT PRODUCED LATER BY IN EVENT",
        "t 2026-01-02 crm e1 2.0 h e1",
        "",
        "Emitters: 1",
        "EMITTER EVENTS LAST (UTC) SILENT FOR COVERAGE DELAY CLOCK AHEAD",
        "crm 3 2026-01-02 2.0 d 50% 0.25 s 2 s",
        "",
        "Events whose work did not end well, as they say: none",
    ]
    assert params(service) == {"silent_after": "12h"}


def test_a_list_of_gaps_that_was_cut_says_how_to_go_on(run: Run, service: FakeService) -> None:
    cut = {"items": [{"artifact": "raw"}], "complete": False, "reason": "limit", "cursor": "c42"}
    service.answer("GET /api/v1/gaps", _gaps(never_produced=cut))

    ended = run("gaps")

    assert "Used, but produced by no event: 1, and there are more" in ended.out
    assert "more with --cursor c42, everything with --all, with --list never_produced" in ended.err


def test_all_gaps_are_each_list_with_its_pages(run: Run, service: FakeService) -> None:
    cut = {"items": [{"artifact": "raw"}], "complete": False, "reason": "limit", "cursor": "c42"}
    rest = {"items": [{"artifact": "sea"}], "complete": True, "reason": None, "cursor": None}
    in_turn(service, "GET /api/v1/gaps", _gaps(never_produced=cut), {"never_produced": rest, **_TRUTH})

    ended = run("gaps", "--all", "--json")

    assert ended.json == _gaps(never_produced={**rest, "items": [{"artifact": "raw"}, {"artifact": "sea"}]})
    assert (params(service, 1)["list"], params(service, 1)["cursor"]) == ("never_produced", "c42")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 s"),
        (0.0123, "0.0123 s"),
        (59.9, "59.9 s"),
        (90, "1.5 min"),
        (-7200, "-2.0 h"),
        (1e6, "11.6 d"),
    ],
)
def test_lengths_of_time_have_a_unit_that_a_person_would_choose(seconds: float, shown: str) -> None:
    assert length(seconds) == shown


# Errors


@pytest.mark.parametrize(
    ("status", "code"), [(400, ExitCode.USAGE), (401, ExitCode.REFUSED), (404, ExitCode.NOT_FOUND)]
)
@pytest.mark.parametrize(
    "command",
    [
        ["why", "x"],
        ["lineage", "x"],
        ["state"],
        ["diff", "1", "2"],
        ["impact", "x"],
        ["path", "a", "b"],
        ["gaps"],
    ],
    ids=lambda command: command[0],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(
    run: Run, service: FakeService, command: list[str], status: int, code: ExitCode
) -> None:
    service.answer(f"GET /api/v1/{command[0]}", {"detail": "as_of is not a time"}, status=status)

    ended = run(*command)

    assert (ended.code, ended.out) == (code, "")
    assert "as_of is not a time" in ended.err


@pytest.mark.parametrize(
    "command", [["why", "x"], ["lineage", "x"], ["state"], ["diff", "1", "2"], ["path", "a", "b"], ["gaps"]]
)
def test_a_question_can_wait_for_a_position(run: Run, service: FakeService, command: list[str]) -> None:
    service.answer(f"GET /api/v1/{command[0]}", {"detail": "no"}, status=404)

    run(*command, "--wait", "7")

    assert params(service)["wait"] == "7"


# ------------------------------------------------------------------------------------------------ what did not end well

_FAILED = {"outcome": "failed", "error": "no rows\x1b[2J"}
_TOLD = 'failed: "no rows\\u001b[2J"'


def test_lineage_tells_what_happened(run: Run, service: FakeService) -> None:
    answer = _lineage("e1")
    late = {"event": "e0", "type": "decide", "position": 9, "seconds": 7_200.0}
    answer["nodes"][0] |= {**_FAILED, "properties": {"clerk": 17}, "reported_after": late}
    said = {"label": "2", "artifact_kind": "model", "digest": "sha256:1", "properties": {"auc": 0.84}}
    made = {"type": "PRODUCES", "source": "e1", "target": "m", **said, "properties_left_out": 3}
    answer["edges"] = [made, {"type": "USES", "source": "e1", "target": "t", "version": "e0", "label": "7"}]
    service.answer("GET /api/v1/lineage", answer)

    lines = run("lineage", "e1").out.splitlines()

    assert lines[3:8] == [
        f"      ended     {_TOLD}",
        "      said      {clerk: 17}",
        "      late      reported 2 h after decide (position 9), which it led to",
        "      produced  m  version 2  kind model  digest sha256:1  {auc: 0.84}  and 3 more properties",
        "      used      t  version 7  <- event e0",
    ]


def test_impact_and_path_say_how_work_ended(run: Run, service: FakeService) -> None:
    version = {**_VERSION, "properties": {"auc": 0.84}}
    event = _affected(**_FAILED, produced=[{"artifact": "m", "version": version}])
    _streamed(service, event)
    node = {"kind": "artifact", "id": "table", "version": None}
    asked = {"source": node, "target": node, "connected": True, "path": [{**event, "by": "m"}], "used": None}
    service.answer("GET /api/v1/path", {**_PAGE, **asked})

    impact, path = run("impact", "a").out.splitlines(), run("path", "a", "b").out.splitlines()

    assert impact[3] == f"      ended     {_TOLD}"
    assert impact[5] == "      produced  m  version 7  {auc: 0.84}"
    assert path[3] == f"      ended     {_TOLD}"


def test_tables_have_a_column_for_how_work_ended_where_one_says_so(run: Run, service: FakeService) -> None:
    artifact = {**_ARTIFACT, "version": {**_VERSION, **_FAILED}}
    tag = {**_TAG, "outcome": "aborted"}
    service.answer("GET /api/v1/state", {**_PAGE, "artifacts": [artifact], "tags": [tag]})
    changes = [
        {"change": "changed", "artifact": "model", "before": None, "after": artifact},
        {"change": "moved", "namespace": "n", "tag": "t", "before": tag, "after": tag},
    ]
    ends = {"from": {"position": 1, "as_of": None}, "to": {"position": 2, "as_of": None}}
    service.answer("GET /api/v1/diff", {**_PAGE, **ends, "changes": changes})
    counted = {"failed": 2, "aborted": 1, "unknown": 0}
    emitters = [{**_gaps()["emitters"][0], **counted}]
    service.answer("GET /api/v1/gaps", _gaps(emitters=emitters, outcomes=counted))
    lists: dict[str, Any] = {"UsesArtifacts": [], "ProducesArtifacts": []}
    pem = {"TimestampClient": "-", "Type": "t", "Emitter": "e", "ID": "e1", **lists}
    service.answer("GET /query/pems", [{**pem, "Outcome": "failed", "Error": "no rows"}])
    service.answer("GET /query/pems_count", {"pems_count": 1})

    printed = {question: run(*question.split()).out for question in ("state", "diff a b", "gaps", "pems")}

    assert "BY WORK THAT" in printed["state"]
    assert _TOLD in printed["state"]
    assert "was aborted" in printed["state"]
    assert f"event e1 ({_TOLD})" in printed["diff a b"]
    assert "event e1 (was aborted)" in printed["diff a b"]
    assert "ENDED BADLY" in printed["gaps"]
    assert printed["gaps"].splitlines()[-1].endswith("as they say: 2 failed, 1 aborted")
    assert 'failed: "no rows"' in printed["pems"]


_CHANGED = {"changed": {"reason": "restored by hand"}}
_DOUBTS = f"{_TOLD}, was CHANGED after it was recorded"


def test_lineage_says_so_of_versions_whose_events_are_not_listed(run: Run, service: FakeService) -> None:
    answer = _lineage("e1")
    answer["node"] = {"kind": "artifact", "id": "m", "version": "e2", **_FAILED}
    answer["edges"] = [
        {"type": "USES", "source": "e1", "target": "t", "version": "e0", **_FAILED, **_CHANGED}
    ]
    service.answer("GET /api/v1/lineage", answer)

    told = run("lineage", "e1").out

    assert told.splitlines()[0].startswith(
        f"Upstream and downstream of artifact m, version e2 (made by an event that {_TOLD}):"
    )
    assert f"      used      t  (made by an event that {_DOUBTS})  <- event e0" in told.splitlines()


def test_a_path_says_so_of_what_each_step_used(run: Run, service: FakeService) -> None:
    path = _path()
    path["used"] |= {"version": "e0", "made": {**_VERSION, **_FAILED, **_CHANGED}}
    path["path"][0] |= _CHANGED
    path["path"][1] |= {"outcome": "aborted"}
    path["target"] |= _FAILED
    service.answer("GET /api/v1/path", path)

    lines = run("path", "raw", "pem:e2").out.splitlines()

    assert lines[0] == f"Artifact raw led to pem e2 (event that {_TOLD}), by 3 events:"
    assert lines[3] == f"      used      raw  (made by an event that {_DOUBTS})"
    assert lines[6] == "      used      table  (made by an event that was CHANGED after it was recorded)"
    assert lines[8] == "      followed  the one before, which was aborted"


def test_an_impact_says_so_of_what_each_step_used(run: Run, service: FakeService) -> None:
    steps = [{"event": f"e{number}", "position": number, "by": f"a{number}"} for number in range(9)]
    steps[0] |= {"used": [{"event": "e", "position": 3}, {"event": "f", "position": 4, **_FAILED}]}
    steps[4] |= _CHANGED
    short = [{**steps[0], **_CHANGED}, {**steps[1], "by": None}]
    _streamed(service, _affected(path=steps), _affected(path=short), _affected(path=steps, path_left_out=5))

    ways = [line for line in run("impact", "a").out.splitlines() if line.startswith("      through")]

    first = f"a0 (made by an event that {_TOLD})"
    against = "of them by events that did not end well or were CHANGED"
    assert ways == [
        f"      through   {first} -> a1 -> a2 -> ... 3 more, 1 {against} ... -> a6 -> a7 -> a8",
        f"      through   {first} -> event e0 (which was CHANGED after it was recorded)",
        f"      through   ... 11 more, 2 {against} ... -> a6 -> a7 -> a8",
    ]


def test_the_table_of_events_names_accepted_changes(run: Run, service: FakeService) -> None:
    lists: dict[str, Any] = {"UsesArtifacts": [], "ProducesArtifacts": []}
    pem = {"TimestampClient": "-", "Type": "t", "Emitter": "e", "ID": "e1", **lists}
    service.answer("GET /query/pems_count", {"pems_count": 1})
    service.answer("GET /query/pems", [{**pem, "Changed": "restored by hand"}])

    table = run("pems").out

    assert "EVENT CHANGED, ACCEPTED" in table
    assert "restored by hand" in table


def test_the_table_of_artifacts_says_which_properties_it_has(run: Run, service: FakeService) -> None:
    artifact = {"Name": "m", "Properties": {"auc": 0.84}, "CreatedAt": "-"}
    service.answer("GET /query/artifacts", [artifact])
    service.answer("GET /query/artifacts_count", {"artifacts_count": 1})

    assert "FIRST STATED PROPERTIES" in run("artifacts").out
