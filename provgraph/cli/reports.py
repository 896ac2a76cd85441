"""``provgraph admin report``."""

from typing import Annotated, Any

import typer

from provgraph.cli import connection, names, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.client import Client

app = typer.Typer(no_args_is_help=True, help="Stored reports.")

ReportId = Annotated[str, typer.Argument(metavar="ID", help="The report's id.")]


@app.command("list")
def list_(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """List the stored reports."""
    with connection.connect(url, token) as client:
        found = client.admin.reports()
    if as_json:
        output.say_json(found)
        return
    columns = [name for name in (found[0] if found else {}) if name != "report"]
    output.say_table(
        [name.upper() for name in columns], ([entry.get(name, "") for name in columns] for entry in found)
    )
    output.note(f"{len(found)} in all")


@app.command()
def show(report_id: ReportId, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show a report."""
    with connection.connect(url, token) as client:
        report_id = _whole(client, report_id)
        report = client.admin.report(report_id)
    say(report_id, report, as_json=as_json)


def _whole(client: Client, stated: str) -> str:
    return names.whole(stated, lambda: (str(one["id"]) for one in client.admin.reports()), what="report")


@app.command("remove-unconnected")
def remove_unconnected(
    report_id: ReportId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Remove the artifacts that a connection report lists, except those connected since."""
    with connection.connect(url, token) as client:
        report_id = _whole(client, report_id)
        if not yes:
            typer.confirm("Remove the unconnected artifacts that the report lists?", abort=True, err=True)
        with output.progress_bar("Removing") as progress:
            new_id = client.admin.remove_unconnected(report_id, progress=progress)
        report = client.admin.report(new_id)
    say(new_id, report, as_json=as_json)


def say(report_id: str, report: dict[str, Any], *, as_json: bool) -> None:
    """Print one report."""
    if as_json:
        output.say_json({"id": report_id} | report)
        return
    output.say(f"Report {report_id}: {report.get('status')}")
    for line in str(report.get("report", "")).splitlines():
        output.say(output.printable(line))
