"""The catalog on PostgreSQL: its tables beside the log's, its writes, and its rebuild."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from sqlalchemy.pool import QueuePool

from provgraph.catalog import rows as rule
from provgraph.catalog.queries import CatalogQueries
from provgraph.catalog.schema import CONTENT, PEM_TEXTS, TABLES
from provgraph.catalog.spelling import UNIQUE_PARTS
from provgraph.catalog.trackingrows import tracking_rows
from provgraph.errors import ConflictError, StoreError
from provgraph.eventlog.checking import CheckedReader
from provgraph.eventlog.migrations import migrate
from provgraph.events import canonical
from provgraph.families.artifact.events import ARTIFACTS_REMOVED
from provgraph.families.credential.events import CREDENTIAL_CREATED, CREDENTIAL_REVOKED
from provgraph.families.report.events import REPORT_CLOSED, REPORT_OPENED
from provgraph.postgresql import (
    LOG_LOCK,
    Server,
    bigints,
    engine,
    roll_back,
    rolled_back,
    texts,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import LiteralString

    from provgraph.catalog.rows import Rows
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent
    from provgraph.postgresql import Connection

_WHAT = "catalog"
_REBUILD_CHUNK = 2_000
# A rebuild's last step holds the log's lock: only this many events may be left to read then.
_NEARLY_THERE = 200
# Lists that are being read hold their tables. The switch asks for them for so long at a time, for everybody else waits
# behind it; then it lets the others go on, and tries again.
_SWITCH_TRY = "500ms"
_SWITCH_PAUSE_SECONDS = 0.5
_SWITCH_SECONDS = 120.0
_NEXT = "next_"

# Enough for every answer that may be on its way to a slow client; most of the time there are a few.
_LISTS = {"pool_size": 4, "max_overflow": 36, "pool_timeout": 5.0}
_FOR_READING = {"default_transaction_read_only": "on"}
# Between two parts of a list lies the time that its client takes to read.
_FOR_LISTS = {**_FOR_READING, "idle_in_transaction_session_timeout": "2h"}
# The event loop waits for the answer to this one: rather no answer than a late one.
_FOR_CREDENTIALS = {**_FOR_READING, "statement_timeout": "5s"}
_QUICKLY = {"connect_timeout": "2", "tcp_user_timeout": "5000"}
_TRY_AGAIN_SECONDS = 1.0
# What is being built can be built again: only the switch must last. As to plans, see the log's writer.
_FOR_REBUILDING = {"synchronous_commit": "off", "lock_timeout": "30s", "enable_seqscan": "off"}

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
COMMIT = "COMMIT"
SELECT_STATE = "SELECT epoch, position FROM log_state"

# A row for each element of the arrays, in their order.
INSERT_PEMS = f"""
INSERT INTO {{p}}pem(position, {", ".join(PEM_TEXTS)}) SELECT * FROM unnest(%b{", %b" * len(PEM_TEXTS)})
"""  # noqa: S608 - our own names
INSERT_OUTCOMES = "INSERT INTO {p}pem_outcome(position, outcome, error) SELECT * FROM unnest(%b, %b, %b)"
_ARTIFACT_KEY = ", ".join(part.format("name") for part in UNIQUE_PARTS)
INSERT_ARTIFACTS = f"""
INSERT INTO {{p}}artifact(name, properties, created_us, created_at) SELECT * FROM unnest(%b, %b, %b, %b)
ON CONFLICT ({_ARTIFACT_KEY}) DO NOTHING
"""  # noqa: S608 - our own names
# The first non-empty properties stay; empty ones are filled later and never erase. Apart from the insert, so that the
# many statements that say nothing beyond the name need not touch the stored row.
_SAME_NAME = " AND ".join(
    f"{part.format('stored.name')} = {part.format('said.name')}" for part in UNIQUE_PARTS
)
FILL_PROPERTIES = f"""
UPDATE {{p}}artifact AS stored SET properties = said.properties FROM unnest(%b, %b) AS said(name, properties)
WHERE {_SAME_NAME} AND stored.name = said.name AND stored.properties = '{{{{}}}}'
"""  # noqa: S608 - our own names
_TAG_KEY = ", ".join(part.format(column) for column in ("namespace", "tag") for part in UNIQUE_PARTS)
MOVE_TAGS = f"""
INSERT INTO {{p}}tag(namespace, tag, pem_id, updated_at) SELECT * FROM unnest(%b, %b, %b, %b)
ON CONFLICT ({_TAG_KEY}) DO UPDATE SET pem_id = excluded.pem_id, updated_at = excluded.updated_at
"""  # noqa: S608 - our own names
OPEN_REPORT = "INSERT INTO {p}report VALUES (%s, %s, 'in progress', '', '[]', %s, %s)"
CLOSE_REPORT = "UPDATE {p}report SET status = %s, text = %s, names = %s WHERE report_id = %s"
CREATE_CREDENTIAL = f"""
INSERT INTO {{p}}credential({", ".join(rule.CREDENTIAL_COLUMNS)})
VALUES (%s{", %s" * (len(rule.CREDENTIAL_COLUMNS) - 1)})
"""  # noqa: S608 - our own names
REVOKE_CREDENTIAL = "UPDATE {p}credential SET revoked_at = %s WHERE revoked_at IS NULL AND credential_id = %s"
# An artifact that some PEM names by now is spared.
REMOVE_ARTIFACTS = """
WITH listed AS MATERIALIZED (SELECT value AS name FROM json_array_elements_text(%s::json) AS value),
named AS MATERIALIZED (
    SELECT value AS name FROM {p}pem, json_array_elements_text(uses::json) AS value
    WHERE value IN (SELECT name FROM listed)
    UNION
    SELECT value AS name FROM {p}pem, json_array_elements_text(produces::json) AS value
    WHERE value IN (SELECT name FROM listed))
