"""
The graph store: a provenance graph projected from the log, and disposable.

The same shape in every store::

    (PEM)-[:USES]->(Artifact)          (PEM)-[:PRODUCES]->(Artifact)      (PEM)-[:PREDECESSOR]->(PEM)
    (PEM)-[:INFORMED_BY {artifact}]->(PEM)    resolved: the event whose version of the artifact was used
    (PEM)-[:EMITTED_BY]->(Emitter)     (Tag)-[:MARKS]->(PEM)

Exact lineage is reachability over event-to-event edges (INFORMED_BY and PREDECESSOR).

How a use finds its version: the latest production of the artifact before the using event in the order of the
emitters' clocks (see `provgraph.events.clock`); if there are only later ones, the earliest of them, which makes the
use *out of order*; if there is none, the artifact came from outside. A use that names a version considers only the
productions with that label, or the production by the event with that id. The result depends on the set of events
alone, not on the order of their arrival. An event that uses and produces an artifact never uses its own version: when
that is the earliest one, what it used came from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provgraph.graphstore.projection import GraphBatch


class Checkpoint(NamedTuple):
    """How far a graph has followed the log. The empty epoch means: nothing of any log yet."""

    epoch: str = ""
    position: int = 0


class GraphCounts(NamedTuple):
    """How many nodes a graph holds."""

    pems: int  # without placeholders
    artifacts: int
    placeholders: int  # PEMs that were only named so far, as predecessors


class UseFacts(NamedTuple):
    """A USES edge with what it was resolved to."""

    artifact: str
    version: str | None  # the label that the event stated
    producer: str | None  # id of the event whose version was used; None: from outside


class ProductionFacts(NamedTuple):
    """A PRODUCES edge."""

    artifact: str
    version: str | None
    digest: str | None
    kind: str | None


class PemFacts(NamedTuple):
    """Everything a graph holds about one PEM; sequences are sorted."""

    id: str
    type: str
    emitter: str
    properties: str
    timestamp_client: str
    occurred_us: int
    position: int
    predecessors: tuple[str, ...]
    uses: tuple[UseFacts, ...]
    produces: tuple[ProductionFacts, ...]


class ArtifactFacts(NamedTuple):
    """Everything a graph holds about one artifact node."""

    name: str
    properties: str
    created_at: str


class TagFacts(NamedTuple):
    """A tag and the PEM it marks."""

    namespace: str
    tag: str
    pem_id: str


@dataclass(frozen=True, slots=True)
class Corrections:
    """What makes a graph right: each item as it should be, or the name of one that should not be there."""

    pems: list[PemFacts] = field(default_factory=list)
    surplus_pems: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)
    surplus_placeholders: list[str] = field(default_factory=list)
    artifacts: list[ArtifactFacts] = field(default_factory=list)
    surplus_artifacts: list[str] = field(default_factory=list)
    tags: list[TagFacts] = field(default_factory=list)
    surplus_tags: list[TagFacts] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many items there are."""
        right = len(self.pems) + len(self.placeholders) + len(self.artifacts) + len(self.tags)
        surplus = len(self.surplus_pems) + len(self.surplus_placeholders)
        return right + surplus + len(self.surplus_artifacts) + len(self.surplus_tags)


