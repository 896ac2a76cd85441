"""``provgraph state`` and ``provgraph diff``: what the platform looked like, and how it changed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from provgraph import telling
from provgraph.cli import asking, connection, output
from provgraph.cli.asking import JSON, At, Cursor, Everything, KnownAt, Seconds, Wait
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import UsageError
from provgraph.cli.lists import CHANGED
from provgraph.joined import joined

_LARGEST_PAGE = 10_000
_SHOWN = 50
_OUTSIDE = "from outside"
_ENDED = "BY WORK THAT"

Limit = Annotated[
    int | None,
    typer.Option(help="Most entries; with --all, in a page.", min=1, max=_LARGEST_PAGE, show_default="1000"),
]
_TIME = "2026-03-01, an RFC 3339 time, yesterday, now-2h, or a log position."


class Clock(StrEnum):
    """Whose clock a time is of."""

    OCCURRED = "occurred"
    RECORDED = "recorded"


def state(
    at: At = None,
    known_at: KnownAt = None,
    name: Annotated[
        str | None, typer.Option(help="The artifact's name, or the tag's, contains this.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Only artifacts of this kind: model, data, source, ...", show_default=False),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Most entries; with --all, in a page.",
            min=1,
            max=_LARGEST_PAGE,
            show_default="50; with --json 1000",
        ),
    ] = None,
    cursor: Cursor = None,
    everything: Everything = False,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show what the platform looked like, now or at a time: artifacts with their versions, and tags."""
    asking.not_both(cursor, everything=everything)
    chosen = name is not None or kind is not None
    if chosen and cursor is not None:
        raise UsageError("--cursor goes on with the whole list: leave out --name and --kind")
    most = limit or (1_000 if as_json else _SHOWN)
    size = limit or (None if as_json else _SHOWN)
    if everything or chosen:  # what is not wanted is read, and left out here
        size = _LARGEST_PAGE
    with connection.connect(url, token) as client:

        def fetch(at_cursor: str | None) -> JSON:
            return client.state(as_of=at, known_at=known_at, limit=size, cursor=at_cursor, wait=wait).document

        answer = (
            asking.joined(fetch, lists=("artifacts", "tags"), label="Artifacts and tags")
            if everything or chosen
            else fetch(cursor)
        )
    are_tags_left = not answer["complete"]
    if chosen:
        answer, are_tags_left = _chosen(answer, name, kind, most=None if everything else most)
    if as_json:
        output.say_json(answer)
        return
    _say_artifacts(answer["artifacts"])
    if answer["tags"]:
        output.say()
        _say_tags(answer["tags"])
    found = telling.artifacts_and_tags(
        len(answer["artifacts"]), len(answer["tags"]), are_tags_left=are_tags_left
    )
    output.note(f"{found}, {asking.truth(answer)}.")
    if chosen and not answer["complete"]:
        output.note(f"NOT complete: {answer['left_out']} more match; --limit shows more, --all everything.")
    else:
        _note_more(answer)


def _chosen(answer: JSON, name: str | None, kind: str | None, *, most: int | None) -> tuple[JSON, bool]:
    """
    Return of a whole answer the first entries that have such a name and kind, and how many more there are.

    Whether there are tags among these is told as well.
    """
    wanted = (name or "").casefold()
    artifacts = [
        each
        for each in answer["artifacts"]
        if wanted in each["artifact"].casefold() and (kind is None or each.get("kind") == kind)
    ]
    tags = [
        each
        for each in answer["tags"]
        if kind is None and wanted in joined((each["namespace"], each["tag"])).casefold()
    ]
    shown = artifacts[:most]
    marked = tags if most is None else tags[: most - len(shown)]
    left_out = len(artifacts) + len(tags) - len(shown) - len(marked)
    of_the_choice = {"complete": not left_out, "reason": "limit" if left_out else None, "left_out": left_out}
    return {**answer, "artifacts": shown, "tags": marked, "cursor": None, **of_the_choice}, len(marked) < len(
        tags
    )


