"""The answers of the native API, typed. Each keeps what it was made from as ``document``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from provgraph.client.base import JSON, Verdict
from provgraph.client.errors import UnexpectedAnswerError
from provgraph.client.shown import Block, Piece, Shown, Table
from provgraph.telling import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import networkx as nx

_Answer = TypeVar("_Answer")

REFUSALS = frozenset({"conflict", "invalid"})
_BY_A_SERVICE = frozenset({"accepted", "duplicate", *REFUSALS})


def an_object(document: Any) -> JSON:
    """
    Return a JSON object as it is.

    :raises UnexpectedAnswerError: it is something else
    """
    if isinstance(document, dict):
        return document
    raise UnexpectedAnswerError(
        "The answer is not a JSON object: this is no provgraph service, or another version."
    )


def a_list(document: Any, *, within: str | None = None) -> list[JSON]:
    """
    Return a JSON list as it is, or from the member ``within``.

    :raises UnexpectedAnswerError: it is something else
    """
    listed = document.get(within) if isinstance(document, dict) and within else document
    if isinstance(listed, list):
        return listed
    raise UnexpectedAnswerError(
        "The answer is not a JSON list: this is no provgraph service, or another version."
    )


def typed(reader: Callable[[JSON], _Answer], document: Any) -> _Answer:
    """
    Return what ``reader`` makes of an answer.

    :raises UnexpectedAnswerError: the answer lacks something
    """
    try:
        return reader(an_object(document))
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswerError(f"The answer lacks what this client needs: {error}") from error


# The rule of verdicts on events that the service only counted.
UNEXPLAINED = "further"
_MOST_VERDICTS = 1_000_000  # in one answer: a service judges far fewer at once
_UNEXPLAINED = "It is invalid; the service says why of ten events of a batch: send it again without those"


@dataclass(frozen=True, slots=True)
class SendResult(Shown):
    """What became of a batch. Accepted means durable."""

    verdicts: tuple[Verdict, ...]
    accepted: int
    duplicates: int
    conflicts: int
    invalid: int
    position: int  # of the log after this batch; 0 when no service was asked

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        told = [
            f"{number} {what}"
            for number, what in (
                (self.accepted, "accepted"),
                (self.duplicates, "duplicates"),
                (self.conflicts, "conflicts"),
                (self.invalid, "invalid"),
            )
            if number
        ]
        others = sorted({each.verdict for each in self.verdicts} - _BY_A_SERVICE)
        at = f"; log position {self.position}" if self.position else ""
        yield f"{counted(len(self.verdicts), 'event')}: {', '.join(told or others) or 'none'}{at}"
        if refused := self.refused:
            yield Table(
                ("Place", "Event", "Verdict", "Field", "Detail"),
                [
                    (each.index, each.id, each.verdict, each.field, each.detail or each.rule)
                    for each in refused
                ],
            )

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The verdicts on the events that the service did not take."""
        return tuple([each for each in self.verdicts if each.verdict in REFUSALS])

    @classmethod
    def told(cls, verdict: str, ids: Iterable[str]) -> SendResult:
        """Return the same verdict on every event, by something that is no service."""
        return cls(tuple([Verdict(index, id_, verdict) for index, id_ in enumerate(ids)]), 0, 0, 0, 0, 0)

    def of(self, ids: Sequence[str]) -> SendResult:
        """Return the same, with the ids of those events that the service only counted."""
        verdicts = (
            replace(each, id=ids[each.index]) if each.rule == UNEXPLAINED and each.index < len(ids) else each
            for each in self.verdicts
        )
        return replace(self, verdicts=tuple(verdicts))

    def followed_by(self, other: SendResult) -> SendResult:
        """Return the result of two batches as that of one."""
        behind = len(self.verdicts)
        return SendResult(
            (*self.verdicts, *[replace(each, index=each.index + behind) for each in other.verdicts]),
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.invalid + other.invalid,
            max(self.position, other.position),
        )

    @classmethod
    def read(cls, document: JSON) -> SendResult:
        """Read the answer to a batch. Of the events that are invalid the service tells ten and counts the others."""
        counts = [document[name] for name in ("accepted", "duplicates", "conflicts", "invalid")]
        if not 0 <= sum(counts) <= _MOST_VERDICTS:
            raise ValueError(f"it counts {sum(counts)} events")
        told = {result["index"]: Verdict.read(result) for result in document["results"]}
        verdicts = (
            told.get(index) or Verdict(index, None, "invalid", None, None, UNEXPLAINED, _UNEXPLAINED)
            for index in range(max(sum(counts), len(told)))
        )
        accepted, duplicates, conflicts, invalid = counts
        return cls(tuple(verdicts), accepted, duplicates, conflicts, invalid, document["position"])


@dataclass(frozen=True, slots=True)
class Lineage(Shown):
    """What stands behind an artifact or event, or came of it."""

    node: JSON
    direction: str
    nodes: tuple[JSON, ...]  # {"kind", "id", "depth", ...}
    edges: tuple[JSON, ...]  # {"type", "source", "target", ...}; the source of USES and PRODUCES is the event
    position: int  # the log position the answer is true for
    complete: bool
    reason: str | None  # what cut the answer: limit, depth, ...
    cursor: str | None  # to continue after a limit
    document: JSON = field(repr=False)
    as_of: str | None = None  # the time on the emitters' clocks that it is true for, when one was asked for

    @classmethod
    def read(cls, document: JSON) -> Lineage:
        """Read one page of an answer."""
        return cls(
            document["node"],
            document["direction"],
            tuple(document["nodes"]),
            tuple(document["edges"]),
            document["position"],
            document["complete"],
            document.get("reason"),
            document.get("cursor"),
            document,
            document.get("as_of"),
        )

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`."""
        from provgraph.client import traced  # noqa: PLC0415 - most programs only report

        return (Block([*traced.lines(self)]),)

    def to_networkx(self, *, versions: bool = False) -> nx.MultiDiGraph:
        """
        Return the answer as a networkx graph, whose edges point the way the data went.

        `provgraph.lineage.to_networkx` describes it; with ``versions`` each version is a node of its own.

        :raises MissingLibraryError: networkx is not installed
        """
        from provgraph.exports import to_networkx  # noqa: PLC0415 - brings in what only this needs

        return to_networkx(self.document, versions=versions)


@dataclass(frozen=True, slots=True)
class Job(Shown):
    """A long operation, as it stands."""

    id: str
    state: str  # running, done, failed
    done: int
    total: int | None  # units of progress; None while that is not known
    result: Any
    error: str | None
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> Job:
        """Read a job."""
        get = document.get
        return cls(
            str(document["id"]),
            document["state"],
            get("done") or 0,
            get("total") or None,
            get("result"),
            get("error"),
            document,
        )
