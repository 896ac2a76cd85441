"""Lists are short enough to read, and say how to get the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]


def _state(service: FakeService, **changes: Any) -> None:
    artifacts: list[dict[str, Any]] = [
        {"artifact": f"{kind}/{number}", "version": None, "properties": {}, "kind": kind}
        for kind in ("data", "model")
        for number in range(60)
    ]
    tags = [
        {"namespace": "prod", "tag": f"model-{number}", "event": "e", "since": "2026-03-01", "position": 1}
        for number in range(3)
    ]
    document = {"artifacts": artifacts, "tags": tags, "position": 9, "as_of": None, "complete": True}
    service.answer("GET /api/v1/state", {**document, "reason": None, "cursor": None, **changes})


def test_a_state_lists_fifty_and_says_how_to_get_the_rest(run: Run, service: FakeService) -> None:
    _state(service, artifacts=[], complete=False, reason="limit", cursor="c1")

    ended = run("state")

    assert service.requests[0].url.params["limit"] == "50"
    assert "--cursor c1, everything with --all" in ended.err


def test_tags_that_come_after_what_is_shown_are_not_said_to_be_none(run: Run, service: FakeService) -> None:
    _state(service, tags=[], complete=False, reason="limit", cursor="c1")
    cut = run("state")
    _state(service)
    chosen = run("state", "--name", "model")

    assert "120 artifacts, tags not shown yet, as of log position 9" in cut.err
    assert "50 artifacts, tags not shown yet, as of log position 9" in chosen.err


def test_for_programs_a_page_is_as_large_as_the_service_makes_it(run: Run, service: FakeService) -> None:
    _state(service)

    run("state", "--json")

    assert "limit" not in service.requests[0].url.params


@pytest.mark.parametrize(
    ("options", "artifacts", "tags"),
    [
        (("--kind", "model"), 50, 0),
        (("--kind", "model", "--all"), 60, 0),
        (("--kind", "nothing"), 0, 0),
        (("--name", "MODEL/5"), 11, 0),
        (("--name", "model-"), 0, 3),
        (("--name", "model", "--limit", "200"), 60, 3),
        (("--name", "model/", "--kind", "data"), 0, 0),
    ],
)
def test_a_state_is_chosen_by_name_and_kind(
    run: Run, service: FakeService, options: tuple[str, ...], artifacts: int, tags: int
) -> None:
    _state(service)

    shown, told = run("state", *options), run("state", *options, "--json")

    assert f"{artifacts} artifact{'' if artifacts == 1 else 's'}, {tags} tag" in shown.err
    if "--limit" in options or "--all" in options:
        assert (len(told.json["artifacts"]), len(told.json["tags"])) == (artifacts, tags)


def test_a_choice_says_how_much_more_there_is(run: Run, service: FakeService) -> None:
    _state(service)

    assert "10 more match; --limit shows more, --all everything" in run("state", "--kind", "model").err
    assert run("state", "--kind", "model", "--cursor", "c").code == 2


def _run(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{number:08x}4edde0358c33a8874a64e7be",
        "state": "rolled-back",
        "identifier": "a-very-long-name-of-a-script",
        "params": {},
        "branch": "main",
        "delete_unused": True,
        "actor": "somebody@a-machine-with-a-long-name",
        "group": {"id": None, "type": "CoreStandardGroup", "name": "group-" + "f" * 32},
        "opened_at": "2026-03-01T12:00:00+00:00",
        "closed_at": None,
        "error": None,
        "members": ["a"] * 1_000,
        "previous_members": None,
        "position": 4,
        **changes,
    }


def test_a_list_of_runs_fits_eighty_columns(run: Run, service: FakeService) -> None:
    runs = [_run(number) for number in range(3)] + [
        _run(9, state="failed", members=None, error="E: " + "x" * 200)
    ]
    service.answer("GET /api/v1/runs", {"runs": runs, "cursor": None})

    ended = run("runs", "list")

    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "00000000" in ended.out
    assert "  00000009 failed: E: xxx" in ended.out


def test_the_beginning_of_a_runs_id_is_enough(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/runs", {"runs": [_run(1), _run(2)], "cursor": None})
    asked: list[httpx.Request] = service.requests

    run("runs", "plan", "00000002")
    several = run("runs", "show", "0000")
    none = run("runs", "show", "abcdef")

    assert asked[1].url.path == f"/api/v1/runs/{_run(2)['id']}/plan"
    assert (several.code, none.code) == (2, 5)