def diff(
    from_: Annotated[str, typer.Argument(metavar="FROM", help=_TIME)],
    to: Annotated[str, typer.Argument(metavar="TO", help="The same; usually the later one.")],
    clock: Annotated[
        Clock, typer.Option(help="Whose clock the times are of: the emitters', or the log's.")
    ] = Clock.OCCURRED,
    limit: Limit = None,
    cursor: Cursor = None,
    everything: Everything = False,
    seconds: Seconds = None,
    wait: Wait = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show how the platform changed between two times: what appeared, changed, disappeared, and tags that moved."""
    asking.not_both(cursor, everything=everything)
    size = limit or (_LARGEST_PAGE if everything else None)
    with connection.connect(url, token) as client:

        def fetch(at_cursor: str | None) -> JSON:
            return client.diff(
                from_, to, clock=clock.value, limit=size, cursor=at_cursor, seconds=seconds, wait=wait
            ).document

        answer = asking.joined(fetch, lists=("changes",), label="Changes") if everything else fetch(cursor)
    if as_json:
        output.say_json(answer)
        return
    if answer["changes"]:
        output.say_table(("CHANGE", "WHAT", "BEFORE", "AFTER"), map(_change, answer["changes"]))
    changes = output.counted(len(answer["changes"]), "change")
    output.note(f"{changes}, from {_end(answer['from'])} to {_end(answer['to'])}.")
    _note_more(answer)


def _note_more(answer: JSON) -> None:
    if not answer["complete"]:
        output.note(f"NOT complete: {asking.more(answer)}.")


def _end(view: JSON) -> str:
    return view["as_of"] or f"log position {view['position']}"


def _say_artifacts(artifacts: Sequence[JSON]) -> None:
    if not artifacts:
        return
    output.say_table_with_rare(
        ("ARTIFACT", "VERSION", "PRODUCED (UTC)", "BY EVENT", "POSITION", "PROPERTIES", _ENDED, CHANGED),
        (
            (
                each["artifact"],
                *(
                    (_outside(each), "", "", "")
                    if (version := each["version"]) is None
                    else (
                        version.get("label", ""),
                        version["produced_at"],
                        version["event"],
                        version["position"],
                    )
                ),
                each["properties"] or "",
                telling.ended(each["version"] or {}),
                _changed(each["version"] or {}),
            )
            for each in artifacts
        ),
        rare=2,
    )


def _outside(artifact: JSON) -> str:
    digest = artifact.get("digest")
    return _OUTSIDE if digest is None else f"{_OUTSIDE}, digest {telling.short(digest)}"


def _changed(event: JSON) -> str:
    """Return why it was accepted that an event was changed after it was recorded; empty where it was not."""
    return event["changed"]["reason"] if "changed" in event else ""


def _say_tags(tags: Sequence[JSON]) -> None:
    output.say_table_with_rare(
        ("NAMESPACE", "TAG", "MARKS EVENT", "SINCE (UTC)", "POSITION", _ENDED, CHANGED),
        (
            (
                *(each["namespace"], each["tag"], each["event"], each["since"], each["position"]),
                telling.ended(each),
                _changed(each),
            )
            for each in tags
        ),
        rare=2,
    )


def _change(change: JSON) -> tuple[str, str, str, str]:
    before, after = change["before"], change["after"]
    if "tag" in change:
        what = f"tag {joined((change['namespace'], change['tag']))}"
        return change["change"], what, _marked(before), _marked(after)
    # The properties are what changed when the version did not.
    with_properties = before is not None and after is not None and before["version"] == after["version"]
    return (
        change["change"],
        f"artifact {change['artifact']}",
        _version(before, with_properties=with_properties),
        _version(after, with_properties=with_properties),
    )


def _marked(tag: JSON | None) -> str:
    return "" if tag is None else f"event {tag['event']}{_ending(tag)}"


def _ending(told: JSON) -> str:
    """Return what follows an event: how its work ended, and that it was changed since."""
    ended = telling.ended(told)
    return (f" ({ended})" if ended else "") + (" CHANGED after it was recorded" if "changed" in told else "")


def _version(artifact: JSON | None, *, with_properties: bool) -> str:
    if artifact is None:
        return ""
    version = artifact["version"]
    if version is None:
        text = _outside(artifact)
    else:
        label = f"{version['label']}, " if "label" in version else ""
        text = f"{label}event {version['event']}{_ending(version)}"
    return f"{text} {output.printable(artifact['properties'])}" if with_properties else text
