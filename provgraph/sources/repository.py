"""Read a history from a repository, with the ``git`` program."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING, NamedTuple

from provgraph.sources import rawdates
from provgraph.sources.commits import Change, Commit, readable
from provgraph.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

_CHUNK_BYTES = 1 << 16
# A hook's environment points git at another repository than the folder that was named.
_REPOSITORY_VARIABLES = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
    }
)
# Every option that a person's configuration could turn is stated: the same history reads the same everywhere.
_LOG = (
    *("-c", "log.showRoot=true", "log", "--date-order", "--reverse", "--format=%H %P|%ct", "-z"),
    *("--raw", "--no-abbrev", "--no-renames", "--diff-merges=first-parent", "--ignore-submodules=none"),
    *("--no-relative", "--no-color", "--no-decorate", "--no-notes", "--no-show-signature"),
)


class Repository:
    """
    A git repository, bare or not; any folder inside it names it.

    Read are the commits that HEAD reaches, or with ``all_branches`` every branch, remote branch and tag. ``newest``
    keeps to that many of the newest commits.

    A shallow clone does not hold the parents of the commits at its edge, so git shows those as if everything in
    them were new. They are left out, because such an event would contradict the true one; ``edges=True`` takes them
    for roots.

    :raises SourceError: the folder is not in a repository, or git is not installed
    """

    def __init__(
        self, folder: Path, *, all_branches: bool = False, newest: int | None = None, edges: bool = False
    ) -> None:
        self._folder = folder
        _git(folder, "rev-parse", "--git-dir")
        self._revisions = self._starting_points(all_branches=all_branches)
        self._newest = newest
        self._shallow = self._shallow_edges()
        self._left_out = frozenset() if edges else self._shallow
        self._undated: dict[str, None] = {}  # in the order of reading

    @property
    def total(self) -> int:
        """See `History.total`."""
        if not self._revisions:
            return 0
        count = int(_git(self._folder, "rev-list", "--count", *self._limit(), *self._revisions, "--"))
        return max(0, count)

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `History.warnings`."""
        if not self._shallow:
            return ()
        edge = "taken for roots" if not self._left_out else "left out"
        warning = (
            f"{self._folder} is a shallow clone: the commits at its edge are {edge}, and uses of files from beyond "
            "it name no version. Run `git fetch --unshallow` first to record the whole history."
        )
        return (warning,)

    @property
    def undated(self) -> tuple[str, ...]:
        """See `History.undated`."""
        return tuple(self._undated)

    def commits(self) -> Iterator[Commit]:
        """See `History.commits`."""
        if not self._revisions:
            return
        with _Objects(self._folder) as objects, tempfile.TemporaryFile() as complaints:
            process = _start(self._folder, (*_LOG, *self._limit(), *self._revisions, "--"), complaints)
            assert process.stdout is not None  # noqa: S101 - it was opened as a pipe; this tells mypy
            try:
                for shown in _parse(_tokens(process.stdout)):
                    if shown.id not in self._left_out:
                        yield self._dated(shown, objects)
                if process.wait():
                    complaints.seek(0)
                    raise _failure(self._folder, complaints.read())
            finally:
                process.stdout.close()
                process.kill()  # it may be running still when the reader stopped early
                process.wait()

    def _dated(self, shown: _Shown, objects: _Objects) -> Commit:
        time = rawdates.committed_at(shown.seconds, lambda: objects.read(shown.id))
        if time is None:
            self._undated[shown.id] = None
            time = rawdates.UNDATED
        return Commit(shown.id, shown.parents, time, shown.changes)

    def _limit(self) -> tuple[str, ...]:
        return () if self._newest is None else (f"--max-count={self._newest}",)

    def _starting_points(self, *, all_branches: bool) -> tuple[str, ...]:
        """Return the revisions to start from; none in a repository without commits."""
        born = _ask(self._folder, "rev-parse", "--quiet", "--verify", "HEAD^{commit}").returncode == 0
        head = ("HEAD",) if born else ()
        return (*head, "--branches", "--remotes", "--tags") if all_branches else head

    def _shallow_edges(self) -> frozenset[str]:
        if _git(self._folder, "rev-parse", "--is-shallow-repository") != "true":
            return frozenset()
        listed = _git(self._folder, "rev-parse", "--path-format=absolute", "--git-path", "shallow")
        with open(os.fsencode(listed), encoding="ascii") as file:  # noqa: PTH123 - a path as git printed it
            return frozenset(file.read().split())


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what stands between NULs."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


