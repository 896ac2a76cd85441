"""The log's table, as far as questions about other tables read it."""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, column, table

# Its index finds a PEM by id.
LOG_EVENTS = table("event", column("position", BigInteger), column("event_id", LargeBinary))
