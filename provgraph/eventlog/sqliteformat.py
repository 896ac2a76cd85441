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
    from collections.abc import Collection
    from pathlib import Path

logger = logging.getLogger(__name__)

APPLICATION_ID = int.from_bytes(b"PVGR")

SELECT_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"

SELECT_COLUMNS = "SELECT name FROM pragma_table_info(?) ORDER BY cid"

# A default that is a constant changes no row: adding a column takes the same moment in a file of any size. Old events
# have an empty salt, and so their digests stay.
_SALT_AND_SENDER: dict[str, tuple[str, ...]] = {
    "event": (
        "ALTER TABLE event ADD COLUMN salt BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE event ADD COLUMN sender BLOB",
    ),
}
# From each format to the next: statements, by the table that has to be there for them. A step that was released is
# never changed. The catalog's tables need none: they are built anew from the log.
STEPS: dict[int, dict[str, tuple[str, ...]]] = {1: _SALT_AND_SENDER}

# A file of format 1 has one of these tables, or both: the catalog's are made first. Other programs may have tables of
# the same names, but not with these columns.
_FORMAT_1 = {
    "event": ("position", "event_id", "kind", "recorded_us", "payload", "digest"),
    "pem": (
        *("position", "id", "type", "predecessor", "emitter", "timestamp_client", "timestamp_received"),
        *("properties", "version", "tag", "tag_namespace", "uses", "produces"),
    ),
}


class _Found(NamedTuple):
    """What a file says of itself."""

    application_id: int
    format: int  # 0: it does not say
    tables: dict[str, tuple[str, ...]]  # the names of each one's columns


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
        tables = {
            name: _columns(connection, name) for (name,) in connection.execute(SELECT_TABLES).fetchall()
        }
    return _Found(application_id, number, tables)


def _format(found: _Found, path: Path) -> int:
    """Return the number of a file's format, 0 for a database with nothing in it."""
    if found.application_id == APPLICATION_ID:
        refuse_newer(found.format, f"The file {path}")
        if found.format < 1:
            raise StoreError(
                f"The file {path} says that its format is {found.format}, which no version of provgraph writes: "
                "something else wrote to its header. Restore it from a copy. Nothing was changed now"
            )
        return found.format
    if found.application_id == 0 and found.format == 0:
        if _is_format_1(found.tables):
            return 1
        if not found.tables:
            return 0
    raise StoreError(
        f"The file {path} is a database of another program, not an event log of provgraph: name another data folder. "
        "Nothing was changed"
    )


def _is_format_1(tables: dict[str, tuple[str, ...]]) -> bool:
    ours = _FORMAT_1.keys() & tables.keys()
    return bool(ours) and all(tables[name] == _FORMAT_1[name] for name in ours)


def _columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(name for (name,) in connection.execute(SELECT_COLUMNS, (table,)))


def _upgrade(path: Path, found: int, tables: Collection[str]) -> None:
    with contextlib.closing(connect(path)) as connection:
        for number in range(found, FORMAT):
            logger.warning(
                "The event log %s has format %d, of an older provgraph. It is brought to format %d now. Events and "
                "digests do not change. An older provgraph cannot open it any more",
                *(path, number, number + 1),
            )
            with transaction(connection):
                for needed, statements in STEPS[number].items():
                    for statement in statements if needed in tables else ():
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number + 1}")
    logger.info("%s has format %d now", path, FORMAT)
