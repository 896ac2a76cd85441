"""``provgraph admin``: operate a service."""

import re
from typing import Annotated

import typer

from provgraph.cli import connection, credentials, output, reports
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import ExitCode, UsageError

app = typer.Typer(no_args_is_help=True, help="Operate a service.")
app.add_typer(credentials.app, name="credential")
app.add_typer(reports.app, name="report")

_DIFFERENCES_SHOWN = 50

_DIGEST = re.compile("[0-9a-fA-F]{64}").fullmatch

_COMPARED = {
    True: "What was served before was the same, digest for digest.",
    False: "What was served before was NOT what the log says.",
    None: "Events arrived meanwhile, so there is nothing to compare with.",
}

Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded, for whoever asks later.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def flush(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Wait until the graph has everything that is in the log now."""
    with connection.connect(url, token) as client:
        answer = client.admin.flush()
    if as_json:
        output.say_json(answer)
    else:
        seconds = round(answer.get("seconds", 0), 2)
        output.say(f"The graph is at log position {answer.get('position')} ({seconds} s).")


@app.command()
def verify(
    pems: Annotated[bool, typer.Option("--pems/--no-pems", help="Compare events.")] = True,
    artifacts: Annotated[bool, typer.Option("--artifacts/--no-artifacts", help="Compare artifacts.")] = True,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also replay the log into a fresh graph and check its digest chain."),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First put right what differs, then verify deeply.")
    ] = False,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "--expect",
            metavar="POSITION=DIGEST",
            help="Also require this digest at this log position, noted elsewhere before; implies --deep. Repeatable.",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Compare the graph with the log. Ends with 1 when they differ."""
    expected = dict(map(_expected, expect or ()))
    with connection.connect(url, token) as client, output.progress_bar("Verifying") as show:
        result = client.admin.verify(
            pems=pems, artifacts=artifacts, deep=deep, repair=repair, expect=expected, progress=show
        )
    if as_json:
        output.say_json(result)
    else:
        if repair:
            output.say(output.printable(str(result.get("repair_message", ""))))
        for line in str(result.get("message", "")).splitlines():
            output.say(output.printable(line))
    if not result.get("in_sync"):
        raise typer.Exit(ExitCode.NEGATIVE)


def _expected(stated: str) -> tuple[int, str]:
    position, _, digest = stated.partition("=")
    if not position.isdecimal() or not _DIGEST(digest):
        raise UsageError(f"--expect {stated} is not POSITION=DIGEST: a log position, and 64 hex digits.")
    return int(position), digest.lower()


@app.command("verify-connections")
def verify_connections(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Look for artifacts that no event uses or produces, and store a report."""
    with connection.connect(url, token) as client:
        with output.progress_bar("Looking") as show:
            report_id = client.admin.verify_connections(progress=show)
        report = client.admin.report(report_id)
    reports.say(report_id, report, as_json=as_json)


@app.command()
def rebuild(
    graph: Annotated[bool, typer.Option("--graph/--no-graph", help="Rebuild the graph.")] = True,
    catalog: Annotated[bool, typer.Option("--catalog/--no-catalog", help="Rebuild the catalog.")] = True,
    compare: Annotated[
        bool, typer.Option("--compare", help="Tell whether what was served before was the same.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make graph and catalog anew from the log."""
    projections = [name for name, wanted in (("graph", graph), ("catalog", catalog)) if wanted]
    if not projections:
        raise UsageError("Nothing to rebuild: leave out --no-graph or --no-catalog.")
    with connection.connect(url, token) as client, output.progress_bar("Rebuilding") as show:
        result = client.admin.rebuild(graph=graph, catalog=catalog, compare=compare, progress=show)
    if as_json:
        output.say_json({"rebuilt": projections, "result": result})
    else:
        output.say(f"Rebuilt from the log: {' and '.join(projections)}.")
        if compare:
            output.say(_COMPARED[result["digests"]["equal"]])


@app.command()
def clean(
    position: Annotated[
        int | None,
        typer.Option(
            "--position", min=0, help="Where the log ends that is meant, as `provgraph info` shows it."
        ),
    ] = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Remove every event, both projections and the reports; credentials stay. Cannot be undone."""
    with connection.connect(url, token) as client:
        meant = _position_of_the_log(position, client.url, yes=yes)
        answer = client.admin.clean(position=meant)
    if as_json:
        output.say_json(answer)
    else:
        output.say("Everything was removed; credentials stay.")


def _position_of_the_log(stated: int | None, url: str, *, yes: bool) -> int:
    """
    Return the position of the log that is to be emptied, having asked for what was not said.

    :raises UsageError: nobody is to be asked, and it was not said
    """
    if stated is None and yes:
        raise UsageError(
            "--yes needs --position: where the log ends that is meant, as `provgraph info` shows it."
        )
    if stated is None:
        said = typer.prompt(
            f"Remove everything that {url} has recorded? Say where its log ends (`provgraph info` shows it)",
            err=True,
        ).strip()
        if not said.isdecimal():
            raise typer.Abort
        return int(said)
    if not yes:
        typer.confirm(
            f"Remove everything that {url} has recorded, up to position {stated}?", abort=True, err=True
        )
    return stated


@app.command("accept-change")
def accept_change(
    position: Annotated[int, typer.Argument(min=1, help="Of the changed event, in the log.")],
    reason: Reason,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Have an event that was changed after it was recorded count as it stands now. Answers that rest on it say so."""
    with connection.connect(url, token) as client:
        answer = client.admin.accept_change(position, reason=reason)
    if as_json:
        output.say_json(answer)
    else:
        output.say(
            f"The event at log position {position} counts as it stands now. That is recorded at position "
            f"{answer.get('position')}, with the digest it was recorded with and the one it has today. What was built "
            "before still shows it as it was recorded: provgraph admin rebuild"
        )


@app.command("accept-loss")
def accept_loss(reason: Reason, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Have a log that lost events take writes again. Their positions are not given to others."""
    with connection.connect(url, token) as client, output.progress_bar("Building the catalog anew") as show:
        answer = client.admin.accept_loss(reason=reason, progress=show)
    if as_json:
        output.say_json(answer)
    else:
        output.say(
            f"The log takes writes again, from position {answer.get('position')} on, where that is recorded."
        )
