"""``provgraph demo``: the whole path of an event, from nothing to an answer, and nothing left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import orjson

import provgraph
from provgraph.cli import importing, output, trace
from provgraph.cli.exits import NotReadyError, UsageError
from provgraph.client import Client
from provgraph.client.traced import Most
from provgraph.sources import git as git_source
from provgraph.sources.commits import History
from provgraph.sources.errors import SourceError

_NEWEST_COMMITS = 5_000
_DEPTH = 3
# So much of the answer that the whole demo is read at one look: 60 lines with those of the set-up.
_SHOWN = Most(events=2, statements=3)
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_LISTENING = re.compile(r"provgraph is listening on (https?://\S+)")


def demo() -> None:
    """
    Show what provgraph does, on the git history of the repository in this folder.

    Starts a service in a fresh temporary folder, imports the history, asks what stands behind the newest commit,
    compares graph and log, and stops. Takes a few seconds and leaves nothing behind.
    """
    signal.signal(signal.SIGTERM, _stop)
    history = _history(Path.cwd())
    for warning in history.warnings:
        output.note(f"Note: {warning}")
    with tempfile.TemporaryDirectory(prefix="provgraph-demo-") as folder, _service(Path(folder)) as url:
        _step(f"A service listens on {url}, with its data in {folder}")
        with Client(url, token="") as client:
            client.wait_ready(timeout_seconds=_START_SECONDS)
            _show(client, history)
    _say_how_to_go_on()


class _Newest:
    """Passes events on and remembers the last one's commit."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self._events = events
        self.commit = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for event in self._events:
            self.commit = event["Properties"]["commit"]
            yield event


def _history(folder: Path) -> History:
    """
    Return the history to show.

    :raises UsageError: there is none here
    """
    try:
        # A fresh folder cannot hold anything that a cut history would contradict, so the edges of a shallow clone are
        # shown as what git says they are.
        history = git_source.open_history(folder, newest=_NEWEST_COMMITS, edges=True)
        total = history.total
    except SourceError as error:
        raise UsageError(f"{error} The demo imports a git history: run it inside a repository.") from error
    if not total:
        raise UsageError(
            f"The repository at {folder} has no commits yet: commit something, then run the demo again."
        )
    return history


def _show(client: Client, history: History) -> None:
    _step("Importing the git history of this folder: one event a commit")
    started = time.monotonic()
    events = _Newest(git_source.events(history.commits()))
    tally = importing.send_all(client, map(orjson.dumps, events), batch=500, total=history.total)
    output.say(importing.summary(tally, seconds=time.monotonic() - started))
    if history.total >= _NEWEST_COMMITS:
        output.say(f"(the newest {_NEWEST_COMMITS} commits; `provgraph import git .` takes all of them)")
    client.admin.flush()

    _step(f"What stands behind the newest commit? The {_DEPTH} steps before it, with the evidence")
    for line in trace.lines(client.lineage(f"artifact:commit/{events.commit}", depth=_DEPTH), most=_SHOWN):
        output.say(line)

    _step("Does the graph say what the log says?")
    result = client.admin.verify()
    output.say(str(result.get("message", "")).partition("\n")[0])
    if not result.get("in_sync"):
        raise NotReadyError("Graph and log differ in a fresh service: that is a defect, please report it.")


def _say_how_to_go_on() -> None:
    program = _program()
    _step("The service was stopped and its folder removed. How to go on")
    for command, purpose in (
        ("make serve", "a service that stays, at http://127.0.0.1:8082 (or: serve --data FOLDER)"),
        (f"{program} import git PATH", "a repository's history, or an exported one"),
        (
            f"{program} trace NODE",
            "what stands behind an artifact or event; --direction downstream: what came of it",
        ),
        (f"{program} --help", "everything else; README.md and docs/ explain it"),
    ):
        output.say(f"  {command:<37}{purpose}")


def _program() -> str:
    """Return how this program is called: by its name where the shell finds it, else by the way to it from here."""
    beside = Path(sys.executable).with_name("provgraph")
    found = shutil.which("provgraph")
    if (found is not None and Path(found).resolve() == beside.resolve()) or not beside.is_file():
        return "provgraph"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _step(title: str) -> None:
    output.say(f"\n== {title}")


@contextmanager
def _service(folder: Path) -> Iterator[str]:
    """Run a service as a child process; gives its URL, and stops it at the end."""
    # What the person's environment sets up for a real service is not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROVGRAPH_")}
    # The child finds this very program, installed or not.
    path = os.pathsep.join(
        filter(None, (str(Path(provgraph.__file__).parents[1]), environment.get("PYTHONPATH")))
    )
    child = subprocess.Popen(  # noqa: S603 - this program itself, with arguments of our own
        # -P: this folder may hold modules that have the names of ours
        [sys.executable, "-P", "-m", "provgraph.cli", "serve", "--data", str(folder / "data"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
    )
    try:
        with _Output(child) as said:
            yield said.url()
    finally:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class _Output:
    """Reads what a child says all the time, so that it never waits for us; keeps the last lines."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self._last: deque[str] = deque(maxlen=20)
        self._url: str | None = None
        self._settled = threading.Event()  # it listens, or it has ended
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Output":
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._reader.join(_STOP_SECONDS)
        if self._child.stdout and not self._reader.is_alive():
            self._child.stdout.close()

    def url(self) -> str:
        """
        Return where the service listens.

        :raises NotReadyError: it ended, or took too long
        """
        self._settled.wait(_START_SECONDS)
        if self._url:
            return self._url
        said = " ".join(line.strip() for line in self._last) or "it said nothing"
        raise NotReadyError(f"The service did not start: {said}")

    def _read(self) -> None:
        for line in self._child.stdout or ():
            self._last.append(line)
            if found := _LISTENING.search(line):
                self._url = found[1]
                self._settled.set()
        self._settled.set()


def _stop(_signal: int, _frame: object) -> NoReturn:
    """End by exception, so that the service is stopped and its folder removed."""
    raise SystemExit(128 + signal.SIGTERM)
