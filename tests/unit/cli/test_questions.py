from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

_PEM = {
    "ID": "a" * 32,
    "Type": "train",
    "Emitter": "trainer",
    "TimestampClient": "2026-01-02 03:04:05",
    "UsesArtifacts": ["x", "y"],
    "ProducesArtifacts": ["z"],
}


def _lineage(**changed: Any) -> dict[str, Any]:
    document = {
        "node": {"kind": "artifact", "id": "model/churn", "version": "e1"},
        "direction": "upstream",
        "depth": 2,
        "nodes": [
            {"kind": "artifact", "id": "model/churn", "depth": 0},
            {
                "kind": "pem",
                "id": "e1",
                "type": "train",
                "emitter": "trainer",
                "occurred_at": "2026-01-02T03:04:05.000000Z",
                "position": 12,
                "depth": 1,
            },
            {"kind": "artifact", "id": "table", "depth": 1},
            {"kind": "artifact", "id": "seed", "depth": 1},
            {"kind": "pem", "id": "e0", "placeholder": True, "depth": 2},
        ],
        "edges": [
            {"type": "PRODUCES", "source": "e1", "target": "model/churn"},
            {"type": "USES", "source": "e1", "target": "table", "version": "e0", "out_of_order": True},
            {"type": "USES", "source": "e1", "target": "seed"},
            {"type": "PREDECESSOR", "source": "e1", "target": "e0"},
        ],
        "position": 17,
        "complete": True,
        "reason": None,
        "cursor": None,
    }
    return document | changed


def _many_events(count: int) -> dict[str, Any]:
    fields = {"kind": "pem", "type": "t", "emitter": "e", "occurred_at": "-", "depth": 1}
    return _lineage(
        nodes=[fields | {"id": f"e{number}", "position": number} for number in range(count)], edges=[]
    )


def test_a_trace_comes_with_its_evidence(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage())

    ended = run("trace", "artifact:model/churn", "--depth", "2")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "Upstream of artifact model/churn, version e1: 2 events, 3 artifacts",
        "",
        "[1] train  trainer  2026-01-02T03:04:05.000000Z  log position 12  event e1",
        "      produced  model/churn",
        "      used      table  <- event e0  (out of order: by the clocks it was not there before)",
        "      used      seed  (from outside: no event produced it)",
        "      followed  e0",
        "",
        "[2] event e0  (named by others, not reported itself so far)",
        "",
        "Complete, as of log position 17.",
    ]
    assert dict(service.requests[0].url.params) == {
        "node": "artifact:model/churn",
        "direction": "upstream",
        "depth": "2",
        "limit": "10000",
        "details": "true",
    }


def test_a_trace_that_was_cut_says_why_and_how_to_go_on(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage(complete=False, reason="limit", cursor="c42"))

    ended = run("trace", "x", "--limit", "5")

    assert "NOT complete" in ended.out
    assert "--cursor c42" in ended.out


def test_a_trace_that_depth_cut_says_so(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage(complete=False, reason="depth"))

    assert "NOT complete (there is more beyond --depth)" in run("trace", "x", "--depth", "1").out


def test_a_long_trace_shows_its_first_part_and_says_how_to_see_the_rest(
    run: Run, service: FakeService
) -> None:
    service.answer("GET /api/v1/lineage", _many_events(30))

    short, full = run("trace", "x"), run("trace", "x", "--full")

    assert "... and 10 more events: --full shows them" in short.out
    assert (short.out.count("event e"), full.out.count("event e")) == (20, 30)


def test_what_an_emitter_wrote_cannot_steer_the_terminal(run: Run, service: FakeService) -> None:
    document = _lineage()
    document["nodes"][1]["type"] = "\x1b[2Jtrain\n[bold]"
    service.answer("GET /api/v1/lineage", document)

    ended = run("trace", "x")

    assert "\\x1b[2Jtrain\\n[bold]" in ended.out


