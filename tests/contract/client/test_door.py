"""The client's check and the service's door are of one opinion."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.client import Artifact, Pem, UnsendableError
from provgraph.errors import InvalidInputError
from provgraph.events.canonical import loads
from provgraph.families.pem import events as door

_TEXTS = st.text(st.characters(codec=None), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_PROPERTIES = st.dictionaries(_TEXTS, _VALUES, max_size=3)


def _as_kept(value: Any) -> Any:
    """Return what is kept of a value: what JSON has no number for is a text."""
    if isinstance(value, dict):
        return {key: _as_kept(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_kept(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


@given(type_=_TEXTS, emitter=_TEXTS, properties=_PROPERTIES, name=_TEXTS, artifact=_PROPERTIES, tag=_TEXTS)
def test_what_can_be_made_the_service_takes_as_it_was_stated(
    type_: str, emitter: str, properties: dict[str, Any], name: str, artifact: dict[str, Any], tag: str
) -> None:
    try:
        pem = Pem(
            type_, emitter, properties=properties, tag=tag, uses=(Artifact(name, artifact, version=None),)
        )
    except UnsendableError:
        return

    accepted = door.accept(loads(pem.encode().content))

    stored = orjson.loads(accepted.payload)
    assert (stored["ID"], stored["Type"], stored["Emitter"]) == (pem.id, type_, emitter)
    assert stored.get("Properties", {}) == _as_kept(properties)
    assert stored["UsesArtifacts"][0]["Name"] == name
    assert stored["UsesArtifacts"][0].get("Properties", {}) == _as_kept(artifact)
    assert stored.get("Tag", "") == tag


@given(properties=_PROPERTIES)
def test_what_cannot_be_made_the_service_would_not_have_taken_either(properties: dict[str, Any]) -> None:
    try:
        Pem("x", "y", properties=properties)
    except UnsendableError as error:
        rule = error.rule
    else:
        return

    # As Record Keeper's client would have written it: with NaN, escapes, integers of any length.
    body = json.dumps({"ID": "ab" * 16, "Type": "x", "Emitter": "y", "Properties": properties}).encode()

    with pytest.raises(InvalidInputError) as refused:
        door.accept(loads(body) | {"OccurredAt": "2026-01-01T00:00:00Z"})
    assert refused.value.rule == rule or rule in ("json", "no-nul", "no-lone-surrogate", "integer-64-bit")
