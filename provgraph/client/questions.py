"""The questions that a service answers: why, lineage, state, diff, impact, path, gaps."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from provgraph.client.answers import Lineage, typed
from provgraph.client.base import Call, Paging
from provgraph.client.calls import get
from provgraph.client.impact import Search
from provgraph.client.methods import asks, lists, searches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provgraph.client.told import Diff, Gaps, Route, State, Why

# 2026-03-01, yesterday, now-2h, an RFC 3339 time, a datetime, or a log position. Without a zone it is UTC.
Time: TypeAlias = str | int | datetime

# What a service takes at most for what it was asked to wait for and to look for, and some for the way.
_WAIT_SECONDS = 30
_LOOK_SECONDS = 20
_WAY_SECONDS = 10

T = TypeVar("T")
Q = TypeVar("Q", bound="State | Diff")


def why(
    node: str,
    *,
    version: str | None = None,
    depth: int | None = None,
    limit: int | None = None,
    as_of: Time | None = None,
    known_at: Time | None = None,
    wait: int | None = None,
    seconds: int | None = None,
) -> Call[Why]:
    """
    Return what led to an event, to a version of an artifact, or to what a tag marks.

    Steps, artifacts by kind, claims with their evidence, and a text.
    """
    parameters = {"node": node, "version": version, "depth": depth, "limit": limit}
    return _ask("why", _read_why, parameters | _when(as_of, known_at), wait=wait, seconds=seconds)


def lineage(
    node: str,
    *,
    direction: str = "upstream",
    depth: int | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    version: str | None = None,
    wait: int | None = None,
    versions: str | None = None,
    as_of: Time | None = None,
    known_at: Time | None = None,
    type: str | Sequence[str] | None = None,  # noqa: A002 - the parameter's name
    emitter: str | Sequence[str] | None = None,
    from_: Time | None = None,
    to: Time | None = None,
    seconds: int | None = None,
    details: bool | None = None,
) -> Call[Lineage]:
    """
    Return what stands behind a node, or downstream what came of it.

    ``node`` is ``artifact:NAME``, ``pem:ID``, ``tag:NAMESPACE/TAG`` or bare. ``direction`` is ``upstream``,
    ``downstream`` or ``both``; ``depth`` counts events and is unbounded when None; ``versions`` is ``exact`` or
    ``any``. ``type``, ``emitter``, ``from_`` and ``to`` say which events are listed; the others are walked over. With
    ``details`` nodes and edges also say what the events said: properties, labels, digests, kinds, when they were
    recorded.
    """
    parameters = {
        "node": node,
        "direction": direction,
        "depth": depth,
        "limit": limit,
        "cursor": cursor,
        "version": version,
        "versions": versions,
        **_which(type, emitter, from_, to),
        **_when(as_of, known_at),
        "details": _yes_or_no(details),
    }
    return _ask("lineage", _read_lineage, parameters, wait=wait, seconds=seconds)


def export(question: str, form: str, **parameters: object) -> Call[str]:
    """
    Return the answer to ``lineage`` or ``why`` in another format.

    :param form: of docs/reference/exports.md, such as ``prov-json`` or ``dot``; of ``why`` also ``text``
    :param parameters: those of the question; ``from_`` is written with its underscore
    """
    named = {
        name.removesuffix("_"): _yes_or_no(value) if isinstance(value, bool) else value
        for name, value in parameters.items()
    }
    return Call(
        "GET",
        f"/api/v1/{question}",
        str,
        {**named, "format": form},
        timeout_seconds=_patience(named.get("wait"), named.get("seconds")),
        as_text=True,
    )


def state(
    *,
    as_of: Time | None = None,
    known_at: Time | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    wait: int | None = None,
) -> Call[State]:
    """Return a page of what the platform looked like: ``artifacts`` by name, then ``tags``."""
    return _ask("state", _read_state, {"limit": limit, "cursor": cursor} | _when(as_of, known_at), wait=wait)


def states(
    *, as_of: Time | None = None, known_at: Time | None = None, limit: int | None = None
) -> Paging[State, State]:
    """Return every page of a state, see `state`; all are true for what the first one says."""

    def page(cursor: str | None) -> Call[State]:
        return state(as_of=as_of, known_at=known_at, limit=limit, cursor=cursor)

    return _paging(page)


def diff(
    from_: Time,
    to: Time,
    *,
    clock: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    wait: int | None = None,
    seconds: int | None = None,
) -> Call[Diff]:
    """Return a page of the ``changes`` between two times; ``clock`` is ``occurred`` (default) or ``recorded``."""
    parameters = {"from": _time(from_), "to": _time(to), "clock": clock, "limit": limit, "cursor": cursor}
    return _ask("diff", _read_diff, parameters, wait=wait, seconds=seconds)


def diffs(
    from_: Time,
    to: Time,
    *,
    clock: str | None = None,
    limit: int | None = None,
    seconds: int | None = None,
) -> Paging[Diff, Diff]:
    """Return every page of a difference, see `diff`."""

    def page(cursor: str | None) -> Call[Diff]:
        return diff(from_, to, clock=clock, limit=limit, cursor=cursor, seconds=seconds)

    return _paging(page)


def impact(
    node: str,
    *,
    version: str | None = None,
    depth: int | None = None,
    as_of: Time | None = None,
    known_at: Time | None = None,
    type: str | Sequence[str] | None = None,  # noqa: A002 - the parameter's name
    emitter: str | Sequence[str] | None = None,
    from_: Time | None = None,
    to: Time | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    wait: int | None = None,
    seconds: int | None = None,
) -> Search:
    """
    Return an iterator over everything that came of a node, nearest first, each event with its path.

    It reads from the service while it is iterated over, and goes on by itself where the connection broke. ``limit``
    is how many there may be in all; when that cut them, its ``cursor`` goes on.
    """
    parameters = {
        "node": node,
        "version": version,
        "depth": depth,
        "wait": wait,
        "seconds": seconds,
        **_which(type, emitter, from_, to),
        **_when(as_of, known_at),
    }
    return Search(parameters, limit=limit, cursor=cursor, timeout_seconds=_patience(wait, seconds))


def path(
    source: str,
    target: str,
    *,
    source_version: str | None = None,
    target_version: str | None = None,
    as_of: Time | None = None,
    known_at: Time | None = None,
    wait: int | None = None,
    seconds: int | None = None,
) -> Call[Route]:
    """Return whether ``source`` is upstream of ``target`` (``connected``), and if so the shortest ``path``."""
    parameters = {
        "source": source,
        "target": target,
        "source_version": source_version,
        "target_version": target_version,
        **_when(as_of, known_at),
    }
    return _ask("path", _read_route, parameters, wait=wait, seconds=seconds)


def gaps(
    *,
    list: str | None = None,  # noqa: A002 - the parameter's name
    silent_after: str | None = None,
    as_of: Time | None = None,
    known_at: Time | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    wait: int | None = None,
    seconds: int | None = None,
) -> Call[Gaps]:
    """
    Return what is missing: three lists, each with its ``items`` and ``cursor``, and the ``emitters``.

    ``list`` is the one list that is wanted, which a cursor goes on with.
    """
    parameters = {"list": list, "silent_after": silent_after, "limit": limit, "cursor": cursor}
    return _ask("gaps", _read_gaps, parameters | _when(as_of, known_at), wait=wait, seconds=seconds)


def _ask(
    question: str,
    reader: Callable[[Any], T],
    parameters: Mapping[str, object],
    *,
    wait: int | None,
    seconds: int | None = None,
) -> Call[T]:
    return get(
        f"/api/v1/{question}",
        reader,
        {**parameters, "wait": wait, "seconds": seconds},
        timeout_seconds=_patience(wait, seconds),
    )


def _read_lineage(document: Any) -> Lineage:
    return typed(Lineage.read, document)


# The types of these answers are loaded by whoever asks: most programs only report.


def _read_why(document: Any) -> Why:
    from provgraph.client.told import Why

    return typed(Why.read, document)


def _read_state(document: Any) -> State:
    from provgraph.client.told import State

    return typed(State.read, document)


def _read_diff(document: Any) -> Diff:
    from provgraph.client.told import Diff

    return typed(Diff.read, document)


def _read_route(document: Any) -> Route:
    from provgraph.client.told import Route

    return typed(Route.read, document)


def _read_gaps(document: Any) -> Gaps:
    from provgraph.client.told import Gaps

    return typed(Gaps.read, document)


def _paging(page: Callable[[str | None], Call[Q]]) -> Paging[Q, Q]:
    """Return the pages of an answer, each of them an item, that a cursor leads on."""
    return Paging(
        page(None),
        lambda found: (found,),
        lambda found: None if found.cursor is None else page(found.cursor),
    )


def _when(as_of: Time | None, known_at: Time | None) -> dict[str, object]:
    return {"as_of": _time(as_of), "known_at": _time(known_at)}


def _time(stated: Time | None) -> str | datetime | None:
    """Return a time as it is sent: a number alone might be taken for a year."""
    return f"position:{stated}" if isinstance(stated, int) else stated


def _which(
    type_: str | Sequence[str] | None,
    emitter: str | Sequence[str] | None,
    from_: Time | None,
    to: Time | None,
) -> dict[str, object]:
    return {"type": _several(type_), "emitter": _several(emitter), "from": _time(from_), "to": _time(to)}


def _yes_or_no(stated: bool | None) -> str | None:
    return None if stated is None else str(stated).lower()


def _several(stated: str | Sequence[str] | None) -> str | list[str] | None:
    return stated if stated is None or isinstance(stated, str) else [*stated]


def _patience(wait: object, seconds: object) -> float | None:
    """Return how long to wait for an answer that the service was told to take its time for; None: as always."""
    if wait is None and seconds is None:
        return None
    look = seconds if isinstance(seconds, int) else _LOOK_SECONDS
    return (0 if wait is None else _WAIT_SECONDS) + look + _WAY_SECONDS


class Questions:
    """
    The questions, as methods of a client. Parameters that are None are left to the service.

    docs/architecture.md describes them all. ``as_of`` counts only what had occurred by then on the emitters' clocks,
    ``known_at`` only what had been recorded by then on the log's; ``wait`` is a log position that the graph must have
    first; ``seconds`` bounds how long the service looks for an answer; ``cursor`` goes on with an answer that ``limit``
    cut, the other parameters repeated.
    """

    why = asks(why)
    lineage = asks(lineage)
    export = asks(export)
    state = asks(state)
    states = lists(states)
    diff = asks(diff)
    diffs = lists(diffs)
    impact = searches(impact)
    path = asks(path)
    gaps = asks(gaps)
