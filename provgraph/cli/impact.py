"""``provgraph impact``: what to do again."""

from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from provgraph import telling
from provgraph.cli import asking, connection, names, output, trace
from provgraph.cli.asking import (
    JSON,
    At,
    Cursor,
    Depth,
    Emitters,
    Everything,
    From,
    KnownAt,
    Node,
    Seconds,
    To,
    Types,
    Version,
    Wait,
)
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import UsageError
from provgraph.client import Impact

_STEPS_SHOWN = 6


class Form(StrEnum):
    """What the list can be printed as."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"


def impact(
    node: Node,
    version: Version = None,
    at: At = None,
    known_at: KnownAt = None,
    depth: Depth = None,
    types: Types = None,
    emitters: Emitters = None,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, typer.Option(help="Most events to list.", min=1)] = 1_000,
    cursor: Cursor = None,
    everything: Everything = False,
    seconds: Seconds = None,
    format_: Annotated[
        Form, typer.Option("--format", help="What to print the list as; ndjson comes as it is found.")
    ] = Form.TEXT,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    List everything that came of an artifact, a version or an event: what to do again when it was bad.

    The nearest first, each with a shortest way from the node to it. An artifact without a version means all of them.
    """
    asking.not_both(cursor, everything=everything)
    if as_json and format_ is Form.NDJSON:
        raise UsageError("--json and --format ndjson are two different forms: give one of them")
    form = Form.JSON if as_json else format_
    with connection.connect(url, token) as client:

        def ask(named: str) -> None:
            found = client.impact(
                named,
                version=version,
                depth=depth,
                as_of=at,
                known_at=known_at,
                type=types,
                emitter=emitters,
                from_=from_,
                to=to,
                limit=None if everything else limit,
                cursor=cursor,
                seconds=seconds,
                wait=wait,
            )
            if form is Form.TEXT:
                for line in _lines(found):
                    output.say(line)
            else:
                _say_for_programs(found, form)

        names.asked(client, node, ask)


def _say_for_programs(found: Impact, form: Form) -> None:
    items = []
    # Lines that are printed meanwhile would break into the bar.
    with output.progress_bar("Events") if form is Form.JSON else nullcontext() as show:
        for done, event in enumerate(found, 1):
            if show is None:
                output.say_json_line(event.document)
                continue
            items.append(event.document)
            show(done, (found.opening or {}).get("affected"))
    closing = {**(found.closing or {}), "cursor": found.cursor}
    if form is Form.JSON:
        closing.pop("kind", None)
        output.say_json({"items": items, **closing})
    else:
        output.say_json_line(closing)


def _lines(found: Impact) -> Iterator[str]:
    shown = 0
    for event in found:
        if not shown:
            yield _headline(found)
        shown += 1
        yield ""
        yield from _event(event.document)
    closing = found.closing or {}
    if not shown:
        yield _headline(found)
    yield ""
    if closing.get("complete"):
        yield f"Complete, {asking.truth(closing)}."
    else:
        yield f"NOT complete ({asking.more(closing)}), {asking.truth(closing)}."


def _headline(found: Impact) -> str:
    about = found.opening or {}
    node = about["node"]
    version = f", version {output.printable(node['version'])}" if node.get("version") else ""
    return f"Came of {asking.named(node)}{version}: {output.counted(about['affected'], 'event')}"


def _event(event: JSON) -> Iterator[str]:
    facts = "  ".join(output.printable(event[name]) for name in ("type", "emitter", "occurred_at"))
    proof = f"log position {event['position']}  event {event['event']}"
    yield f"[{event['depth']}] {facts}  {proof}{output.recorder(event)}"
    yield from trace.ending(event)
    yield f"      through   {_way(event['path'], event.get('path_left_out', 0))}"
    for made in event["produced"]:
        label = made["version"].get("label")
        said = telling.described(made["version"].get("properties") or {})
        yield (
            f"      produced  {output.printable(made['artifact'])}"
            + (f"  version {output.printable(label)}" if label else "")
            + (f"  {output.printable(said)}" if said else "")
        )


def _way(path: list[JSON], left_out: int) -> str:
    """Return the artifacts by which one thing led to another; where an event named the one before, that event."""
    steps = [
        _link(before, step)
        for before, step in zip(
            [path[0].get("used") or [path[0]], *([each] for each in path)], path, strict=False
        )
    ]
    shown = [text for text, _ in steps]
    half = _STEPS_SHOWN // 2
    if left_out:
        shown = [_left_out(steps[:-half], more=left_out), *shown[-half:]]
    elif len(steps) > _STEPS_SHOWN:
        shown = [*shown[:half], _left_out(steps[half:-half]), *shown[-half:]]
    return " -> ".join(shown)


def _link(before: list[JSON], step: JSON) -> tuple[str, bool]:
    """
    Return how one event led to the next one, and whether there is something to say against the former.

    :param before: the event; of the first step those that made what it used, of which there may be several
    """
    doubt = next(filter(None, map(trace.doubts, before)), "")
    if step["by"] is None:
        return f"event {before[0]['event']}" + (f" (which {doubt})" if doubt else ""), bool(doubt)
    return output.printable(step["by"]) + (f" (made by an event that {doubt})" if doubt else ""), bool(doubt)


def _left_out(steps: list[tuple[str, bool]], *, more: int = 0) -> str:
    doubtful = sum(is_doubtful for _, is_doubtful in steps)
    against = f", {doubtful} of them by events that did not end well or were CHANGED" if doubtful else ""
    return f"... {len(steps) + more} more{against} ..."
