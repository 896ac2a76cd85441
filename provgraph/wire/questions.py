"""The answers to questions about what was reported."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from provgraph.wire.base import ABSENT, Changed, Credential, Evidence, Truth, Whole, Wire

TagOrder = Literal["arrival", "time"]
Connected = Annotated[bool | None, Field(description="null: the search was cut before it was known")]


class Node(Wire):
    """What was asked about: an artifact in one of its versions, an event or a tag."""

    kind: str
    id: str
    version: str | None = ABSENT
    event: str = Field(default=ABSENT, description="that a tag marks")
    tag_order: TagOrder = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    changed: Changed = ABSENT


class Stated(Wire):
    """What a use states of what it used."""

    digest: str = ABSENT
    kind: str = ABSENT
    properties: dict[str, Any] = ABSENT


class Contradicted(Wire):
    """A use states another digest than the version has that it means."""

    stated: str
    version: str


class Version(Wire):
    """A version of an artifact: what one event produced under its name."""

    event: str
    position: int
    produced_at: str
    label: str = ABSENT
    digest: str = ABSENT
    kind: str = ABSENT
    properties: dict[str, Any] = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class ReportedAfter(Wire):
    """An event that was recorded before one that led to it."""

    event: str
    type: str
    position: int
    seconds: float


class LedTo(Wire):
    """What a step led to, and by which artifact; null where it was named as a predecessor."""

    event: str
    artifact: str | None


class UsedArtifact(Wire):
    """An artifact that an event used, in the version that it used; null: it came from outside."""

    artifact: str
    kind: str
    version: Version | None
    stated: Stated = ABSENT
    contradicted: Contradicted = ABSENT
    out_of_order: bool = ABSENT
    named_version: str = ABSENT


class ProducedArtifact(Wire):
    """An artifact that an event produced."""

    artifact: str
    kind: str = ABSENT
    version: Version


class Step(Wire):
    """An event. One that was named and never reported is a `placeholder`, and has next to nothing."""

    event: str
    depth: int
    led_to: LedTo | None
    placeholder: bool = ABSENT
    named_by: list[Evidence] = ABSENT
    type: str = ABSENT
    emitter: str = ABSENT
    occurred_at: str = ABSENT
    recorded_at: str = ABSENT
    position: int = ABSENT
    properties: dict[str, Any] = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    used: list[UsedArtifact] = ABSENT
    produced: list[ProducedArtifact] = ABSENT
    after: list[str] = ABSENT
    reported_after: ReportedAfter = ABSENT
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class UserOfVersion(Evidence):
    """An event that used a version."""

    contradicted: Contradicted = ABSENT


class MakerOfVersion(Evidence):
    """The event that produced a version."""

    emitter: str
    type: str


class TakingPart(Wire):
    """A version that took part, with who used it and who made it."""

    artifact: str
    version: Version | None
    used_by: list[UserOfVersion]
    produced_by: MakerOfVersion = ABSENT
    named_version: str = ABSENT
    stated: Stated = ABSENT


class EmitterInvolved(Wire):
    """Who emitted events of an answer."""

    emitter: str
    events: int
    types: list[str]
    evidence: list[Evidence]


class Claim(Wire):
    """A sentence, and the events that prove it."""

    claim: str
    evidence: list[Evidence]


class GraphNode(Wire):
    """An artifact or an event (`pem`)."""

    kind: Literal["artifact", "pem"]
    id: str
    depth: int
    side: str = ABSENT
    placeholder: bool = ABSENT
    type: str = ABSENT
    emitter: str = ABSENT
    occurred_at: str = ABSENT
    recorded_at: str = ABSENT
    position: int = ABSENT
    properties: dict[str, Any] = ABSENT
    properties_left_out: int = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    reported_after: ReportedAfter = ABSENT
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class GraphEdge(Wire):
    """That an event (`source`) used or produced an artifact, or named another event as its predecessor."""

    type: Literal["USES", "PRODUCES", "PREDECESSOR"]
    source: str
    target: str
    version: str = ABSENT
    named_version: str = ABSENT
    out_of_order: bool = ABSENT
    label: str = ABSENT
    digest: str = ABSENT
    artifact_kind: str = ABSENT
    properties: dict[str, Any] = ABSENT
    properties_left_out: int = ABSENT
    stated: Stated = ABSENT
    contradicted: Contradicted = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    changed: Changed = ABSENT


class Graph(Wire):
    """Nodes and edges."""

    node: Node
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class WhyAnswer(Whole):
    """What led to something."""

    node: Node
    steps: list[Step]
    artifacts: dict[str, list[TakingPart]] = Field(description="by kind")
    emitters: list[EmitterInvolved]
    claims: list[Claim]
    text: str
    graph: Graph


class LineageAnswer(Graph):
    """What led to a node, or what it led to, as nodes and edges."""

    direction: Literal["upstream", "downstream", "both"]
    depth: int | None
    position: int
    as_of: str | None = ABSENT
    unreadable: list[int] = ABSENT
    complete: bool
    reason: str | None
    cursor: str | None


class PathStep(Wire):
    """An event on a way, and the artifact by which it led to the next one; null: that one named it."""

    event: str
    position: int | None
    by: str | None
    used: list[Evidence] = Field(
        default=ABSENT,
        description="of the first step: the events that made what it used, where these are no steps",
    )
    emitter: str = ABSENT
    type: str = ABSENT
    occurred_at: str = ABSENT
    outcome: str = ABSENT
    error: str = ABSENT
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class ImpactStart(Wire):
    """The first line."""

    kind: Literal["start"]
    node: Node
    affected: int
    position: int
    as_of: str | None
    cursor: str | None


class AffectedEvent(Wire):
    """An event that something led to, and a shortest way to it."""

    event: str
    type: str
    emitter: str
    occurred_at: str
    recorded_at: str
    position: int
    properties: dict[str, Any]
    outcome: str = ABSENT
    error: str = ABSENT
    depth: int
    produced: list[ProducedArtifact]
    path: list[PathStep]
    path_left_out: int = Field(default=ABSENT, description="steps before those of the path, where it is long")
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class ImpactEnd(Whole):
    """The last line."""

    kind: Literal["end"]
    node: Node
    affected: int
    cursor: str | None


class ImpactAnswer(Whole):
    """What came of a node, in one object."""

    items: list[AffectedEvent]
    node: Node
    affected: int
    cursor: str | None


class UseOfSource(Wire):
    """How the first event of a way used the source."""

    event: str
    artifact: str
    version: str | None
    made: Version = ABSENT
    stated: Stated = ABSENT
    contradicted: Contradicted = ABSENT
    named_version: str = ABSENT
    out_of_order: bool = ABSENT


class PathAnswer(Whole):
    """Whether one node led to another."""

    source: Node
    target: Node
    connected: Connected
    path: list[PathStep]
    used: UseOfSource | None


class ArtifactState(Wire):
    """An artifact as it was at a time. Without a version it came from outside."""

    artifact: str
    version: Version | None
    properties: dict[str, Any]
    kind: str = ABSENT
    digest: str = ABSENT
    retired: bool = ABSENT
    changed: Changed = ABSENT


class TagState(Wire):
    """The event that a tag marked at a time."""

    namespace: str
    tag: str
    event: str
    since: str
    position: int
    outcome: str = ABSENT
    error: str = ABSENT
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class StateAnswer(Whole):
    """What the platform looked like."""

    artifacts: list[ArtifactState]
    tags: list[TagState]
    tag_order: TagOrder
    cursor: str | None


class Moment(Truth):
    """One of two times that are compared."""

    tag_order: TagOrder


class ArtifactChange(Wire):
    """How an artifact differs between two times."""

    change: Literal["appeared", "changed", "disappeared"]
    artifact: str
    before: ArtifactState | None
    after: ArtifactState | None


class TagChange(Wire):
    """How a tag differs between two times."""

    change: Literal["appeared", "moved", "disappeared"]
    namespace: str
    tag: str
    before: TagState | None
    after: TagState | None


class DiffAnswer(Wire):
    """How the platform changed."""

    changes: list[ArtifactChange | TagChange]
    from_: Moment = Field(alias="from")
    to: Moment
    complete: bool
    reason: str | None
    cursor: str | None
    unreadable: list[int] = ABSENT


class _GapList(Wire):
    complete: bool
    reason: str | None
    cursor: str | None


class Unproduced(Wire):
    """An artifact that nothing produced."""

    artifact: str


class Unseen(Wire):
    """An event that was named as a predecessor and never reported."""

    event: str
    named_by: str
    times: int
    changed: Changed = ABSENT


class OddUse(Wire):
    """A use whose clock, or whose digest, disagrees with the version that it means."""

    event: str
    emitter: str
    occurred_at: str
    artifact: str
    version: Version
    seconds_early: float = ABSENT
    contradicted: Contradicted = ABSENT
    changed: Changed = ABSENT


class UnproducedList(_GapList):
    """Artifacts that were used and that nothing produced."""

    items: list[Unproduced]


class UnseenList(_GapList):
    """Events that were named and never reported."""

    items: list[Unseen]


class OddUseList(_GapList):
    """Uses that cannot be as they were reported."""

    items: list[OddUse]


class Delay(Wire):
    """How long events took to be recorded."""

    least: float
    mean: float
    greatest: float


class Outcomes(Wire):
    """How many events say that their work did not end well."""

    failed: int
    aborted: int
    unknown: int


class EmitterState(Outcomes):
    """What an emitter reported."""

    emitter: str
    events: int
    first_at: str
    last_at: str
    last_position: int
    silent: bool
    silent_seconds: float
    coverage: float
    delay_seconds: Delay
    clock_ahead_seconds: float
    changed: Changed = ABSENT


class GapsAnswer(Truth):
    """What the record lacks. With `list` it has that list alone."""

    never_produced: UnproducedList = ABSENT
    unseen_predecessors: UnseenList = ABSENT
    out_of_order: OddUseList = ABSENT
    contradicted: OddUseList = ABSENT
    emitters: list[EmitterState] = ABSENT
    outcomes: Outcomes = ABSENT


class CypherBody(Wire):
    """A query."""

    query: Annotated[str, Field(max_length=100_000)]
    parameters: dict[str, Any] = Field(
        default=ABSENT, description="values for the query's `$names`; never query text"
    )


class CypherAnswer(Wire):
    """The rows, each a list with a value for each column."""

    columns: list[str]
    rows: list[list[Any]]
    row_count: int
