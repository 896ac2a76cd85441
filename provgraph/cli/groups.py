"""``provgraph groups``: what tracked runs keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from provgraph.cli import connection, names, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import ExitCode, UsageError
from provgraph.cli.lists import CHANGED, CHANGED_FACT, accepted
from provgraph.cli.runs import Yes, moment
from provgraph.client.tracking import Limit
from provgraph.errors import NotFoundError

if TYPE_CHECKING:
    from provgraph.client import Client
    from provgraph.client.tracking import Group

app = typer.Typer(no_args_is_help=True, help="Groups: the objects that tracked runs keep.")

GroupName = Annotated[
    str, typer.Argument(metavar="GROUP", help="The group's id, the beginning of it, or its name.")
]
Identifier = Annotated[str | None, typer.Option(help="Of the script.", show_default=False)]
Branch = Annotated[str | None, typer.Option(help="That it lives on.", show_default="any")]

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@app.command("list")
def list_(
    identifier: Identifier = None,
    branch: Branch = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the groups."""
    with connection.connect(url, token) as client:
        found = list(client.tracking.groups.list(identifier=identifier, branch=branch, members=True))
    if as_json:
        output.say_json([group.document for group in found])
        return
    output.say_table_with_rare(
        ("GROUP", "NAME", "KIND", "BRANCH", "MEMBERS", "DESCRIPTION", "UPDATED", CHANGED),
        (
            (
                group.id,
                group.name,
                group.kind,
                group.branch,
                len(group.members or ()),
                group.description,
                moment(group.updated_at),
                accepted(group.changed),
            )
            for group in found
        ),
    )
    output.note(f"{len(found)} in all")


@app.command()
def show(
    group_name: GroupName,
    branch: Branch = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show a group and its members."""
    with connection.connect(url, token) as client:
        group = _found(client, group_name, branch)
    if as_json:
        output.say_json(group.document)
        return
    facts = {
        "id": group.id,
        "kind": group.kind,
        "branch": group.branch,
        "description": group.description or None,
        "script": group.identifier,
        "params": group.params or None,
        "last run": group.last_run,
        "updated": moment(group.updated_at),
        "state": None if group.live else "retired",
        CHANGED_FACT: accepted(group.changed),
    }
    output.say_facts(
        f"Group {output.printable(group.name)}", {name: value for name, value in facts.items() if value}
    )
    for member in group.members or ():
        output.say(f"  {member.id}  {member.brief()}")
    output.note(output.counted(len(group.members or ()), "member"))


@app.command()
def orphaned(
    older_than: Annotated[
        str | None,
        typer.Option(help="Also those that no run has closed for so long: 30d, 12h.", show_default=False),
    ] = None,
    identifier: Identifier = None,
    branch: Branch = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the groups that their script seems to have left behind, with the reason."""
    with connection.connect(url, token) as client:
        found = client.tracking.groups.orphaned(older_than, identifier, branch)
    if as_json:
        output.say_json([group.document for group in found])
        return
    output.say_table_with_rare(
        ("GROUP", "NAME", "UPDATED", "REASON", CHANGED),
        (
            (group.id, group.name, moment(group.updated_at), group.orphaned, accepted(group.changed))
            for group in found
        ),
    )
    output.note(f"{len(found)} in all")


@app.command()
def adopt(
    group_name: GroupName,
    into: Annotated[str, typer.Option(help="Id or name of the group that takes the members over.")],
    branch: Branch = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Hand a group's members over to another group, whose runs look after them from then on."""
    with connection.connect(url, token) as client:
        group, heir = _found(client, group_name, branch), _found(client, into, branch)
        if not yes:
            members = output.counted(len(group.members or ()), "member")
            typer.confirm(f"Hand the {members} of {group.name} over to {heir.name}?", abort=True, err=True)
        done = client.tracking.groups.adopt(group, into=heir)
    if as_json:
        output.say_json(done.document)
        return
    output.say(
        f"{output.printable(done.into.name)} has {output.counted(len(done.into.members or ()), 'member')} now."
    )


@app.command()
def remove(
    group_name: GroupName,
    limit: Annotated[
        int | None, typer.Option(help="Stop if more objects would be retired.", min=0, show_default=False)
    ] = None,
    branch: Branch = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Retire a group and its members, but for those that other groups list and those that are protected."""
    with connection.connect(url, token) as client:
        group = _found(client, group_name, branch)
        if not yes:
            members = output.counted(len(group.members or ()), "member")
            typer.confirm(f"Retire {group.name} and its {members}?", abort=True, err=True)
        done = client.tracking.groups.remove(group, None if limit is None else Limit(limit))
    if as_json:
        output.say_json(done.document)
    else:
        gone = [id_ for id_ in done.retired if id_ != group.id]
        output.say(f"{output.counted(len(gone), 'member')} retired, {len(done.released)} released.")
        for one in done.refused:  # the group stays, with these
            output.say(f"  refused  {one.brief()}")
    if done.refused:
        raise typer.Exit(ExitCode.NEGATIVE)


def _begun(client: Client, stated: str) -> Group:
    """
    Return the group whose id begins so.

    :raises NotFoundError: there is none; the text has names that are like it
    """
    groups = list(client.tracking.groups.list())
    try:
        found = names.whole(stated, lambda: (group.id for group in groups), what="group")
    except NotFoundError:
        found = stated
    if found == stated:
        alike = names.like(stated, [group.name for group in groups])
        raise NotFoundError(f"There is no group called {stated}{alike}")
    return client.tracking.groups.get(found)


def _found(client: Client, stated: str, branch: str | None) -> Group:
    """
    Return the group with this id or name.

    :raises NotFoundError: there is none
    :raises UsageError: the name is that of several
    """
    if _ID.fullmatch(stated.lower()):
        return client.tracking.groups.get(stated)
    found = list(client.tracking.groups.list(name=stated, branch=branch, members=True))
    if not found:
        return _begun(client, stated)
    if len(found) > 1:
        ids = ", ".join(f"{group.id} ({group.kind} on {group.branch})" for group in found)
        raise UsageError(f"Several groups are called {stated}: {ids}. Give the id, or --branch.")
    return found[0]
