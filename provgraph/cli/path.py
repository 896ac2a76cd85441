"""``provgraph path``: whether one thing led to another."""

from collections.abc import Iterator
from typing import Annotated

import typer

from provgraph import telling
from provgraph.cli import asking, connection, names, output, trace
from provgraph.cli.asking import JSON, At, KnownAt, Seconds, Wait
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import ExitCode


def path(
    source: Annotated[str, typer.Argument(help="The earlier one: artifact:NAME, pem:ID, or bare.")],
    target: Annotated[str, typer.Argument(help="The later one.")],
    source_version: Annotated[
        str | None, typer.Option(help="Version of the source; else any.", show_default=False)
    ] = None,
    target_version: Annotated[
        str | None, typer.Option(help="Version of the target; else its latest.", show_default=False)
    ] = None,
    at: At = None,
    known_at: KnownAt = None,
    seconds: Seconds = None,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Tell whether one artifact or event led to another, and show the shortest way.

    Ends with 0 when it did, with 1 when it did not, and with 6 when the search ended before that was known.
    """
    with connection.connect(url, token) as client:

        def ask(from_: str, to: str) -> JSON:
            return client.path(
                from_,
                to,
                source_version=source_version,
                target_version=target_version,
                as_of=at,
                known_at=known_at,
                seconds=seconds,
                wait=wait,
            ).document

        answer = names.asked_of_two(client, source, target, ask)
    if as_json:
        output.say_json(answer)
    else:
        for line in _lines(answer):
            output.say(line)
    connected = answer["connected"]
    if not connected:
        raise typer.Exit(ExitCode.FAILED if connected is None else ExitCode.NEGATIVE)


def _lines(answer: JSON) -> Iterator[str]:
    source, target = asking.named(answer["source"]), asking.named(answer["target"])
    if answer["connected"] is None:
        yield f"Not known whether {source} led to {target} ({asking.more(answer)}), {asking.truth(answer)}."
        return
    if not answer["connected"]:
        yield f"{_begin(source)} did not lead to {target}, {asking.truth(answer)}."
        return
    yield f"{_begin(source)} led to {target}, by {output.counted(len(answer['path']), 'event')}:"
    yield ""
    used = answer["used"]
    by, made = (None, {}) if used is None else (used["artifact"], used.get("made") or {})
    for number, step in enumerate(answer["path"], 1):
        yield from _step(number, step, by, made)
        if number == 1 and used is not None and (but := telling.contradicted(used)):
            yield f"      but       {output.printable(but)}"
        if number == 1 and made and used is not None and (more := telling.also_stated(used, made)):
            yield f"      also      {output.printable(more)}"
        by, made = step["by"], step
    yield ""
    yield f"Found {asking.truth(answer)}."


def _step(number: int, step: JSON, by: str | None, made: JSON) -> Iterator[str]:
    """
    Yield the lines of a step.

    :param made: what is told of the version that it used, or of the event that made that
    """
    told = [output.printable(step[name]) for name in ("type", "emitter", "occurred_at") if step.get(name)]
    facts = "  ".join([*told, f"log position {step['position']}"] if told else ["(never reported)"])
    yield f"{number}. {facts}  event {step['event']}{output.recorder(step)}"
    yield from trace.ending(step)
    if by is not None:
        doubt = trace.doubts(made)
        yield f"      used      {output.printable(by)}" + (
            f"  (made by an event that {doubt})" if doubt else ""
        )
    elif number > 1:
        doubt = trace.doubts(made)
        yield "      followed  the one before" + (f", which {doubt}" if doubt else "")


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
