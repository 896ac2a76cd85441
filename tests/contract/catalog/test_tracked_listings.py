"""Which events a group's list of members comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.tracking import Save
from tests.contract.catalog.tracked import Script, command

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores


def position_of(script: Script, run: str) -> int:
    position: int = script.work.run(run)["position"]
    return position


def describe(script: Script, group: str, description: str = "hello") -> int:
    """Save a value of a group, and return the log position of that."""
    wanted = Save(id=group, values={"description": description})
    return script.tracker.save(command(actor="ada"), [wanted]).position


@pytest.mark.parametrize("times", [0, 1, 30])
def test_a_list_comes_from_the_run_that_closed_last_whoever_saved_values_since(
    script: Script, times: int
) -> None:
    script.once("A")
    group = script.once("A", "B")["group"]
    run = script.work.group(group, with_members=False)["last_run"]
    for number in range(times):
        describe(script, group, f"{number}")

    assert script.reads.listed_at(group) == position_of(script, run)


def test_an_empty_list_has_an_event_as_well(script: Script) -> None:
    script.once("A")
    report = script.once()
    describe(script, report["group"])

    assert script.members(report["group"]) == []
    assert script.reads.listed_at(report["group"]) == position_of(script, report["run"])


def test_the_lists_of_all_groups_come_from_the_last_event_of_a_command(
    stores: Stores, script: Script
) -> None:
    first = script.once("A", "B")
    second = Script(stores, identifier="OTHER").once("A", "C")
    done = script.tracker.retire(command(), first["added"][:1])

    assert [script.members(one["group"]) for one in (first, second)] == [["B"], ["C"]]
    assert [script.reads.listed_at(one["group"]) for one in (first, second)] == [done.position] * 2


def test_a_list_that_a_rollback_put_back_comes_from_the_rollback(script: Script) -> None:
    group = script.once("A")["group"]
    script.once("B")
    run = script.work.group(group, with_members=False)["last_run"]
    undone = script.tracker.roll_back(command(), run)
    describe(script, group)

    assert script.members(group) == ["A"]
    assert script.reads.listed_at(group) == undone.position


def test_a_group_that_is_put_back_keeps_the_event_that_listed(script: Script) -> None:
    report = script.once("A")
    describe(script, report["group"])
    script.tracker.roll_back_login(command(), "ada", since_us=0, since="then")
    describe(script, report["group"], "more")

    assert script.reads.listed_at(report["group"]) == position_of(script, report["run"])


def test_a_group_that_nobody_listed_comes_from_the_event_that_made_it(script: Script) -> None:
    wanted = [Save("CoreStandardGroup", {"name": name}) for name in "ab"]
    done = script.tracker.save(command(), wanted)
    ids = [one["id"] for one in done.answer["objects"]]

    assert [script.reads.listed_at(id_) for id_ in ids] == [done.position - 1, done.position]


def test_what_was_never_saved_has_no_list(script: Script) -> None:
    assert script.reads.listed_at("0" * 32) is None
