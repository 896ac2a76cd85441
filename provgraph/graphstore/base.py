"""
The graph store: a provenance graph projected from the log, and disposable.

The same shape in every store::

    (PEM)-[:USES]->(Artifact)          (PEM)-[:PRODUCES]->(Artifact)      (PEM)-[:PREDECESSOR]->(PEM)
    (PEM)-[:INFORMED_BY {artifact}]->(PEM)    resolved: the event whose version of the artifact was used
    (PEM)-[:EMITTED_BY]->(Emitter)     (Tag)-[:MARKS]->(PEM)

Exact lineage is reachability over event-to-event edges (INFORMED_BY and PREDECESSOR).

How a use finds its version: the latest production of the artifact before the using event in the order of the emitters'
clocks (see `provgraph.events.clock`, and for events of one moment `provgraph.graphstore.groups`); if there are only
later ones, the earliest of them, which makes the use *out of order*; if there is none, the artifact came from outside.
A use that names a version considers only the productions with that label, or the production by the event with that id.
The result depends on the set of events alone, not on the order of their arrival. An event that uses and produces an
artifact never uses its own version: when that is the earliest one, what it used came from outside.
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


class Followed(NamedTuple):
    """How far a graph has followed the log, and what stood there: a witness of how far the log went."""

    checkpoint: Checkpoint
    digest: str  # of the log's event at the checkpoint, hex; empty where nobody said


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
    properties: str = "{}"  # JSON text of an object: what the event said of what it used
    digest: str | None = None  # that it stated of what it used, as the kind
    kind: str | None = None

    @property
    def says(self) -> bool:
        """Whether the event said anything of what it used."""
        return self.properties != "{}" or self.digest is not None or self.kind is not None


class ProductionFacts(NamedTuple):
    """A PRODUCES edge."""

    artifact: str
    version: str | None
    digest: str | None
    kind: str | None
    properties: str = "{}"  # JSON text of an object: what the event said of this version


class PemFacts(NamedTuple):
    """
    Everything a graph holds about one PEM; sequences are sorted.

    How its work ended stands in the graph, beside the rest, and is not looked up in the log when an answer is made:
    a walk reads it in the same look at the same moment, `gaps` counts it for any view, and users' own queries find it.
    Of an event that states nothing no store keeps more for it than that: on Neo4j a property that is not there, in the
    embedded store two bytes. Of a long error all have the beginning (`provgraph.families.pem.events.LONGEST_ERROR`).
    """

    id: str
    type: str
    emitter: str
    properties: str
    timestamp_client: str
    occurred_us: int
    position: int
    recorded_us: int
    predecessors: tuple[str, ...]
    uses: tuple[UseFacts, ...]
    produces: tuple[ProductionFacts, ...]
    outcome: str | None = None  # an `Outcome`; None: nothing was stated
    error: str | None = None
    rank: int = 0  # its place among the events with the same occurred_us: see `provgraph.graphstore.groups`
    late: int = (
        0  # log position of the last of its predecessors among these that was recorded after it; 0: none
    )


class ArtifactFacts(NamedTuple):
    """Everything a graph holds about one artifact node."""

    name: str
    properties: str
    created_at: str
    since_us: int  # the earliest on the emitters' clocks that an event named it
    since: int  # log position of the first event that named it
    described: int  # log position of the event that gave the properties; 0: none did


class TagFacts(NamedTuple):
    """That a tag was put on a PEM. The last one in the log says where the tag is now; those before are its history."""

    namespace: str
    tag: str
    pem_id: str
    moved_us: int  # when, on the emitter's clock; of a tag that was set by hand, on the log's
    position: int


class Flaw(NamedTuple):
    """
    Something wrong in how a graph keeps what it holds, which its facts do not tell.

    That is what users' own queries see, or what later events are resolved by.
    """

    what: str  # "PEM", "placeholder", "artifact": to be put as it should be; anything else the store repairs by itself
    name: str  # id or name
    details: str  # what is wrong with it
    key: str = ""  # what the store finds it by


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
    flaws: list[Flaw] = field(default_factory=list)  # those that the store mends by itself

    @property
    def count(self) -> int:
        """How many items there are."""
        right = len(self.pems) + len(self.placeholders) + len(self.artifacts) + len(self.tags)
        surplus = len(self.surplus_pems) + len(self.surplus_placeholders)
        return right + surplus + len(self.surplus_artifacts) + len(self.surplus_tags) + len(self.flaws)


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


# An event that a walk reached: id, depth, type, emitter, occurred_us, log position, outcome, error. In a placeholder
# all after the depth are None. (Plain tuples: an answer is made of thousands of them, and they are the hot path.)
WalkedPem = tuple[str, int, str | None, str | None, int | None, int | None, str | None, str | None]

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
    cut_by: str | None  # "limit" or "depth" when there is more beyond what was found
    start: tuple[str, ...]  # the events that the walk began at, as `WalkStart.pem_ids`


class GraphDigest(NamedTuple):
    """
    Digests of a graph's content, hex.

    ``lineage`` covers what depends on the set of events alone: equal for any order of arrival. ``content`` covers
    everything, also positions, tags and what was recorded first: equal for graphs of the same log.
    """

    lineage: str
    content: str


class View(NamedTuple):
    """
    Which events a question about the past counts: those recorded up to a log position and, if stated, up to a time.

    What a graph of these events alone would say is the answer, wherever it is asked.
    """

    position: int
    as_of_us: int | None = None  # on the emitters' clocks

    def holds(self, occurred_us: int, position: int) -> bool:
        """Tell whether an event counts."""
        return position <= self.position and (self.as_of_us is None or occurred_us <= self.as_of_us)


class Moment(NamedTuple):
    """A place in the order on the emitters' clocks."""

    occurred_us: int
    rank: int
    event_id: str


