"""``provgraph runs``: the history of tracked work."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from provgraph.cli import connection, names, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.lists import CHANGED, CHANGED_FACT, accepted
from provgraph.client.shown import changed as and_changed
from provgraph.client.tracking import ChangedSinceError
from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from provgraph.client import Client
    from provgraph.client.tracking import (
        Changed,
        Conflict,
        Member,
        Operation,
        RolledBack,
        RolledBackLogin,
        Run,
    )

app = typer.Typer(no_args_is_help=True, help="Tracked runs: what scripts did, and undoing it.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or the beginning of it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

# The list fits a terminal of 80 columns.
_WIDTH = 80
_SCRIPT_WIDTH = 17
_ACTOR_WIDTH = 11


@app.command("list")
def list_(
    group: Annotated[
        str | None, typer.Option(help="Id of the group that they keep.", show_default=False)
    ] = None,
    identifier: Annotated[str | None, typer.Option(help="Of the script.", show_default=False)] = None,
    state: Annotated[
        str | None, typer.Option(help="open, done, failed or rolled-back.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(help="Most runs to show.", min=1)] = 20,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, the newest first."""
    with connection.connect(url, token) as client:
        listed = client.tracking.runs.list(group, identifier, state, min(limit, 1_000))
        found = list(itertools.islice(listed, limit))
    if as_json:
        output.say_json([run.document for run in found])
        return
    shown = names.short(run.id for run in found)
    output.say_table_with_rare(
        ("RUN", "STATE", "SCRIPT", "OPENED (UTC)", "ACTOR", "MEMBERS", CHANGED),
        (
            (
                shown[run.id],
                run.state,
                _cut(run.identifier, _SCRIPT_WIDTH),
                moment(run.opened_at)[:16],
                _cut(run.actor or "", _ACTOR_WIDTH),
                "" if run.members is None else len(run.members),
                accepted(run.changed),
            )
            for run in found
        ),
    )
    for run in found:
        if run.error:
            output.say(_cut(f"  {shown[run.id]} {run.state}: {run.error}", _WIDTH))
    output.note(f"{len(found)} shown, newest first; `provgraph runs show RUN` has the rest of one")


def _cut(text: str, most: int) -> str:
    """Return a text that takes no more room than that."""
    whole = output.printable(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}\u2026"


def _run(client: Client, stated: str) -> str:
    """Return the id of a run, of which the beginning was stated."""
    return names.whole(stated, lambda: (run.id for run in client.tracking.runs.list(limit=1_000)), what="run")


