"""Values that are equal to Python, and are not the same: what Infrahub's kinds JSON, Any and Boolean can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.infrahub.asking import data, error

if TYPE_CHECKING:
    from tests.integration.serving import Served


def load(served: Served, **default: Any) -> bool:
    """Load a kind with an attribute of each sort, and tell whether that changed the schema."""
    attributes = [
        {"name": "name", "kind": "Text", "unique": True},
        {"name": "data", "kind": "JSON", "optional": True},
        {"name": "any", "kind": "Any", "optional": True, **default},
    ]
    kind = {"namespace": "Net", "name": "Thing", "attributes": attributes}
    answer = served.client.post("/api/schema/load", json={"schemas": [{"nodes": [kind]}]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return bool(told["hash"] != told["previous_hash"])


def upsert(served: Served, **stated: Any) -> dict[str, Any]:
    query = (
        "mutation ($data: NetThingUpsertInput!) "
        "{ NetThingUpsert(data: $data) { object { data { value } any { value is_default } } } }"
    )
    values = {"name": {"value": "a"}, **{name: {"value": value} for name, value in stated.items()}}
    told: dict[str, Any] = data(served, query, variables={"data": values})["NetThingUpsert"]["object"]
    return told


@pytest.mark.parametrize(("was", "now"), [(1, True), (True, 1), (0, False), (1, 1.0), (1.0, 1)])
def test_a_value_of_another_type_is_stored(served: Served, was: Any, now: Any) -> None:
    load(served)
    upsert(served, data={"in": [was]}, any=was)

    told = upsert(served, data={"in": [now]}, any=now)

    assert repr(told["data"]["value"]) == repr({"in": [now]})
    assert repr(told["any"]["value"]) == repr(now)


def test_a_default_of_another_type_is_another_definition(served: Served) -> None:
    assert load(served, default_value=1)
    assert not load(served, default_value=1)

    assert load(served, default_value=True)

    told = upsert(served, any=1)
    assert told["any"] == {"value": 1, "is_default": False}
    assert upsert(served, any=True)["any"] == {"value": True, "is_default": True}


def test_fields_whose_arguments_differ_in_type_are_two(served: Served) -> None:
    query = "{ TestNodeKind { edges { node { a: id(x: 1) ...F } } } } fragment F on TestNodeKind { a: id(x: true) }"
    upsert_one = 'mutation { TestNodeKindUpsert(data: {name: {value: "n"}}) { ok } }'
    data(served, upsert_one)

    assert "two different fields" in error(served, query)
