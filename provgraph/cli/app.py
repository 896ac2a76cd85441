"""``provgraph``: every command, and the one place where errors become sentences and exit codes."""

import errno
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from provgraph import __version__
from provgraph.cli import (
    admin,
    artifacts,
    copying,
    demo,
    gaps,
    groups,
    impact,
    importing,
    lineage,
    output,
    overview,
    path,
    pems,
    runs,
    serving,
    state,
    trace,
    why,
)
from provgraph.cli.exits import ExitCode, exit_code, sentence
from provgraph.errors import ProvgraphError
from provgraph.settings import misspelt


class _ErrorsAsSentences(TyperGroup):
    """Ends a command that failed with a sentence on stderr and an exit code, never with a traceback."""

    def main(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().main(*arguments, **named)
        except SystemExit as ended:
            # Help is printed before a command is invoked; the libraries make a failure of it that it was not read.
            if not isinstance(ended.__context__, BrokenPipeError):
                raise
            output.seen_enough()
            raise SystemExit(ExitCode.OK) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ProvgraphError as error:
            output.note(f"Error: {output.printable(sentence(error))}")
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            output.note("Interrupted.")
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                output.seen_enough()
                raise typer.Exit(ExitCode.OK) from error
            output.note(f"Error: {error.strerror or error}: {error.filename or 'no file named'}.")
            raise typer.Exit(ExitCode.FAILED) from error


app = typer.Typer(
    cls=_ErrorsAsSentences,
    help="provgraph: why did this happen, and what did the platform look like then?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.say(__version__)
        raise typer.Exit


@app.callback()
def _provgraph(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback reads it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""
    if context.invoked_subcommand != "serve":  # which has a log for it
        for told in misspelt(os.environ):
            output.note(f"Note: {told}")


app.command("serve")(serving.serve)
app.command("demo")(demo.demo)
app.command("copy")(copying.copy)
app.add_typer(importing.app, name="import")
app.command("info")(overview.info)
app.command("pems")(pems.pems)
app.command("artifacts")(artifacts.artifacts)
app.command("trace")(trace.trace)
app.command("why")(why.why)
app.command("lineage")(lineage.lineage)
app.command("state")(state.state)
app.command("diff")(state.diff)
app.command("impact")(impact.impact)
app.command("path")(path.path)
app.command("gaps")(gaps.gaps)
app.add_typer(runs.app, name="runs")
app.add_typer(groups.app, name="groups")
app.add_typer(admin.app, name="admin")
