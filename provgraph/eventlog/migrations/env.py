"""Alembic runs this to migrate: on the connection, and in the transaction, that it was handed."""

from __future__ import annotations

from alembic import context

from provgraph.eventlog.migrations import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=None, version_table=VERSION_TABLE
)
context.run_migrations()
