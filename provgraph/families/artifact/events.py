"""Artifacts as the sum of what events say of them, and the removal of those that no PEM names."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event, texts
from provgraph.events.clock import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.families.pem.events import ArtifactStatement

ARTIFACTS_REMOVED = Kind("artifacts.removed")


class Sighting(NamedTuple):
    """What a run of events says about an artifact when they are the first to name it."""

    name: str
    properties: str  # JSON text of an object: the first that is not empty
    created_us: int  # when it was first recorded, or the time that its first statement gave
    created_at: str  # the same, YYYY-MM-DD HH:MM:SS, UTC
    since_us: int  # the earliest on the emitters' clocks that an event named it
    since: int  # log position of the first event that named it
    described: int  # log position of the event that gave the properties; 0: none did


def note(
    sightings: dict[str, Sighting],
    statements: Sequence[ArtifactStatement],
    *,
    recorded_us: int,
    recorded_at: str,
    occurred_us: int,
    position: int,
) -> None:
    """
    Add the artifacts of one event's list to what was seen before.

    :param recorded_us: when the event was recorded
    :param recorded_at: the same, as Record Keeper writes it
    :param occurred_us: when it occurred
    :param position: where it stands in the log
    """
    for name, properties, stated_at, _version, _digest, _kind in statements:
        seen = sightings.get(name)
        if seen is None:
            described = 0 if properties == "{}" else position
            if stated_at is None:
                created = recorded_us, recorded_at
            else:
                created = parse_time(stated_at, field="CreatedAt"), stated_at
            sightings[name] = Sighting(name, properties, *created, occurred_us, position, described)
            continue
        if occurred_us < seen.since_us:
            seen = sightings[name] = seen._replace(since_us=occurred_us)
        if seen.properties == "{}" and properties != "{}":
            sightings[name] = seen._replace(properties=properties, described=position)


class ArtifactsRemoved(NamedTuple):
    """Artifacts were removed as unconnected; those that a PEM names by then are spared."""

    names: tuple[str, ...]
    report_id: str  # the connection report that listed them


def artifacts_removed(names: Iterable[str], *, report_id: str) -> NewEvent[ArtifactsRemoved]:
    """Return the event that removes the unconnected ones of ``names``."""
    content = ArtifactsRemoved(tuple(names), report_id)
    fields = {"Names": list(content.names), "ReportID": report_id}
    return event(ARTIFACTS_REMOVED, uuid.uuid4().hex, content, fields)


def read(payload: bytes) -> ArtifactsRemoved:
    """Return the removal in a stored payload."""
    fields = orjson.loads(payload)
    return ArtifactsRemoved(texts(fields["Names"]), fields["ReportID"])
