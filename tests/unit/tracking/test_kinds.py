from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from provgraph.errors import InvalidInputError, SettingsError
from provgraph.tracking import ObjectKind, ObjectKinds, read_schema
from provgraph.tracking.kinds import KeyPart, key_part, refuse_two_of_one_name
from provgraph.tracking.schemafile import read_schema_file

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.families.tracking.queries import TrackingQueries


class _Stored:
    def __init__(self, *definitions: dict[str, Any]) -> None:
        self._definitions = list(definitions)

    def kinds(self) -> list[dict[str, Any]]:
        return self._definitions


def _kinds(*definitions: dict[str, Any], stored: tuple[dict[str, Any], ...] = ()) -> ObjectKinds:
    return ObjectKinds(cast("TrackingQueries", _Stored(*stored)), definitions)


def key(kind: ObjectKind, *values: Any) -> str | None:
    """Return the key of an object with these values."""
    return kind.key(kind.texts(*values) or ())


DEVICE = {
    "namespace": "Infra",
    "name": "Device",
    "human_friendly_id": ["site__value", "name__value"],
    "attributes": [
        {"name": "site", "kind": "Text"},
        {"name": "name", "kind": "Text", "unique": True},
        {"name": "note", "kind": "Text", "max_length": 5},
    ],
    "relationships": [{"name": "rack", "peer": "InfraRack", "kind": "Parent", "cardinality": "one"}],
}


def test_a_kind_that_nobody_defined_is_named_by_its_attribute_name() -> None:
    kind = _kinds().of("MyNodeKind")

    assert key(kind, {"name": "Example"}) == "Example"
    assert key(kind, {}) is None
    assert not kind.is_group


def test_the_kinds_of_the_tutorials_are_there() -> None:
    kinds = _kinds()

    assert key(kinds.of("TestNodeKind"), {"name": "Example"}) == "Example"
    assert kinds.of("CoreStandardGroup").is_group
    assert kinds.of("SomeOtherGroup").is_group


def test_a_definition_says_what_names_an_object_how_long_texts_are_and_what_it_goes_with() -> None:
    kind = _kinds(DEVICE).of("InfraDevice")

    assert key(kind, {"site": "fra", "name": "r1"}) == "fra/r1"
    assert key(kind, {"name": "r1"}) is None
    assert kind.longest == {"note": 5}
    assert kind.parents == ("rack",)


PORT: dict[str, Any] = {
    "namespace": "Infra",
    "name": "Port",
    "human_friendly_id": ["device__name__value", "name__value"],
    "attributes": [{"name": "name", "kind": "Text"}, {"name": "slot", "kind": "Number", "default_value": 0}],
    "relationships": [
        {"name": "device", "peer": "InfraDevice", "kind": "Parent", "cardinality": "one"},
        {"name": "tags", "peer": "InfraTag", "cardinality": "many"},
    ],
}


def test_an_object_may_be_named_by_what_another_one_says() -> None:
    kind = _kinds(DEVICE, PORT).of("InfraPort")
    devices = {"device": {"name": "r1"}}

    assert key(kind, {"name": "eth0"}, lambda relationship: devices[relationship]) == "r1/eth0"
    assert key(kind, {"name": "eth0"}, lambda _: {}) is None
    assert key(kind, {"name": "eth0"}) is None


def test_a_default_names_an_object_that_states_nothing_else() -> None:
    kind = _kinds({**PORT, "human_friendly_id": ["name__value", "slot__value"]}).of("InfraPort")

    assert key(kind, {"name": "eth0"}) == "eth0/0"
    assert key(kind, {"name": "eth0", "slot": None}) is None


@pytest.mark.parametrize(
    "stated",
    ["device__site__name__value", "tags__name__value", "device", "nothing__value", "rack__name__value", 3],
)
def test_names_that_lead_further_than_to_one_object_name_nothing(stated: object) -> None:
    kind = _kinds({**PORT, "human_friendly_id": [stated, "name__value"]}).of("InfraPort")

    assert key_part(PORT, stated) is None
    assert (kind.key_parts, kind.is_named) == ((), True)


def test_it_is_known_whose_names_have_a_value_of_an_object_in_them() -> None:
    kinds = _kinds({**DEVICE, "inherit_from": ["InfraBox"]}, PORT)
    of_any = _kinds(DEVICE, {**PORT, "relationships": [{**PORT["relationships"][0], "peer": "CoreNode"}]})

    assert [kind.name for kind in kinds.named_by("InfraDevice", ["site", "name"])] == ["InfraPort"]
    assert [kind.name for kind in of_any.named_by("InfraRack", ["name"])] == ["InfraPort"]
    assert kinds.named_by("InfraDevice", ["site"]) == []
    assert kinds.named_by("InfraRack", ["name"]) == []


def test_without_a_human_friendly_id_the_first_unique_attribute_names_an_object() -> None:
    kind = _kinds({**DEVICE, "human_friendly_id": None}).of("InfraDevice")

    assert kind.key_parts == (KeyPart("name"),)


def test_the_latest_definition_of_a_kind_counts() -> None:
    kinds = _kinds(DEVICE, stored=({**DEVICE, "human_friendly_id": ["note__value"]},))

    assert kinds.of("InfraDevice").key_parts == (KeyPart("note"),)
    assert [one["name"] for one in kinds.definitions()].count("Device") == 1


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"nodes": {}},
        {"nodes": ["x"]},
        {"nodes": [{"name": "X"}]},
        {"nodes": [{"namespace": "Infra", "name": "X", "attributes": [{"kind": "Text"}]}]},
    ],
)
def test_a_schema_of_another_form_is_refused(document: object) -> None:
    with pytest.raises(InvalidInputError):
        read_schema(document)


def test_a_schema_file_may_be_yaml_or_json(tmp_path: Path) -> None:
    yaml_file, json_file = tmp_path / "schema.yml", tmp_path / "schema.json"
    yaml_file.write_text("version: '1.0'\nnodes:\n  - namespace: Infra\n    name: Rack\n")
    json_file.write_text('{"nodes": [{"namespace": "Infra", "name": "Rack"}]}')

    assert read_schema_file(yaml_file) == read_schema_file(json_file)
    assert read_schema_file(None) == []


def test_a_schema_file_that_is_not_there_or_no_schema_stops_the_start_with_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("nodes: [")

    for path in (tmp_path / "missing.yml", broken):
        with pytest.raises(SettingsError, match=path.name):
            read_schema_file(path)


def test_two_kinds_of_one_name_are_refused(tmp_path: Path) -> None:
    split = {"namespace": "TestNode", "name": "Kind"}

    with pytest.raises(InvalidInputError, match="both would be one kind"):
        _kinds(split)
    with pytest.raises(InvalidInputError, match="both would be one kind"):
        refuse_two_of_one_name([{"namespace": "Ab", "name": "C"}, {"namespace": "A", "name": "bC"}])
    path = tmp_path / "schema.yml"
    path.write_text("nodes: [{namespace: TestNode, name: Kind}]")
    with pytest.raises(SettingsError, match="TestNodeKind"):
        read_schema_file(path)
