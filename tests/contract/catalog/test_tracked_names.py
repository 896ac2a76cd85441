"""Names of several texts, of groups, and of artifacts: no two things are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import ConflictError, InvalidInputError
from provgraph.families.tracking.groupname import group_name
from provgraph.tracking import Save
from tests.contract.catalog.tracked import KIND, Script, command

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores

SITE = {
    "namespace": "Net",
    "name": "Site",
    "human_friendly_id": ["region__value", "name__value"],
    "attributes": [{"name": "region", "kind": "Text"}, {"name": "name", "kind": "Text"}],
}
texts = st.text(st.sampled_from("/%2Fa"), min_size=1, max_size=4)


def define(script: Script, *kinds: dict[str, Any]) -> None:
    script.tracker.define(command(), {"nodes": list(kinds)})


def save(script: Script, kind: str = "NetSite", *, key: str | None = None, **values: Any) -> dict[str, Any]:
    """Save an object by what names it, and return it."""
    done = script.tracker.save(command(), [Save(kind, values, key=key)], upsert=True)
    (saved,) = done.answer["objects"]
    return {**script.work.object(saved["id"]), "operation": saved["operation"]}


def test_texts_that_give_the_same_when_they_are_joined_name_two_objects(script: Script) -> None:
    define(script, SITE)
    one = save(script, region="eu/fra", name="core")
    other = save(script, region="eu", name="fra/core")

    assert (other["operation"], other["id"] != one["id"]) == ("created", True)
    assert (one["key"], other["key"]) == ("eu%2Ffra/core", "eu/fra%2Fcore")
    assert one["artifact"] != other["artifact"]
    assert save(script, region="eu/fra", name="core")["operation"] == "unchanged"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=4))
def test_each_name_has_an_object_of_its_own(script: Script, names: list[tuple[str, str]]) -> None:
    define(script, SITE)

    found = [save(script, region=region, name=name)["id"] for region, name in names]
    again = [save(script, region=region, name=name)["id"] for region, name in names]

    assert found == again
    assert len(set(found)) == len(set(names))


def test_a_single_text_is_the_key_as_it_is(script: Script) -> None:
    saved = save(script, KIND, name="10.0.0.0/8")

    assert (saved["key"], saved["artifact"]) == ("10.0.0.0/8", f"{KIND}/10.0.0.0/8")


def test_no_object_is_called_as_one_of_another_kind_or_branch_or_as_a_run(script: Script) -> None:
    run = script.open()
    calls = [
        Save("A/B", {"name": "c"}),
        Save("A", {"name": "B/c"}),
        Save("branch~b", {"name": "Device/x"}),
        Save("Device", {"name": "x"}, branch="b"),
        Save("Device", {"name": "x"}, branch="b/Device"),
        Save("Device", {"name": "Device/x"}, branch="b"),
        Save("run", {"name": run}),
    ]

    saved = [script.tracker.save(command(), [one]).answer["objects"][0]["id"] for one in calls]

    artifacts = {script.work.object(id_)["artifact"] for id_ in saved}
    assert len(artifacts) == len(calls)
    assert f"run/{run}" not in artifacts


def test_an_object_is_not_called_as_one_without_a_name(script: Script) -> None:
    (nameless,) = script.tracker.save(command(), [Save(KIND)]).answer["objects"]

    named = save(script, KIND, name=nameless["id"])

    assert script.work.object(nameless["id"])["artifact"] == f"{KIND}/{nameless['id']}"
    assert named["artifact"] == f"{KIND}/{nameless['id']}#{named['id'][:8]}"


def test_a_group_is_not_swept_by_a_script_whose_group_has_the_same_name(stores: Stores) -> None:
    theirs = Script(stores, identifier="A", one=1)
    report = theirs.once("a", "b")
    same = group_name("A", {"one": 1})
    other = Script(stores, identifier=same)

    with pytest.raises(ConflictError, match="belongs to runs of 'A'") as refused:
        other.once("c")

    assert refused.value.members == {"rule": "group-name", "field": "identifier"}
    assert theirs.members(report["group"]) == ["a", "b"]
    assert theirs.once("a")["group"] == report["group"]


def test_a_group_that_came_meanwhile_is_not_swept_either(stores: Stores) -> None:
    theirs, other = (
        Script(stores, identifier="A", one=1),
        Script(stores, identifier=group_name("A", {"one": 1})),
    )
    run = other.open()
    other.save(run, "c")
    report = theirs.once("a")

    with pytest.raises(ConflictError, match="choose another identifier"):
        other.close(run)

    assert theirs.members(report["group"]) == ["a"]


def test_a_kind_cannot_have_the_name_of_another_one(script: Script) -> None:
    define(script, SITE)

    with pytest.raises(InvalidInputError, match="both would be one kind"):
        define(script, {**SITE, "namespace": "NetS", "name": "ite"})