class Effect(NamedTuple):
    """An edge from an event to one that it led to."""

    cause_id: str | None  # None: a use that no version explains
    event_id: str
    occurred_us: int  # of the event that it led to, as is the position
    position: int
    artifact: str | None  # what that one used; None: it named the event as its predecessor
    version: str | None  # the version that it named


class Link(NamedTuple):
    """That an event names another one of its own moment as its predecessor."""

    event_id: str
    named: str
    rank: int  # of the one that it names, in the whole graph


class Production(NamedTuple):
    """That an event produced an artifact."""

    event_id: str
    occurred_us: int
    position: int
    version: str | None
    digest: str | None
    kind: str | None
    properties: str
    outcome: str | None = None  # of the event, as its error
    error: str | None = None
    rank: int = 0  # of the event, in the whole graph

    @property
    def moment(self) -> Moment:
        """Where it stands in the order on the emitters' clocks."""
        return Moment(self.occurred_us, self.rank, self.event_id)


class ArtifactState(NamedTuple):
    """An artifact as a view shows it."""

    name: str
    properties: (
        str  # of its latest version; from outside: of the latest use that gives some, "{}" if none does
    )
    production: Production | None  # the latest; None: it came from outside
    digest: str | None = None  # from outside: of the latest use that states one, as the kind; else None
    kind: str | None = None


class EmitterState(NamedTuple):
    """What a view shows of an emitter."""

    name: str
    events: int
    connected: int  # those of its events that name an artifact or a predecessor
    first_us: int  # its earliest and latest event on its own clock
    last_us: int
    last_position: int
    least_delay_us: (
        int  # between its clock and the log's when an event was recorded; negative: its clock is ahead
    )
    greatest_delay_us: int
    sum_of_delays_us: int
    failed: int = 0  # those of its events that say so, as with the next two
    aborted: int = 0
    unknown: int = 0


class Unseen(NamedTuple):
    """An event that others named as their predecessor and that is not among those that count."""

    event_id: str
    named_by: str  # one of the events that name it: the first by id
    times: int
    position: int  # of the event that names it


class Mismatch(NamedTuple):
    """A use whose version lies behind it, or is not among those that count: what it means there is to be found out."""

    event_id: str
    occurred_us: int
    emitter: str
    artifact: str
    version: str | None  # that it named
    cause: Production
    rank: int = 0  # of the event, in the whole graph


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


