"""Alembic runs this to migrate: on the connection, and in the transaction, that it was handed."""

from __future__ import annotations

from alembic import context

from provgraph.eventlog.migrations import OPTIONS

context.configure(connection=context.config.attributes["connection"], target_metadata=None, **OPTIONS)
context.run_migrations()
