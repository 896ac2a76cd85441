from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from provgraph.errors import InvalidInputError, SettingsError
from provgraph.tracking import ObjectKinds, read_schema
from provgraph.tracking.schemafile import read_schema_file

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.catalog.tracking import TrackingQueries


class _Stored:
    def __init__(self, *definitions: dict[str, Any]) -> None:
        self._definitions = list(definitions)

    def kinds(self) -> list[dict[str, Any]]:
        return self._definitions


def _kinds(*definitions: dict[str, Any], stored: tuple[dict[str, Any], ...] = ()) -> ObjectKinds:
    return ObjectKinds(cast("TrackingQueries", _Stored(*stored)), definitions)


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

    assert kind.key({"name": "Example"}) == "Example"
    assert kind.key({}) is None
    assert not kind.is_group


def test_the_kinds_of_the_tutorials_are_there() -> None:
    kinds = _kinds()

    assert kinds.of("TestNodeKind").key({"name": "Example"}) == "Example"
    assert kinds.of("CoreStandardGroup").is_group
    assert kinds.of("SomeOtherGroup").is_group


def test_a_definition_says_what_names_an_object_how_long_texts_are_and_what_it_goes_with() -> None:
    kind = _kinds(DEVICE).of("InfraDevice")

    assert kind.key({"site": "fra", "name": "r1"}) == "fra/r1"
    assert kind.key({"name": "r1"}) is None
    assert kind.longest == {"note": 5}
    assert kind.parents == ("rack",)


def test_without_a_human_friendly_id_the_first_unique_attribute_names_an_object() -> None:
    kind = _kinds({**DEVICE, "human_friendly_id": None}).of("InfraDevice")

    assert kind.key_attributes == ("name",)


def test_the_latest_definition_of_a_kind_counts() -> None:
    kinds = _kinds(DEVICE, stored=({**DEVICE, "human_friendly_id": ["note__value"]},))

    assert kinds.of("InfraDevice").key_attributes == ("note",)
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