DELETE FROM {p}artifact WHERE name IN (SELECT name FROM listed) AND name NOT IN (SELECT name FROM named)
"""
CLEAR = [f"DELETE FROM {{p}}{table}" for table in TABLES]  # noqa: S608 - our own names

# One rebuild at a time, whichever process does it; the session holds it.
TRY_REBUILD_LOCK = "SELECT pg_try_advisory_lock(8101729300641506420)"
IS_LEFT_OVER = f"SELECT to_regclass('{_NEXT}{TABLES[0]}') IS NOT NULL"
MAKE_NEXT = [f"CREATE TABLE {_NEXT}{table} (LIKE {table} INCLUDING ALL)" for table in TABLES]
ANALYZE_NEXT = f"ANALYZE {', '.join(_NEXT + table for table in TABLES)}"
DROP_NEXT = f"DROP TABLE IF EXISTS {', '.join(_NEXT + table for table in TABLES)}"
LOCK_TABLES = f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE"
LOCK_TABLES_TO_READ = f"LOCK TABLE {', '.join(TABLES)} IN ACCESS SHARE MODE"
DROP_SERVED = f"DROP TABLE {', '.join(TABLES)}"
RENAME_TABLES = [f"ALTER TABLE {_NEXT}{table} RENAME TO {table}" for table in TABLES]
# Copied indexes get names of the server's choice; the same definition tells which one is a copy of which.
SELECT_INDEXES = """
SELECT table_.relname, regexp_replace(pg_get_indexdef(index_.oid), '^.* USING ', ''), index_.relname
FROM pg_index JOIN pg_class AS table_ ON table_.oid = indrelid JOIN pg_class AS index_ ON index_.oid = indexrelid
WHERE table_.relname = ANY(%s) AND table_.relnamespace = current_schema()::regnamespace
"""
SELECT_SEQUENCES = """
SELECT relname FROM pg_class
WHERE relkind = 'S' AND starts_with(relname, %s) AND relnamespace = current_schema()::regnamespace
"""


class PostgreSQLCatalogProjection:
    """Writes the catalog inside the log's transaction (a `TransactionalProjection` of the log on PostgreSQL)."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._insert_pems = INSERT_PEMS.format(p=prefix)
        self._insert_outcomes = INSERT_OUTCOMES.format(p=prefix)
        self._insert_artifacts = INSERT_ARTIFACTS.format(p=prefix)
        self._fill_properties = FILL_PROPERTIES.format(p=prefix)
        self._move_tags = MOVE_TAGS.format(p=prefix)
        self._rare: dict[str, tuple[str, Callable[[RecordedEvent], tuple[str | int | None, ...]]]] = {
            ARTIFACTS_REMOVED: (REMOVE_ARTIFACTS, lambda event: (rule.removed_names(event),)),
            REPORT_OPENED: (OPEN_REPORT, rule.report_row),
            REPORT_CLOSED: (CLOSE_REPORT, rule.report_closing),
            CREDENTIAL_CREATED: (CREATE_CREDENTIAL, rule.credential_row),
            CREDENTIAL_REVOKED: (REVOKE_CREDENTIAL, rule.credential_revoking),
        }

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        """See `TransactionalProjection.apply`."""
        for run in rule.runs(events):
            self._write(connection, rule.rows(run))

    def clear(self, connection: Connection) -> None:
        """See `TransactionalProjection.clear`."""
        for statement in CLEAR:
            connection.execute(statement.format(p=self._prefix))

    def _write(self, connection: Connection, rows: Rows) -> None:
        if rows.pems:
            position, *columns = zip(*rows.pems, strict=True)
            connection.execute(self._insert_pems, (bigints(position), *map(texts, columns)))
        if rows.outcomes:
            position, *columns = zip(*rows.outcomes, strict=True)
            connection.execute(self._insert_outcomes, (bigints(position), *map(texts, columns)))
        if rows.artifacts:
            name, properties, created_us, created_at, *_ = zip(*rows.artifacts.values(), strict=True)
            values = (texts(name), texts(properties), bigints(created_us), texts(created_at))
            connection.execute(self._insert_artifacts, values)
        said = [(name, properties) for name, properties, *_ in rows.artifacts.values() if properties != "{}"]
        if said:
            connection.execute(self._fill_properties, tuple(map(texts, zip(*said, strict=True))))
        if rows.tags:
            connection.execute(self._move_tags, tuple(map(texts, zip(*rows.tags.values(), strict=True))))
        for event in rows.others:
            statement, row = self._rare[event.kind]
            connection.execute(statement.format(p=self._prefix), row(event))
        for event in rows.tracked:
            for statement, its_rows in tracking_rows(event):
                spelled = statement.format(p=self._prefix).replace("?", "%s")
                for one in its_rows:
                    connection.execute(spelled, one)


