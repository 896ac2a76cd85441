"""
What the subset sees of the embedded graph: each label and relationship type as a piece of SQL.

Every SQL identifier in a compiled query comes from here (the aliases from `provgraph.graphstore.cypher.match`): a query
contributes bound values only. In the templates ``{v}`` stands for the alias of the variable's table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# SQLite turns an id's text into its bytes only since 3.41 (unhex), so `run` lends the connection this function.
RAW_ID_FUNCTION: Final = "provgraph_raw_id"

_PEM_ID = re.compile("[0-9a-f]{32}")


class Type(Enum):
    """The types of values that conditions tell apart: Cypher never converts one into another."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True)
class Lookup:
    """
    How a property is compared with known values so that SQLite can use an index.

    ``column IN candidates(marks, otherwise)`` says whether the property is one of the values: ``marks`` are their
    places, ``otherwise`` is ``NULL`` when null is among the values too, else empty.
    """

    column: str
    candidates: Callable[[str, str], str]
    key: Callable[[str], object | None] = lambda value: value  # None: no node or edge can have this value


@dataclass(frozen=True)
class Attribute:
    """A property: its value in SQL, its type, and how to find it."""

    sql: str
    type: Type = Type.TEXT
    lookup: Lookup | None = None


@dataclass(frozen=True)
class Element:
    """The nodes with a label, or the relationships of a type."""

    name: str
    table: str
    identity: str  # SQL for one value that no two of them share
    attributes: Mapping[str, Attribute]
    condition: str = ""  # which rows of the table they are, where not all
    label: str = ""  # SQL for the name, where it depends on the row


@dataclass(frozen=True)
class Relationship:
    """A relationship type, and how its table (``{r}``) is joined with its ends' (``{n}``)."""

    element: Element
    start: str  # label
    end: tuple[str, ...]  # labels
    start_join: str
    end_join: str
    condition: str = ""  # which rows of the table they are
    end_hint: str = field(default="")  # always true; leads SQLite to an index when the end is known


def _raw_id(value: str) -> bytes | None:
    return bytes.fromhex(value) if _PEM_ID.fullmatch(value) else None


def _among(marks: str, otherwise: str) -> str:
    return f"({', '.join(filter(None, (marks, otherwise)))})"


def _keys_among(table: str, key: str) -> Callable[[str, str], str]:
    def candidates(marks: str, otherwise: str) -> str:
        # Never empty: null is not in the empty set, but whether it equals an unknown name is null.
        return f"(SELECT {key} FROM {table} WHERE rk_id IN ({marks}) UNION ALL SELECT {otherwise or '-1'})"  # noqa: S608 - our own names

    return candidates


def _rfc3339(us: str) -> str:
    """Return a column's microseconds since 1970 as a text like ``2026-01-02T03:04:05.678901Z``."""
    microsecond = f"({us} % 1000000 + 1000000) % 1000000"
    # printf writes zeros for null, but || with the null of strftime is null.
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', ({us} - {microsecond}) / 1000000, 'unixepoch') "
        f"|| printf('.%06dZ', {microsecond})"
    )


_PEM = Element(
    "PEM",
    "pem",
    "{v}.pem_key",
    {
        "rk_id": Attribute("lower(hex({v}.rk_id))", lookup=Lookup("{v}.rk_id", _among, _raw_id)),
        "type": Attribute("{v}.type"),
        "emitter": Attribute(
            "(SELECT emitter.rk_id FROM emitter WHERE emitter.emitter_key = {v}.emitter_key)",
            lookup=Lookup("{v}.emitter_key", _keys_among("emitter", "emitter_key")),
        ),
        "properties": Attribute("{v}.properties"),
        "timestamp_client": Attribute("{v}.timestamp_client"),
        "occurred_at": Attribute(_rfc3339("{v}.occurred_us")),
        "position": Attribute("{v}.position", Type.NUMBER),
        "recorded_at": Attribute(_rfc3339("{v}.recorded_us")),
        "outcome": Attribute("{v}.outcome"),
        "error": Attribute("{v}.error"),
    },
    condition="{v}.position IS NOT NULL",
)
# An event that was only named so far has a row as well; all but its id is null there.
_UNREPORTED = replace(_PEM, name="Unreported", condition="{v}.position IS NULL")
EVENT: Final = replace(
    _PEM,
    name="",
    condition="",
    label=f"CASE WHEN {{v}}.position IS NULL THEN '{_UNREPORTED.name}' ELSE '{_PEM.name}' END",
)
_EVENTS: Final = (_PEM.name, _UNREPORTED.name)
_ARTIFACT = Element(
    "Artifact",
    "artifact",
    "{v}.artifact_key",
    {
        "rk_id": Attribute("{v}.rk_id"),
        "properties": Attribute("{v}.properties"),
        "created_at": Attribute("{v}.created_at"),
    },
)
_EMITTER = Element("Emitter", "emitter", "{v}.emitter_key", {"rk_id": Attribute("{v}.rk_id")})
_TAG = Element(
    "Tag",
    "tag",
    "hex({v}.namespace) || ' ' || hex({v}.tag)",
    {"namespace": Attribute("{v}.namespace"), "tag": Attribute("{v}.tag")},
)

