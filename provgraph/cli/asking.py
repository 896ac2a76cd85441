"""What the commands that ask questions have in common: which clocks, how much, in which form."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from provgraph import telling
from provgraph.cli import output
from provgraph.cli.exits import UsageError
from provgraph.client.traced import by_an_event

JSON = dict[str, Any]

Node = Annotated[
    str, typer.Argument(help="artifact:NAME, pem:ID, tag:NAMESPACE/TAG, or bare; NAME@VERSION will do.")
]
Version = Annotated[
    str | None,
    typer.Option(help="Version of the artifact: a label, or the id of an event.", show_default=False),
]
Depth = Annotated[
    int | None,
    typer.Option(help="How many events to walk over; unbounded if not given.", min=1, show_default=False),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Count only what had occurred by then: 2026-03-01, an RFC 3339 time, yesterday, now-2h, a log position.",
        show_default=False,
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Count only what had been recorded by then: a time in the same forms, or a log position.",
        show_default=False,
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="List only events of this type; may be repeated.", show_default=False),
]
Emitters = Annotated[
    list[str] | None,
    typer.Option("--emitter", help="List only events of this emitter; may be repeated.", show_default=False),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="List only events at this time or after it.", show_default=False
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="List only events before this time.", show_default=False),
]
Cursor = Annotated[
    str | None,
    typer.Option(help="Continue an answer that was cut; with the same other options.", show_default=False),
]
Seconds = Annotated[
    int | None,
    typer.Option(help="How long the service may look for an answer.", min=1, max=60, show_default="20"),
]
Wait = Annotated[
    int | None,
    typer.Option(
        metavar="POSITION",
        help="Ask once the graph has everything up to this log position; it is waited for 30 s at most.",
        min=0,
        show_default=False,
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="Everything, not the first page.")]


class Form(StrEnum):
    """What an answer can be printed as; docs/reference/exports.md describes all but the first."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"
    PROV_JSON = "prov-json"
    PROV_N = "prov-n"
    GRAPHML = "graphml"
    NODE_LINK = "node-link"
    DOT = "dot"
    MERMAID = "mermaid"


Format = Annotated[Form, typer.Option("--format", help="What to print the answer as.")]


def form(stated: Form, *, as_json: bool) -> Form:
    """
    Return what to print, ``--json`` being short for one of the formats.

    :raises UsageError: two different ones are asked for
    """
    if as_json and stated not in (Form.TEXT, Form.JSON):
        raise UsageError(f"--json and --format {stated} are two different forms: give one of them")
    return Form.JSON if as_json else stated


def not_both(cursor: str | None, *, everything: bool) -> None:
    """
    Refuse what contradicts itself.

    :raises UsageError: a part of an answer and the whole of it are asked for
    """
    if cursor is not None and everything:
        raise UsageError("--cursor continues an answer, --all gives the whole of it: give one of them")


def joined(fetch: Callable[[str | None], JSON], *, lists: tuple[str, ...], label: str) -> JSON:
    """
    Return all pages of an answer as one.

    :param fetch: returns the page at a cursor
    :param lists: the members that are lists, which add up
    """
    with output.progress_bar(label) as show:
        whole = fetch(None)
        cursor = whole.get("cursor")
        while cursor is not None:
            page = fetch(cursor)
            for name in lists:
                whole[name] += page[name]
            show(sum(len(whole[name]) for name in lists), None)
            cursor = page.get("cursor")
            whole |= {name: page.get(name) for name in ("complete", "reason", "cursor")}
    return whole


def truth(answer: JSON) -> str:
    """Return what an answer is true for, as part of a sentence."""
    as_of = answer.get("as_of")
    known = f"as of log position {answer['position']}"
    known = known if as_of is None else f"{known}, at {as_of}"
    positions = answer.get("unreadable")
    return f"{known}. {telling.unreadable(positions).rstrip('.')}" if positions else known


def more(answer: JSON) -> str:
    """Return why an answer is not complete, and how to get more of it."""
    cursor = answer.get("cursor")
    goes_on = f"; more with --cursor {cursor}, everything with --all" if cursor else ""
    why = {
        "limit": f"the limit cut it{goes_on}" if goes_on else "there is more than one answer can hold",
        "depth": "there is more beyond --depth",
        "time": f"the time was over{goes_on or '; raise --seconds'}",
    }
    return why.get(answer.get("reason") or "", str(answer.get("reason") or "no reason given"))


def named(node: JSON) -> str:
    """Return a node as part of a sentence, with what there is to say against the event that it stands for."""
    return f"{node['kind']} {output.printable(node['id'])}{by_an_event(node)}"
