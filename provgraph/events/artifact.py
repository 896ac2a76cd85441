"""Artifacts as the sum of what events say of them, and the removal of those that no PEM names."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event
from provgraph.events.clock import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.events.pem import ArtifactStatement


class Sighting(NamedTuple):
    """What a run of events says about an artifact when they are the first to name it."""

    name: str
    properties: str  # JSON text of an object: the first that is not empty
    created_us: int  # when it was first recorded, or the time that its first statement gave
    created_at: str  # the same, YYYY-MM-DD HH:MM:SS, UTC


def note(
    sightings: dict[str, Sighting],
    statements: Sequence[ArtifactStatement],
    *,
    recorded_us: int,
    recorded_at: str,
) -> None:
    """
    Add the artifacts of one event's list to what was seen before.

    :param recorded_us: when the event was recorded
    :param recorded_at: the same, as Record Keeper writes it
    """
    for name, properties, created_at, _version, _digest, _kind in statements:
        seen = sightings.get(name)
        if seen is None:
            if created_at is None:
                sightings[name] = Sighting(name, properties, recorded_us, recorded_at)
            else:
                created_us = parse_time(created_at, field="CreatedAt")
                sightings[name] = Sighting(name, properties, created_us, created_at)
        elif seen.properties == "{}" and properties != "{}":
            sightings[name] = seen._replace(properties=properties)


class ArtifactsRemoved(NamedTuple):
    """Artifacts were removed as unconnected; those that a PEM names by then are spared."""

    names: tuple[str, ...]
    report_id: str  # the connection report that listed them


def artifacts_removed(names: Iterable[str], *, report_id: str) -> NewEvent:
    """Return the event that removes the unconnected ones of ``names``."""
    content = ArtifactsRemoved(tuple(names), report_id)
    fields = {"Names": list(content.names), "ReportID": report_id}
    return event(Kind.ARTIFACTS_REMOVED, uuid.uuid4().hex, content, fields)


def read(payload: bytes) -> ArtifactsRemoved:
    """Return the removal in a stored payload."""
    fields = orjson.loads(payload)
    return ArtifactsRemoved(tuple(fields["Names"]), fields["ReportID"])
