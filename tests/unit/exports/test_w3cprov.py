from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvAttribution,
    ProvCommunication,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvRecord,
    ProvSpecialization,
    ProvUsage,
)

from provgraph.errors import InvalidInputError
from provgraph.exports import to_prov, to_prov_json, to_prov_n
from tests.unit.exports.answers import (
    INGEST,
    TRAIN,
    UNSEEN,
    answer,
    answers,
    artifact,
    event,
    production,
    story,
    use,
)

if TYPE_CHECKING:
    from tests.unit.exports.answers import Json

MODEL, TABLE, RAW = (
    f"version:model/churn@{TRAIN}",
    f"version:table/customers@{INGEST}",
    "version:s3%3A//raw%20data@outside",
)


def elements(document: ProvDocument, kind: type[ProvRecord]) -> list[str]:
    """Return the names of a document's entities, activities or agents."""
    return [str(record.identifier) for record in document.get_records(kind)]


def relations(document: ProvDocument, kind: type[ProvRecord]) -> list[list[str]]:
    """Return what a document's relations of one kind relate."""
    return [
        [str(value) for value in record.args if value is not None] for record in document.get_records(kind)
    ]


def said(document: ProvDocument, name: str) -> dict[str, object]:
    """Return what a document says of the one element with that name."""
    [record] = document.get_record(name)
    return {str(attribute): value for attribute, value in record.attributes}


# ------------------------------------------------------------------------------------------- the mapping


def test_an_event_is_an_activity_at_the_time_it_occurred() -> None:
    activity = said(to_prov(story()), f"event:{INGEST}")

    occurred = datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert activity["prov:startTime"] == activity["prov:endTime"] == occurred
    assert activity["provgraph:type"] == activity["prov:label"] == "ingest"


def test_a_placeholder_is_an_activity_of_which_nothing_is_known() -> None:
    activity = said(to_prov(story()), f"event:{UNSEEN}")

    assert {name: str(value) for name, value in activity.items()} == {"prov:type": "provgraph:Placeholder"}


def test_each_version_is_an_entity_beside_the_artifact_itself() -> None:
    document = to_prov(story())

    assert set(elements(document, ProvEntity)) == {
        "answer:upstream/artifact/model%2Fchurn/17",
        "artifact:model/churn",
        "artifact:table/customers",
        "artifact:s3%3A//raw%20data",
        MODEL,
        TABLE,
        RAW,
    }
    assert relations(document, ProvSpecialization) == [
        [TABLE, "artifact:table/customers"],
        [RAW, "artifact:s3%3A//raw%20data"],
        [MODEL, "artifact:model/churn"],
    ]


def test_a_version_says_its_name_its_event_and_what_is_known_of_it() -> None:
    entity = said(to_prov(story()), MODEL)

    assert {name: str(value) for name, value in entity.items()} == {
        "prov:type": "provgraph:Version",
        "prov:label": "model/churn",
        "provgraph:name": "model/churn",
        "provgraph:event": f"event:{TRAIN}",
        "provgraph:digest": "sha256:1",
    }


def test_a_version_from_outside_says_so() -> None:
    entity = said(to_prov(story()), RAW)

    assert str(entity["prov:type"]) == "provgraph:VersionFromOutside"
    assert "provgraph:event" not in entity


def test_emitters_are_software_agents_to_whom_events_and_versions_belong() -> None:
    document = to_prov(story())

    assert set(elements(document, ProvAgent)) == {"emitter:trainer", "emitter:loader"}
    assert str(said(document, "emitter:trainer")["prov:type"]) == "prov:SoftwareAgent"
    assert relations(document, ProvAssociation) == [
        [f"event:{TRAIN}", "emitter:trainer"],
        [f"event:{INGEST}", "emitter:loader"],
    ]
    assert relations(document, ProvAttribution) == [[MODEL, "emitter:trainer"], [TABLE, "emitter:loader"]]


def test_edges_become_uses_generations_and_communications() -> None:
    document = to_prov(story())

    assert relations(document, ProvUsage) == [[f"event:{TRAIN}", TABLE], [f"event:{INGEST}", RAW]]
    assert relations(document, ProvGeneration) == [[MODEL, f"event:{TRAIN}"], [TABLE, f"event:{INGEST}"]]
    assert relations(document, ProvCommunication) == [
        [f"event:{TRAIN}", f"event:{INGEST}"],
        [f"event:{INGEST}", f"event:{UNSEEN}"],
    ]


