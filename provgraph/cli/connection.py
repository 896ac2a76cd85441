"""The options that say which service a command talks to."""

from typing import Annotated

import typer

from provgraph.client import DEFAULT_URL, Client

Url = Annotated[
    str, typer.Option("--url", envvar="PROVGRAPH_URL", help="Where the service is.", metavar="URL")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PROVGRAPH_TOKEN",
        help="Credential. Better given in PROVGRAPH_TOKEN: other users of this machine can see arguments.",
        metavar="TOKEN",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else.")]

__all__ = ["DEFAULT_URL", "AsJson", "Token", "Url", "connect"]


def connect(url: str, token: str | None) -> Client:
    """Return a client for the service that the options name."""
    return Client(url, token=token)
