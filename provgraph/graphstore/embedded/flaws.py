"""
What is wrong in a graph file although its facts do not tell: see `GraphStore.flaws`.

Later events are resolved by what is kept with productions and predecessors, and nothing of that is a fact. A graph that
was replayed from the same log keeps the same, whatever keys it gave: so the columns that no fact shows are compared
with those of such a graph, also columns that are added to the tables one day.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from provgraph.graphstore.base import Flaw
from provgraph.graphstore.embedded.state import KEYS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

# See `Flaw.what`: what this store mends by itself.
EMITTER, STATE, FILE = "emitter", "state", "file"

CHECK_FILE = "PRAGMA integrity_check(100)"
SELECT_PLACEHOLDERS = "SELECT lower(hex(rk_id)) FROM pem t WHERE position IS NULL AND ({filled})"
SELECT_LOOSE = """
SELECT DISTINCT lower(hex(e.rk_id)) FROM cause c JOIN pem e ON e.pem_key = c.pem_key
WHERE c.cause_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pem k WHERE k.pem_key = c.cause_key)
OR c.artifact_key <> 0 AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.artifact_key = c.artifact_key)
"""
SELECT_UNUSED_EMITTERS = """
SELECT rk_id FROM emitter m WHERE NOT EXISTS (SELECT 1 FROM pem e WHERE e.emitter_key = m.emitter_key)
"""
SELECT_STATE_KEYS = "SELECT key FROM state"
# The columns that a placeholder has as well.
_ALWAYS: Final = frozenset({"pem_key", "rk_id", "position"})


class _Kept(NamedTuple):
    """Rows of a table with the event that they belong to, and the columns that facts show or that are keys."""

    table: str
    details: str
    source: str  # what follows FROM; `t` is the table, `e` the event
    identity: str  # what else tells the row from others of the event
    shown: frozenset[str]


_KEPT: Final = (
    _Kept(
        "produces",
        "what is kept of a production",
        "produces t JOIN pem e ON e.pem_key = t.pem_key LEFT JOIN artifact a ON a.artifact_key = t.artifact_key",
        "a.rk_id",
        frozenset({"artifact_key", "pem_key", "label", "digest", "kind", "properties"}),
    ),
    _Kept(
        "cause",
        "what is kept of a predecessor",
        "(SELECT * FROM cause WHERE artifact_key = 0) t JOIN pem e ON e.pem_key = t.pem_key "
        "LEFT JOIN pem k ON k.pem_key = t.cause_key",
        "k.rk_id",
        frozenset({"pem_key", "artifact_key", "cause_key"}),
    ),
    _Kept(
        "pem",
        "what is kept of an event",
        "pem t JOIN pem e ON e.pem_key = t.pem_key",
        "0",
        frozenset(
            {
                *("pem_key", "rk_id", "position", "occurred_us", "type", "emitter_key", "properties"),
                *("timestamp_client", "recorded_us"),
            }
        ),
    ),
)


def of_file(connection: sqlite3.Connection) -> Iterator[Flaw]:
    """Yield what one file alone tells."""
    for (fault,) in connection.execute(CHECK_FILE):
        if fault != "ok":
            yield Flaw(FILE, "graph", str(fault), "")
    filled = " OR ".join(f"{name} IS NOT NULL" for name in _columns(connection, "pem") if name not in _ALWAYS)
    for (id_,) in connection.execute(SELECT_PLACEHOLDERS.format(filled=filled)):
        yield Flaw("placeholder", id_, "it says something")
    for (id_,) in connection.execute(SELECT_LOOSE):
        yield Flaw("PEM", id_, "what it used or followed is not there")
    for (name,) in connection.execute(SELECT_UNUSED_EMITTERS):
        yield Flaw(EMITTER, str(name), "it emitted nothing", str(name))
    for (key,) in connection.execute(SELECT_STATE_KEYS):
        if key not in KEYS:
            yield Flaw(STATE, str(key), "nothing of that name is kept", str(key))


def compared(connection: sqlite3.Connection, right: sqlite3.Connection) -> Iterator[Flaw]:
    """Yield what is kept otherwise than in a graph that was replayed from the same log, up to the same position."""
    for kept in _KEPT:
        columns = [name for name in _columns(right, kept.table) if name not in kept.shown]
        if not columns:
            continue
        statement = _statement(kept, columns)
        expected = Counter(hash(row) for row in right.execute(statement))
        expected.subtract(hash(row) for row in connection.execute(statement))
        wrong = {row for row, count in expected.items() if count}
        if wrong:
            # What is in one of both only is a fact that differs.
            theirs, own = (
                {row[:2] for row in each.execute(statement) if hash(row) in wrong}
                for each in (right, connection)
            )
            for id_ in sorted({str(id_) for id_, _ in theirs & own}):
                yield Flaw("PEM", id_, f"{kept.details}: {', '.join(columns)}")


def _statement(kept: _Kept, columns: list[str]) -> str:
    shown = ", ".join(f"t.{name}" for name in columns)
    return f"SELECT lower(hex(e.rk_id)), {kept.identity}, {shown} FROM {kept.source} WHERE e.position IS NOT NULL"  # noqa: S608 - our own names


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