_CAUSE_IDENTITY = "{v}.pem_key || ' ' || {v}.artifact_key || ' ' || {v}.label"
_USES = Relationship(
    Element("USES", "cause", _CAUSE_IDENTITY, {"version": Attribute("nullif({v}.label, '')")}),
    "PEM",
    ("Artifact",),
    "{n}.pem_key = {r}.pem_key",
    "{n}.artifact_key = {r}.artifact_key",
    condition="{r}.artifact_key <> 0",
    # A use's cause is the event that produced the artifact, or null: so an artifact's uses can be found by their cause.
    end_hint=(
        "({r}.cause_key IS NULL OR {r}.cause_key IN "
        "(SELECT produces.pem_key FROM produces WHERE produces.artifact_key = {n}.artifact_key))"
    ),
)
_PRODUCES = Relationship(
    Element(
        "PRODUCES",
        "produces",
        "{v}.artifact_key || ' ' || {v}.pem_key",
        {
            "version": Attribute("{v}.label"),
            "digest": Attribute("{v}.digest"),
            "kind": Attribute("{v}.kind"),
            "properties": Attribute("{v}.properties"),
        },
    ),
    "PEM",
    ("Artifact",),
    "{n}.pem_key = {r}.pem_key",
    "{n}.artifact_key = {r}.artifact_key",
)
_PREDECESSOR = Relationship(
    Element("PREDECESSOR", "cause", _CAUSE_IDENTITY, {}),
    "PEM",
    _EVENTS,
    "{n}.pem_key = {r}.pem_key",
    "{n}.pem_key = {r}.cause_key",
    condition="{r}.artifact_key = 0",
)
_INFORMED_BY = Relationship(
    Element(
        "INFORMED_BY",
        "cause",
        _CAUSE_IDENTITY,
        {
            "artifact": Attribute(
                "(SELECT artifact.rk_id FROM artifact WHERE artifact.artifact_key = {v}.artifact_key)",
                lookup=Lookup("{v}.artifact_key", _keys_among("artifact", "artifact_key")),
            )
        },
    ),
    "PEM",
    _EVENTS,
    "{n}.pem_key = {r}.pem_key",
    "{n}.pem_key = {r}.cause_key",
    condition="{r}.artifact_key <> 0",
)
_EMITTED_BY = Relationship(
    Element("EMITTED_BY", "pem", "{v}.pem_key", {}),
    "PEM",
    ("Emitter",),
    "{n}.pem_key = {r}.pem_key",
    "{n}.emitter_key = {r}.emitter_key",
)
_MARKS = Relationship(
    Element("MARKS", "tag", _TAG.identity, {}),
    "Tag",
    _EVENTS,
    "{n}.namespace = {r}.namespace AND {n}.tag = {r}.tag",
    f"{{n}}.rk_id = {RAW_ID_FUNCTION}({{r}}.pem_id)",
)

LABELS: Final[Mapping[str, Element]] = {
    label.name: label for label in (_PEM, _UNREPORTED, _ARTIFACT, _EMITTER, _TAG)
}
RELATIONSHIPS: Final[Mapping[str, Relationship]] = {
    relationship.element.name: relationship
    for relationship in (_USES, _PRODUCES, _PREDECESSOR, _INFORMED_BY, _EMITTED_BY, _MARKS)
}
# What an unknown label or type has: no rows, no properties.
NOTHING: Final = Element("", "(SELECT NULL WHERE 0)", "NULL", {})
