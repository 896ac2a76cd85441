"""A service whose log holds changed events that an operator accepted."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provgraph.operations.integrity import accept_change
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.integration.serving import Served

REASON = "restored by hand"


@contextmanager
def accepted(folder: Path, positions: Iterable[int], **settings: object) -> Iterator[Served]:
    """Change events in a folder that nobody serves, and leave what they say; then serve it, with this accepted."""
    changed = list(positions)
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        # The salt is in the digest, too.
        connection.executemany(
            "UPDATE event SET salt = zeroblob(16) WHERE position = ?", [(position,) for position in changed]
        )
    with serving(folder, **settings) as served:
        for position in changed:
            accept_change(served.services.log, position, REASON)
        yield served
