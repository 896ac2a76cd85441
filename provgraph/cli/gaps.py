"""``provgraph gaps``: what the record of a platform lacks."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from provgraph.cli import asking, connection, output, trace
from provgraph.cli.asking import JSON, At, Cursor, Everything, KnownAt, Seconds, Wait
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.client import Client

_LARGEST_PAGE = 10_000
_OUTCOMES = ("failed", "aborted", "unknown")
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


class List(StrEnum):
    """What may be missing."""

    NEVER_PRODUCED = "never_produced"
    UNSEEN_PREDECESSORS = "unseen_predecessors"
    OUT_OF_ORDER = "out_of_order"
    CONTRADICTED = "contradicted"


_TITLES = {
    List.NEVER_PRODUCED: "Used, but produced by no event",
    List.UNSEEN_PREDECESSORS: "Named as predecessors, but never reported",
    List.OUT_OF_ORDER: "Used before they were produced, by the emitters' clocks",
    List.CONTRADICTED: "Used with another digest than the version has",
}


def gaps(
    only: Annotated[
        List | None, typer.Option("--list", help="This list alone, without the emitters.", show_default=False)
    ] = None,
    silent_after: Annotated[
        str, typer.Option(help="An emitter is silent that reported nothing for so long: 90s, 2h, 7d, 1d12h.")
    ] = "24h",
    at: At = None,
    known_at: KnownAt = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Most entries of each list; with --all, in a page.",
            min=1,
            max=_LARGEST_PAGE,
            show_default="100",
        ),
    ] = None,
    cursor: Cursor = None,
    everything: Everything = False,
    seconds: Seconds = None,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what is missing: uses of what nobody made, events nobody reported, clocks that disagree, silent emitters.

    Of each emitter: how long its events take to be recorded, how many name an artifact or a predecessor (COVERAGE), and
    by how much its clock is ahead at least.
    """
    asking.not_both(cursor, everything=everything)
    parameters: dict[str, Any] = {
        "silent_after": silent_after,
        "as_of": at,
        "known_at": known_at,
        "limit": limit or (_LARGEST_PAGE if everything else None),
        "seconds": seconds,
        "wait": wait,
    }
    with connection.connect(url, token) as client:
        answer = client.gaps(list=only, cursor=cursor, **parameters).document
        if everything:
            _complete(client, answer, parameters)
    if as_json:
        output.say_json(answer)
        return
    for name in List:
        if name in answer:
            _say_list(name, answer[name])
    if "emitters" in answer:
        _say_emitters(answer["emitters"])
        ended = _ended(answer.get("outcomes") or {})
        output.say()
        output.say(f"Events whose work did not end well, as they say: {ended or 'none'}")
    truth = asking.truth(answer)
    output.note(f"{truth[:1].upper()}{truth[1:]}.")


def _complete(client: Client, answer: JSON, parameters: dict[str, Any]) -> None:
    """Put the rest of each list into an answer."""
    with output.progress_bar("Entries") as show:
        for name in [name for name in List if name in answer]:
            found = answer[name]
            while found["cursor"] is not None:
                page = client.gaps(list=name, cursor=found["cursor"], **parameters).document[name]
                found |= {**page, "items": found["items"] + page["items"]}
                show(len(found["items"]), None)


def _say_list(name: List, found: JSON) -> None:
    items = found["items"]
    output.say(
        f"{_TITLES[name]}: {len(items) or 'none'}{'' if found['complete'] else ', and there are more'}"
    )
    if items:
        columns, row = _ROWS[name]
        output.say_table_with_rare(
            columns, map(row, items), rare=len(set(columns) & {*_DOUBTS, _DOUBTS_OF_NAMING})
        )
    if not found["complete"]:
        output.note(f"NOT complete: {asking.more(found)}, with --list {name}.")
    output.say()


# What there is to say against the event that used, and against the one that produced.
_DOUBTS = ("USED BY AN EVENT THAT", "PRODUCED BY ONE THAT")
_DOUBTS_OF_NAMING = "NAMED BY ONE THAT"
_ROWS: dict[List, tuple[tuple[str, ...], Callable[[JSON], tuple[object, ...]]]] = {
    List.NEVER_PRODUCED: (("ARTIFACT",), lambda item: (item["artifact"],)),
    List.UNSEEN_PREDECESSORS: (
        ("EVENT", "NAMED BY", "TIMES", _DOUBTS_OF_NAMING),
        lambda item: (item["event"], item["named_by"], item["times"], trace.doubts(item)),
    ),
    List.OUT_OF_ORDER: (
        ("ARTIFACT", "USED AT (UTC)", "BY EMITTER", "IN EVENT", "PRODUCED LATER BY", "IN EVENT", *_DOUBTS),
        lambda item: (
            item["artifact"],
            item["occurred_at"],
            item["emitter"],
            item["event"],
            length(item["seconds_early"]),
            item["version"]["event"],
            trace.doubts(item),
            trace.doubts(item["version"]),
        ),
    ),
    List.CONTRADICTED: (
        ("ARTIFACT", "BY EMITTER", "IN EVENT", "STATED DIGEST", "PRODUCED IN EVENT", "WITH DIGEST", *_DOUBTS),
        lambda item: (
            item["artifact"],
            item["emitter"],
            item["event"],
            item["contradicted"]["stated"],
            item["version"]["event"],
            item["contradicted"]["version"],
            trace.doubts(item),
            trace.doubts(item["version"]),
        ),
    ),
}


def _say_emitters(emitters: list[JSON]) -> None:
    output.say(f"Emitters: {len(emitters) or 'none'}")
    if not emitters:
        return
    output.say_table_with_rare(
        ("EMITTER", "EVENTS", "LAST (UTC)", "SILENT FOR", "COVERAGE", "DELAY", "CLOCK AHEAD", "ENDED BADLY"),
        (
            (
                each["emitter"],
                each["events"],
                each["last_at"],
                length(each["silent_seconds"]) if each["silent"] else "",
                f"{each['coverage']:.0%}",
                length(each["delay_seconds"]["mean"]),
                length(each["clock_ahead_seconds"]) if each["clock_ahead_seconds"] else "",
                _ended(each),
            )
            for each in emitters
        ),
    )


def _ended(counted: JSON) -> str:
    """Return how many events say that their work did not end well: ``2 failed, 1 aborted``."""
    return ", ".join(f"{counted[name]} {name}" for name in _OUTCOMES if counted.get(name))


def length(seconds: float) -> str:
    """Return a length of time in the unit that a person would choose."""
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