class PostgreSQLCatalog(CatalogQueries):
    """A `Catalog` in the log's PostgreSQL database."""

    def __init__(self, url: str, *, password: str | None = None) -> None:
        """
        Open the catalog for reading, making or migrating the tables.

        :param url: see `Server`
        :param password: comes before the one in ``url``
        :raises SettingsError: the address cannot be read
        :raises StoreError: the database is not there, or not one that the catalog can be in
        """
        self._server = Server(url, password=password)
        self._refuse_until = 0.0  # monotonic seconds
        with translated(_WHAT):
            migrate(self._server)
            self._tidy()
        options = {"poolclass": QueuePool, "pool_pre_ping": True, "pool_use_lifo": True}
        super().__init__(
            engine(
                _WHAT, lambda: self._server.connect(autocommit=False, session=_FOR_LISTS), **options, **_LISTS
            ),
            credentials=engine(
                _WHAT,
                self._connect_quickly,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=0,
                **options,
            ),
        )

    def rebuild(self, log: EventLog, progress: Callable[[int], None] | None = None) -> int:
        """
        See `Catalog.rebuild`.

        :raises ConflictError: another rebuild is running, or lists that are being read do not end
        """
        with translated(_WHAT), self._server.connect(session=_FOR_REBUILDING) as connection:
            if not _is(connection, TRY_REBUILD_LOCK):
                raise ConflictError("The catalog is being rebuilt already")
            try:
                return _Rebuild(connection, log, progress).run()
            finally:
                # Whatever happened, no half-built tables are left behind.
                roll_back(connection)
                if not connection.closed:
                    connection.execute(DROP_NEXT)

    def digest(self) -> str:
        """See `Catalog.digest`."""
        total = hashlib.sha256()
        with translated(_WHAT), self._server.connect(session=_FOR_LISTS) as connection:
            connection.execute(BEGIN_SNAPSHOT)
            # Before the snapshot is taken, which the first query does: no switch of tables comes in between.
            connection.execute(LOCK_TABLES_TO_READ)
            for number, statement in enumerate(CONTENT):
                with connection.cursor(f"content_{number}") as rows:
                    rows.itersize = _REBUILD_CHUNK
                    for row in rows.execute(statement):
                        total.update(canonical.dumps(row) + b"\n")
        return total.hexdigest()

    def _tidy(self) -> None:
        """Remove what a rebuild left behind when its process was killed."""
        with self._server.connect(session=_FOR_REBUILDING) as connection:
            if _is(connection, IS_LEFT_OVER) and _is(connection, TRY_REBUILD_LOCK):
                connection.execute(DROP_NEXT)

    def _connect_quickly(self) -> Connection:
        """Connect for credentials, but not again right after a try that failed: the event loop waits for each."""
        if time.monotonic() < self._refuse_until:
            raise StoreError(f"The {_WHAT} is not available: its server did not answer a moment ago")
        try:
            return self._server.connect(autocommit=False, session=_FOR_CREDENTIALS, parameters=_QUICKLY)
        except psycopg.Error:
            self._refuse_until = time.monotonic() + _TRY_AGAIN_SECONDS
            raise


