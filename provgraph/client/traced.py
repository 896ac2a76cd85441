"""A lineage answer as text, event by event, with its evidence."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from provgraph import telling
from provgraph.events.recorder import CHANGED, RECORDED_BY, called
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provgraph.client.base import JSON


_SIDES = {"both": "Upstream and downstream"}


class Answer(Protocol):
    """A lineage answer, as far as its text tells of it; see `provgraph.client.Lineage`."""

    @property
    def node(self) -> JSON:
        """Where it starts."""

    @property
    def direction(self) -> str:
        """Which way it was followed."""

    @property
    def nodes(self) -> Sequence[JSON]:
        """The events and artifacts."""

    @property
    def edges(self) -> Sequence[JSON]:
        """What holds between them."""

    @property
    def position(self) -> int:
        """The log position that it is true for."""

    @property
    def as_of(self) -> str | None:
        """The moment that it is true for."""

    @property
    def complete(self) -> bool:
        """Whether that is all."""

    @property
    def reason(self) -> str | None:
        """Why it is not."""

    @property
    def cursor(self) -> str | None:
        """Where to continue."""

    @property
    def document(self) -> JSON:
        """What it was made from."""


class Most(NamedTuple):
    """How much of an answer the text has."""

    events: int = 20
    statements: int = 6  # of each kind, of each event


class How(NamedTuple):
    """How whoever reads an answer gets more of it."""

    rest: str  # of what the answer has, and the text has not
    limit: str
    cursor: str  # with ``{cursor}`` in it
    depth: str
    time: str


_EVERYTHING = Most(sys.maxsize, sys.maxsize)
IN_A_PROGRAM = How(
    rest="`nodes` and `edges` have all",
    limit="raise limit=",
    cursor="continue with its cursor",
    depth="depth=",
    time="raise seconds=",
)


def recorder(event: Mapping[str, Any]) -> str:
    """Return what follows what else a line says of an event: who recorded it, and that it was changed since."""
    found = event.get(RECORDED_BY)
    who = "" if found is None else f"  recorded by {printable(called(found))}"
    return f"{who}  CHANGED after it was recorded" if event.get(CHANGED) else who


def doubts(told: Mapping[str, Any]) -> str:
    """
    Return how the work ended of an event that a line only names, and that it was changed: ``failed: "no rows"``.

    :param told: what an answer tells of it, or of a version that it made; an empty text where that is nothing
    """
    found = [telling.ended(told), "was CHANGED after it was recorded" if told.get(CHANGED) else ""]
    return printable(", ".join(each for each in found if each))


def lines(
    answer: Answer, *, full: bool = False, how: How = IN_A_PROGRAM, most: Most | None = None
) -> Iterator[str]:
    """
    Yield a lineage answer as text: events nearest first, then whether it is complete and as of when.

    :param full: everything, not the first part of what is long
    :param how: says how to get the rest
    """
    most = _EVERYTHING if full else most or Most()
    events = sorted(
        (node for node in answer.nodes if node["kind"] == "pem"),
        # The nearest first; at the same distance in the order of the log, what is not in it yet last.
        key=lambda node: (node["depth"], node.get("position") is None, node.get("position") or 0, node["id"]),
    )
    artifacts = sum(1 for node in answer.nodes if node["kind"] == "artifact")
    edges: dict[str, list[JSON]] = defaultdict(list)
    for edge in answer.edges:
        edges[edge["source"]].append(edge)
    side = _SIDES.get(answer.direction, answer.direction.capitalize())
    yield (
        f"{side} of {_start(answer.node)}: {counted(len(events), 'event')}, {counted(artifacts, 'artifact')}"
    )
    shown = events[: most.events]
    for event in shown:
        yield ""
        yield from _event(event, edges[event["id"]], most.statements)
    yield ""
    if len(shown) < len(events):
        more = counted(len(events) - len(shown), "more event")
        yield f"... and {more}: {how.rest}."
    yield _completeness(answer, how)


def _start(node: JSON) -> str:
    version = f", version {printable(node['version'])}" if node.get("version") else ""
    return f"{node['kind']} {printable(node['id'])}{version}{by_an_event(node)}"


def by_an_event(told: Mapping[str, Any]) -> str:
    """Return what follows a node, or a version, whose event is not told of: `doubts` in brackets."""
    doubt = doubts(told)
    made = "event that" if told.get("kind") in ("pem", "tag") else "made by an event that"
    return f" ({made} {doubt})" if doubt else ""


def _event(event: JSON, edges: Iterable[JSON], most: int) -> Iterator[str]:
    if event.get("placeholder"):
        yield f"[{_place(event)}] event {event['id']}  (named by others, not reported itself so far)"
        return
    told = (event.get("type"), event.get("emitter"), event.get("occurred_at"))
    facts = "  ".join(printable(fact) for fact in told if fact is not None)
    proof = f"log position {event.get('position')}  event {event['id']}"
    yield f"[{_place(event)}] {facts}  {proof}{recorder(event)}"
    yield from ending(event)
    if said := telling.described(event.get("properties") or {}):
        yield f"      said      {printable(said)}"
    if late := telling.reported_after(event):
        yield f"      late      {printable(late)}"
    by_type: dict[str, list[JSON]] = defaultdict(list)
    for edge in edges:
        by_type[edge["type"]].append(edge)
    for edge_type, label in (("PRODUCES", "produced"), ("USES", "used    "), ("PREDECESSOR", "followed")):
        yield from _statements(by_type[edge_type], label, most)


def _place(event: JSON) -> str:
    """Return how far an event is, and where both were asked for, on which side."""
    return f"{event['depth']} {event['side']}" if event.get("side") else str(event["depth"])


def _statements(edges: list[JSON], label: str, most: int) -> Iterator[str]:
    shown = edges[:most]
    for edge in shown:
        yield f"      {label}  {printable(edge['target'])}{_said_of(edge)}{_origin(edge)}"
    if len(shown) < len(edges):
        yield f"      {label}  ... and {len(edges) - len(shown)} more"


def ending(told: JSON) -> Iterator[str]:
    """Yield the line that says how the work ended that an event tells of, where it does not say that it ended well."""
    if ended := telling.ended(told):
        yield f"      ended     {printable(ended)}"


def _said_of(edge: JSON) -> str:
    """Return what was said of a version that was made, or of one that is not listed itself."""
    label, digest, kind = (edge.get(each) for each in ("label", "digest", "artifact_kind"))
    if edge.get("named_version") is not None:  # that is the label
        label = None
    said = [
        "" if label is None else f"version {telling.short(label)}",
        "" if kind is None else f"kind {telling.short(kind)}",
        "" if digest is None else f"digest {telling.short(digest)}",
        telling.described(edge.get("properties") or {}),
    ]
    left_out = edge.get("properties_left_out")
    said.append(f"and {left_out:,} more properties" if left_out else "")
    said.append(by_an_event(edge).strip())
    return "".join(f"  {printable(each)}" for each in said if each)


def _origin(edge: JSON) -> str:
    """Return where the version that was used came from."""
    if edge["type"] != "USES":
        return ""
    label = edge.get("named_version")
    # An event may name a version by the event that produced it: that is said below anyway.
    named = f"  version {printable(label)}" if label and label != edge.get("version") else ""
    if not edge.get("version"):
        why = "no event produced that version" if named else "from outside: no event produced it"
        return f"{named}  ({why})"
    doubt = "  (out of order: by the clocks it was not there before)" if edge.get("out_of_order") else ""
    if but := telling.contradicted(edge):
        doubt += f"  (but {printable(but)})"
    return f"{named}  <- event {printable(edge['version'])}{doubt}"


def _completeness(answer: Answer, how: How) -> str:
    true_for = f"as of log position {answer.position}" + (f", at {answer.as_of}" if answer.as_of else "")
    if positions := answer.document.get("unreadable"):
        true_for += f". {telling.unreadable(positions).rstrip('.')}"
    if answer.complete:
        return f"Complete, {true_for}."
    goes_on = f", or {how.cursor.format(cursor=answer.cursor)}" if answer.cursor else ""
    why = {
        "limit": f"the limit of nodes cut it; {how.limit}{goes_on}",
        "depth": f"there is more beyond {how.depth}",
        "time": f"the time was over; {how.time}",
    }.get(answer.reason or "", answer.reason or "no reason given")
    return f"NOT complete ({why}), {true_for}."
