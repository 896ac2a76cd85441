"""``provgraph why``."""

from typing import Annotated, Any

import typer

from provgraph.cli import asking, connection, names, output
from provgraph.cli.asking import At, Depth, Form, Format, KnownAt, Node, Seconds, Version, Wait
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url


def why(
    node: Node,
    version: Version = None,
    at: At = None,
    known_at: KnownAt = None,
    depth: Depth = None,
    limit: Annotated[
        int, typer.Option(help="Most events and artifacts to look at.", min=1, max=100_000)
    ] = 1_000,
    seconds: Seconds = None,
    format_: Format = Form.TEXT,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Tell why: what led to an event, to a version of an artifact, or to what a tag marks.

    Each step with who reported it, which exact versions it used and made, and the event and log position that prove it.
    """
    form = asking.form(format_, as_json=as_json)
    parameters: dict[str, Any] = {
        "version": version,
        "depth": depth,
        "limit": limit,
        "as_of": at,
        "known_at": known_at,
        "seconds": seconds,
        "wait": wait,
    }
    with connection.connect(url, token) as client:
        if form not in (Form.TEXT, Form.JSON):
            names.asked(
                client,
                node,
                lambda named: output.say_content(client.export("why", form, node=named, **parameters)),
            )
            return
        answer = names.asked(client, node, lambda named: client.why(named, **parameters).document)
    if form is Form.JSON:
        output.say_json(answer)
        return
    for line in answer["text"].splitlines():
        output.say(output.printable(line))
