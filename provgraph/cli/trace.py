"""``provgraph trace``: an answer with its evidence."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from provgraph import telling
from provgraph.cli import connection, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.output import printable
from provgraph.client import Lineage

_EVENTS_SHOWN = 20
_STATEMENTS_SHOWN = 6

_SIDES = {"both": "Upstream and downstream"}

JSON = dict[str, Any]


class Direction(StrEnum):
    """Which way to walk."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


def trace(
    node: Annotated[str, typer.Argument(help="artifact:NAME, pem:ID, or either one bare.")],
    direction: Annotated[
        Direction, typer.Option(help="upstream: to the origins; downstream: to what came of it.")
    ] = Direction.UPSTREAM,
    depth: Annotated[
        int | None,
        typer.Option(help="How many events to walk over; unbounded if not given.", min=1, show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="Most nodes in the answer.", min=1, max=100_000)] = 10_000,
    version: Annotated[
        str | None,
        typer.Option(
            help="Version of the artifact (label or event id); else the latest.", show_default=False
        ),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="Continue an answer that the limit cut.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print everything, not the first part.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what stands behind an artifact or event, or came of it, event by event.

    Each event comes with its evidence: who reported it, when, where it stands in the log, what it used and produced.
    """
    with connection.connect(url, token) as client:
        answer = client.lineage(
            node,
            direction=direction.value,
            depth=depth,
            limit=limit,
            version=version,
            cursor=cursor,
            details=True,
        )
    if as_json:
        output.say_json(answer.document)
        return
    for line in lines(answer, full=full):
        output.say(line)


def lines(answer: Lineage, *, full: bool = False) -> Iterator[str]:
    """Yield a lineage answer as text: events nearest first, then whether it is complete and as of when."""
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
        f"{side} of {_start(answer.node)}: {output.counted(len(events), 'event')}, "
        f"{output.counted(artifacts, 'artifact')}"
    )
    shown = events if full else events[:_EVENTS_SHOWN]
    for event in shown:
        yield ""
        yield from _event(event, edges[event["id"]], full=full)
    yield ""
    if len(shown) < len(events):
        more = output.counted(len(events) - len(shown), "more event")
        yield f"... and {more}: --full shows them, --json everything about them."
    yield _completeness(answer)


def _start(node: JSON) -> str:
    version = f", version {printable(node['version'])}" if node.get("version") else ""
    return f"{node['kind']} {printable(node['id'])}{version}"


def _event(event: JSON, edges: Iterable[JSON], *, full: bool) -> Iterator[str]:
    if event.get("placeholder"):
        yield f"[{_place(event)}] event {event['id']}  (named by others, not reported itself so far)"
        return
    told = (event.get("type"), event.get("emitter"), event.get("occurred_at"))
    facts = "  ".join(printable(fact) for fact in told if fact is not None)
    proof = f"log position {event.get('position')}  event {event['id']}"
    yield f"[{_place(event)}] {facts}  {proof}{output.recorder(event)}"
    yield from ending(event)
    if said := telling.described(event.get("properties") or {}):
        yield f"      said      {printable(said)}"
    if late := telling.reported_after(event):
        yield f"      late      {printable(late)}"
    by_type: dict[str, list[JSON]] = defaultdict(list)
    for edge in edges:
        by_type[edge["type"]].append(edge)
    for edge_type, label in (("PRODUCES", "produced"), ("USES", "used    "), ("PREDECESSOR", "followed")):
        yield from _statements(by_type[edge_type], label, full=full)


def _place(event: JSON) -> str:
    """Return how far an event is, and where both were asked for, on which side."""
    return f"{event['depth']} {event['side']}" if event.get("side") else str(event["depth"])


def _statements(edges: list[JSON], label: str, *, full: bool) -> Iterator[str]:
    shown = edges if full else edges[:_STATEMENTS_SHOWN]
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
    return f"{named}  <- event {printable(edge['version'])}{doubt}"


def _completeness(answer: Lineage) -> str:
    true_for = f"as of log position {answer.position}" + (f", at {answer.as_of}" if answer.as_of else "")
    if answer.complete:
        return f"Complete, {true_for}."
    why = {
        "limit": "the limit of nodes cut it; raise --limit"
        + (f", or continue with --cursor {answer.cursor}" if answer.cursor else ""),
        "depth": "there is more behind --depth",
        "time": "the time was over; raise --seconds",
    }.get(answer.reason or "", answer.reason or "no reason given")
    return f"NOT complete ({why}), {true_for}."