@app.command()
def show(run_id: RunId, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show a run, and what it did to which object."""
    with connection.connect(url, token) as client:
        run_id = _run(client, run_id)
        run = client.tracking.runs.get(run_id)
        done = client.tracking.runs.operations(run_id)
    if as_json:
        output.say_json({"run": run.document, "operations": [one.document for one in done]})
        return
    output.say_facts(f"Run {run.id}", _facts(run))
    if done:
        output.say()
        output.say_table_with_rare(("OPERATION", "OBJECT", "CHANGES", "EVENT", CHANGED), map(_row, done))


@app.command()
def diff(
    run_id: RunId,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[OTHER]", help="Id of the run to compare with; else the one of the same group before it."
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show how a run differs from another: what it saved anew, changed, and no longer saved."""
    with connection.connect(url, token) as client:
        found = client.tracking.runs.diff(
            _run(client, run_id), None if other is None else _run(client, other)
        )
    if as_json:
        output.say_json(found.document)
        return
    output.say(
        f"From run {found.from_run}{and_changed(found.from_changed)} to run {found.to_run}"
        f"{and_changed(found.to_changed)}"
    )
    changed = {one.id for one in found.changed}
    _say_members("added", found.added)
    for one in found.changed:
        told = f"{output.printable(one.artifact)}{and_changed(one.changed)}"
        output.say(f"  changed  {told}: {_difference(one)}")
    _say_members("dropped", found.dropped)
    output.note(f"{sum(1 for member in found.kept if member.id not in changed)} kept as they were")


@app.command()
def plan(run_id: RunId, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show what closing an open run would do now. Nothing is written."""
    with connection.connect(url, token) as client:
        found = client.tracking.runs.plan(_run(client, run_id))
    if as_json:
        output.say_json(found.document)
        return
    output.say(f"Plan {found.token} for group {found.group.brief()}")
    _say_members("retire", found.retire)
    _say_members("release", found.release)
    for one in found.refused:
        output.say(f"  refused  {one.brief()}")
    output.note(
        f"{len(found.added)} added, {len(found.kept)} kept, {len(found.dropped)} dropped; "
        f"{found.share:g} % of the members would be retired"
    )


@app.command()
def rollback(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run's id.", show_default=False)
    ] = None,
    login: Annotated[
        str | None,
        typer.Option(
            help="Instead of a run: who did it, as runs and objects name it. Goes with --since.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="What was recorded then or later: 2026-03-01T09:30, yesterday, now-2h.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Undo even what somebody has changed since, and lose that.")
    ] = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Undo what a run did, or a login since a time, as new events: nothing is forgotten."""
    wanted = _undo(run_id, login, since)
    with connection.connect(url, token) as client:
        if run_id is not None:
            wanted = _undo(_run(client, run_id), login, since)
        if not yes:
            typer.confirm(wanted.question(client), abort=True, err=True)
        try:
            done = wanted.roll_back(client, force)
        except ChangedSinceError as error:
            for conflict in error.conflicts:
                output.note(f"  {output.printable(conflict.artifact)}: {output.printable(_why(conflict))}")
            raise
    if as_json:
        output.say_json(done.document)
        return
    output.say(
        f"Rolled back: {output.counted(len(done.restored), 'object')} restored, {len(done.retired)} retired."
    )


class _Undo(NamedTuple):
    """What to undo."""

    question: Callable[[Client], str]
    roll_back: Callable[
        [Client, bool], RolledBack | RolledBackLogin
    ]  # the second: whatever was changed since


def _undo(run_id: str | None, login: str | None, since: str | None) -> _Undo:
    """Return what to undo: a run, or what a login did since a time."""
    if run_id is not None and login is None and since is None:
        return _Undo(
            lambda client: _run_question(client.tracking.runs.get(run_id)),
            lambda client, force: client.tracking.runs.rollback(run_id, force=force),
        )
    if run_id is None and login is not None and since is not None:
        return _Undo(
            lambda _: f"Undo what {output.printable(login)} did to objects since {output.printable(since)}?",
            lambda client, force: client.tracking.runs.rollback_login(login, since, force=force),
        )
    raise typer.BadParameter("name a run, or --login and --since", param_hint="RUN")


def _run_question(run: Run) -> str:
    return f"Undo what the run of {run.identifier} from {moment(run.opened_at)} did?"


def moment(when: datetime | None) -> str:
    """Return a time to the second, UTC; a dash when it was not told."""
    return "-" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def _why(conflict: Conflict) -> str:
    """Return why a rollback cannot put an object back, and who is in the way where that is known."""
    run, actor = conflict.changed_by_run, conflict.actor
    by = f"by run {run}" if run else f"by {actor}" if actor else ""
    told = by or ", ".join(f"group {id_}" for id_ in conflict.listed_by)
    return f"{conflict.reason} ({told})" if told else conflict.reason


def _facts(run: Run) -> dict[str, object]:
    facts: dict[str, object] = {
        "state": run.state,
        "identifier": run.identifier,
        "params": run.params or None,
        "branch": run.branch,
        "group": f"{run.group.name} ({run.group.id or 'not there'})",
        "retires unused": "yes" if run.delete_unused else "no",
        "actor": run.actor,
        "opened": moment(run.opened_at),
        "closed": None if run.closed_at is None else moment(run.closed_at),
        "members": None if run.members is None else len(run.members),
        "error": run.error,
        CHANGED_FACT: accepted(run.changed) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _row(one: Operation) -> tuple[object, ...]:
    return one.operation, one.artifact, _difference(one), one.event, accepted(one.changed)


def _difference(one: Operation | Changed) -> str:
    before, after = one.before or {}, one.after or {}
    if one.before is None or one.after is None:
        return ""
    names = [
        name
        for name in dict.fromkeys((*before, *after))
        if not canonical.same(before.get(name), after.get(name))
    ]
    return ", ".join(
        f"{output.printable(name)}: {_shown(before, name)} -> {_shown(after, name)}" for name in names
    )


def _shown(values: dict[str, object], name: str) -> str:
    return output.printable(values[name]) if name in values else "(none)"


def _say_members(what: str, members: Iterable[Member]) -> None:
    for member in members:
        output.say(f"  {what:<7}  {member.brief()}")
