"""
The schema of the log and the catalog on PostgreSQL, and the way to it from every older one.

Services migrate when they start. However many start at once, one of them does the work and the others wait for it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from provgraph.errors import StoreError
from provgraph.eventlog.format import refuse_newer
from provgraph.postgresql import LOG_LOCK, engine

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from provgraph.postgresql import Connection, Server

logger = logging.getLogger(__name__)

# The newest file in `versions`; a test compares.
LATEST = "0003"
# A name of its own: the database may have other tables that Alembic looks after.
VERSION_TABLE = "provgraph_schema"


SELECT_FORMAT = "SELECT format FROM log_state"
SELECT_VERSION = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - our own name


def migrate(server: Server) -> None:
    """
    Bring a database's schema up to date.

    :raises NewerFormatError: a newer version of provgraph wrote the log; nothing was changed
    :raises StoreError: it cannot hold our tables, or a newer version of provgraph made them
    :raises psycopg.Error: the server is not there, or refuses
    """
    with server.connect() as connection:
        server.check(connection)
        refuse_newer(_format(connection), "The database")
        found = _version(connection)
    if found != LATEST:
        _upgrade(server)


def _version(connection: Connection) -> str | None:
    """Return the version of the schema, None when there is none yet."""
    try:
        row = connection.execute(SELECT_VERSION).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def _format(connection: Connection) -> int:
    """Return the format of the log, 1 for one that does not say: it is older, or not there yet."""
    try:
        row = connection.execute(SELECT_FORMAT).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return 1
    if row is None:
        return 1
    if not isinstance(row[0], int):
        raise StoreError(
            f"The table log_state of the database has the format {row[0]!r}, which no version of provgraph writes: it "
            "is a table of another program. Name another database or schema. Nothing was changed"
        )
    return row[0]


def scripts() -> ScriptDirectory:
    """Return the steps, as Alembic sees them."""
    return _alembic()[1]


def _upgrade(server: Server) -> None:
    from alembic import command  # noqa: PLC0415 - as in `_alembic`
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - as in `_alembic`

    config, steps = _alembic()
    known = {step.revision for step in steps.walk_revisions()}
    migrating = engine("event log", lambda: server.connect(autocommit=False), poolclass=NullPool)
    with migrating.connect() as connection, connection.begin():
        # Held to the end of the transaction, which holds all steps: nobody appends to a schema in change, and
        # who comes second finds the work done.
        connection.execute(text(LOG_LOCK))
        options = {"version_table": VERSION_TABLE}
        found = MigrationContext.configure(connection, opts=options).get_current_revision()
        if found is not None and found not in known:
            raise StoreError(
                f"The database has the schema version {found}, which this version of provgraph does not know: "
                "a newer one made it; use that"
            )
        if found != LATEST:
            _tell(found)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _tell(found: str | None) -> None:
    if found is None:
        logger.info("making the tables, schema version %s", LATEST)
        return
    logger.warning(
        "The event log has the schema version %s, of an older provgraph. It is brought to %s now. Events and digests "
        "do not change. An older provgraph cannot open it any more",
        *(found, LATEST),
    )


def _alembic() -> tuple[Config, ScriptDirectory]:
    # Most starts need none of this: it takes longer to load than to look the version up.
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)