class _Reached(NamedTuple):
    """How far a rebuild has read the log."""

    position: int = 0
    events: int = 0


class _Rebuild:
    """One rebuild: tables beside the served ones, filled and then switched to."""

    def __init__(self, connection: Connection, log: EventLog, progress: Callable[[int], None] | None) -> None:
        self._connection = connection
        self._reader = CheckedReader(log)
        self._progress = progress
        self._projection = PostgreSQLCatalogProjection(_NEXT)
        self._epoch = log.head().epoch

    def run(self) -> int:
        """Do all of it, and return how many events were read."""
        self._execute(DROP_NEXT, *MAKE_NEXT)
        # Most of the log in short transactions, so that appends go on between them ...
        reached = self._follow(_Reached())
        self._execute(ANALYZE_NEXT)
        # ... and the rest under the log's lock, so that nothing is appended between the last event and the switch.
        give_up_at = time.monotonic() + _SWITCH_SECONDS
        while True:
            try:
                return self._finish(reached)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                if time.monotonic() >= give_up_at:
                    raise ConflictError(
                        "Lists that are being read keep the rebuilt catalog from taking its place; try again later"
                    ) from error
            time.sleep(_SWITCH_PAUSE_SECONDS)
            reached = self._follow(reached)

    def _follow(self, reached: _Reached) -> _Reached:
        while len(events := self._reader.read(after=reached.position, limit=_REBUILD_CHUNK)) > _NEARLY_THERE:
            with rolled_back(self._connection), self._connection.pipeline():
                self._connection.execute(BEGIN)
                self._projection.apply(self._connection, events)
                self._connection.execute(COMMIT)
            reached = self._told(reached, events)
        return reached

    def _finish(self, reached: _Reached) -> int:
        with rolled_back(self._connection):
            self._execute(BEGIN, LOG_LOCK, "SET LOCAL synchronous_commit = on")
            row = self._connection.execute(SELECT_STATE).fetchone()
            epoch, last = row or ("", 0)
            if epoch != self._epoch:
                roll_back(self._connection)
                return reached.events  # cleaned meanwhile: the served catalog is right already
            while reached.position < last:
                events = self._reader.read(after=reached.position, limit=_REBUILD_CHUNK)
                if not events:
                    raise StoreError(
                        f"The event log does not give what stands after position {reached.position}"
                    )
                with self._connection.pipeline():
                    self._projection.apply(self._connection, events)
                reached = self._told(reached, events)
            self._switch()
            self._execute(COMMIT)
        return reached.events

    def _switch(self) -> None:
        self._execute(f"SET LOCAL lock_timeout = '{_SWITCH_TRY}'", LOCK_TABLES)
        served, following = self._indexes(""), self._indexes(_NEXT)
        sequences = [row[0] for row in self._connection.execute(SELECT_SEQUENCES, (_NEXT,))]
        self._execute(DROP_SERVED, *RENAME_TABLES)
        for definition, name in following.items():
            self._execute(f"ALTER INDEX {name} RENAME TO {served[definition]}")
        for name in sequences:
            self._execute(f"ALTER SEQUENCE {name} RENAME TO {name.removeprefix(_NEXT)}")

    def _indexes(self, prefix: str) -> dict[tuple[str, str], str]:
        """Return the names of indexes by what they are: their table (without the prefix), and their definition."""
        rows = self._connection.execute(SELECT_INDEXES, ([prefix + table for table in TABLES],))
        return {(table.removeprefix(prefix), definition): name for table, definition, name in rows}

    def _told(self, reached: _Reached, events: Sequence[RecordedEvent]) -> _Reached:
        reached = _Reached(events[-1].position, reached.events + len(events))
        if self._progress is not None:
            self._progress(reached.events)
        return reached

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement)


def _is(connection: Connection, question: LiteralString) -> bool:
    row = connection.execute(question).fetchone()
    return row is not None and bool(row[0])
