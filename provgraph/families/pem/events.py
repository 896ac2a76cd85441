"""
Process event messages: what an emitter reports.

`accept` is the door: it checks what came over the wire, canonicalises it once, and returns an event for the log.
`read` turns a stored payload back into the same `Pem`. The rules and their wording are Record Keeper's (PEM 2.x),
with provgraph's optional fields: any number of predecessors, an exact time with zone, how the work ended, version,
digest and kind of an artifact. Unknown fields are kept.
"""

from __future__ import annotations

import re
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import orjson

from provgraph.errors import InvalidEventError, InvalidInputError
from provgraph.events import canonical, clock, fieldnames
from provgraph.events.base import Kind, NewEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

PEM = Kind("pem")

PEM_VERSION = "2.0.0"
# What is left of a UUID without the prefix, braces and dashes of its other spellings. (uuid.UUID alone would also take
# the blanks and underscores that Python allows in numbers.)
_UUID_DIGITS = re.compile("[0-9A-Fa-f]{32}")
_UUID_DECORATION = re.compile("urn:uuid:|[{}-]")
_VERSION_2 = re.compile(r"2(\.[0-9]+)*")
_TEXTS = frozenset({"Version", "Digest", "Kind"})  # of an artifact
# How much of an event's `Error` answers show, in characters. The log has all of it.
LONGEST_ERROR = 2_000
# Fields whose value is the server's to say; emitters up to 3.2 send the first one empty.
_SERVERS_OWN = frozenset({"TimestampReceived"})
# `Outcome` and `Error` are not among these: they are stored as they are stated, as they were before there was a rule
# for them, so that an event from then is the same event when it is sent again.
_KNOWN = frozenset(
    {
        *(
            "ID",
            "Type",
            "Emitter",
            "Predecessor",
            "Predecessors",
            "TimestampClient",
            "OccurredAt",
            "Properties",
        ),
        *("Version", "Tag", "TagNamespace", "UsesArtifacts", "ProducesArtifacts"),
    }
)


class Outcome(StrEnum):
    """How the work ended that an event tells of. The values are stored: never change one."""

    FAILED = "failed"  # it went wrong
    ABORTED = "aborted"  # somebody or something stopped it
    UNKNOWN = "unknown"  # the event says something else: it is never written so, only read


# What an event may say of itself. Nothing is not the same as success: most events state no outcome at all.
STATED_OUTCOMES = (Outcome.FAILED, Outcome.ABORTED)


class ArtifactStatement(NamedTuple):
    """What one PEM says about one artifact that it used or produced."""

    name: str
    properties: str = "{}"  # JSON text of an object; empty says nothing
    created_at: str | None = None  # YYYY-MM-DD HH:MM:SS, UTC
    version: str | None = None  # label of the version; in a use also the id of the event that produced it
    digest: str | None = None
    kind: str | None = None


class Pem(NamedTuple):
    """One event of an emitter, checked and normalised."""

    id: str  # 32 lower-case hex digits
    type: str
    emitter: str
    predecessors: tuple[str, ...]
    timestamp_client: str  # YYYY-MM-DD HH:MM:SS, UTC
    occurred_us: int  # emitter's clock, see provgraph.events.clock
    properties: str  # JSON text of an object
    version: str
    tag: str | None  # None: sets no tag
    tag_namespace: str | None
    uses: tuple[ArtifactStatement, ...]
    produces: tuple[ArtifactStatement, ...]
    outcome: str | None = None  # an `Outcome`; None: nothing was stated
    error: str | None = None  # its beginning, see `LONGEST_ERROR`


def is_sound(fields: object, content: object) -> bool:
    """Tell whether the door takes these fields, and finds nothing to put into another form."""
    return accept(fields, any_outcome=True, listed_once=True).content == content


def is_id(stated: str) -> bool:
    """Tell whether a text is an event's id as it is stored."""
    return event_id(stated) == stated


