"""
The format of the log as it is stored: one number for both databases, raised by each change of what is recorded.

| format | what it brought |
|---|---|
| 1 | position, id, kind, recorded time, payload, digest |
| 2 | a salt and a sender for each event; rights, emitters and an expiry of credentials; how the work ended; |
|   | the first step of each tracked object; a secret |

A log of an older format is brought up to date when it is opened. One of a newer format is refused and left alone. The
steps for SQLite are in `provgraph.eventlog.sqliteformat`, those for PostgreSQL in `provgraph.eventlog.migrations`.
"""

from __future__ import annotations

from provgraph.errors import StoreError

FORMAT = 2


class NewerFormatError(StoreError):
    """A newer version of provgraph wrote the log."""


def refuse_newer(found: int, where: object) -> None:
    """
    Refuse a log that a newer version of provgraph wrote.

    :param found: the number of its format
    :param where: the file or the database, for the sentence
    :raises NewerFormatError: the format is newer than this version knows
    """
    if found > FORMAT:
        raise NewerFormatError(
            f"{where} has format {found} of the event log, and this version of provgraph knows formats up to {FORMAT}: "
            "a newer version wrote it. Use that version. Nothing was changed"
        )
