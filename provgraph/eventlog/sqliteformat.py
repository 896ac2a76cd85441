"""
The format of the SQLite file that log and catalog are in, and the way to it from every older one.

The file says what it is in its header: an application id, and the number of its format (``user_version``). Files of
format 1 have neither; they are known by their tables.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import StoreError
from provgraph.eventlog.format import FORMAT, refuse_newer
from provgraph.sqlite import connect, transaction

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

APPLICATION_ID = int.from_bytes(b"PVGR")

SELECT_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"

# A default that is a constant changes no row: adding a column takes the same moment in a file of any size. Old events
# have an empty salt, and so their digests stay.
_SALT_AND_SENDER = {
    "event": (
        "ALTER TABLE event ADD COLUMN salt BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE event ADD COLUMN sender BLOB",
    ),
    "credential": (
        "ALTER TABLE credential ADD COLUMN rights TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE credential ADD COLUMN emitters TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE credential ADD COLUMN exclusive INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE credential ADD COLUMN expires_us INTEGER",
        # What each role of before allows now, in the order in which rights are written.
        """
        UPDATE credential SET rights = CASE role
        WHEN 'admin' THEN 'read write cypher approve admin' WHEN 'writer' THEN 'read write' ELSE 'read' END
        """,
        "ALTER TABLE credential DROP COLUMN role",
    ),
    # Indexes are constraints of their table, and those can only be stated when it is made.
    "tracked_object": (
        "ALTER TABLE tracked_object RENAME TO tracked_object_of_format_1",
        """
        CREATE TABLE tracked_object (
            id TEXT PRIMARY KEY, lookup TEXT UNIQUE, artifact_lookup TEXT NOT NULL, kind_lookup TEXT NOT NULL,
            parent TEXT, is_group INTEGER NOT NULL, live INTEGER NOT NULL, version TEXT NOT NULL,
            position INTEGER NOT NULL, sequence INTEGER NOT NULL, recorded_us INTEGER NOT NULL, actor TEXT, run_id TEXT,
            document TEXT NOT NULL, created INTEGER NOT NULL,
            UNIQUE (artifact_lookup, id), UNIQUE (kind_lookup, created, id), UNIQUE (parent, id),
            UNIQUE (is_group, created, id))
        """,
        """
        INSERT INTO tracked_object SELECT old.*, coalesce(
            (SELECT min(sequence) FROM tracked_operation WHERE object_id = old.id), old.sequence)
        FROM tracked_object_of_format_1 AS old
        """,
        "DROP TABLE tracked_object_of_format_1",
    ),
}
# From each format to the next: statements for each table that is there. A step that was released is never changed.
STEPS: dict[int, dict[str, tuple[str, ...]]] = {1: _SALT_AND_SENDER}

# Each file of format 1 has at least one of these; both are made before anything else is.
_FORMAT_1 = frozenset({"event", "pem"})


class _Found(NamedTuple):
    """What a file says of itself."""

    application_id: int
    format: int  # 0: it does not say
    tables: frozenset[str]


def prepare(path: Path) -> None:
    """
    Bring a file to the newest format, making it when it is not there.

    Each step is one transaction, which sets the number as well: a process that is killed meanwhile leaves a file of the
    format before, and the next start goes on from there.

    :raises NewerFormatError: a newer version of provgraph wrote the file; nothing was changed
    :raises StoreError: the file is a database of something else; nothing was changed
    :raises sqlite3.Error: the file cannot be read or written, or is no database
    """
    if not path.exists() or path.stat().st_size == 0:
        _begin(path)
        return
    found = _look(path)
    number = _format(found, path)
    if number == 0:
        _begin(path)
    elif number < FORMAT:
        _upgrade(path, number, found.tables)


def _begin(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection, transaction(connection):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _look(path: Path) -> _Found:
    # Read only, so that a file that is not for us stays as it is, to the byte. Without a write-ahead log beside it
    # nothing is to be locked or made either.
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        tables = frozenset(name for (name,) in connection.execute(SELECT_TABLES))
    return _Found(application_id, number, tables)


def _format(found: _Found, path: Path) -> int:
    """Return the number of a file's format, 0 for a database with nothing in it."""
    if found.application_id == APPLICATION_ID:
        refuse_newer(found.format, f"The file {path}")
        return found.format
    if found.application_id == 0 and found.format == 0:
        if found.tables & _FORMAT_1:
            return 1
        if not found.tables:
            return 0
    raise StoreError(
        f"The file {path} is a database of another program, not an event log of provgraph: name another data folder. "
        "Nothing was changed"
    )


def _upgrade(path: Path, found: int, tables: frozenset[str]) -> None:
    with contextlib.closing(connect(path)) as connection:
        for number in range(found, FORMAT):
            logger.info(
                "bringing %s from format %d to %d (the newest is %d)", path, number, number + 1, FORMAT
            )
            with transaction(connection):
                for table in tables & STEPS[number].keys():
                    for statement in STEPS[number][table]:
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number + 1}")
    logger.info("%s has format %d now", path, FORMAT)
