"""What a graph file says of itself: how far it has followed the log, and when it last changed its mind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.base import Checkpoint
from provgraph.graphstore.embedded import schema

if TYPE_CHECKING:
    import sqlite3

_EPOCH, _POSITION, _DIGEST, _RESOLUTIONS, _COVERS, _MENDED = (
    "epoch",
    "position",
    "digest",
    "resolutions_changed_at",
    "covers",
    "mended",
)


KEYS = frozenset({_EPOCH, _POSITION, _DIGEST, _RESOLUTIONS, _COVERS, _MENDED})


class State(NamedTuple):
    """The state of a graph file."""

    checkpoint: Checkpoint
    digest: str  # see `GraphStore.followed`
    resolutions_changed_at: int  # the position at which a late event last changed what was said of older ones
    covers: int  # see `GraphStore.covers`
    mended: int  # how often the graph was mended: what was read before may have been wrong


def state(connection: sqlite3.Connection) -> State:
    """Return the state of a graph file."""
    found = dict(connection.execute(schema.GET_STATE))
    return State(
        Checkpoint(found.get(_EPOCH, ""), found.get(_POSITION, 0)),
        found.get(_DIGEST, ""),
        found.get(_RESOLUTIONS, 0),
        found.get(_COVERS, 0),
        found.get(_MENDED, 0),
    )


def set_checkpoint(connection: sqlite3.Connection, to: Checkpoint, digest: str) -> None:
    """Note how far the graph has followed the log, and the digest that is there."""
    connection.execute(schema.SET_STATE, (_EPOCH, to.epoch))
    connection.execute(schema.SET_STATE, (_POSITION, to.position))
    connection.execute(schema.SET_STATE, (_DIGEST, digest))


def set_covers(connection: sqlite3.Connection, position: int) -> None:
    """Note which requests for a rebuild this graph meets."""
    connection.execute(schema.SET_STATE, (_COVERS, position))


def note_mending(connection: sqlite3.Connection) -> None:
    """Note that the graph was mended once more."""
    connection.execute(schema.SET_STATE, (_MENDED, state(connection).mended + 1))


def note_late_event(connection: sqlite3.Connection, at: int) -> None:
    """Note the position of a late event."""
    connection.execute(schema.SET_STATE, (_RESOLUTIONS, at))
