"""What the lists of a service hold, typed: stored events, artifacts and tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provgraph import telling
from provgraph.client.shown import Piece, Shown, Table, changed, ending
from provgraph.joined import joined
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.client.base import JSON


@dataclass(frozen=True, slots=True)
class StoredPem(Shown):
    """An event as the service keeps it. What it says of its artifacts beyond their names is in the graph."""

    id: str
    type: str
    emitter: str
    predecessor: str | None
    occurred_at: str  # YYYY-MM-DD HH:MM:SS, UTC, on the emitter's clock
    received_at: str  # the same, on the service's
    properties: JSON
    version: str
    tag: str
    tag_namespace: str
    uses: tuple[str, ...]
    produces: tuple[str, ...]
    recorded_by: JSON | None = None  # the credential that it came with, {"id", "name"}
    changed: str | None = None  # it was changed after it was recorded: why that was accepted
    outcome: str | None = None  # failed, aborted, unknown; None: it did not say
    error: str | None = None

    @classmethod
    def read(cls, document: JSON) -> StoredPem:
        """Read one PEM."""
        recorder = document.get("RecordedBy")
        return cls(
            document["ID"],
            document["Type"],
            document["Emitter"],
            document["Predecessor"],
            document["TimestampClient"],
            document["TimestampReceived"],
            document["Properties"],
            document["Version"],
            document["Tag"],
            document["TagNamespace"],
            tuple(document["UsesArtifacts"]),
            tuple(document["ProducesArtifacts"]),
            None if recorder is None else {"id": recorder["ID"], "name": recorder["Name"]},
            document.get("Changed"),
            document.get("Outcome"),
            document.get("Error"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        told = f"{self.occurred_at} {printable(self.emitter)} {printable(self.type)}: event {self.id}{ending(self)}"
        told += changed(self.changed)
        parts = (("uses", self.uses), ("produces", self.produces))
        return told + "".join(
            f", {what} {telling.listed(printable(telling.short(name)) for name in names)}"
            for what, names in parts
            if names
        )


@dataclass(frozen=True, slots=True)
class StoredArtifact(Shown):
    """An artifact as the service keeps it."""

    name: str
    properties: JSON  # the first that were not empty
    created_at: str  # YYYY-MM-DD HH:MM:SS, UTC: when it was first seen
    changed: str | None = None  # an event that says so was changed after it was recorded: see `StoredPem`

    @classmethod
    def read(cls, document: JSON) -> StoredArtifact:
        """Read one artifact."""
        return cls(document["Name"], document["Properties"], document["CreatedAt"], document.get("Changed"))

    def brief(self) -> str:
        """See `Shown.brief`."""
        said = f" {printable(telling.described(self.properties))}" if self.properties else ""
        return f"{printable(telling.short(self.name))}{said}, first seen {self.created_at}{changed(self.changed)}"


@dataclass(frozen=True, slots=True)
class Tag(Shown):
    """A name in a namespace that marks an event."""

    namespace: str
    tag: str
    event: str
    updated_at: str  # YYYY-MM-DD HH:MM:SS, UTC
    changed: str | None = None  # the event that moved it there was changed: see `StoredPem`

    @classmethod
    def read(cls, document: JSON) -> Tag:
        """Read one tag."""
        get = document.get
        return cls(
            document["NamespaceID"],
            document["Tag"],
            document["EventID"],
            document["UpdatedAt"],
            get("Changed"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        marks = f"{printable(joined((self.namespace, self.tag)))} marks event {self.event}"
        return f"{marks}, since {self.updated_at}{changed(self.changed)}"


@dataclass(frozen=True, slots=True)
class Rows(Shown):
    """What a graph query found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def read(cls, document: JSON) -> Rows:
        """Read an answer."""
        return cls(tuple(document["columns"]), tuple([tuple(row) for row in document["rows"]]))

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        yield counted(len(self.rows), "row")
        if self.rows:
            yield Table(self.columns, self.rows)
