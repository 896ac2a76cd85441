"""How the command line ends: the exit codes, which error gives which, and what a person can do about it."""

from __future__ import annotations

from enum import IntEnum

from provgraph.cli.connection import ForeignServerError
from provgraph.client.errors import (
    BusyError,
    CredentialsRefusedError,
    NotThereError,
    OverlongQuestionError,
    OversizedError,
    RefusedRequestError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableUrlError,
)
from provgraph.errors import InvalidInputError, NotFoundError, ProvgraphError, SettingsError
from provgraph.sources.errors import SourceError


class ExitCode(IntEnum):
    """What a script can rely on; documented in docs/reference/cli.md."""

    OK = 0
    NEGATIVE = 1  # it worked, and the answer is no: out of sync, events refused
    USAGE = 2  # options, settings, an input that cannot be read, or a request that cannot be
    UNREACHABLE = 3  # no service answers, or it is not ready
    REFUSED = 4  # credentials missing, unknown or not enough
    NOT_FOUND = 5
    FAILED = 6  # any other error
    FOREIGN = 7  # something else than provgraph answers at that address
    INTERRUPTED = 130  # Ctrl-C; 128 + SIGINT, as shells count


class UsageError(ProvgraphError):
    """The command cannot do that the way it was called."""


class NotReadyError(ProvgraphError):
    """A service that this command started, or needs, does not serve."""


_CODES: tuple[tuple[type[ProvgraphError], ExitCode], ...] = (
    (ForeignServerError, ExitCode.FOREIGN),
    (UnexpectedAnswerError, ExitCode.FOREIGN),
    (UnusableUrlError, ExitCode.USAGE),  # the first one that fits counts
    (RefusedRequestError, ExitCode.USAGE),
    (OverlongQuestionError, ExitCode.USAGE),
    (UnreachableError, ExitCode.UNREACHABLE),
    (BusyError, ExitCode.UNREACHABLE),
    (NotReadyError, ExitCode.UNREACHABLE),
    (CredentialsRefusedError, ExitCode.REFUSED),
    (NotThereError, ExitCode.NOT_FOUND),
    (NotFoundError, ExitCode.NOT_FOUND),
    (UsageError, ExitCode.USAGE),
    (SettingsError, ExitCode.USAGE),
    (SourceError, ExitCode.USAGE),
    (InvalidInputError, ExitCode.USAGE),
)

_ADVICE: tuple[tuple[type[ProvgraphError], str], ...] = (
    (UnusableUrlError, "Give one with --url or in PROVGRAPH_URL."),
    (
        UnreachableError,
        "Is the service running? Start one with `provgraph serve`, or name another with --url.",
    ),
    (BusyError, "The service is busy or not ready: try again in a moment."),
    (CredentialsRefusedError, "Give a token that may do this, with --token or in PROVGRAPH_TOKEN."),
    (OversizedError, "Send less at once, or raise the service's limit."),
    (UnexpectedAnswerError, "Check --url: something else than provgraph may listen there."),
)


# Titles of refusals (503) that no waiting ends: what they say tells what to do.
_LASTING = frozenset({"Events lost", "Event changed", "Recorded by a newer provgraph", "Store corrupt"})


def exit_code(error: ProvgraphError) -> ExitCode:
    """Return the exit code for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def sentence(error: ProvgraphError) -> str:
    """Return what happened, and what to do about it where that is known."""
    said = error.told if isinstance(error, CredentialsRefusedError) else str(error)
    happened = _as_option(error, said.strip() or error.title)
    if not happened.endswith((".", "!", "?", "`")):
        happened += "."
    lasts = isinstance(error, BusyError) and error.problem.get("title") in _LASTING
    advice = None if lasts else next((advice for kind, advice in _ADVICE if isinstance(error, kind)), None)
    return f"{happened} {advice}" if advice else happened


# Parameters of the service that options do not carry the names of.
_OPTIONS = {"as_of": "--at"}


def _as_option(error: ProvgraphError, happened: str) -> str:
    """Return a refusal with the option in it instead of the parameter that it became."""
    field = error.problem.get("field") if isinstance(error, RefusedRequestError) else None
    if not isinstance(field, str) or "_" not in field:
        return happened
    return happened.replace(field, _OPTIONS.get(field, f"--{field.replace('_', '-')}"), 1)
