"""``provgraph serve``."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from provgraph.cli.exits import UsageError
from provgraph.cli.parts import PARTS
from provgraph.errors import StoreError
from provgraph.settings import read_settings

_DISK_FAILURES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO})
# Libraries of parts that not everybody needs, with the extra that brings them.
_EXTRAS = {"graphql": "server,infrahub"}


_ALL = "all"
# What a process serves.
Part = StrEnum("Part", {name.upper(): name for name in (_ALL, *PARTS)})  # type: ignore[misc] # its members are PARTS


class MissingServerError(UsageError):
    """The installation has the client and the command line alone."""


def composition() -> ModuleType:
    """
    Return the composition root, `provgraph.cli.compose`.

    :raises MissingServerError: what it assembles is not installed
    """
    with what_is_missing_named():
        from provgraph.cli import compose
    root: ModuleType = compose
    return root


@contextmanager
def what_is_missing_named() -> Iterator[None]:
    """
    Say what to install when something cannot be loaded inside the block.

    :raises MissingServerError: instead of Python's own error
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "provgraph":
            raise
        if missing in PARTS:
            raise MissingServerError(
                f"The service `{missing}` is not installed: the wheel holds the client and the command line. Install "
                'from a checkout of the sources (pip install -e ".[server]").'
            ) from error
        raise MissingServerError(
            f'The library `{missing}` is not installed. Run: pip install "provgraph[{_EXTRAS.get(missing, "server")}]"'
        ) from error


def serve(
    parts: Annotated[
        list[Part] | None, typer.Argument(help="What this process serves.", show_default="all")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data folder; made when it is not there.", show_default=False)
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535, show_default=False),
    ] = None,
    auth_required: Annotated[
        bool | None,
        typer.Option("--auth-required/--no-auth-required", help="Ask for credentials.", show_default=False),
    ] = None,
    pem_auth_required: Annotated[
        bool | None,
        typer.Option(
            "--pem-auth-required/--no-pem-auth-required",
            help="Ask for credentials when events are sent.",
            show_default=False,
        ),
    ] = None,
    allow_open: Annotated[
        bool | None,
        typer.Option(
            "--allow-open/--no-allow-open",
            help="Allow to listen beyond this machine without credentials.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """
    Run the service until it is stopped (Ctrl-C).

    Every setting can be given in the environment (PROVGRAPH_DATA_DIR, PROVGRAPH_PORT, ...); an option given here
    comes first.
    """
    given: dict[str, object] = {
        "data_dir": data,
        "host": host,
        "port": port,
        "auth_required": auth_required,
        "pem_auth_required": pem_auth_required,
        "allow_open": allow_open,
    }
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    compose = composition()
    naming = _naming(settings.data_dir.absolute()) if settings.is_local else nullcontext()
    with naming, what_is_missing_named():
        wanted = {part.value for part in parts or []} or {_ALL}
        compose.serve(settings, compose.installed_parts() if _ALL in wanted else sorted(wanted))


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Name the data folder in an error of its files that does not: a full disk, say, or a folder not to be written."""
    try:
        yield
    except (StoreError, OSError) as error:
        told = str(folder) in str(error)
        if told or (isinstance(error, OSError) and error.errno not in _DISK_FAILURES):
            raise
        kind = type(error) if isinstance(error, StoreError) else StoreError
        raise kind(f"The data folder {folder} cannot be used: {error}") from error
