"""``provgraph copy``."""

from typing import Annotated

import typer

from provgraph.cli import output
from provgraph.cli.connection import AsJson
from provgraph.cli.serving import composition
from provgraph.settings import read_settings

_PLACE = (
    "postgresql://USER@HOST/DATABASE, sqlite:///FILE (four slashes before an absolute path), or a data folder"
)


def copy(
    source: Annotated[str, typer.Option("--from", help=f"The log to copy: {_PLACE}.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Where to; an empty log. Default: where PROVGRAPH_LOG_URL points.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Copy an event log to another store: positions, digests and recorded times stay.

    The catalog is copied with it; a graph follows the log by itself. Interrupted, run it again: it goes on where it
    was. At the end the copy's digest chain is verified. No service may use a data folder that is copied from or to.
    """
    with output.progress_bar("Copying and verifying") as show:
        done = composition().copy(source, target, read_settings(), progress=show)
    if as_json:
        output.say_json(done._asdict())
        return
    earlier = done.events - done.copied
    already = f" ({earlier} were there already)" if earlier else ""
    output.say(f"Copied {done.copied} events{already}; both logs end at position {done.position} with")
    output.say(f"the digest {done.digest}.")
