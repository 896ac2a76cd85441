"""Answers keep what the service says of changed events, in each list and at each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client.stored import StoredArtifact, StoredPem, Tag
from provgraph.client.told import Gaps
from provgraph.client.tracking.answers import (
    Adopted,
    CloseReport,
    Group,
    Member,
    Plan,
    Retired,
    RolledBack,
    RolledBackLogin,
    Run,
    RunDiff,
)
from tests.unit.cli.test_changed import AFTERWARDS, MARK, REASON, a_difference, a_group, a_plan, a_run, member

if TYPE_CHECKING:
    from collections.abc import Callable

_CHANGE = MARK["changed"]
_DONE: dict[str, Any] = {
    "run": a_run(),
    "group": a_group(),
    "into": a_group(),
    "login": "ada",
    "position": 1,
    **{name: [] for name in ("added", "kept", "dropped", "retired", "released", "refused", "restored")},
}
_LISTS: dict[str, Any] = {"UsesArtifacts": [], "ProducesArtifacts": []}
_PEM = dict.fromkeys(
    ("ID", "Type", "Emitter", "TimestampClient", "TimestampReceived", "Version", "Tag", "TagNamespace"), "x"
)


@pytest.mark.parametrize(
    "read",
    [
        lambda mark: StoredArtifact.read({"Name": "m", "Properties": {}, "CreatedAt": "-", **mark}),
        lambda mark: Tag.read({"NamespaceID": "n", "Tag": "t", "EventID": "e", "UpdatedAt": "-", **mark}),
        lambda mark: StoredPem.read({**_PEM, **_LISTS, "Predecessor": None, "Properties": {}, **mark}),
    ],
    ids=["an artifact", "a tag", "an event"],
)
def test_what_is_stored_says_that_its_event_was_changed(read: Callable[[dict[str, Any]], Any]) -> None:
    changed, other = read({"Changed": REASON}), read({})

    assert (changed.changed, other.changed) == (REASON, None)
    assert (AFTERWARDS in str(changed), AFTERWARDS in str(other)) == (True, False)


@pytest.mark.parametrize(
    ("answer", "document"),
    [
        (Member, member("a")),
        (Run, a_run()),
        (Group, a_group()),
        *((answer, _DONE) for answer in (CloseReport, RolledBack, RolledBackLogin, Retired, Adopted)),
    ],
)
def test_what_is_told_of_tracked_work_keeps_why_a_change_was_accepted(
    answer: Any, document: dict[str, Any]
) -> None:
    assert answer.read({**document, **MARK}).changed == _CHANGE
    assert answer.read(document).changed is None


def test_a_difference_keeps_which_run_and_which_part_it_is_of() -> None:
    marked, other = RunDiff.read(a_difference(MARK)), RunDiff.read(a_difference({}))

    for told, change in ((marked, _CHANGE), (other, None)):
        assert [one.changed for one in (*told.added, *told.dropped)] == [change] * 2
        assert [one.changed for one in told.changed] == [change]
    assert (marked.from_changed, marked.to_changed) == (_CHANGE, _CHANGE)
    assert (other.from_changed, other.to_changed) == (None, None)


def test_a_difference_of_a_service_that_names_no_runs_is_read() -> None:
    document = {name: value for name, value in a_difference({}).items() if name != "runs"}

    assert RunDiff.read(document).from_changed is None


def test_a_plan_keeps_which_part_it_is_of() -> None:
    plan = Plan.read(a_plan(MARK))

    assert plan.group.changed == _CHANGE
    assert [one.changed for one in plan.retire] == [_CHANGE]
    assert [one.changed for one in plan.refused] == [_CHANGE]


def test_printed_gaps_say_which_of_them_rest_on_a_changed_event() -> None:
    named: list[dict[str, Any]] = [
        {"event": "a" * 32, "named_by": "b" * 32, "times": 1},
        {"event": "c" * 32, "named_by": "d" * 32, **MARK},
    ]

    marked = str(Gaps((), tuple(named), (), (), {}, 5, {}))
    plain = str(Gaps((), tuple(named[:1]), (), (), {}, 5, {}))

    assert [AFTERWARDS in line for line in marked.splitlines() if "a" * 32 in line or "c" * 32 in line] == [
        False,
        True,
    ]
    assert AFTERWARDS not in plain
