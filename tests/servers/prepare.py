"""
``python -m tests.servers.prepare``: see to it that the tests find their servers, and say what they will find.

Fetches Neo4j's jars if they are wanted and not in the cache, starts each server once, and ends it. Ends with 1 when a
server cannot be had, after saying which commands would provide it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tests.servers.base import Server, ServerFailedError, ServerUnavailableError
from tests.servers.neo4j import find_neo4j
from tests.servers.postgresql import find_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Look for every server; return the exit status."""
    found = [_found("PostgreSQL", find_postgresql), _found("Neo4j", find_neo4j)]
    return 0 if all(found) else 1


def _found(name: str, find: Callable[[], Server]) -> bool:
    began = time.monotonic()
    try:
        with find() as server:
            _say(f"{name}: {server.route}, answers after {time.monotonic() - began:.1f} s")
    except ServerUnavailableError as error:
        _say(f"{name}: none")
        for reason in error.reasons:
            _say(f"  - {reason}")
        return False
    except ServerFailedError as error:
        _say(f"{name}: {error}")
        return False
    return True


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
