"""Events as they are sent, and the verdicts on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from pydantic import Field

from provgraph.wire.base import ABSENT, Wire

_Text = Annotated[str, Field(min_length=1)]
VerdictWord = Literal["accepted", "duplicate", "conflict", "invalid"]


class EventArtifact(Wire):
    """An artifact that an event uses or produces."""

    Name: _Text = Field(description="the artifact's identity")
    Properties: dict[str, Any] = ABSENT
    CreatedAt: str = Field(default=ABSENT, description="time of an artifact that is new here")
    Version: str = Field(
        default=ABSENT, description="a label; in a use also the id of the event that produced the version"
    )
    Digest: str = ABSENT
    Kind: str = ABSENT


class Event(Wire):
    """An event. Fields that are not listed here are kept with it."""

    ID: str = Field(description="UUID, in any spelling")
    Type: _Text
    Emitter: _Text
    TimestampClient: str = Field(
        default=ABSENT,
        description="YYYY-MM-DD HH:MM:SS, UTC; or any ISO 8601 form. Needed unless OccurredAt is there",
    )
    OccurredAt: str = Field(
        default=ABSENT, description="when it happened, on the emitter's clock: a time in RFC 3339"
    )
    Predecessor: str | None = ABSENT
    Predecessors: list[str] = ABSENT
    Properties: dict[str, Any] = ABSENT
    Outcome: Literal["failed", "aborted"] | None = Field(
        default=ABSENT,
        description="that the work did not end well; left out where there is nothing to say",
    )
    Error: str | None = Field(default=ABSENT, description="why it did not")
    Version: str = Field(default=ABSENT, description="of the PEM format; absent: 2.0.0")
    Tag: str | None = Field(default=ABSENT, description="set on this event when it is new")
    TagNamespace: str | None = ABSENT
    UsesArtifacts: list[EventArtifact] = ABSENT
    ProducesArtifacts: list[EventArtifact] = ABSENT


class EventWarning(Struct, kw_only=True, frozen=True):
    """Something that was not kept as it was sent."""

    field: str | UnsetType = UNSET
    rule: Literal["doubled-key", "inexact-number", "field-name", "further"]
    detail: str


class EventResult(Struct, kw_only=True):
    """What became of one event."""

    index: Annotated[int, Meta(ge=0, description="its place in the batch")]
    ID: Annotated[str | None, Meta(description="32 hex digits; null when it cannot be read")]
    verdict: VerdictWord
    position: Annotated[int | UnsetType, Meta(description="of the stored event; absent when invalid")] = UNSET
    field: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    warnings: Annotated[
        list[EventWarning] | UnsetType,
        Meta(description="what was not kept as it was sent; absent when there is nothing"),
    ] = UNSET


class EventResults(Struct, kw_only=True):
    """The verdicts on a batch."""

    results: list[EventResult]
    accepted: int
    duplicates: int
    conflicts: int
    invalid: int
    position: Annotated[int, Meta(description="where the log is after this batch")]
