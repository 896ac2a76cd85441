"""``provgraph lineage``: `provgraph trace` with both clocks, filters, any version, and other formats."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from provgraph.cli import asking, connection, names, output, trace
from provgraph.cli.asking import (
    JSON,
    At,
    Cursor,
    Depth,
    Emitters,
    Everything,
    Form,
    Format,
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
from provgraph.client import Client, Lineage

# A page is walked from the beginning, so few large ones are quicker than many small ones.
_LARGEST_PAGE = 100_000


class Direction(StrEnum):
    """Which way to walk."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


def lineage(
    node: Node,
    direction: Annotated[
        Direction, typer.Option(help="upstream: to the origins; downstream: to what came of it.")
    ] = Direction.UPSTREAM,
    version: Version = None,
    any_version: Annotated[
        bool,
        typer.Option("--any-version", help="Follow every version of an artifact, not the one that was used."),
    ] = False,
    at: At = None,
    known_at: KnownAt = None,
    depth: Depth = None,
    types: Types = None,
    emitters: Emitters = None,
    from_: From = None,
    to: To = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Most nodes in the answer; with --all, in a page.",
            min=1,
            max=_LARGEST_PAGE,
            show_default="10000",
        ),
    ] = None,
    cursor: Cursor = None,
    everything: Everything = False,
    seconds: Seconds = None,
    full: Annotated[bool, typer.Option("--full", help="Print everything, not the first part.")] = False,
    format_: Format = Form.TEXT,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what stands behind an artifact or event, or came of it, event by event, at any time on either clock.

    What the filters leave out is walked over all the same.
    """
    form = asking.form(format_, as_json=as_json)
    asking.not_both(cursor, everything=everything)
    parameters: dict[str, Any] = {
        "direction": direction.value,
        "version": version,
        "versions": "any" if any_version else None,
        "as_of": at,
        "known_at": known_at,
        "depth": depth,
        "type": types,
        "emitter": emitters,
        "from_": from_,
        "to": to,
        "limit": limit or (_LARGEST_PAGE if everything else None),
        "seconds": seconds,
        "wait": wait,
        "details": True,
    }
    with connection.connect(url, token) as client:

        def ask(named: str) -> None:
            if everything:
                _say(_whole(client, named, parameters), form, full=full)
            elif form in (Form.TEXT, Form.JSON):
                _say(client.lineage(named, cursor=cursor, **parameters), form, full=full)
            else:
                output.say_content(client.export("lineage", form, node=named, cursor=cursor, **parameters))

        names.asked(client, node, ask)


def _whole(client: Client, node: str, parameters: dict[str, Any]) -> Lineage:
    def fetch(cursor: str | None) -> JSON:
        return client.lineage(node, cursor=cursor, **parameters).document

    return Lineage.read(asking.joined(fetch, lists=("nodes", "edges"), label="Nodes and edges"))


def _say(answer: Lineage, form: Form, *, full: bool) -> None:
    if form is Form.TEXT:
        for line in trace.lines(answer, full=full):
            output.say(line)
    elif form is Form.JSON:
        output.say_json(answer.document)
    else:
        from provgraph.exports import FORMATS

        output.say_content(FORMATS[form].render(answer.document).decode())