def test_a_use_out_of_order_says_so() -> None:
    asked = answer([event(TRAIN)], [use(TRAIN, "a", version=INGEST, out_of_order=True)])

    [usage] = to_prov(asked).get_records(ProvUsage)
    assert usage.get_attribute("provgraph:out_of_order") == {True}


def test_versions_that_nobody_produced_are_told_apart_by_what_they_were_called() -> None:
    asked = answer([event(TRAIN)], [use(TRAIN, "a"), use(TRAIN, "a", named_version="v 1@2")])

    used = [version for _event, version in relations(to_prov(asked), ProvUsage)]
    assert used == ["version:a@outside", "version:a@outside/v%201%402"]


def test_a_derivation_is_only_possible() -> None:
    document = to_prov(story())

    assert relations(document, ProvDerivation) == [
        [MODEL, TABLE, f"event:{TRAIN}"],
        [TABLE, RAW, f"event:{INGEST}"],
    ]
    assert {
        str(type_) for record in document.get_records(ProvDerivation) for type_ in record.get_asserted_types()
    } == {"provgraph:PossibleDerivation"}


@pytest.mark.parametrize(("inputs", "outputs", "derivations"), [(0, 2, 0), (1, 3, 3), (3, 1, 3), (2, 2, 0)])
def test_of_several_inputs_and_outputs_none_is_said_to_come_from_another(
    inputs: int, outputs: int, derivations: int
) -> None:
    uses = [use(TRAIN, f"in{number}") for number in range(inputs)]
    productions = [production(TRAIN, f"out{number}") for number in range(outputs)]

    document = to_prov(answer([event(TRAIN)], uses + productions))

    assert len(relations(document, ProvDerivation)) == derivations


def test_the_document_says_what_was_asked_and_whether_that_is_all() -> None:
    asked = answer([artifact("a")], [], complete=False, reason="depth", depth=3)

    entity = said(to_prov(asked), "answer:upstream/artifact/a/17")
    assert {name: str(value) for name, value in entity.items()} == {
        "prov:type": "provgraph:Answer",
        "provgraph:node": "artifact:a",
        "provgraph:direction": "upstream",
        "provgraph:depth": "3",
        "provgraph:position": "17",
        "provgraph:complete": "False",
        "provgraph:reason": "depth",
    }


@given(asked=answers())
def test_every_name_can_be_read_back_from_its_qualified_name(asked: Json) -> None:
    document = to_prov(asked)

    for record in document.get_records(ProvEntity):
        prefix, _colon, local = str(record.identifier).partition(":")
        if prefix != "answer":
            [name] = record.get_attribute("provgraph:name")
            assert unquote(local.rpartition("@")[0] if prefix == "version" else local) == name
    emitters = {unquote(name.partition(":")[2]) for name in elements(document, ProvAgent)}
    assert emitters == {node["emitter"] for node in asked["nodes"] if "emitter" in node}
    activities = {name.partition(":")[2] for name in elements(document, ProvActivity)}
    assert activities >= {node["id"] for node in asked["nodes"] if node["kind"] == "pem"}


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="occurred_at is no time: 'noon'"):
        to_prov(answer([event(TRAIN, occurred_at="noon")], []))


# ------------------------------------------------------------------------------------------- files


@given(asked=answers())
def test_prov_json_is_read_back_as_an_equal_document(asked: Json) -> None:
    again = ProvDocument.deserialize(content=to_prov_json(asked), format="json")

    assert again == to_prov(asked)


@given(asked=answers())
def test_prov_n_is_read_back_as_an_equal_document(asked: Json) -> None:
    again = ProvDocument.deserialize(content=to_prov_n(asked), format="provn")

    assert again == to_prov(asked)


@given(asked=answers())
def test_prov_json_and_prov_n_say_the_same(asked: Json) -> None:
    again = ProvDocument.deserialize(content=to_prov_json(asked), format="json")

    assert sorted(again.get_provn().splitlines()) == sorted(to_prov_n(asked).splitlines())


def test_prov_json_is_json_with_our_names_declared() -> None:
    prefixes = json.loads(to_prov_json(story()))["prefix"]

    assert prefixes["version"] == "urn:provgraph:version:"
    assert prefixes["provgraph"] == "urn:provgraph:term:"
