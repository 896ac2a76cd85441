"""``provgraph trace``: an answer with its evidence."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from provgraph.cli import connection, names, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.client import Lineage, traced
from provgraph.client.traced import by_an_event, doubts, ending

__all__ = ["Direction", "by_an_event", "doubts", "ending", "lines", "trace"]

_HOW = traced.How(
    rest="--full shows them, --json everything about them",
    limit="raise --limit",
    cursor="continue with --cursor {cursor}",
    depth="--depth",
    time="raise --seconds",
)


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
        answer = names.asked(
            client,
            node,
            lambda named: client.lineage(
                named,
                direction=direction.value,
                depth=depth,
                limit=limit,
                version=version,
                cursor=cursor,
                details=True,
            ),
        )
    if as_json:
        output.say_json(answer.document)
        return
    for line in lines(answer, full=full):
        output.say(line)


def lines(answer: Lineage, *, full: bool = False, most: traced.Most | None = None) -> Iterator[str]:
    """Yield a lineage answer as text; see `provgraph.client.traced.lines`."""
    return traced.lines(answer, full=full, how=_HOW, most=most)
