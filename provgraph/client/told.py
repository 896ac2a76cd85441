"""
The answers to the questions, typed.

Each keeps the JSON it was read from as ``document``: docs/architecture.md describes every member. Times are aware, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provgraph import telling
from provgraph.client.answers import typed
from provgraph.client.shown import Block, Piece, Shown, Table, changed, ending, more, place, truth
from provgraph.client.traced import doubts
from provgraph.joined import joined
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provgraph.client.base import JSON


@dataclass(frozen=True, slots=True)
class Version(Shown):
    """A version of an artifact: what one event produced under its name."""

    event: str
    position: int  # of the event in the log
    produced_at: datetime  # on the emitter's clock
    label: str | None
    digest: str | None
    kind: str | None
    properties: JSON
    outcome: str | None = None  # of the event: failed, aborted, unknown; None: it did not say
    error: str | None = None
    changed: JSON | None = (
        None  # the event was changed after it was recorded: {"reason", ...} why that was accepted
    )

    @classmethod
    def read(cls, document: JSON) -> Version:
        """Read a version."""
        get = document.get
        return cls(
            document["event"],
            document["position"],
            datetime.fromisoformat(document["produced_at"]),
            get("label"),
            get("digest"),
            get("kind"),
            get("properties") or {},
            get("outcome"),
            get("error"),
            get("changed"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        label = "" if self.label is None else f"{printable(telling.short(self.label))}, "
        return f"{label}{place(self.event, self.position)}{ending(self)}{changed(self.changed)}"


@dataclass(frozen=True, slots=True)
class Part(Shown):
    """An artifact that took part in something, in one of its versions."""

    artifact: str
    kind: str | None
    version: Version | None  # None: it came from outside
    out_of_order: bool = False  # no version was made before this use, by the emitters' clocks
    stated: JSON | None = (
        None  # what the use states of it: {"digest", "kind", "properties"}, as far as it does
    )
    contradicted: JSON | None = (
        None  # it states another digest: {"stated": its own, "version": of the version}
    )

    @classmethod
    def read(cls, document: JSON) -> Part:
        """Read a part."""
        get = document.get
        doubt, said = bool(get("out_of_order")), (get("stated"), get("contradicted"))
        return cls(document["artifact"], get("kind"), _version(document), doubt, *said)

    def brief(self) -> str:
        """See `Shown.brief`."""
        made = _outside(self.stated or {}) if self.version is None else self.version.brief()
        doubt = ", out of order" if self.out_of_order else ""
        if but := telling.contradicted({"contradicted": self.contradicted}):
            doubt += f"; but {printable(but)}"
        if self.version is not None:
            doubt += _also(self.stated, self.version, self.kind)
        return f"{printable(telling.short(self.artifact))} ({made}{doubt})"


@dataclass(frozen=True, slots=True)
class Step(Shown):
    """An event of an answer, with what it used and produced."""

    event: str
    depth: int  # how many events away from where it began, from 1
    placeholder: bool  # named as a predecessor, never reported: the rest is empty then
    type: str
    emitter: str
    occurred_at: datetime | None
    recorded_at: datetime | None
    position: int
    properties: JSON
    used: tuple[Part, ...]
    produced: tuple[Part, ...]
    after: tuple[str, ...]  # its predecessors' ids
    # Of an impact: a shortest way to it, {"event", "position", "by", "outcome", "error", "changed"}; in the first one
    # ``used``, the events that made what it used.
    path: tuple[JSON, ...]
    recorded_by: JSON | None  # the credential that it came with, {"id", "name"}
    document: JSON = field(repr=False)
    outcome: str | None = None  # failed, aborted, unknown; None: it did not say
    error: str | None = None
    reported_after: JSON | None = None  # of a step that was reported later than what it led to, see docs
    changed: JSON | None = None  # it was changed after it was recorded: {"reason", ...} why that was accepted

    @classmethod
    def read(cls, document: JSON) -> Step:
        """Read a step of ``why`` or ``impact``."""
        get = document.get
        return cls(
            document["event"],
            document["depth"],
            bool(get("placeholder")),
            get("type", ""),
            get("emitter", ""),
            _moment(get("occurred_at")),
            _moment(get("recorded_at")),
            get("position", 0),
            get("properties") or {},
            _each(Part.read, get("used", ())),
            _each(Part.read, get("produced", ())),
            tuple(get("after", ())),
            tuple(get("path", ())),
            get("recorded_by"),
            document,
            get("outcome"),
            get("error"),
            get("reported_after"),
            get("changed"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        if self.placeholder:
            return f"event {self.event}, named by others and never reported"
        told = (_time(self.occurred_at), printable(self.emitter), printable(self.type))
        what = " ".join(each for each in told if each)
        return f"{what}: {place(self.event, self.position)}{ending(self)}{changed(self.changed)}"

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        yield self.brief()
        parts = (("used", self.used), ("produced", self.produced))
        yield Table((), [(what, part) for what, several in parts for part in several])


@dataclass(frozen=True, slots=True)
class Claim(Shown):
    """A sentence of an answer, and the events that prove it."""

    claim: str
    evidence: tuple[JSON, ...]  # {"event", "position"}

    def brief(self) -> str:
        """See `Shown.brief`."""
        return printable(self.claim)


@dataclass(frozen=True, slots=True)
class Why(Shown):
    """What led to something: steps, nearest first, and the same in sentences."""

    node: JSON
    steps: tuple[Step, ...]
    artifacts: dict[str, tuple[Part, ...]]  # by kind: model, data, source, artifact, ...
    claims: tuple[Claim, ...]
    text: str
    position: int  # the log position the answer is true for
    complete: bool
    reason: str | None
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> Why:
        """Read an answer."""
        return cls(
            document["node"],
            _each(Step.read, document["steps"]),
            {kind: _each(Part.read, parts) for kind, parts in document["artifacts"].items()},
            tuple(Claim(each["claim"], tuple(each["evidence"])) for each in document["claims"]),
            document["text"],
            document["position"],
            document["complete"],
            document["reason"],
            document,
        )

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        return (Block(self.text.splitlines()),)


@dataclass(frozen=True, slots=True)
class ArtifactState(Shown):
    """An artifact as it stood at a time."""

    artifact: str
    version: Version | None  # the latest; None: it came from outside
    properties: JSON
    kind: str | None = (
        None  # model, data, source, ...; in a difference, of what came from outside, as it was stated
    )
    digest: str | None = None  # of what came from outside, as the latest use that states one has it

    @classmethod
    def read(cls, document: JSON) -> ArtifactState:
        """Read an artifact of a state."""
        said = document["properties"], document.get("kind"), document.get("digest")
        return cls(document["artifact"], _version(document), *said)

    def brief(self) -> str:
        """See `Shown.brief`."""
        made = _outside({"digest": self.digest}) if self.version is None else self.version.brief()
        said = f" {printable(telling.described(self.properties))}" if self.properties else ""
        return f"{printable(telling.short(self.artifact))} ({made}){said}"


@dataclass(frozen=True, slots=True)
class TagState(Shown):
    """What a tag marked at a time."""

    namespace: str
    tag: str
    event: str
    since: datetime
    position: int
    outcome: str | None = None  # of the event, as its error
    error: str | None = None
    changed: JSON | None = None  # what moved it was changed after it was recorded: {"reason", ...}

    @classmethod
    def read(cls, document: JSON) -> TagState:
        """Read a tag of a state."""
        since = datetime.fromisoformat(document["since"])
        ended = document.get("outcome"), document.get("error")
        named = document["namespace"], document["tag"], document["event"]
        return cls(*named, since, document["position"], *ended, document.get("changed"))

    def brief(self) -> str:
        """See `Shown.brief`."""
        named = printable(joined((self.namespace, self.tag)))
        event = f"{place(self.event, self.position)}{ending(self)}{changed(self.changed)}"
        return f"{named} marks {event}, since {_time(self.since)}"


@dataclass(frozen=True, slots=True)
class State(Shown):
    """A page of what the platform looked like: artifacts by name, then tags."""

    artifacts: tuple[ArtifactState, ...]
    tags: tuple[TagState, ...]
    position: int
    as_of: datetime | None
    complete: bool
    cursor: str | None
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> State:
        """Read a page."""
        return cls(
            _each(ArtifactState.read, document["artifacts"]),
            _each(TagState.read, document["tags"]),
            document["position"],
            _moment(document["as_of"]),
            document["complete"],
            document["cursor"],
            document,
        )

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        shown = len(self.artifacts), len(self.tags)
        found = telling.artifacts_and_tags(*shown, are_tags_left=not self.complete)
        yield f"{found}, {truth(self.position, self.as_of)}"
        if self.artifacts:
            yield Table(
                ("Artifact", "Version", "Properties"),
                [
                    (each.artifact, each.version or _outside({"digest": each.digest}), each.properties)
                    for each in self.artifacts
                ],
            )
        if self.tags:
            yield Table(
                ("Tag", "Marks event", "Since"),
                [
                    (
                        joined((each.namespace, each.tag)),
                        f"{each.event}{ending(each)}{changed(each.changed)}",
                        each.since,
                    )
                    for each in self.tags
                ],
            )
        if not self.complete:
            yield more(self.cursor)


@dataclass(frozen=True, slots=True)
class Change(Shown):
    """How an artifact or a tag differs between two times."""

    change: str  # appeared, changed (an artifact), moved (a tag), disappeared
    name: str  # of the artifact, or NAMESPACE/TAG, where a ``/`` within either is ``%2F`` and a ``%`` is ``%25``
    before: ArtifactState | TagState | None
    after: ArtifactState | TagState | None

    @classmethod
    def read(cls, document: JSON) -> Change:
        """Read a change."""
        is_tag = "tag" in document
        name = joined((document["namespace"], document["tag"])) if is_tag else document["artifact"]
        read: Callable[[JSON], ArtifactState | TagState] = TagState.read if is_tag else ArtifactState.read
        before, after = document["before"], document["after"]
        return cls(document["change"], name, before and read(before), after and read(after))

    def brief(self) -> str:
        """See `Shown.brief`."""
        return f"{self.change} {printable(telling.short(self.name))}"

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        yield self.brief()
        yield Table((), [("before", self.before), ("after", self.after)])


@dataclass(frozen=True, slots=True)
class Diff(Shown):
    """A page of what changed between two times."""

    changes: tuple[Change, ...]
    complete: bool
    reason: str | None
    cursor: str | None
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> Diff:
        """Read a page."""
        changes = _each(Change.read, document["changes"])
        return cls(changes, document["complete"], document["reason"], document["cursor"], document)

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        yield counted(len(self.changes), "change")
        if self.changes:
            yield Table(
                ("Change", "What", "Before", "After"),
                [(each.change, each.name, each.before, each.after) for each in self.changes],
            )
        if not self.complete:
            yield more(self.cursor, self.reason)


@dataclass(frozen=True, slots=True)
class Route(Shown):
    """Whether one node led to another, and the shortest evidence."""

    connected: bool | None  # None: the search was cut before it was known
    path: tuple[JSON, ...]  # {"event", "position", "by", "emitter", "type"}, from the source to the target
    position: int
    complete: bool
    reason: str | None
    document: JSON = field(repr=False)
    made: Version | None = None  # what was used of the source; None: that is an event, or came from outside
    stated: JSON | None = None  # what the use of the source states of it, as in `Part`
    contradicted: JSON | None = None  # see `Part`

    @classmethod
    def read(cls, document: JSON) -> Route:
        """Read an answer."""
        get = document.get
        used = get("used") or {}
        return cls(
            document["connected"],
            tuple(document["path"]),
            document["position"],
            document["complete"],
            get("reason"),
            document,
            Version.read(used["made"]) if used.get("made") else None,
            used.get("stated"),
            used.get("contradicted"),
        )

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        answer = {True: "Yes", False: "No", None: "Not known"}[self.connected]
        yield f"{answer}, {truth(self.position)}"
        if self.made is not None:
            but = telling.contradicted({"contradicted": self.contradicted})
            yield (
                f"It used {self.made.brief()}"
                + (f"; but {printable(but)}" if but else "")
                + _also(self.stated, self.made, self.made.kind)
            )
        if self.path:
            rows = [
                [*(each.get(name) for name in ("event", "type", "emitter", "by")), doubts(each)]
                for each in self.path
            ]
            columns = ["Event", "Type", "Emitter", "By", "Which"]
            most = len(columns) - (not any(row[-1] for row in rows))
            yield Table(columns[:most], [row[:most] for row in rows])
        if not self.complete:
            yield more(None, self.reason)


@dataclass(frozen=True, slots=True)
class Gaps(Shown):
    """What the record lacks. A list that was not asked for is empty."""

    never_produced: tuple[JSON, ...]  # {"artifact"}
    unseen_predecessors: tuple[JSON, ...]  # {"event", "named_by", "times"}
    out_of_order: tuple[
        JSON, ...
    ]  # {"event", "emitter", "occurred_at", "artifact", "version", "seconds_early"}
    emitters: tuple[JSON, ...]  # {"emitter", "events", "silent", "coverage", "failed", ...}
    cursors: dict[str, str]  # of the lists that were cut, by name
    position: int
    document: JSON = field(repr=False)
    outcomes: dict[str, int] = field(
        default_factory=dict
    )  # how many events say failed, aborted, or something unknown
    contradicted: tuple[
        JSON, ...
    ] = ()  # {"event", "emitter", "occurred_at", "artifact", "version", "contradicted": {"stated", "version"}}

    @classmethod
    def read(cls, document: JSON) -> Gaps:
        """Read a page."""
        lists = {name: document.get(name) or {} for name in _LISTS}
        return cls(
            tuple(lists["never_produced"].get("items", ())),
            tuple(lists["unseen_predecessors"].get("items", ())),
            tuple(lists["out_of_order"].get("items", ())),
            tuple(document.get("emitters", ())),
            {name: found["cursor"] for name, found in lists.items() if found.get("cursor")},
            document["position"],
            document,
            document.get("outcomes") or {},
            tuple(lists["contradicted"].get("items", ())),
        )

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        yield f"What the record lacks, {truth(self.position)}"
        for name, title in _LISTS.items():
            found: tuple[JSON, ...] = getattr(self, name)
            more_of_it = "; `cursors` leads on" if name in self.cursors else ""
            yield f"{title}: {len(found) or 'none'}{more_of_it}"
            if found:
                keys = dict.fromkeys(key for each in found for key in each)
                columns = sorted(keys, key="changed".__eq__)  # last
                yield Table(columns, [[_told(key, each) for key in columns] for each in found])
        if self.emitters:
            yield f"Emitters: {len(self.emitters)}"
            yield Table(_OF_EMITTERS, [[each.get(name) for name in _OF_EMITTERS] for each in self.emitters])


_LISTS = {
    "never_produced": "Used, but produced by no event",
    "unseen_predecessors": "Named as predecessors, but never reported",
    "out_of_order": "Used before they were produced, by the emitters' clocks",
    "contradicted": "Used with another digest than the version has",
}
_OF_EMITTERS = ("emitter", "events", "last_at", "silent", "coverage", "failed")


def step(document: JSON) -> Step:
    """
    Read an event of an impact.

    :raises UnexpectedAnswerError: it lacks something
    """
    return typed(Step.read, document)


def _told(key: str, item: JSON) -> object:
    """Return what stands of an item of a list in a column."""
    if key == "contradicted":
        return telling.contradicted(item)
    if key == "changed":
        return changed(item.get(key)).strip()
    return Version.read(item[key]) if key == "version" else item.get(key)


def _outside(stated: JSON) -> str:
    digest = stated.get("digest")
    return "from outside" + ("" if digest is None else f", digest {printable(telling.short(digest))}")


def _also(stated: JSON | None, version: Version, kind: str | None) -> str:
    said = {"kind": kind, "digest": version.digest, "properties": version.properties}
    more = telling.also_stated({"stated": stated}, said)
    return f"; {printable(more)}" if more else ""


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", "Z")


def _version(document: JSON) -> Version | None:
    version = document["version"]
    return None if version is None else Version.read(version)


def _moment(stated: str | None) -> datetime | None:
    return None if stated is None else datetime.fromisoformat(stated)


def _each(reader: Callable[[JSON], Any], documents: Iterable[JSON]) -> tuple[Any, ...]:
    return tuple([reader(document) for document in documents])
