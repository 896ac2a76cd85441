"""How deep values may be nested: the client takes what the service takes, to the level, and names what it refuses."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest

from provgraph.client import Artifact, Pem, UnsendableError, lenient
from provgraph.client.plain import plain_object
from provgraph.errors import InvalidEventError
from provgraph.events.canonical import MAX_LEVELS
from provgraph.families.pem.events import accept

PLACES = {
    "of the event": MAX_LEVELS - 1,
    "of what it used": MAX_LEVELS - 3,
    "of what it made": MAX_LEVELS - 3,
}


def nested(levels: int) -> dict[str, Any]:
    """Return an object of so many levels, lists among them."""
    value: Any = {}
    for level in range(levels - 1):
        value = {"in": value} if level % 2 or level == levels - 2 else [value]
    return value  # type: ignore[no-any-return] # the outermost is an object


def stated(place: str, properties: dict[str, Any]) -> Pem:
    """Return an event that has these properties at a place."""
    if place == "of the event":
        return Pem("train", "trainer", properties=properties)
    artifact = Artifact("a", properties)
    pem = Pem("train", "trainer")
    return pem.using(artifact) if place == "of what it used" else pem.producing(artifact)


def on_the_wire(place: str, levels: int) -> dict[str, Any]:
    """Return the JSON of such an event, made without the client's checks."""
    fields = stated(place, {"at": 1}).fields()
    about = (
        fields if place == "of the event" else (fields.get("UsesArtifacts") or fields["ProducesArtifacts"])[0]
    )
    about["Properties"] = nested(levels)
    return fields


@pytest.mark.parametrize("place", PLACES)
def test_the_client_takes_as_many_levels_as_the_service(place: str) -> None:
    most = PLACES[place]

    sent = orjson.loads(stated(place, nested(most)).encode().content)

    assert sent == {**on_the_wire(place, most), "ID": sent["ID"], "OccurredAt": sent["OccurredAt"]}
    accept(sent)


@pytest.mark.parametrize("place", PLACES)
def test_one_level_more_is_refused_by_both(place: str) -> None:
    more = PLACES[place] + 1

    with pytest.raises(InvalidEventError) as refused:
        accept(on_the_wire(place, more))
    assert refused.value.rule == "depth"
    with pytest.raises(UnsendableError, match=f"more than {MAX_LEVELS} levels") as unsendable:
        stated(place, nested(more))
    assert (unsendable.value.field, unsendable.value.rule) == ("Properties", "depth")


def test_where_reports_warn_what_is_too_deep_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lenient, "is_on", lambda: True)
    fits, deeper = nested(PLACES["of what it used"] - 1), nested(PLACES["of what it used"])

    with caplog.at_level(logging.WARNING, "provgraph.client"):
        artifact = Artifact("a", {"fits": fits, "deeper": deeper})

    assert artifact.properties == {"fits": fits}
    assert f"more than {MAX_LEVELS} levels" in caplog.text


def test_what_holds_itself_is_refused() -> None:
    held: dict[str, Any] = {}
    held["in"] = held

    with pytest.raises(UnsendableError, match="nested too deep"):
        plain_object(held, "Properties")
