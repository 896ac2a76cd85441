"""What one login did since a moment, taken back: for scripts that nobody knows the runs of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import NotFoundError
from provgraph.tracking import ChangedSinceError, Listing, Save
from tests.contract.catalog.tracked import KIND, Script, command

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores


class Login:
    """Who saves, lists and retires, as a script of another client does: each call by itself."""

    def __init__(self, script: Script, name: str) -> None:
        self.script = script
        self.name = name

    def save(self, name: str, **values: Any) -> str:
        wanted = [Save(KIND, {"name": name, **values})]
        done = self.script.tracker.save(command(actor=self.name), wanted, upsert=True)
        return str(done.answer["objects"][0]["id"])

    def list(self, *ids: str, name: str = "group") -> str:
        listing = Listing("CoreStandardGroup", ids, {"name": name})
        return str(self.script.tracker.close_group(command(actor=self.name), listing).answer["group"])

    def retire(self, *ids: str) -> None:
        self.script.tracker.retire(command(actor=self.name), ids)

    def roll_back(self, since_us: int, *, force: bool = False) -> dict[str, Any]:
        undone = self.script.tracker.roll_back_login(
            command(), self.name, since_us=since_us, since="then", force=force
        )
        return undone.answer


def now(stores: Stores) -> int:
    """Return a moment after everything that was recorded."""
    return 1 + max(event.recorded_us for event in stores.log.read(limit=10_000))


def told(script: Script, id_: str) -> tuple[bool, dict[str, Any]]:
    found = script.work.object(id_)
    return found["live"], found["values"]


def test_what_a_login_saved_changed_and_retired_is_as_before(stores: Stores, script: Script) -> None:
    ada, bob = Login(script, "ada"), Login(script, "bob")
    changed, gone = ada.save("changed", role="core"), bob.save("gone")
    since = now(stores)
    ada.save("changed", role="edge")
    ada.save("changed", role="spine", more=True)
    made = ada.save("made")
    ada.retire(gone)
    theirs = bob.save("theirs")

    undone = ada.roll_back(since)

    assert (sorted(undone["restored"]), undone["retired"]) == (sorted([changed, gone]), [made])
    assert told(script, changed) == (True, {"name": "changed", "role": "core"})
    assert (told(script, gone)[0], told(script, made)[0], told(script, theirs)[0]) == (True, False, True)


def test_what_was_recorded_before_the_moment_stays(stores: Stores, script: Script) -> None:
    ada = Login(script, "ada")
    before = ada.save("before")
    since = now(stores)
    after = ada.save("after")

    ada.roll_back(since)

    assert (told(script, before)[0], told(script, after)[0]) == (True, False)


def test_its_groups_list_again_what_they_listed(stores: Stores, script: Script) -> None:
    ada = Login(script, "ada")
    one, two = ada.save("one"), ada.save("two")
    group = ada.list(one, two)
    since = now(stores)
    three = ada.save("three")
    ada.list(one, three)
    ada.retire(two)
    ada.list(three)
    new = ada.list(three, name="new")

    ada.roll_back(since)

    assert script.reads.members(group) == (one, two)
    assert (told(script, new)[0], told(script, three)[0], told(script, two)[0]) == (False, False, True)


def test_a_group_of_its_runs_lists_again_what_it_took_off_before_the_first_of_them_ended(
    stores: Stores, script: Script
) -> None:
    ada = Login(script, "tester")  # who opens the runs, too
    listed = script.once("S", "T", "U")
    first, second, third = listed["added"]
    since = now(stores)
    ada.retire(first)
    run = script.open(sweep=False)
    script.tracker.retire(command(), [second], run_id=run)
    script.save(run, "V")
    script.close(run)
    again = script.open(sweep=False)
    script.save(again, "W")
    script.close(again)

    ada.roll_back(since)

    assert sorted(script.members(listed["group"])) == ["S", "T", "U"]
    assert script.live(third)


def test_what_somebody_else_changed_since_is_in_the_way(stores: Stores, script: Script) -> None:
    ada, bob = Login(script, "ada"), Login(script, "bob")
    since = 0
    id_ = ada.save("x", role="a")
    bob.save("x", role="b")

    with pytest.raises(ChangedSinceError, match="What 'ada' did since then cannot be rolled back"):
        ada.roll_back(since)
    assert told(script, id_)[1]["role"] == "b"

    assert ada.roll_back(since, force=True)["retired"] == [id_]


def test_what_somebody_else_changed_in_between_is_in_the_way(stores: Stores, script: Script) -> None:
    ada, bob = Login(script, "ada"), Login(script, "bob")
    id_ = bob.save("x", role="first")
    since = now(stores)
    ada.save("x", role="a")
    bob.save("x", note="mine")
    ada.save("x", role="aa")

    with pytest.raises(ChangedSinceError) as refused:
        ada.roll_back(since)

    conflict: Any
    (conflict,) = refused.value.members["conflicts"]  # type: ignore[misc] # a list
    assert (conflict["id"], conflict["reason"]) == (id_, "somebody changed it in between")
    assert told(script, id_)[1] == {"name": "x", "role": "aa", "note": "mine"}


def test_what_somebody_changed_while_a_run_was_open_is_not_lost_by_its_rollback(script: Script) -> None:
    run = script.open()
    script.tracker.save(command(), [Save(KIND, {"name": "x", "n": 1})], run_id=run, upsert=True)
    script.tracker.save(command(), [Save(KIND, {"name": "x", "note": "mine"})], upsert=True)
    script.tracker.save(command(), [Save(KIND, {"name": "x", "n": 2})], run_id=run, upsert=True)
    script.close(run)

    with pytest.raises(ChangedSinceError):
        script.tracker.roll_back(command(), run)


def test_a_group_that_somebody_else_wrote_in_between_is_in_the_way(stores: Stores, script: Script) -> None:
    ada, bob = Login(script, "ada"), Login(script, "bob")
    one, two, three = (bob.save(name) for name in ("one", "two", "three"))
    bob.list(one)
    since = now(stores)
    ada.list(two)
    bob.list(two, three)
    ada.list(three)

    with pytest.raises(ChangedSinceError):
        ada.roll_back(since)


def test_a_second_rollback_of_the_same_finds_nothing_to_do(stores: Stores, script: Script) -> None:
    ada = Login(script, "ada")
    id_ = ada.save("x", role="a")
    since = now(stores)
    ada.save("x", role="b")
    first = command(actor="ada")
    script.tracker.roll_back_login(first, "ada", since_us=since, since="then")
    position = stores.log.head().position

    again = script.tracker.roll_back_login(first, "ada", since_us=since, since="then")
    another = ada.roll_back(since)

    assert again.repeated
    assert (another["restored"], another["retired"]) == ([], [])
    assert stores.log.head().position == position
    assert told(script, id_)[1]["role"] == "a"


def test_a_login_that_did_nothing_is_not_found(stores: Stores, script: Script) -> None:
    Login(script, "ada").save("x")

    for name, since in (("nobody", 0), ("ada", now(stores))):
        with pytest.raises(NotFoundError, match=f"Nothing is recorded that '{name}' did"):
            Login(script, name).roll_back(since)


def test_a_run_of_the_native_client_counts_as_well(stores: Stores, script: Script) -> None:
    first = script.once("A", "B")
    since = now(stores)
    script.once("A", "C")

    undone = Login(script, "tester").roll_back(since)

    assert script.members(first["group"]) == ["A", "B"]
    assert len(undone["retired"]) == 1


def test_what_somebody_put_back_already_is_in_nobodys_way(stores: Stores, script: Script) -> None:
    ada = Login(script, "ada")
    changed = ada.save("changed", role="a")
    since = now(stores)
    ada.save("changed", role="b")
    made = ada.save("made")
    ada.roll_back(since)  # by another actor
    again = ada.save("again")

    undone = ada.roll_back(since)

    assert (undone["restored"], undone["retired"]) == ([], [again])
    assert (told(script, changed)[1]["role"], told(script, made)[0]) == ("a", False)


@pytest.mark.parametrize("who", ["tester", "admin"])
def test_what_the_rollback_of_its_newest_run_did_is_not_somebody_elses_change(
    stores: Stores, script: Script, who: str
) -> None:
    kept = script.save(None, "kept")
    first = script.once("A", "B")
    since = now(stores)
    script.once("A", "C")
    newest = script.open()
    script.tracker.save(command(), [Save(KIND, {"name": "C", "n": 1})], run_id=newest, upsert=True)
    script.save(newest, "D", "kept")
    script.close(newest)
    script.tracker.roll_back(command(actor=who), newest)

    undone = Login(script, "tester").roll_back(since)

    assert sorted(script.members(first["group"])) == ["A", "B"]
    assert script.live(kept[0])
    assert len(undone["retired"]) == 1


@pytest.mark.parametrize("who", ["tester", "admin"])
def test_after_the_rollback_of_its_only_run_nothing_is_left_to_undo(
    stores: Stores, script: Script, who: str
) -> None:
    script.save(None, "kept")
    first = script.once("A", "B")
    since = now(stores)
    run = script.open()
    script.save(run, "A", "C", "kept")
    script.close(run)
    script.tracker.roll_back(command(actor=who), run)

    undone = Login(script, "tester").roll_back(since)

    assert sorted(script.members(first["group"])) == ["A", "B"]
    assert (undone["restored"], undone["retired"]) == ([], [])


def test_what_somebody_changed_before_a_run_was_rolled_back_by_force_is_in_the_way(
    stores: Stores, script: Script
) -> None:
    bob = Login(script, "bob")
    id_ = bob.save("x", role="first")
    since = now(stores)
    run = script.open(sweep=False)
    script.tracker.save(command(), [Save(KIND, {"name": "x", "role": "a"})], run_id=run, upsert=True)
    script.close(run)
    bob.save("x", note="mine")
    script.tracker.roll_back(command(actor="admin"), run, force=True)
    Login(script, "tester").save("x", role="b")

    with pytest.raises(ChangedSinceError):
        Login(script, "tester").roll_back(since)
    assert told(script, id_)[1]["role"] == "b"
