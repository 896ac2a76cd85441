"""A kind that is defined anew: its objects are found by what names them from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import ConflictError
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking import ObjectKinds, Save, Tracker
from tests.contract.catalog.tracked import Script, command

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores

KIND = "NetSite"


def site(*named_by: str, **more: Any) -> dict[str, Any]:
    """Return a kind whose objects are named by these attributes."""
    parts = ("name", "region", "serial")
    return {
        "namespace": "Net",
        "name": "Site",
        "human_friendly_id": [f"{part}__value" for part in named_by],
        "attributes": [
            {"name": part, "kind": "Text", "optional": True, **more.get(part, {})} for part in parts
        ],
    }


def port(*named_by: str, kind: str = "Attribute") -> dict[str, Any]:
    return {
        "namespace": "Net",
        "name": "Port",
        "human_friendly_id": list(named_by),
        "attributes": [{"name": "name", "kind": "Text"}],
        "relationships": [{"name": "site", "peer": KIND, "cardinality": "one", "kind": kind}],
    }


def define(script: Script, *kinds: dict[str, Any]) -> None:
    script.tracker.define(command(), {"nodes": list(kinds)})


def save(script: Script, kind: str = KIND, *, run: str | None = None, **stated: Any) -> dict[str, Any]:
    """Upsert an object, and return it."""
    how = {name: stated.pop(name) for name in ("key", "branch", "id") if name in stated}
    done = script.tracker.save(command(), [Save(kind, stated, **how)], run_id=run, upsert=True)
    (saved,) = done.answer["objects"]
    return {**script.work.object(saved["id"]), "operation": saved["operation"]}


def test_an_upsert_finds_what_was_there_before_the_kind_was_defined_anew(script: Script) -> None:
    define(script, site("name"))
    ids = [save(script, name=f"s{number}", region="eu")["id"] for number in range(3)]

    define(script, site("region", "name"))

    again = [save(script, name=f"s{number}", region="eu") for number in range(3)]
    assert [one["id"] for one in again] == ids
    assert [one["operation"] for one in again] == ["unchanged"] * 3
    assert [one["key"] for one in again] == ["eu/s0", "eu/s1", "eu/s2"]
    assert [one["artifact"] for one in again] == [f"{KIND}/eu/s{number}" for number in range(3)]


def test_a_tracked_run_makes_nothing_anew(script: Script) -> None:
    define(script, site("name"))

    def once() -> Any:
        run = script.open()
        for name in "ab":
            save(script, run=run, name=name, serial=f"sn-{name}")
        return script.close(run)

    first = once()
    define(script, site("serial"))
    second = once()

    assert (second["added"], second["retired"], second["kept"]) == ([], [], first["added"])


def test_objects_on_every_branch_and_of_that_kind_alone_are_renamed(script: Script) -> None:
    define(script, site("name"))
    here = save(script, name="a", region="eu")
    there = save(script, name="a", region="eu", branch="b1")
    other = save(script, "Device", name="a", region=f'"kind":"{KIND}"')

    define(script, site("region", "name"))

    assert [script.work.object(one["id"])["key"] for one in (here, there, other)] == ["eu/a", "eu/a", "a"]


def test_a_kind_that_nobody_had_defined_is_defined_anew_too(script: Script) -> None:
    made = save(script, name="a", serial="1")

    define(script, site("serial"))

    assert save(script, name="b", serial="1")["id"] == made["id"]


def test_a_key_that_somebody_gave_stays(script: Script) -> None:
    define(script, site("name"))
    given = save(script, name="a", region="eu", key="mine")

    define(script, site("region", "name"))

    assert save(script, region="us", key="mine")["id"] == given["id"]
    assert save(script, name="a", region="eu")["operation"] == "created"


def test_names_that_are_swapped_are_swapped(script: Script) -> None:
    define(script, site("name"))
    one, other = save(script, name="a", serial="b"), save(script, name="b", serial="a")

    define(script, site("serial"))

    assert [script.work.object(each["id"])["key"] for each in (one, other)] == ["b", "a"]
    assert save(script, serial="b")["id"] == one["id"]


def test_a_definition_by_which_two_objects_were_one_is_refused(script: Script) -> None:
    define(script, site("name"))
    for name in "ab":
        save(script, name=name, region="eu")
    position = script.tracker.define(command(), {"nodes": [site("name")]}).position

    with pytest.raises(
        ConflictError, match=r"two objects of the kind NetSite would be called 'eu'.*NetSite/a"
    ):
        define(script, site("region"))

    assert script.tracker.kinds.of(KIND).key_parts[0].attribute == "name"
    assert script.reads.last_step().sequence > 0
    assert script.tracker.define(command(), {"nodes": [site("name")]}).position == position + 1


def test_a_name_that_somebody_gave_another_object_is_not_taken_from_it(script: Script) -> None:
    define(script, site("name"))
    save(script, name="x", key="eu")
    save(script, name="a", region="eu")

    with pytest.raises(ConflictError, match="two objects"):
        define(script, site("region"))


def test_what_has_no_name_any_more_has_no_key_and_gets_one_later(script: Script) -> None:
    define(script, site("name"))
    made = save(script, name="a")

    define(script, site("serial"))
    assert script.work.object(made["id"])["key"] is None

    define(script, site("name"))
    assert save(script, name="a")["id"] == made["id"]


def test_a_default_that_is_part_of_a_name_renames_its_own_and_others_objects(script: Script) -> None:
    define(script, site("name", region={"default_value": "eu"}), port("site__region__value", "name__value"))
    made = save(script, name="a")
    its = save(script, "NetPort", name="eth0", site=made["id"])
    assert its["key"] == "eu/eth0"

    define(script, site("name", region={"default_value": "us"}))

    assert save(script, "NetPort", name="eth0", site=made["id"])["id"] == its["id"]
    assert script.work.object(its["id"])["key"] == "us/eth0"


def test_a_redefinition_that_changes_no_name_renames_nothing(script: Script) -> None:
    define(script, site("name"))
    save(script, name="a")
    before = script.reads.last_step().sequence

    define(script, {**site("name"), "label": "Another"})

    assert script.reads.last_step().sequence == before + 1


def test_a_run_from_before_a_redefinition_can_be_rolled_back(script: Script) -> None:
    define(script, site("name"))
    kept = save(script, name="kept", region="eu", serial="1")
    gone = save(script, name="gone", region="eu")
    run = script.open()
    save(script, run=run, name="kept", serial="2")
    script.tracker.retire(command(), [gone["id"]], run_id=run)
    script.close(run)

    define(script, site("region", "name"))
    script.tracker.roll_back(command(), run)

    back = save(script, name="kept", region="eu")
    assert (back["id"], back["values"]["serial"], back["key"]) == (kept["id"], "1", "eu/kept")
    assert save(script, name="gone", region="eu")["id"] == gone["id"]


def test_a_rebuilt_catalog_knows_the_same_names(stores: Stores, script: Script) -> None:
    define(script, site("name"))
    save(script, name="a", region="eu")
    define(script, site("region", "name"))
    with_file(stores, site("name"), port("name__value")).take_schema_file()
    with_file(stores, site("name")).take_schema_file()
    before = stores.catalog.digest()

    stores.catalog.rebuild(stores.log)

    assert stores.catalog.digest() == before


def with_file(stores: Stores, *kinds: dict[str, Any]) -> Tracker:
    """Return the tracker of a service whose schema file defines these kinds."""
    return Tracker(stores.log, stores.catalog, ObjectKinds(TrackingQueries(stores.catalog.reading), kinds))


def test_a_schema_file_that_says_otherwise_renames_objects_when_it_is_taken(
    stores: Stores, script: Script
) -> None:
    script.tracker = with_file(stores, site("name"))
    assert script.tracker.take_schema_file() is not None
    made = save(script, name="a", region="eu")

    script.tracker = with_file(stores, site("region", "name"))
    taken = script.tracker.take_schema_file()

    assert taken is not None
    assert taken.answer == {"kinds": [KIND]}
    assert save(script, name="a", region="eu")["id"] == made["id"]
    assert with_file(stores, site("region", "name")).take_schema_file() is None


def test_a_kind_that_is_not_in_the_schema_file_any_more_is_named_as_one_that_nobody_defined(
    stores: Stores, script: Script
) -> None:
    script.tracker = with_file(stores, site("serial"), port("name__value"))
    script.tracker.take_schema_file()
    made = save(script, name="a", serial="1")

    script.tracker = with_file(stores, port("name__value"))
    script.tracker.take_schema_file()

    assert save(script, name="a")["id"] == made["id"]
    assert script.tracker.take_schema_file() is None


def test_a_schema_file_is_none_that_was_defined_over_http(stores: Stores, script: Script) -> None:
    script.tracker = with_file(stores, site("name"))
    script.tracker.take_schema_file()

    assert TrackingQueries(stores.catalog.reading).kinds() == []
    define(script, site("serial"))
    made = save(script, name="a", serial="1")
    assert with_file(stores, site("region")).take_schema_file() is not None  # HTTP comes before the file
    assert script.work.object(made["id"])["key"] == "1"


def test_a_service_without_a_schema_file_records_nothing(stores: Stores) -> None:
    tracker = with_file(stores)

    assert tracker.take_schema_file() is None
    assert stores.log.head().position == 0


def test_what_a_schema_file_said_before_it_was_recorded_is_taken_to_be_what_it_says(
    stores: Stores, script: Script
) -> None:
    script.tracker = with_file(stores, site("serial"))
    made = save(script, name="a", serial="1")

    script.tracker.take_schema_file()

    assert script.work.object(made["id"])["key"] == "1"


def test_many_objects_are_renamed_by_one_command(script: Script) -> None:
    define(script, site("name"))
    wanted = [Save(KIND, {"name": f"s{number}", "region": "eu"}) for number in range(300)]
    script.tracker.save(command(), wanted, upsert=True)

    define(script, site("region", "name"))

    again = script.tracker.save(command(), wanted, upsert=True).answer["objects"]
    assert {one["operation"] for one in again} == {"unchanged"}


def test_a_definition_over_http_counts_before_one_of_the_file_whichever_is_newer(
    stores: Stores, script: Script
) -> None:
    shown = TrackingQueries(stores.catalog.reading).kind_shown
    script.tracker = with_file(stores, site("name"))
    assert shown(KIND) is None
    script.tracker.take_schema_file()
    assert shown(KIND) == (1, True)

    with_file(stores, port("name__value")).take_schema_file()
    assert shown(KIND) is None  # the file has it no more
    define(script, site("serial"))
    assert shown(KIND) == (3, False)
    with_file(stores, site("region")).take_schema_file()
    assert shown(KIND) == (3, False)
    assert shown("NetPort") is None
