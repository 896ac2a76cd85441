"""
Events as a program states them, and what they look like on the wire.

Whatever the service would refuse cannot be stated: making such an artifact or event raises `UnsendableError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID

import orjson

from provgraph.client import lenient
from provgraph.client.errors import OversizedEventError, UnsendableError
from provgraph.client.ids import new_id
from provgraph.client.plain import AROUND_PROPERTIES_OF_ARTIFACT, plain_object, text
from provgraph.errors import InvalidEventError
from provgraph.families.pem.events import PEM_VERSION, STATED_OUTCOMES, event_id, other_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SIZE_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Artifact:
    """
    A thing that an event used or produced; its name is its identity.

    ``version`` is a label of this version, in a use also the id of the event that made it. Within an activity that
    warns (``on_error``), what cannot be sent is left out, and a warning says so.

    :raises UnsendableError: elsewhere, when the service would refuse it
    """

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    digest: str | None = None
    kind: str | None = None  # model, data, source, ...

    def __post_init__(self) -> None:
        if lenient.is_on():
            self._leave_out()
            return
        text(self.name, "Name")
        properties = plain_object(self.properties, "Properties", around=AROUND_PROPERTIES_OF_ARTIFACT)
        object.__setattr__(self, "properties", properties)
        for label, value in (("Version", self.version), ("Digest", self.digest), ("Kind", self.kind)):
            if value is not None:
                text(value, label)

    def _leave_out(self) -> None:
        """Keep what can be sent. An artifact without a name is left out by what it is given to."""
        of = f"artifact {self.name}"
        name: object = self.name
        if not isinstance(name, str):
            object.__setattr__(self, "name", "")
        properties = lenient.properties(self.properties, of=of, around=AROUND_PROPERTIES_OF_ARTIFACT)
        object.__setattr__(self, "properties", properties)
        for attribute in ("version", "digest", "kind"):
            value = getattr(self, attribute)
            if value is not None:
                kept = lenient.optional(value, partial(text, field=attribute.capitalize()), of=of)
                object.__setattr__(self, attribute, kept)

    def fields(self) -> dict[str, Any]:
        """Return the artifact as it stands in an event."""
        stated = {
            "Name": self.name,
            "Properties": self.properties or None,
            "Version": self.version,
            "Digest": self.digest,
            "Kind": self.kind,
        }
        return {label: value for label, value in stated.items() if value is not None}


# An artifact, or the name of one about which nothing else is said.
Named: TypeAlias = Artifact | str
# An event: itself, or its id in any spelling.
EventRef: TypeAlias = "Pem | UUID | str"


class Encoded(NamedTuple):
    """An event as it is sent, kept and sent again: never encoded twice."""

    id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Pem:
    """
    A process event message: what an emitter did, with what, and what came of it.

    Frozen: `using` and `producing` return a new one of the same id, which takes this one's place.
    """

    type: str
    emitter: str
    predecessors: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    tag: str | None = "latest"  # moves to this event, in its namespace; None or empty: moves none
    tag_namespace: str | None = None  # None: the emitter's name
    uses: tuple[Artifact, ...] = ()
    produces: tuple[Artifact, ...] = ()
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=new_id)
    outcome: str | None = None  # "failed" or "aborted"; None: nothing is said
    error: str | None = None  # what went wrong

    def __post_init__(self) -> None:
        text(self.type, "Type")
        text(self.emitter, "Emitter")
        for label, value in (("Tag", self.tag), ("TagNamespace", self.tag_namespace)):
            if value:
                text(value, label)
        if self.outcome is not None and self.outcome not in STATED_OUTCOMES:
            raise UnsendableError(
                f"PEM cannot be sent: Outcome is {self.outcome!r}, and may be failed or aborted; leave it out where "
                "nothing is to be said",
                field="Outcome",
                rule="outcome",
            )
        if self.error is not None:
            text(self.error, "Error")
        object.__setattr__(self, "id", _event_id(self.id, "ID"))
        if self.id in self.predecessors:
            raise UnsendableError(
                "PEM cannot be sent: an event cannot be its own Predecessor",
                field="Predecessors",
                rule="not-itself",
            )
        check_one_version(self.produces)
        object.__setattr__(self, "properties", plain_object(self.properties, "Properties"))
        if not isinstance(self.occurred_at, datetime):
            raise UnsendableError(
                "PEM cannot be sent: OccurredAt is not a datetime", field="OccurredAt", rule="datetime"
            )
        if self.occurred_at.tzinfo is None:
            raise UnsendableError(
                "PEM cannot be sent: OccurredAt has no time zone", field="OccurredAt", rule="zone"
            )

    def using(self, *artifacts: Named) -> Pem:
        """Return this event with these artifacts among those that it used."""
        return replace(self, uses=(*self.uses, *artifacts_of(artifacts, "UsesArtifacts")))

    def producing(self, *artifacts: Named) -> Pem:
        """Return this event with these artifacts among those that it produced."""
        return replace(self, produces=(*self.produces, *artifacts_of(artifacts, "ProducesArtifacts")))

    def fields(self) -> dict[str, Any]:
        """Return the event as JSON."""
        stated: dict[str, Any] = {
            "ID": self.id,
            "Type": self.type,
            "Emitter": self.emitter,
            "Version": PEM_VERSION,
            "OccurredAt": self.occurred_at.astimezone(UTC).isoformat(),
        }
        if self.predecessors:
            stated["Predecessors"] = list(self.predecessors)
        if self.properties:
            stated["Properties"] = self.properties
        if self.outcome is not None:
            stated["Outcome"] = str(self.outcome)
        if self.error is not None:
            stated["Error"] = self.error
        if self.tag:
            stated["Tag"] = self.tag
            stated["TagNamespace"] = self.tag_namespace or self.emitter
        if self.uses:
            stated["UsesArtifacts"] = [artifact.fields() for artifact in self.uses]
        if self.produces:
            stated["ProducesArtifacts"] = [artifact.fields() for artifact in self.produces]
        return stated

    def encode(self, *, size_limit: int = SIZE_LIMIT) -> Encoded:
        """
        Return the event as it is sent.

        :raises OversizedEventError: it is larger than ``size_limit`` bytes
        """
        content = orjson.dumps(self.fields())
        if len(content) > size_limit:
            raise OversizedEventError(self.id, size=len(content), limit=size_limit)
        return Encoded(self.id, content)


def artifacts_of(stated: Iterable[Named], field_: str) -> tuple[Artifact, ...]:
    """
    Return artifacts, those of which only the name was stated made into some.

    :raises UnsendableError: one is neither, or cannot be; ``field`` says which: ``UsesArtifacts[1].Name``
    """
    if isinstance(stated, str):  # else its letters would be the artifacts
        stated = (stated,)
    return tuple([artifact_of(each, f"{field_}[{index}]") for index, each in enumerate(stated)])


def artifact_of(stated: object, place: str) -> Artifact:
    """Return one artifact; see `artifacts_of`."""
    name = stated.name if isinstance(stated, Artifact) else stated
    named = text(name, f"{place}.Name")
    return stated if isinstance(stated, Artifact) else Artifact(named)


def check_one_version(produces: Sequence[Artifact]) -> None:
    """
    Refuse artifacts of which one event cannot have made all.

    :raises UnsendableError: two versions of one; ``field`` says which is the second
    """
    index = other_version((artifact.name, artifact.version) for artifact in produces)
    if index is not None:
        raise UnsendableError(
            f"PEM cannot be sent: ProducesArtifacts names two versions of {produces[index].name!r}: an event makes "
            "one version of an artifact, so report the other one with an event of its own",
            field=f"ProducesArtifacts[{index}].Version",
            rule="one-version",
        )


def ids_of(stated: EventRef | Iterable[EventRef] | None) -> tuple[str, ...]:
    """
    Return the ids of the events that another one followed, each once.

    :raises UnsendableError: one of them is not an id
    """
    if stated is None:
        return ()
    several = (stated,) if isinstance(stated, Pem | UUID | str) else stated
    return tuple(dict.fromkeys(_event_id(each, "Predecessors") for each in several))


def id_of(stated: EventRef) -> str:
    """
    Return the id of an event in its one spelling: 32 hexadecimal digits.

    :raises UnsendableError: it is none
    """
    return _event_id(stated, "ID")


def _event_id(stated: object, field_: str) -> str:
    if isinstance(stated, Pem):
        return stated.id
    if isinstance(stated, UUID):
        return stated.hex
    try:
        return event_id(stated, field=field_)
    except InvalidEventError as error:
        raise UnsendableError(str(error), field=field_, rule=error.rule) from error
