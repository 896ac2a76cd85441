"""``provgraph import``: bring in what other systems recorded."""

import gzip
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, cast

import orjson
import typer

from provgraph.cli import connection, output
from provgraph.cli.connection import DEFAULT_URL, AsJson, Token, Url
from provgraph.cli.exits import ExitCode, UsageError
from provgraph.client import Client, OversizedError, Verdict
from provgraph.client.answers import UNEXPLAINED
from provgraph.events.clock import from_iso
from provgraph.sources import git as git_source

app = typer.Typer(no_args_is_help=True, help="Bring in what other systems recorded.")

_BATCH_BYTES = 1_000_000
_PROBLEMS_KEPT = 100
_LIMIT_ADVICE = "raise the service's PROVGRAPH_PEM_SIZE_LIMIT and import again"
_PROBLEMS_SHOWN = 10


@dataclass
class Tally:
    """What became of the events of an import so far."""

    events: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    invalid: int = 0
    position: int | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)  # the first of the refused events
    warnings: list[dict[str, Any]] = field(
        default_factory=list
    )  # the first of the events not kept as they were sent
    warned: int = 0  # how many events were not kept as they were sent

    @property
    def refused(self) -> int:
        """How many events were not taken."""
        return self.conflicts + self.invalid

    def problem(self, facts: dict[str, Any]) -> None:
        """Keep what was wrong with one event, if it is among the first."""
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(facts)

    def warning(self, verdict: Verdict) -> None:
        """Count an event that was not kept as it was sent, and keep what was not, if it is among the first."""
        self.warned += 1
        if len(self.warnings) < _PROBLEMS_KEPT:
            details = "; ".join(each.detail for each in verdict.warnings)
            self.warnings.append({"ID": verdict.id, "verdict": verdict.verdict, "detail": details})


