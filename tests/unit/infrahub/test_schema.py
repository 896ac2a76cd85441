from __future__ import annotations

from typing import Any

import pytest

from infrahub.errors import UnsupportedError
from infrahub.schema import read_load, schema_document
from provgraph.errors import InvalidInputError
from provgraph.tracking.kinds import BUILT_IN

BASE = {
    "namespace": "Net",
    "name": "Base",
    "human_friendly_id": ["name__value"],
    "attributes": [{"name": "name", "kind": "Text", "unique": True}],
}


def node(**members: Any) -> dict[str, Any]:
    return {"namespace": "Net", "name": "Device", "attributes": [{"name": "name", "kind": "Text"}], **members}


def load(*nodes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"schemas": [{"version": "1.0", "nodes": list(nodes), **members}]}


def kinds(document: dict[str, Any], member: str) -> list[str]:
    return [kind["kind"] for kind in document[member]]


def test_the_built_in_kinds_are_shown_with_what_they_inherit_from() -> None:
    document = schema_document(BUILT_IN)

    assert kinds(document, "nodes") == ["CoreStandardGroup", "CoreGeneratorGroup", "TestNodeKind"]
    assert kinds(document, "generics") == ["CoreNode", "CoreGroup"]
    group = document["generics"][1]
    assert {part["name"] for part in group["relationships"]} >= {"members"}
    assert all("CoreNode" in kind["inherit_from"] for kind in document["nodes"])


def test_only_the_wanted_namespaces_are_shown() -> None:
    document = schema_document(BUILT_IN, ["Test"])

    assert (kinds(document, "nodes"), kinds(document, "generics")) == (["TestNodeKind"], [])


@pytest.mark.parametrize(
    "definition",
    [
        node(namespace="MyNet"),
        node(name="device"),
        node(attributes=[{"name": "ip", "kind": "Text"}]),
        node(attributes=[{"name": "address", "kind": "Sentence"}]),
        node(relationships=[{"name": "rack"}]),
        node(relationships=[{"name": "rack", "peer": "NetRack", "cardinality": "some"}]),
        node(relationships=[{"name": "rack", "peer": "NetRack", "kind": "Friend"}]),
    ],
)
def test_a_kind_that_the_sdk_could_not_read_is_neither_loaded_nor_shown(definition: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        read_load(load(definition), BUILT_IN)

    assert len(schema_document([*BUILT_IN, definition])["nodes"]) == len(BUILT_IN)


def test_a_kind_has_what_its_generic_has() -> None:
    loaded = read_load(load(node(attributes=[], inherit_from=["NetBase"]), generics=[BASE]), BUILT_IN)

    (kind,) = loaded.kinds
    assert [(part["name"], part["inherited"]) for part in kind["attributes"]] == [("name", True)]
    assert kind["human_friendly_id"] == ["name__value"]
    assert "NetBase" in kinds(schema_document([*BUILT_IN, kind]), "generics")


def test_the_generic_may_stand_in_another_schema_of_the_same_load() -> None:
    schemas = [{"generics": [BASE]}, {"nodes": [node(attributes=[], inherit_from=["NetBase"])]}]

    assert len(read_load({"schemas": schemas}, BUILT_IN).kinds[0]["attributes"]) == 1


def test_what_is_defined_so_already_changes_nothing() -> None:
    first = read_load(load(node()), BUILT_IN)

    again = read_load(load(node()), [*BUILT_IN, *first.kinds])

    assert first.before != first.after
    assert (again.kinds, again.before) == ([], again.after)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"schemas": []},
        {"schemas": ["x"]},
        load({"name": "Device"}),
        load(node(inherit_from=["NetNowhere"])),
        load(node(namespace="Core")),
    ],
)
def test_a_load_of_another_form_is_refused(body: object) -> None:
    with pytest.raises(InvalidInputError):
        read_load(body, BUILT_IN)


def test_a_default_of_another_kind_is_refused_but_hides_no_kind_that_is_there() -> None:
    definition = node(attributes=[{"name": "height", "kind": "Number", "default_value": "abc"}])

    with pytest.raises(InvalidInputError, match="default value: height is of the kind Number"):
        read_load(load(definition), BUILT_IN)

    assert "NetDevice" in kinds(schema_document([*BUILT_IN, definition]), "nodes")


@pytest.mark.parametrize("body", [load(node(state="absent")), load(extensions={"nodes": [{}]})])
def test_a_load_that_asks_for_more_is_told_so(body: object) -> None:
    with pytest.raises(UnsupportedError):
        read_load(body, BUILT_IN)


@pytest.mark.parametrize("stated", ["site__name__value", "rack__site__name__value", "racks__name__value"])
def test_a_human_friendly_id_that_would_name_nothing_is_refused_with_its_part(stated: str) -> None:
    racks = [
        {"name": "rack", "peer": "NetRack", "cardinality": "one"},
        {"name": "racks", "peer": "NetRack", "cardinality": "many"},
    ]

    with pytest.raises(InvalidInputError, match=stated) as refused:
        read_load(load(node(human_friendly_id=[stated], relationships=racks)), BUILT_IN)

    assert refused.value.members["field"] == "human_friendly_id"
    assert read_load(load(node(human_friendly_id=["rack__name__value"], relationships=racks)), BUILT_IN).kinds
