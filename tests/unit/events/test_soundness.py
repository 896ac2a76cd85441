"""What an event has to say, in which form, to count after it was changed in the store and an operator accepted that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import ProvgraphError
from provgraph.events import Kind, NewEvent, RecordedEvent, canonical
from provgraph.events.clock import LATEST_US
from provgraph.families.acceptance.events import CHANGE_ACCEPTED, LOSS_ACCEPTED
from provgraph.families.artifact.events import ARTIFACTS_REMOVED
from provgraph.families.credential.events import CREDENTIAL_CREATED, CREDENTIAL_REVOKED
from provgraph.families.operation.events import LOG_CLEANED
from provgraph.families.pem.events import accept
from provgraph.families.registry import content, is_sound
from provgraph.families.report.events import REPORT_CLOSED, REPORT_OPENED
from provgraph.families.tag.events import TAG_SET
from provgraph.families.tracking.events import TRACKED, tracked
from tests.unit.events.fields import PEM_ID, fields
from tests.unit.events.test_families import EVERYTHING, FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = dict[str, Any]
FULL = fields(
    TimestampClient=...,
    OccurredAt="2026-01-02T03:04:05.25+01:00",
    Predecessors=["f" * 32],
    Tag="latest",
    TagNamespace="prod",
    Outcome="failed",
    Error="no rows",
    Properties={"n": [1, None]},
    UsesArtifacts=[{"Name": "raw", "Version": "7", "Digest": "d", "Kind": "data", "CreatedAt": "2020-01-01"}],
    ProducesArtifacts=[
        {"Name": "model", "CreatedAt": "2020-01-01 00:00:00", "Properties": {"kind": "model"}}
    ],
)


def recorded(event: NewEvent, payload: bytes | None = None, recorded_us: int = 1) -> RecordedEvent:
    """Return an event as a log would, with another payload maybe."""
    stored = event.payload if payload is None else payload
    read = content(event.kind, event.event_id, stored)
    return RecordedEvent(1, event.event_id, event.kind, recorded_us, stored, b"\0" * 32, read)


def is_sound_as(event: NewEvent, change: Callable[[JSON], object]) -> bool:
    """Tell whether an event counts with a changed payload: it cannot even be read, or it is not sound."""
    stated = canonical.loads(event.payload)
    change(stated)
    try:
        return is_sound(recorded(event, canonical.dumps(stated)))
    except (AttributeError, LookupError, ProvgraphError, TypeError, ValueError):  # as in `recording.stored`
        return False


@pytest.mark.parametrize("event", [*FAMILIES.values(), accept(FULL)], ids=lambda event: event.kind)
def test_whatever_was_recorded_is_sound(event: NewEvent) -> None:
    assert is_sound(recorded(event))


@pytest.mark.parametrize(
    "stated",
    [{"Outcome": "succeeded"}, {"Outcome": {"a": 1}, "Error": 7}, {"Further": "field"}],
)
def test_so_is_an_event_from_before_there_was_a_rule_for_what_it_says(stated: JSON) -> None:
    assert is_sound(recorded(accept(fields(**stated), any_outcome=True)))


def put(*path: str | int, value: object) -> Callable[[JSON], None]:
    """Return what puts a value into a payload."""

    def change(payload: Any) -> None:
        for part in path[:-1]:
            payload = payload[part]
        payload[path[-1]] = value

    return change


_WRONG: list[tuple[str | int, ...]] = [
    *[(name,) for name in ("ID", "Type", "Emitter", "Version", "Tag", "TagNamespace")],
    *[(name,) for name in ("OccurredAt", "TimestampClient", "Properties", "Predecessors")],
    *[("ProducesArtifacts", 0, name) for name in ("Name", "Properties", "CreatedAt")],
    *[("UsesArtifacts", 0, name) for name in ("Name", "Version", "Digest", "Kind", "CreatedAt")],
    *[("UsesArtifacts",), ("UsesArtifacts", 0)],
]


@pytest.mark.parametrize("path", _WRONG, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", [5, True, ["x"], "x\0"], ids=["number", "boolean", "list", "nul"])
def test_a_pem_with_a_field_of_the_wrong_type_is_not(path: tuple[str | int, ...], value: object) -> None:
    assert not is_sound_as(accept(FULL), put(*path, value=value))


@pytest.mark.parametrize(
    "change",
    [
        put("ProducesArtifacts", 0, "CreatedAt", value="2020-01-01 00:00:xx"),
        put("ProducesArtifacts", 0, "CreatedAt", value="2020-01-01T00:00:00+01:00"),
        put("OccurredAt", value="2026-13-01T00:00:00Z"),
        put("TimestampClient", value="yesterday"),
        put("Predecessors", value=["F" * 32]),
        put("Predecessors", value=[PEM_ID]),
        put("Type", value=""),
    ],
)
def test_a_pem_that_says_something_in_no_form_that_is_stored_is_not(change: Callable[[JSON], object]) -> None:
    assert not is_sound_as(accept(FULL), change)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (TAG_SET, put("Tag", value=5)),
        (TAG_SET, put("NamespaceID", value=None)),
        (TAG_SET, put("EventID", value="no id")),
        (ARTIFACTS_REMOVED, put("Names", value="model")),
        (ARTIFACTS_REMOVED, put("Names", value=["model", 5])),
        (REPORT_OPENED, put("Subject", value=["x"])),
        (REPORT_CLOSED, put("Names", value="model")),
        (REPORT_CLOSED, put("Report", value=5)),
        (CREDENTIAL_CREATED, put("Rights", value="read")),
        (CREDENTIAL_CREATED, put("Only", value="yes")),
        (CREDENTIAL_CREATED, put("Emitters", value="a*")),
        (CREDENTIAL_REVOKED, put("CredentialID", value=5)),
        (LOG_CLEANED, put("PreviousPosition", value="7")),
        (CHANGE_ACCEPTED, put("Position", value="3")),
        (CHANGE_ACCEPTED, put("FoundDigest", value="no digest")),
        (LOSS_ACCEPTED, put("KeptPosition", value=None)),
        (TRACKED, put("Pem", "Emitter", value=5)),
        (TRACKED, put("Step", "sequence", value="7")),
        (TRACKED, put("Step", "answer", value=None)),
        (TRACKED, put("Step", "changes", 0, "after", "id", value="no id")),
        (TRACKED, put("Step", "changes", 0, "after", "values", value=5)),
        (TRACKED, put("Step", "changes", 0, "after", "live", value=1)),
        (TRACKED, put("Step", "members", 0, "members", value=PEM_ID)),
        (TRACKED, put("Step", "run", "opened_us", value=None)),
        (TRACKED, put("Step", "run", "members", value=["no id"])),
        (TRACKED, put("Step", "kinds", value=[{"namespace": "Infra", "xame": "Rack"}])),
        (TRACKED, put("Step", "kinds", value=[{"namespace": "Infra", "name": 5}])),
        (TRACKED, put("Step", "kinds", value=["InfraRack"])),
    ],
)
def test_an_event_of_another_family_with_a_wrong_part_is_not(
    kind: Kind, change: Callable[[JSON], object]
) -> None:
    assert not is_sound_as(FAMILIES[kind], change)


@pytest.mark.parametrize("recorded_us", [-1, LATEST_US + 1, 2**63 - 1])
def test_a_time_of_recording_that_no_calendar_has_is_not(recorded_us: int) -> None:
    assert not is_sound(recorded(accept(FULL), recorded_us=recorded_us))


def test_a_step_whose_objects_go_with_none_is_sound() -> None:
    step = EVERYTHING._replace(run_id=None, run=None, members=())

    assert is_sound(recorded(tracked(fields(), step)))