class HistoryReader(GraphReader, Protocol):
    """
    What questions about the past ask of a graph.

    Answers tell of the whole graph unless they take a `View`. Several of them are one picture when they are read
    through one view: nothing changes among the events up to a log position.
    """

    def checkpoint(self) -> Checkpoint:
        """Return how far the graph has followed the log."""

    def events(self, ids: Sequence[str]) -> list[PemFacts]:
        """Return what is known of events, in any order; nothing of those that are not there or only named so far."""

    def effects(
        self,
        ids: Sequence[str],
        *,
        view: View,
        artifact: str | None = None,
        named: bool = False,
        limit: int,
    ) -> list[Effect]:
        """
        Return the edges that lead from events to those of a view, by the times and then the ids of the latter.

        Those to one event are ordered by artifact, version and cause; the first are those that have none. A use leads
        from the event whose version it has in the whole graph, be that one in the view or not.

        :param artifact: only uses of this artifact
        :param named: only where one event named the other as its predecessor
        """

    def users(self, artifact: str, *, view: View, limit: int) -> list[Effect]:
        """
        Return the uses of an artifact by a view's events, whatever the version.

        They come by the users' times and ids, then by version.
        """

    def taken(self, ids: Sequence[str], *, view: View, artifact: str | None = None) -> list[Effect]:
        """
        Return the uses that mean versions of these events in a view, and ones recorded behind it in the whole graph.

        ``cause_id`` is the event asked for. They come in any order. Those that name a version with the text of an
        event's id may mean another one: that is for the caller to find out.

        :param artifact: only uses of this artifact
        """

    def names(self, view: View, artifact: str) -> bool:
        """Tell whether an event of a view uses or produces an artifact."""

    def productions(
        self,
        artifact: str,
        *,
        version: str | None = None,
        before: Moment | None = None,
        after: Moment | None = None,
        newest_first: bool = True,
        limit: int,
    ) -> list[Production]:
        """
        Return who produced an artifact, in the order of moments, as the whole graph has it.

        :param version: only those with this label
        :param before: only what lies before this moment
        :param after: only what lies behind this moment
        """

    def artifact_states(self, view: View, *, after: str, limit: int) -> list[ArtifactState]:
        """Return the artifacts that the events of a view name, ordered by name (by code points), behind ``after``."""

    def tag_states(self, view: View, *, after: tuple[str, str], limit: int) -> list[TagFacts]:
        """
        Return where each tag is, ordered by namespace and tag, behind ``after``.

        Without a time the last move in the log counts; at a time the latest up to it, and among equals the last in
        the log.
        """

    def emitter_states(self, view: View) -> list[EmitterState]:
        """Return what each emitter of a view's events did, ordered by name."""

    def unseen(self, view: View, *, after: str, limit: int) -> list[Unseen]:
        """Return the events that a view's events name and that are not among them, ordered by id."""

    def mismatches(
        self, view: View, *, after: tuple[str, str, str], limit: int, unsettled: Sequence[str] = ()
    ) -> list[Mismatch]:
        """
        Return the uses of a view's events whose version lies behind them or is not in the view.

        :param after: id of the event, artifact and version named ("" for none) behind which to go on, in this order
        :param unsettled: events whose uses, and the uses of whose versions, are to be returned as well
        """

    def doubtful_digests(
        self, view: View, *, after: tuple[str, str, str], limit: int, is_unsettled: bool = False
    ) -> list[tuple[str, str, str]]:
        """
        Return the uses of a view's events that state another digest than their version has, or may do so.

        Each is the id of the event, the artifact and the version named ("" for none), in this order. What a use means
        in the whole graph and is not in the view may be another version there: that is for the caller to find out.

        :param after: the use after which to continue
        :param is_unsettled: events of the view may stand in another order: return all uses that state a digest
        """

    def unsettled(self, view: View) -> list[str]:
        """
        Return the events of a view that may stand elsewhere in the order of its events than in the whole graph's.

        These name a predecessor of their own moment that was recorded behind the view, or come after such an event
        in its moment. Nobody else's place depends on what is not in the view.
        """

    def links(self, ids: Sequence[str], view: View) -> list[Link]:
        """Return which predecessors of their own moment events name, among the events of a view."""


class GraphStore(HistoryReader, Protocol):
    """
    A provenance graph that follows a log.

    Many threads may read; one projector writes.
    """

    def apply(self, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str = "") -> None:
        """
        Apply a batch and move the checkpoint from ``expected`` to ``to``, in one transaction.

        :param digest: what `followed` is to say

        :raises CheckpointMismatchError: the graph is elsewhere; nothing was changed
        :raises StoreError: the store cannot be written; nothing was changed
        """

    def end_other_writers(self) -> None:
        """
        End what others were about to write: for one who takes over from a projector that may only be stopped.

        It keeps what it has locked until then. When it wakes up, it finds the graph elsewhere.

        :raises StoreError: the store cannot be written
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

    def followed(self) -> Followed:
        """Return how far the graph has followed the log, and the digest that was there."""

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
        """
        Yield every PEM that is not a placeholder, ordered by id.

        A fact that somebody made unreadable comes as one that no event states.
        """

    def artifacts(self) -> Iterator[ArtifactFacts]:
        """Yield every artifact, ordered by name (by code points)."""

    def tags(self) -> Iterator[TagFacts]:
        """Yield every move of every tag, ordered by namespace, tag and log position."""

    def placeholders(self) -> Iterator[str]:
        """Yield the ids of the placeholders, ordered."""

    def flaws(self, *, like: GraphReader | None = None) -> Iterator[Flaw]:
        """
        Yield what is wrong although facts do not tell.

        While events are being applied, some of it may be on its way only.

        :param like: a graph that was replayed from the same log: a store of its kind compares what it keeps with that
        """

    def unconnected_artifacts(self) -> list[str]:
        """Return the names of artifacts that no PEM in the graph uses or produces, ordered."""

    def digest(self) -> GraphDigest:
        """Return digests of the whole content."""

    def made_by_hand(self) -> list[str]:
        """
        Return what of the graph nobody reported: nodes that somebody made with the store's own tools.

        :returns: their labels and names, the first hundred of them
        """

    def remove_made_by_hand(self) -> list[str]:
        """Remove those nodes, all of them, and return what `made_by_hand` did."""

    @property
    def reads_all_of_cypher(self) -> bool:
        """Whether `cypher` takes more than the subset that every store answers."""

    def cypher(self, query: str, parameters: Mapping[str, object]) -> CypherResult:
        """
        Run a Cypher query that reads.

        :raises UnsupportedQueryError: it would write, or this store cannot run it: then the text says what to configure
        :raises InvalidInputError: it is not Cypher, or takes more than it may
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

    def stored_bytes(self) -> int | None:
        """Return how much room the graph takes, with a next generation; None where that cannot be known."""

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