def accept(
    fields: object,
    sender: str | None = None,
    *,
    any_outcome: bool = False,
    listed_once: bool = False,
    timestamp_required: bool = False,
) -> NewEvent[Pem]:
    """
    Check and canonicalise one PEM as it came over the wire.

    :param sender: the id of the credential that it came with
    :param any_outcome: take any `Outcome` and `Error`, which are then read as an event's that was stored before there
        was a rule for them: where Record Keeper's protocol is spoken, they are fields like any other
    :param listed_once: an artifact that it produces twice counts as first stated, as Record Keeper has it; else two
        versions of one are refused
    :param timestamp_required: where no time is stated, it is `TimestampClient` that is missed, as Record Keeper has it;
        else `OccurredAt`
    :raises InvalidEventError: it breaks a rule; ``field`` and ``rule`` say which
    """
    if type(fields) is not dict:
        _refuse("PEM is not a JSON object", field=None, rule="object")
    if not any_outcome and ("Outcome" in fields or "Error" in fields):
        _check_ending(fields)
    if not listed_once:
        _require_one_version(fields.get("ProducesArtifacts"))
    try:
        normal, occurred_us = _normalise(fields, timestamp_required=timestamp_required)
    except InvalidEventError as error:
        if hint := fieldnames.hint(fields):
            raise InvalidEventError(f"{error}{hint}", field=error.field, rule=error.rule) from error
        raise
    try:
        payload = canonical.dumps(normal)
    except InvalidInputError as error:
        raise InvalidEventError(f"PEM is not valid: {error}", rule=error.rule) from error
    return NewEvent(normal["ID"], PEM, payload, _pem(normal, occurred_us), sender)


def read(payload: bytes) -> Pem:
    """Return the PEM in a stored payload."""
    return stored(orjson.loads(payload))


def stored(normal: dict[str, Any]) -> Pem:
    """Return the PEM of fields that were normalised at the door and stored."""
    return _pem(normal, _occurred_us(normal))


def event_id(stated: object, *, field: str = "ID") -> str:
    """
    Return an event id in its one spelling: 32 lower-case hex digits. Every UUID spelling is understood.

    :raises InvalidEventError: not a UUID
    """
    if type(stated) is str:
        try:
            if len(stated) == 32 and len(raw := bytes.fromhex(stated)) == 16:
                return raw.hex()
            if _UUID_DIGITS.fullmatch(_UUID_DECORATION.sub("", stated)):
                return uuid.UUID(stated).hex
        except ValueError:
            pass
    return _refuse(f"{field} is not a UUID: {_shown(stated)}", field=field, rule="uuid")


def version_label(stated: str) -> str:
    """Return a version as it is stored and asked for: an event id in its one spelling, another label as stated."""
    if len(stated) < 32:
        return stated
    try:
        return event_id(stated)
    except InvalidEventError:
        return stated


def _normalise(fields: dict[str, Any], *, timestamp_required: bool) -> tuple[dict[str, Any], int]:
    """
    Return the PEM's fields in their one spelling, and when it occurred.

    The fields are what is stored, and what a repetition is compared with.
    """
    id_ = event_id(fields.get("ID"))
    normal: dict[str, Any] = {
        "ID": id_,
        "Type": _text(fields, "Type"),
        "Emitter": _text(fields, "Emitter"),
        "Version": _version(fields.get("Version")),
    }
    if not timestamp_required:
        _require_a_time(fields)
    occurred_us = _normalise_times(fields, normal)
    if predecessors := _predecessors(fields, id_):
        normal["Predecessors"] = predecessors
    properties = fields.get("Properties")
    if properties is not None and type(properties) is not dict:
        _refuse("Properties is not a JSON object", field="Properties", rule="object")
    if properties:
        normal["Properties"] = properties
    _normalise_tag(fields, normal)
    if uses := _statements(fields, "UsesArtifacts"):
        normal["UsesArtifacts"] = uses
    if produces := _statements(fields, "ProducesArtifacts"):
        normal["ProducesArtifacts"] = produces
    if not _KNOWN.issuperset(fields):
        normal.update({name: fields[name] for name in fields.keys() - _KNOWN - _SERVERS_OWN})
    return normal, occurred_us


def _require_a_time(fields: dict[str, Any]) -> None:
    if fields.get("OccurredAt") is None and fields.get("TimestampClient") is None:
        _refuse(
            "OccurredAt is missing: say when it happened, with the time zone, such as 2026-01-31T13:45:00+01:00",
            field="OccurredAt",
            rule="required",
        )