def test_trace_as_json_is_the_services_own_document(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/lineage", _lineage())

    assert run("trace", "x", "--json").json == _lineage()


@pytest.mark.parametrize(
    ("recorder", "shown"),
    [({"ID": "ab" * 16, "Name": "c\x1bi"}, "c\\x1bi"), ({"ID": "ab" * 16, "Name": None}, "ab" * 16)],
)
def test_pems_are_listed_with_who_recorded_them(
    run: Run, service: FakeService, recorder: dict[str, Any], shown: str
) -> None:
    service.answer("GET /query/pems", [_PEM, {**_PEM, "RecordedBy": recorder}])
    service.answer("GET /query/pems_count", {"pems_count": 2})

    head, without, with_recorder, *_ = run("pems").out.splitlines()

    assert head.rstrip().endswith("RECORDED BY")
    assert with_recorder.rstrip() == f"{without.rstrip().ljust(head.index('RECORDED BY'))}{shown}"


def test_pems_are_listed_with_the_way_to_the_next_page(run: Run, service: FakeService) -> None:
    service.answer("GET /query/pems", [_PEM])
    service.answer("GET /query/pems_count", {"pems_count": 3})

    ended = run(
        "pems", "--type", "train", "--filter", "Emitter=a=b", "--page-size", "1", "--sort", "ID", "--desc"
    )

    assert dict(service.requests[0].url.params) == {
        "Emitter": "a=b",
        "Type": "train",
        "pageIndex": "0",
        "pageSize": "1",
        "sortField": "ID",
        "sortOrder": "desc",
    }
    assert "train" in ended.out
    assert "a" * 32 in ended.out
    assert "1 to 1 of 3; next: --page 1" in ended.err


def test_the_whole_list_is_asked_for_without_paging(run: Run, service: FakeService) -> None:
    service.answer("GET /query/pems", [_PEM])

    ended = run("pems", "--all", "--json")

    assert dict(service.requests[0].url.params) == {}
    assert ended.json == [_PEM]


def test_a_count_is_a_number_alone(run: Run, service: FakeService) -> None:
    service.answer("GET /query/pems_count", {"pems_count": 3})
    service.answer("GET /query/artifacts_count", {"artifacts_count": 4})

    assert run("pems", "--count").out == "3\n"
    assert run("artifacts", "--count", "--json").json == {"count": 4}


def test_artifacts_are_listed_uncut_when_a_program_reads(run: Run, service: FakeService) -> None:
    name = "x" * 500
    service.answer(
        "GET /query/artifacts", [{"Name": name, "Properties": {"a": 1}, "CreatedAt": "2026-01-02 03:04:05"}]
    )
    service.answer("GET /query/artifacts_count", {"artifacts_count": 1})

    ended = run("artifacts", "--name", "x")

    assert name in ended.out
    assert '{"a":1}' in ended.out


def test_a_filter_that_is_none_ends_with_2(run: Run, service: FakeService) -> None:
    ended = run("pems", "--filter", "Type")

    assert (ended.code, service.requests) == (2, [])


def test_info_shows_every_service(run: Run, service: FakeService) -> None:
    service.answer("GET /receiver/info", {"version": "1", "pem_size_limit": 5})
    service.answer("GET /query/info", {"version": "1"})
    service.answer("GET /graph_builder/info", {"pems_sync_pct": "100.00%"})
    service.answer("GET /admin/info", {"lag": 0})

    ended = run("info", "--json", "--url", "http://other.test:1")

    assert ended.json == {
        "url": "http://other.test:1",
        "receiver": {"version": "1", "pem_size_limit": 5},
        "query": {"version": "1"},
        "graph_builder": {"pems_sync_pct": "100.00%"},
        "admin": {"lag": 0},
    }
    assert "100.00%" in run("info").out


def test_info_works_without_an_admins_credential(run: Run, service: FakeService) -> None:
    for path in ("/receiver/info", "/query/info", "/graph_builder/info"):
        service.answer(f"GET {path}", {"version": "1"})
    service.answer("GET /admin/info", {"detail": "who are you"}, status=401)

    ended = run("info")

    assert ended.code == 0
    assert "an admin's credential" in ended.err