@app.command("git")
def import_git(
    source: Annotated[
        Path, typer.Argument(help="A repository's folder, or an export (FILE.ndjson or FILE.ndjson.gz).")
    ],
    emitter: Annotated[
        str, typer.Option(help="Emitter of the events. It is part of them: keep to the one you chose first.")
    ] = git_source.DEFAULT_EMITTER,
    all_branches: Annotated[
        bool, typer.Option("--all", help="Every branch, remote branch and tag, not only what HEAD reaches.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            help="Only commits from this time on: ISO date or time, UTC unless it says.", show_default=False
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Most events in one request.", min=1, max=10_000)] = 500,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Import a git history: one event a commit, and further ones for the files of a very large commit.

    Importing again changes nothing, so an interrupted import is simply run again. Ends with 1 when events were refused.
    """
    after = _time(since)
    history = git_source.open_history(source, all_branches=all_branches)
    for warning in history.warnings:
        output.note(f"Note: {warning}")
    events = git_source.events(history.commits(), emitter=emitter, since=after)
    total = None if after else history.total
    started = time.monotonic()
    with connection.connect(url, token) as client:
        tally = send_all(client, map(orjson.dumps, events), batch=batch, total=total)
    undated = git_source.undated(history, since=after)
    _report(tally, seconds=time.monotonic() - started, as_json=as_json, undated=undated)
    if tally.refused:
        raise typer.Exit(ExitCode.NEGATIVE)


@app.command("events")
def import_events(
    source: Annotated[
        Path,
        typer.Argument(help="A file with one event a line (NDJSON, may be .gz), or `-` for standard input."),
    ],
    batch: Annotated[int, typer.Option(help="Most events in one request.", min=1, max=10_000)] = 500,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """
    Send events from a file, as `POST /api/v1/events` takes them.

    Sending them again changes nothing, so an interrupted import is simply run again. Ends with 1 if some were refused.
    """
    started = time.monotonic()
    with connection.connect(url, token) as client:
        tally = send_all(client, lines_of(source), batch=batch, total=None)
    _report(tally, seconds=time.monotonic() - started, as_json=as_json)
    if tally.refused:
        raise typer.Exit(ExitCode.NEGATIVE)


def send_all(client: Client, events: Iterable[bytes], *, batch: int, total: int | None) -> Tally:
    """Send events (JSON texts) in batches, with a progress bar, and return what became of them."""
    tally = Tally()
    with output.progress_bar("Importing", total=total) as show:
        try:
            for lines in _batches(events, batch):
                _send(client, lines, tally)
                show(tally.events, total and max(total, tally.events))  # a large commit is several events
        except KeyboardInterrupt:
            output.note(
                f"Interrupted after {output.counted(tally.events, 'event')}. Run the same command again: what is "
                "stored stays stored."
            )
            raise
    return tally


def lines_of(source: Path) -> Iterator[bytes]:
    """
    Yield the events of a file, as they stand there: what the service makes of a number or a key is its to say.

    :raises UsageError: it cannot be read, or a line is not JSON
    """
    try:
        with _opened(source) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _event(line, source, number)
    except (OSError, EOFError) as error:
        raise UsageError(f"{source} cannot be read: {error}") from error


def _opened(source: Path) -> IO[bytes]:
    if str(source) == "-":
        return sys.stdin.buffer
    if source.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(source))
    return source.open("rb")


def _event(line: bytes, source: Path, number: int) -> bytes:
    try:
        orjson.loads(line)
    except ValueError as error:
        raise UsageError(f"Line {number} of {source} is not JSON: {error}") from error
    return line.strip()


def _batches(events: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """Yield events so many at a time that a request stays small."""
    lines: list[bytes] = []
    size = 0
    for line in events:
        if lines and (len(lines) == most or size + len(line) > _BATCH_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield lines


def _send(client: Client, lines: list[bytes], tally: Tally) -> None:
    try:
        result = client.send_encoded(lines)
    except OversizedError as error:
        # The service takes smaller bodies than we send: halve, down to the one event that is too large by itself.
        if len(lines) > 1:
            _send(client, lines[: len(lines) // 2], tally)
            _send(client, lines[len(lines) // 2 :], tally)
            return
        tally.events += 1
        tally.invalid += 1
        tally.problem(_facts(lines[0], verdict="invalid", detail=f"{error}; {_LIMIT_ADVICE}"))
        return
    further = [lines[each.index] for each in result.verdicts if each.rule == UNEXPLAINED]
    tally.events += len(lines) - len(further)
    tally.accepted += result.accepted
    tally.duplicates += result.duplicates
    tally.conflicts += result.conflicts
    tally.invalid += result.invalid - len(further)
    tally.position = result.position
    for verdict in result.verdicts:
        if verdict.rule == UNEXPLAINED:
            continue
        if verdict.verdict not in ("accepted", "duplicate"):
            tally.problem(_problem(verdict, lines[verdict.index]))
        if verdict.warnings:
            tally.warning(verdict)
    if further:  # alone they are explained
        _send(client, further, tally)


def _problem(verdict: Verdict, line: bytes) -> dict[str, Any]:
    too_large = verdict.rule == "size"
    detail = f"{verdict.detail}; {_LIMIT_ADVICE}" if too_large else verdict.detail
    return _facts(line, verdict=verdict.verdict, detail=detail)


def _facts(line: bytes, *, verdict: str, detail: str | None) -> dict[str, Any]:
    event = orjson.loads(line)
    properties = event.get("Properties") if isinstance(event, dict) else None
    commit = properties.get("commit") if isinstance(properties, dict) else None
    id_ = event.get("ID") if isinstance(event, dict) else None
    return {"verdict": verdict, "ID": id_, "commit": commit, "detail": detail}


def _report(tally: Tally, *, seconds: float, as_json: bool, undated: tuple[str, ...] | None = None) -> None:
    """Show what became of an import; ``undated``: the commits without a readable date, of a git history."""
    if as_json:
        output.say_json(
            {
                "events": tally.events,
                "accepted": tally.accepted,
                "duplicates": tally.duplicates,
                "conflicts": tally.conflicts,
                "invalid": tally.invalid,
                "position": tally.position,
                "problems": tally.problems,
                "warned": tally.warned,
                "warnings": tally.warnings,
                **({} if undated is None else {"undated": list(undated)}),
            }
        )
        return
    output.say(summary(tally, seconds=seconds))
    for problem in tally.problems[:_PROBLEMS_SHOWN]:
        subject = problem.get("commit") or problem["ID"] or "an event without ID"
        output.note(f"  {problem['verdict']}: {subject}: {output.printable(problem['detail'])}")
    if tally.refused > _PROBLEMS_SHOWN:
        output.note(
            f"  ... and {tally.refused - _PROBLEMS_SHOWN} more (the first {_PROBLEMS_KEPT} with --json)"
        )
    for warning in tally.warnings[:_PROBLEMS_SHOWN]:
        output.note(f"  warning: {warning['ID']}: {output.printable(warning['detail'])}")
    if tally.warned > _PROBLEMS_SHOWN:
        output.note(
            f"  ... and {tally.warned - _PROBLEMS_SHOWN} more (the first {_PROBLEMS_KEPT} with --json)"
        )
    if undated:
        shown = ", ".join(undated[:_PROBLEMS_SHOWN])
        more = (
            f" and {len(undated) - _PROBLEMS_SHOWN} more (all with --json)"
            if len(undated) > _PROBLEMS_SHOWN
            else ""
        )
        output.note(
            f"Without a date that can be read, recorded as of 1970-01-01: "
            f"{output.counted(len(undated), 'commit')}: {shown}{more}"
        )
    if tally.conflicts:
        output.note(
            "A conflict: the commit is stored with other content, which stands. Was it imported with another"
        )
        output.note("--emitter, or from a shallow clone?")


def summary(tally: Tally, *, seconds: float) -> str:
    """Return what became of an import as one sentence."""
    counts = (
        f"{tally.accepted} accepted, {output.counted(tally.duplicates, 'duplicate')}, "
        f"{output.counted(tally.conflicts, 'conflict')}, {tally.invalid} invalid"
    )
    behind = "" if tally.position is None else f"; log position {tally.position}"
    return f"{output.counted(tally.events, 'event')} sent in {seconds:.1f} s: {counts}{behind}"


def _time(stated: str | None) -> datetime | None:
    if stated is None:
        return None
    try:
        time_ = from_iso(stated)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{stated!r} is not an ISO date or time, such as 2026-01-31 or 2026-01-31T12:00:00Z",
            param_hint="--since",
        ) from error
    return time_ if time_.tzinfo else time_.replace(tzinfo=UTC)