def _normalise_times(fields: dict[str, Any], normal: dict[str, Any]) -> int:
    occurred = fields.get("OccurredAt")
    stated = fields.get("TimestampClient")
    if occurred is None:
        stated_us, normal["TimestampClient"] = clock.parse_second(stated, field="TimestampClient")
        if not stated_us % 1_000_000:
            return clock.refine(stated_us, normal["ID"])
        # The documented form has no fraction; keep what an ISO form said beyond it.
        normal["OccurredAt"] = clock.rfc3339(stated_us)
        return stated_us
    occurred_us = clock.parse_zoned(occurred, field="OccurredAt")
    normal["OccurredAt"] = clock.rfc3339(occurred_us)
    if stated is None:
        normal["TimestampClient"] = clock.second_text(occurred_us)
    else:
        _, normal["TimestampClient"] = clock.parse_second(stated, field="TimestampClient")
    return occurred_us


def _occurred_us(normal: dict[str, Any]) -> int:
    """Return when a stored PEM occurred: the same as `_normalise_times` found at the door."""
    occurred = normal.get("OccurredAt")
    if occurred is not None:
        return clock.parse_time(occurred, field="OccurredAt")
    return clock.refine(clock.parse_time(normal["TimestampClient"], field="TimestampClient"), normal["ID"])


def _normalise_tag(fields: dict[str, Any], normal: dict[str, Any]) -> None:
    tag = fields.get("Tag")
    namespace = fields.get("TagNamespace")
    for field, value in (("Tag", tag), ("TagNamespace", namespace)):
        if value is not None and type(value) is not str:
            _refuse(f"{field} is not a text", field=field, rule="text")
    if tag:
        normal["Tag"] = tag
    if namespace:
        normal["TagNamespace"] = namespace


def _check_ending(fields: dict[str, Any]) -> None:
    """Refuse an outcome that is none, and an error that is no text. Null says nothing."""
    outcome, error = fields.get("Outcome"), fields.get("Error")
    if outcome is not None and outcome not in STATED_OUTCOMES:
        _refuse(
            f"Outcome is {_shown(outcome)}, and may be failed or aborted; leave it out where nothing is to be said",
            field="Outcome",
            rule="outcome",
        )
    if error is not None and type(error) is not str:
        _refuse("Error is not a text", field="Error", rule="text")