class Direction(StrEnum):
    """Which way lineage is followed: towards the causes, or towards the effects."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class WalkStart(NamedTuple):
    """
    Where a walk begins: at an event, or at an artifact.

    From an artifact upstream, ``pem_ids`` are the events that produced the versions to explain; downstream they are
    the versions whose users to find, and ``outside`` adds the uses that no version explains. Upstream, ``latest``
    stands for the latest version at the moment of the walk.
    """

    pem_ids: tuple[str, ...]
    artifact: str | None = None  # None: at the events themselves
    outside: bool = False
    latest: bool = False


class WalkQuery(NamedTuple):
    """A breadth-first walk over events."""

    start: WalkStart
    direction: Direction
    depth: int | None  # how many events to walk over; None: all
    max_nodes: int  # stop when so many nodes (events and artifacts) are found
    known_at: int | None = None  # leave out events behind this log position


# An event that a walk reached: id, depth, type, emitter, occurred_us, log position. In a placeholder all behind the
# depth are None. (Plain tuples: an answer is made of thousands of them, and they are the hot path.)
WalkedPem = tuple[str, int, str | None, str | None, int | None, int | None]

# An edge that a walk followed: id of the event, the artifact it used, id of the event whose version that was (None: it
# came from outside, or no version is what the event named), whether the use is out of order, and the version that the
# event named ("" when it named none).
WalkedUse = tuple[str, str, str | None, bool, str]


class Walk(NamedTuple):
    """What a walk found, in the order it was found: nearest first, each event once."""

    checkpoint: Checkpoint
    pems: list[WalkedPem]
    uses: list[WalkedUse]
    produces: list[tuple[str, str]]  # event id, artifact
    predecessors: list[tuple[str, str]]  # event id, id of the event before it
    cut_by: str | None  # "limit" or "depth" when there is more behind what was found
    start: tuple[str, ...]  # the events that the walk began at, as `WalkStart.pem_ids`


class GraphDigest(NamedTuple):
    """
    Digests of a graph's content, hex.

    ``lineage`` covers what depends on the set of events alone: equal for any order of arrival. ``content`` covers
    everything, also positions, tags and what was recorded first: equal for graphs of the same log.
    """

    lineage: str
    content: str


class GraphReader(Protocol):
    """What a lineage question asks of a graph. Safe to use from several threads."""

    def has_pem(self, pem_id: str) -> bool:
        """Tell whether the graph has this event, be it as a placeholder."""

    def has_artifact(self, name: str) -> bool:
        """Tell whether the graph has this artifact."""

    def versions(self, artifact: str, *, version: str | None = None, limit: int | None = None) -> list[str]:
        """
        Return the ids of the events that produced an artifact, the latest on the emitters' clocks first.

        :param version: only those with this label, or the event with this id
        :param limit: no more than so many
        """

    def walk(self, query: WalkQuery) -> Walk:
        """Follow lineage breadth first, visiting each event once: cycles and diamonds cost nothing."""

    def resolutions_changed_at(self) -> int:
        """
        Return the log position of the last late event.

        Late is an event that changed what the graph said of older ones: one of their uses was resolved to another
        version, or the event was a placeholder before.
        """


class GraphStore(GraphReader, Protocol):
    """
    A provenance graph that follows a log.

    Many threads may read; one projector writes.
    """

    def checkpoint(self) -> Checkpoint:
        """Return how far the graph has followed the log."""

    def apply(self, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint) -> None:
        """
        Apply a batch and move the checkpoint from ``expected`` to ``to``, in one transaction.

        :raises CheckpointMismatchError: the graph is elsewhere; nothing was changed
        :raises StoreError: the store cannot be written; nothing was changed
        """

    def mend(self, corrections: Corrections, *, expected: Checkpoint) -> None:
        """
        Put items right, in one transaction; nothing else changes, the checkpoint neither.

        A PEM is made or replaced with all its edges. What a surplus item was connected with has to be corrected too.

        :raises CheckpointMismatchError: the graph is elsewhere; nothing was changed
        :raises StoreError: the store cannot be written; nothing was changed
        """

    def clear(self, *, covers: int = 0) -> None:
        """Remove everything, the checkpoint too, and note what `covers` is to say; all in one transaction."""

    def covers(self) -> int:
        """
        Return the log position up to which requests for a rebuild are met by the graph that is served.

        It was built from the log alone, and begun behind that position; 0 when it never was.
        """

    def counts(self) -> GraphCounts:
        """Return how many nodes there are."""

    def brief(self) -> GraphReader | None:
        """
        Return a reader for a caller that cannot wait, or None when this store has to be waited for.

        It answers within a few milliseconds or raises `TakesLongerError`; then ask the store itself.
        """

    def pems(self) -> Iterator[PemFacts]:
        """Yield every PEM that is not a placeholder, ordered by id."""

    def artifacts(self) -> Iterator[ArtifactFacts]:
        """Yield every artifact, ordered by name (by code points)."""

    def tags(self) -> Iterator[TagFacts]:
        """Yield every tag, ordered by namespace and tag."""

    def placeholders(self) -> Iterator[str]:
        """Yield the ids of the placeholders, ordered."""

    def unconnected_artifacts(self) -> list[str]:
        """Return the names of artifacts that no PEM in the graph uses or produces, ordered."""

    def digest(self) -> GraphDigest:
        """Return digests of the whole content."""

    def cypher(self, query: str, parameters: Mapping[str, object], *, write: bool) -> CypherResult:
        """
        Run a Cypher query.

        :param write: whether the query may change the graph
        :raises UnsupportedQueryError: this store cannot run it; the text says what to configure
        :raises ForbiddenError: it would write and may not
        """

    def next_generation(self) -> GraphStore:
        """
        Return the store that is being built beside the served one, beginning it when there is none.

        It is kept across restarts, so an interrupted rebuild goes on where it was.
        """

    def has_next_generation(self) -> bool:
        """Tell whether a rebuild was begun and not finished."""

    def next_checkpoint(self) -> Checkpoint | None:
        """Return how far the next generation has followed the log, or None when there is none."""

    def switch(self, *, covers: int = 0) -> None:
        """Serve the next generation from now on, with what its `covers` is to say, and drop the one before."""

    def drop_next_generation(self) -> None:
        """Give up a rebuild."""

    def probe(self) -> None:
        """
        Prove that the store can be read.

        :raises StoreError: it cannot
        """

    def close(self) -> None:
        """Release files and connections."""


class CypherResult(NamedTuple):
    """The rows of a Cypher query."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