class _Shown(NamedTuple):
    """A commit as git shows it."""

    id: str
    parents: tuple[str, ...]
    seconds: str  # empty where git cannot read the date
    changes: tuple[Change, ...]


class _Objects:
    """Reads objects as they are stored, with one program for all of them that is started for the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with self._process:  # closes its pipes and waits for it
                self._process.kill()

    def read(self, object_id: str) -> bytes:
        """
        Return an object's bytes.

        :raises SourceError: git cannot read it
        """
        if self._process is None:
            self._process = _start(self._folder, ("cat-file", "--batch"), subprocess.DEVNULL, asks=True)
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None  # noqa: S101, PT018 - they were opened as pipes
        try:
            questions.write(object_id.encode() + b"\n")
            questions.flush()
            heading = answers.readline().split()
        except OSError:
            heading = []
        if len(heading) != 3:
            raise SourceError(f"git cannot read the commit {object_id} of {self._folder}.")
        size = int(heading[2])
        return answers.read(size + 1)[:size]


def _parse(tokens: Iterator[bytes]) -> Iterator[_Shown]:
    """Put git's output together: a heading per commit, then ``:modes old new status`` and a path per change."""
    heading: bytes | None = None
    changes: list[Change] = []
    for token in tokens:
        word = token.lstrip(b"\n")
        if word.startswith(b":"):
            _, _, old, new, _ = word.decode().split(" ")
            path = readable(next(tokens))
            if old != new:  # the same blob: only the file's mode changed
                changes.append(Change(path, _blob(old), _blob(new)))
        elif word:
            if heading:
                yield _commit(heading, changes)
            heading, changes = word, []
    if heading:
        yield _commit(heading, changes)


def _commit(heading: bytes, changes: Sequence[Change]) -> _Shown:
    ids, _, seconds = heading.decode().rpartition("|")
    commit, *parents = ids.split()
    return _Shown(commit, tuple(parents), seconds, tuple(changes))


def _blob(stated: str) -> str | None:
    """Return a blob id, None for git's all-zero "nothing"."""
    return stated if stated.strip("0") else None


def _git(folder: Path, *arguments: str) -> str:
    answer = _ask(folder, *arguments)
    if answer.returncode:
        raise _failure(folder, answer.stderr)
    return os.fsdecode(answer.stdout).rstrip("\n")


def _ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - a fixed program, and arguments that no shell reads
            _command(folder, arguments), capture_output=True, check=False, env=_environment()
        )
    except FileNotFoundError as error:
        raise _not_installed() from error


def _start(
    folder: Path, arguments: Sequence[str], complaints: IO[bytes] | int, *, asks: bool = False
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a fixed program, and arguments that no shell reads
            _command(folder, arguments),
            stdin=subprocess.PIPE if asks else None,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(),
        )
    except FileNotFoundError as error:
        raise _not_installed() from error


def _command(folder: Path, arguments: Sequence[str]) -> list[str]:
    return ["git", "--no-pager", "-C", str(folder), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    # Replace refs would show another content under a commit's id, and grafts other parents: one commit is one event,
    # whatever somebody has noted in this clone.
    stored = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
    return kept | stored | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _not_installed() -> SourceError:
    return SourceError("The program `git` was not found: install git to import a repository.")


def _failure(folder: Path, complaint: bytes) -> SourceError:
    reason = complaint.decode("utf-8", "backslashreplace").strip().removeprefix("fatal: ")
    if "not a git repository" in reason:
        return SourceError(f"{folder} is not a git repository.")
    return SourceError(f"git cannot read {folder}: {reason or 'no reason given'}")