def _ending(normal: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return how a stored PEM says that its work ended. It may be older than the rule: then it may say anything."""
    stated, error = normal.get("Outcome"), normal.get("Error")
    outcome = None
    if stated is not None and stated != "":
        outcome = stated if stated in STATED_OUTCOMES else Outcome.UNKNOWN.value
    if type(error) is not str or not error:
        return outcome, None
    return outcome, error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}\u2026"


def _text(fields: dict[str, Any], field: str) -> str:
    value = fields.get(field)
    if type(value) is str and value:
        return value
    return _refuse(
        f"{field} is empty" if not value else f"{field} is not a text", field=field, rule="required"
    )


def _version(stated: object) -> str:
    if stated is None:
        return PEM_VERSION
    if type(stated) is str and _VERSION_2.fullmatch(stated):
        return stated
    return _refuse(
        f"Version {_shown(stated)} is not supported, this service takes {PEM_VERSION} (2.x)",
        field="Version",
        rule="version-2",
    )


def _predecessors(fields: dict[str, Any], own_id: str) -> list[str]:
    single, several = fields.get("Predecessor"), fields.get("Predecessors")
    if single is None and several is None:
        return []
    ids = [] if single is None else [event_id(single, field="Predecessor")]
    if several is not None:
        if type(several) is not list:
            _refuse("Predecessors is not a list", field="Predecessors", rule="list")
        ids.extend(event_id(stated, field="Predecessors") for stated in several)
    if own_id in ids:
        _refuse("an event cannot be its own Predecessor", field="Predecessor", rule="not-itself")
    return list(dict.fromkeys(ids))


def _statements(fields: dict[str, Any], field: str) -> list[dict[str, Any]]:
    stated = fields.get(field)
    if not stated:
        if stated is not None and type(stated) is not list:
            _refuse(f"{field} is not a list", field=field, rule="list")
        return []
    if type(stated) is not list:
        _refuse(f"{field} is not a list", field=field, rule="list")
    # Listed once, the first statement stands. An event may use two versions of an artifact, but makes one.
    by_version = field == "UsesArtifacts"
    kept: dict[tuple[str, str | None], dict[str, Any]] = {}
    for index, artifact in enumerate(stated):
        statement = _statement(artifact, field, index)
        kept.setdefault((statement["Name"], statement.get("Version") if by_version else None), statement)
    return list(kept.values())


def other_version(produced: Iterable[tuple[object, object]]) -> int | None:
    """
    Return the index of the first artifact of a list that names another version of one than before it, or None.

    :param produced: names and versions; what is not a text says nothing
    """
    labels: dict[str, str] = {}
    for index, (name, stated) in enumerate(produced):
        if type(name) is str and type(stated) is str and stated:
            label = version_label(stated)
            if labels.setdefault(name, label) != label:
                return index
    return None


def _require_one_version(produces: object) -> None:
    """
    Refuse an event that says of two versions of an artifact that it made them: one of them would be lost.

    What is not as it should be is for `_statements` to refuse.
    """
    if type(produces) is not list:
        return
    stated = [each if type(each) is dict else {} for each in produces]
    index = other_version((each.get("Name"), each.get("Version")) for each in stated)
    if index is not None:
        _refuse(
            f"ProducesArtifacts names two versions of {_shown(stated[index]['Name'])}: an event makes one version of "
            "an artifact, so report the other one with an event of its own",
            field=f"ProducesArtifacts[{index}].Version",
            rule="one-version",
        )


def _statement(artifact: object, field: str, index: int) -> dict[str, Any]:
    """Return one statement without what says nothing: nulls, empty objects, fields of old clients."""
    if type(artifact) is not dict:
        _refuse(f"{field}[{index}] is not a JSON object", field=f"{field}[{index}]", rule="object")
    name = artifact.get("Name")
    if type(name) is not str or not name:
        _refuse(f"{field}[{index}] has no Name", field=f"{field}[{index}].Name", rule="required")
    normal = {"Name": name}
    for key, value in artifact.items():
        if key == "Name" or value is None or key == "TaxonomyFiles" or (value == {} and key not in _TEXTS):
            continue
        if key == "Properties":
            if type(value) is not dict:
                _refuse(
                    f"{field}[{index}].Properties is not a JSON object",
                    field=f"{field}[{index}].Properties",
                    rule="object",
                )
        elif key == "CreatedAt":
            value = _created_at(value)  # noqa: PLW2901 - the normal form of what was stated
            if value is None:
                continue
        elif key in _TEXTS:
            if value == "":
                continue
            value = _artifact_text(value, key, f"{field}[{index}].{key}")  # noqa: PLW2901 - its normal form
        normal[key] = value
    return normal


def _artifact_text(value: object, key: str, path: str) -> str:
    if type(value) is not str:
        _refuse(f"{path} is not a text", field=path, rule="text")
    return version_label(value) if key == "Version" else value


def _created_at(stated: object) -> str | None:
    """Return a readable time in Record Keeper's form; what cannot be read is ignored, as the contract says."""
    try:
        return clock.second_text(clock.parse_time(stated, field="CreatedAt"))
    except InvalidEventError:
        return None


def _pem(normal: dict[str, Any], occurred_us: int) -> Pem:
    get = normal.get
    properties = get("Properties")
    return Pem(
        normal["ID"],
        normal["Type"],
        normal["Emitter"],
        tuple(get("Predecessors", ())),
        normal["TimestampClient"],
        occurred_us,
        canonical.text(properties) if properties else "{}",
        normal["Version"],
        get("Tag"),
        get("TagNamespace"),
        tuple([_read_statement(stated) for stated in get("UsesArtifacts", ())]),
        tuple([_read_statement(stated) for stated in get("ProducesArtifacts", ())]),
        *(_ending(normal) if "Outcome" in normal or "Error" in normal else ()),
    )


def _read_statement(stated: dict[str, Any]) -> ArtifactStatement:
    if len(stated) == 1:  # most uses say the name and nothing else
        return ArtifactStatement(stated["Name"])
    get = stated.get
    properties = get("Properties")
    return ArtifactStatement(
        stated["Name"],
        canonical.text(properties) if properties else "{}",
        get("CreatedAt"),
        get("Version"),
        get("Digest"),
        get("Kind"),
    )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _refuse(reason: str, *, field: str | None, rule: str) -> NoReturn:
    raise InvalidEventError(f"PEM is not valid: {reason}", field=field, rule=rule)
