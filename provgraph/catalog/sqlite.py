"""The catalog on SQLite: its tables beside the log's, its writes, and its rebuild."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

from provgraph.catalog import rows as rule
from provgraph.catalog.queries import CatalogQueries
from provgraph.catalog.schema import CONTENT, TABLES
from provgraph.catalog.trackingrows import tracking_rows
from provgraph.errors import StoreError
from provgraph.eventlog.checking import CheckedReader
from provgraph.eventlog.sqlite import SELECT_EPOCH
from provgraph.eventlog.sqliteformat import prepare
from provgraph.events import canonical
from provgraph.families.artifact.events import ARTIFACTS_REMOVED
from provgraph.families.credential.events import CREDENTIAL_CREATED, CREDENTIAL_REVOKED
from provgraph.families.report.events import REPORT_CLOSED, REPORT_OPENED
from provgraph.sqlite import connect, insert_rows, our_error, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine, ExceptionContext

    from provgraph.catalog.rows import Rows
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent

_WHAT = "catalog"
_REBUILD_CHUNK = 2_000
# A rebuild's last step holds the log's write lock: only this many events may be left to read then.
_NEARLY_THERE = 200
_LOG_IS_BEHIND_SECONDS = 10.0
_NEXT = "next_"

# Every index is a constraint of its table: so it goes along when a rebuilt table takes the place of the served one.
SCHEMA = """
CREATE TABLE IF NOT EXISTS {p}pem (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, predecessor TEXT, emitter TEXT NOT NULL,
    timestamp_client TEXT NOT NULL, timestamp_received TEXT NOT NULL, properties TEXT NOT NULL, version TEXT NOT NULL,
    tag TEXT, tag_namespace TEXT, uses TEXT NOT NULL, produces TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS {p}pem_outcome (position INTEGER PRIMARY KEY, outcome TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS {p}artifact (
    sequence INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, properties TEXT NOT NULL,
    created_us INTEGER NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS {p}tag (
    namespace TEXT NOT NULL, tag TEXT NOT NULL, pem_id TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, tag)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {p}report (
    report_id TEXT PRIMARY KEY, subject TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
    names TEXT NOT NULL, opened_at TEXT NOT NULL, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS {p}credential (
    credential_id TEXT PRIMARY KEY, name TEXT NOT NULL, holder TEXT NOT NULL,
    token_sha256 TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, revoked_at TEXT,
    position INTEGER NOT NULL, rights TEXT NOT NULL, emitters TEXT NOT NULL, exclusive INTEGER NOT NULL,
    expires_us INTEGER);
CREATE TABLE IF NOT EXISTS {p}tracked_step (
    sequence INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE, event_id TEXT NOT NULL, occurred_us INTEGER NOT NULL,
    position INTEGER NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS {p}tracked_object (
    id TEXT PRIMARY KEY, lookup TEXT UNIQUE, artifact_lookup TEXT NOT NULL, kind_lookup TEXT NOT NULL, parent TEXT,
    is_group INTEGER NOT NULL, live INTEGER NOT NULL, version TEXT NOT NULL, position INTEGER NOT NULL,
    sequence INTEGER NOT NULL, recorded_us INTEGER NOT NULL, actor TEXT, run_id TEXT, document TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (artifact_lookup, id), UNIQUE (kind_lookup, created, id), UNIQUE (parent, id),
    UNIQUE (is_group, created, id));
CREATE TABLE IF NOT EXISTS {p}tracked_member (
    group_id TEXT NOT NULL, ordinal INTEGER NOT NULL, member_id TEXT NOT NULL,
    PRIMARY KEY (group_id, ordinal), UNIQUE (member_id, group_id, ordinal)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {p}tracked_run (
    id TEXT PRIMARY KEY, group_id TEXT, state TEXT NOT NULL, identifier TEXT NOT NULL, opened INTEGER NOT NULL,
    closed INTEGER, position INTEGER NOT NULL, document TEXT NOT NULL,
    UNIQUE (group_id, closed, id), UNIQUE (opened, id));
CREATE TABLE IF NOT EXISTS {p}tracked_operation (
    sequence INTEGER NOT NULL, ordinal INTEGER NOT NULL, run_id TEXT, object_id TEXT NOT NULL, event_id TEXT NOT NULL,
    position INTEGER NOT NULL, recorded_us INTEGER NOT NULL, actor TEXT, document TEXT NOT NULL,
    PRIMARY KEY (sequence, ordinal), UNIQUE (run_id, sequence, ordinal), UNIQUE (object_id, sequence, ordinal))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {p}tracked_kind (
    kind TEXT PRIMARY KEY, sequence INTEGER NOT NULL, document TEXT NOT NULL);
"""
DROP = "".join(f"DROP TABLE IF EXISTS {{p}}{table};\n" for table in TABLES)

SELECT_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM event"

INSERT_PEMS = "INSERT INTO {p}pem VALUES"
INSERT_OUTCOMES = "INSERT INTO {p}pem_outcome VALUES"
INSERT_ARTIFACTS = "INSERT INTO {p}artifact(name, properties, created_us, created_at) VALUES"
KEEP_ARTIFACT = "ON CONFLICT(name) DO NOTHING"
# The first non-empty properties stay; empty ones are filled later and never erase. Apart from the insert, so that the
# many statements that say nothing beyond the name need not read the stored row.
FILL_PROPERTIES = "WITH said(name, properties) AS (VALUES"
FILL_WHERE_EMPTY = """)
UPDATE {p}artifact SET properties = said.properties FROM said
WHERE {p}artifact.name = said.name AND {p}artifact.properties = '{{}}'
"""
INSERT_TAGS = "INSERT INTO {p}tag VALUES"
MOVE_TAG = """
ON CONFLICT(namespace, tag) DO UPDATE SET pem_id = excluded.pem_id, updated_at = excluded.updated_at
"""
OPEN_REPORT = "INSERT INTO {p}report VALUES (?, ?, 'in progress', '', '[]', ?, ?)"
CLOSE_REPORT = "UPDATE {p}report SET status = ?, text = ?, names = ? WHERE report_id = ?"
CREATE_CREDENTIAL = f"""
INSERT INTO {{p}}credential({", ".join(rule.CREDENTIAL_COLUMNS)})
VALUES (?{", ?" * (len(rule.CREDENTIAL_COLUMNS) - 1)})
"""  # noqa: S608 - our own names
REVOKE_CREDENTIAL = "UPDATE {p}credential SET revoked_at = ? WHERE revoked_at IS NULL AND credential_id = ?"
# An artifact that some PEM names by now is spared.
REMOVE_ARTIFACTS = """
DELETE FROM {p}artifact WHERE name IN (SELECT value FROM json_each(?))
AND name NOT IN (SELECT n.value FROM {p}pem, json_each({p}pem.uses) AS n)
AND name NOT IN (SELECT n.value FROM {p}pem, json_each({p}pem.produces) AS n)
"""


class SQLiteCatalogProjection:
    """Writes the catalog inside the log's transaction (a `TransactionalProjection`)."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._insert_pems = INSERT_PEMS.format(p=prefix)
        self._insert_outcomes = INSERT_OUTCOMES.format(p=prefix)
        self._insert_artifacts = INSERT_ARTIFACTS.format(p=prefix)
        self._fill_where_empty = FILL_WHERE_EMPTY.format(p=prefix)
        self._insert_tags = INSERT_TAGS.format(p=prefix)
        self._rare: dict[str, tuple[str, Callable[[RecordedEvent], tuple[str | int | None, ...]]]] = {
            ARTIFACTS_REMOVED: (REMOVE_ARTIFACTS, lambda event: (rule.removed_names(event),)),
            REPORT_OPENED: (OPEN_REPORT, rule.report_row),
            REPORT_CLOSED: (CLOSE_REPORT, rule.report_closing),
            CREDENTIAL_CREATED: (CREATE_CREDENTIAL, rule.credential_row),
            CREDENTIAL_REVOKED: (REVOKE_CREDENTIAL, rule.credential_revoking),
        }

    def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
        """See `TransactionalProjection.apply`."""
        for run in rule.runs(events):
            self._write(connection, rule.rows(run))

    def clear(self, connection: sqlite3.Connection) -> None:
        """See `TransactionalProjection.clear`."""
        for table in TABLES:
            connection.execute(f"DELETE FROM {self._prefix}{table}")  # noqa: S608 - our own names

    def _write(self, connection: sqlite3.Connection, rows: Rows) -> None:
        insert_rows(connection, self._insert_pems, rows.pems)
        insert_rows(connection, self._insert_outcomes, rows.outcomes)
        sightings = [sighting[:4] for sighting in rows.artifacts.values()]  # the rest is the graph's
        insert_rows(connection, self._insert_artifacts, sightings, on_conflict=KEEP_ARTIFACT)
        said = [(name, properties) for name, properties, _, _ in sightings if properties != "{}"]
        insert_rows(connection, FILL_PROPERTIES, said, on_conflict=self._fill_where_empty)
        insert_rows(connection, self._insert_tags, list(rows.tags.values()), on_conflict=MOVE_TAG)
        for event in rows.others:
            statement, values = self._rare[event.kind]
            connection.execute(statement.format(p=self._prefix), values(event))
        for event in rows.tracked:
            for statement, its_rows in tracking_rows(event):
                connection.executemany(statement.format(p=self._prefix), its_rows)


class SQLiteCatalog(CatalogQueries):
    """A `Catalog` in the log's SQLite file."""

    def __init__(self, path: Path) -> None:
        """
        Open the catalog's tables for reading, making them when they are not there.

        :raises NewerFormatError: a newer version of provgraph wrote the file
        :raises StoreError: the file cannot be opened, or is no database of ours
        """
        self._path = path
        with translated(_WHAT):
            prepare(path)
            writer = connect(path)
            # What a rebuild left behind when the process was killed goes as well.
            writer.executescript(DROP.format(p=_NEXT) + SCHEMA.format(p=""))
            writer.close()
        super().__init__(
            _engine(path, pool_size=8, max_overflow=40),
            credentials=_engine(path, pool_size=1, max_overflow=0),
        )

    def rebuild(self, log: EventLog, progress: Callable[[int], None] | None = None) -> int:
        """See `Catalog.rebuild`."""
        with translated(_WHAT):
            connection = connect(self._path)
            try:
                return _rebuild(connection, log, progress)
            finally:
                # Whatever happened, no half-built tables are left behind.
                connection.executescript(DROP.format(p=_NEXT))
                connection.close()

    def digest(self) -> str:
        """See `Catalog.digest`."""
        total = hashlib.sha256()
        with translated(_WHAT):
            connection = connect(self._path, read_only=True)
            connection.execute("BEGIN")  # one snapshot for all tables
            for statement in CONTENT:
                for row in connection.execute(statement):
                    total.update(canonical.dumps(row) + b"\n")
            connection.close()
        return total.hexdigest()


def _engine(path: Path, *, pool_size: int, max_overflow: int) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path, read_only=True, cache_kib=4_096),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=max_overflow,
    )
    listen(engine, "handle_error", _translate)
    return engine


def _translate(context: ExceptionContext) -> None:
    """Let SQLAlchemy raise our errors instead of the driver's."""
    if isinstance(context.original_exception, sqlite3.Error):
        raise our_error(_WHAT, context.original_exception) from context.original_exception


def _rebuild(connection: sqlite3.Connection, log: EventLog, progress: Callable[[int], None] | None) -> int:
    connection.executescript(DROP.format(p=_NEXT) + SCHEMA.format(p=_NEXT))
    projection = SQLiteCatalogProjection(_NEXT)
    reader = CheckedReader(log)
    epoch = log.head().epoch
    after = read = 0

    def take_in(events: Sequence[RecordedEvent]) -> None:
        nonlocal after, read
        projection.apply(connection, events)
        after, read = events[-1].position, read + len(events)
        if progress is not None:
            progress(read)

    # Most of the log in short transactions, so that appends go on between them ...
    while len(events := reader.read(after=after, limit=_REBUILD_CHUNK)) > _NEARLY_THERE:
        with transaction(connection):
            take_in(events)
    # ... and the rest with the write lock held, so that nothing is appended between the last event and the switch.
    with transaction(connection):
        # What is committed decides: the log itself may notice its last append or cleaning only a moment later.
        if connection.execute(SELECT_EPOCH).fetchone()[0] != epoch:
            return read  # cleaned meanwhile: the served catalog is right already
        last = connection.execute(SELECT_LAST_POSITION).fetchone()[0]
        while after < last:
            if not log.wait(after=after, timeout_seconds=_LOG_IS_BEHIND_SECONDS):
                raise StoreError(f"The event log does not give what stands after position {after}")
            take_in(reader.read(after=after, limit=_REBUILD_CHUNK))
        for table in TABLES:
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE {_NEXT}{table} RENAME TO {table}")
    return read
