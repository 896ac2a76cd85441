"""Reading the embedded graph's past: what a view's events say, each answer over one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.events.clock import moment
from provgraph.graphstore.base import (
    ArtifactState,
    Effect,
    EmitterState,
    Link,
    Mismatch,
    Production,
    TagFacts,
    Unseen,
)
from provgraph.graphstore.embedded import reader, schema
from provgraph.graphstore.embedded.state import state
from provgraph.graphstore.embedded.walker import key_list
from provgraph.sqlite import select_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from provgraph.graphstore.base import Moment, PemFacts, View

_FOREVER_US = 2**62
_NO_KEY = -1
_EARLIEST = b""
_LATEST = b"\xff" * 29  # behind every moment


def events(connection: sqlite3.Connection, ids: Sequence[str]) -> list[PemFacts]:
    """See `HistoryReader.events`."""
    raw_ids = [bytes.fromhex(id_) for id_ in dict.fromkeys(ids)]
    return list(reader.facts(connection, list(select_in(connection, schema.EVENTS, raw_ids))))


def effects(
    connection: sqlite3.Connection,
    ids: Sequence[str],
    view: View,
    *,
    artifact: str | None,
    named: bool,
    limit: int,
) -> list[Effect]:
    """See `HistoryReader.effects`."""
    of = schema.PREDECESSOR if named else None if artifact is None else _artifact_key(connection, artifact)
    bounds = {**_bounds(view), "keys": _keys(connection, ids), "of": of, "limit": limit}
    return [_effect(*row) for row in connection.execute(schema.EFFECTS_OF, bounds)]


def users(connection: sqlite3.Connection, artifact: str, view: View, limit: int) -> list[Effect]:
    """See `HistoryReader.users`."""
    bounds = {**_bounds(view), "of": _artifact_key(connection, artifact), "limit": limit}
    return [_effect(*row) for row in connection.execute(schema.USERS_OF_ARTIFACT, bounds)]


def taken(
    connection: sqlite3.Connection, ids: Sequence[str], view: View, artifact: str | None
) -> list[Effect]:
    """See `HistoryReader.taken`."""
    of = None if artifact is None else _artifact_key(connection, artifact)
    bounds = {**_bounds(view), "keys": _keys(connection, ids), "of": of}
    return [_effect(*row) for row in connection.execute(schema.TAKEN, bounds)]


def names(connection: sqlite3.Connection, view: View, artifact: str) -> bool:
    """See `HistoryReader.names`."""
    bounds = {**_bounds(view), "artifact": artifact, "is_timed": view.as_of_us is not None}
    return connection.execute(schema.NAMES, bounds).fetchone() is not None


def _keys(connection: sqlite3.Connection, ids: Sequence[str]) -> str:
    raw_ids = [bytes.fromhex(id_) for id_ in dict.fromkeys(ids)]
    return key_list(key for _, key in select_in(connection, schema.PEM_KEYS, raw_ids))


def _artifact_key(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute(schema.ARTIFACT_KEY, (name,)).fetchone()
    return _NO_KEY if row is None else int(row[0])


def _effect(
    cause: bytes | None, raw_id: bytes, occurred_us: int, position: int, artifact: str | None, label: str
) -> Effect:
    named = None if artifact is None else label or None
    return Effect(
        None if cause is None else cause.hex(), raw_id.hex(), occurred_us, position, artifact, named
    )


def productions(
    connection: sqlite3.Connection,
    artifact: str,
    *,
    version: str | None,
    before: Moment | None,
    after: Moment | None,
    newest_first: bool,
    limit: int,
) -> list[Production]:
    """See `HistoryReader.productions`."""
    statement = schema.PRODUCTIONS_OF if version is None else schema.LABELLED_PRODUCTIONS_OF
    begin = _EARLIEST if after is None else _key(after) + b"\0"
    end = _LATEST if before is None else _key(before)
    order = "DESC" if newest_first else "ASC"
    rows = connection.execute(statement.format(order=order), (artifact, begin, end, limit, version))
    return [_production(*row) for row in rows]


def _key(at: Moment) -> bytes:
    return moment(at.occurred_us, at.event_id, at.rank)


def _production(
    raw_id: bytes,
    occurred_us: int,
    position: int,
    version: str | None,
    digest: str | None,
    kind: str | None,
    properties: str | None,
    outcome: str | None,
    error: str | None,
    rank: int,
) -> Production:
    said = (version, digest, kind, properties or "{}")
    return Production(raw_id.hex(), occurred_us, position, *said, outcome, error, rank)


def artifact_states(
    connection: sqlite3.Connection, view: View, after: str, limit: int
) -> list[ArtifactState]:
    """See `HistoryReader.artifact_states`."""
    bounds = {**_bounds(view), "after": after, "limit": limit}
    # Only where both clocks leave events out can an artifact be known by each of them and still by none by both.
    both = view.as_of_us is not None and view.position < state(connection).checkpoint.position
    statement = schema.ARTIFACT_STATES_BY_BOTH if both else schema.ARTIFACT_STATES
    return [
        ArtifactState(name, properties or "{}", None if made[0] is None else _production(*made), digest, kind)
        for name, properties, digest, kind, *made in connection.execute(statement, bounds)
    ]


def tag_states(
    connection: sqlite3.Connection, view: View, after: tuple[str, str], limit: int
) -> list[TagFacts]:
    """See `HistoryReader.tag_states`."""
    statement = schema.TAG_STATES if view.as_of_us is None else schema.TAG_STATES_AS_OF
    bounds = {**_bounds(view), "namespace": after[0], "tag": after[1], "limit": limit}
    return [TagFacts(*row) for row in connection.execute(statement, bounds)]


def emitter_states(connection: sqlite3.Connection, view: View) -> list[EmitterState]:
    """See `HistoryReader.emitter_states`."""
    return [
        EmitterState._make(
            (*facts, 1_000_000 * seconds + microseconds, int(failed), int(aborted), int(unknown))
        )
        for *facts, seconds, microseconds, failed, aborted, unknown in connection.execute(
            schema.EMITTER_STATES, _bounds(view)
        )
    ]


def unseen(connection: sqlite3.Connection, view: View, after: str, limit: int) -> list[Unseen]:
    """See `HistoryReader.unseen`."""
    bounds = {**_bounds(view), "after": bytes.fromhex(after), "limit": limit}
    everything = view.as_of_us is None and view.position >= state(connection).checkpoint.position
    statement = schema.UNSEEN_NOW if everything else schema.UNSEEN
    return [
        Unseen(raw_id.hex(), named_by.hex(), times, position)
        for raw_id, named_by, times, position in connection.execute(statement, bounds)
    ]


def mismatches(
    connection: sqlite3.Connection,
    view: View,
    after: tuple[str, str, str],
    limit: int,
    unsettled: Sequence[str],
) -> list[Mismatch]:
    """See `HistoryReader.mismatches`."""
    id_, artifact, label = after
    place = {"id": bytes.fromhex(id_), "artifact": artifact, "label": label, "limit": limit}
    bounds = {**_bounds(view), **place, "unsettled": _keys(connection, unsettled)}
    return [
        Mismatch(raw_id.hex(), occurred_us, emitter, name, named or None, _production(*cause), rank)
        for raw_id, occurred_us, emitter, name, named, *cause, rank in connection.execute(
            schema.MISMATCHES, bounds
        )
    ]


def doubtful_digests(
    connection: sqlite3.Connection,
    view: View,
    after: tuple[str, str, str],
    limit: int,
    *,
    is_unsettled: bool,
) -> list[tuple[str, str, str]]:
    """See `HistoryReader.doubtful_digests`."""
    id_, artifact, label = after
    place = {"id": bytes.fromhex(id_), "artifact": artifact, "label": label, "limit": limit}
    bounds = {**_bounds(view), **place, "is_unsettled": is_unsettled}
    return [
        (raw_id.hex(), name, named)
        for raw_id, name, named in connection.execute(schema.DOUBTFUL_DIGESTS, bounds)
    ]


def unsettled(connection: sqlite3.Connection, view: View) -> list[str]:
    """See `HistoryReader.unsettled`."""
    return [raw_id.hex() for (raw_id,) in connection.execute(schema.UNSETTLED, _bounds(view))]


def links(connection: sqlite3.Connection, ids: Sequence[str], view: View) -> list[Link]:
    """See `HistoryReader.links`."""
    bounds = {**_bounds(view), "keys": _keys(connection, ids)}
    return [
        Link(raw_id.hex(), named.hex(), rank)
        for raw_id, named, rank in connection.execute(schema.LINKS, bounds)
    ]


def _bounds(view: View) -> dict[str, Any]:
    until = _FOREVER_US if view.as_of_us is None else view.as_of_us
    # Every moment of that microsecond lies before the next one.
    return {"until": until, "end": moment(until + 1, "00" * 16), "position": view.position}
