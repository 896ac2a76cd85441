"""No query gets what it must not get: see `tests.contract.cypher.attacks`."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from provgraph.errors import InvalidInputError, UnsupportedQueryError
from tests.contract.cypher.attacks import FILE, FORBIDDEN, HEAVY, SECRET, WRITES, Attack, attacks
from tests.contract.cypher.conftest import Graph, filled
from tests.servers.fixtures import _skipping as skipping
from tests.servers.neo4j import start_neo4j

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore.neo4j.gate import Gate

# With the start of their server.
pytestmark = pytest.mark.timeout(180)

_LIMIT_SECONDS = 0.5
_FORGOTTEN_SECONDS = 60.0
_LEFT_BEHIND = """
SHOW TRANSACTIONS YIELD metaData WHERE metaData.provgraph IS NOT NULL RETURN count(*) AS n
"""


class Trap(NamedTuple):
    """A server that would let a query do everything, and what an attack on it would set off."""

    graph: Graph
    gate: Gate
    listener: socket.socket
    digest: str

    @property
    def port(self) -> int:
        """Of the socket that nobody must connect to."""
        port: int = self.listener.getsockname()[1]
        return port

    def connected(self) -> bool:
        """Tell whether anybody has connected, and hang up."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def run(self, attack: Attack) -> str:
        """Run an attack and return what it learned."""
        return repr(self.gate.run(attack.text(port=self.port), attack.parameters))

    def assert_untouched(self) -> None:
        """Look whether an attack did something to the world."""
        assert not self.connected()
        assert self.graph.digest() == self.digest


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    """A server of these tests' own, with a file that it can read."""
    folder = tmp_path_factory.mktemp("import")
    (folder / FILE).write_text(f"{SECRET}\n")
    folder.chmod(0o755)
    settings = {
        "dbms.security.allow_csv_import_from_file_urls": "true",
        "server.directories.import": str(folder),
        "db.transaction.timeout": "0",
        "db.memory.transaction.max": "64m",
    }
    with skipping("Neo4j server of the test's own"):
        server = start_neo4j(settings=settings)
    with server, filled(server) as graph, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        # The first plans take a new server seconds.
        graph.gate().run("MATCH (a:PEM) RETURN count(a)", {})
        yield Trap(graph, graph.gate(timeout_seconds=_LIMIT_SECONDS), listener, graph.digest())


def test_without_a_gate_the_server_reads_files_and_opens_connections(trap: Trap) -> None:
    with trap.graph.driver.session(database=trap.graph.server.database) as session:
        lines = session.run(f"LOAD CSV FROM 'file:///{FILE}' AS line RETURN line").values()
        hidden = f"RETURN [x IN [1] | COLLECT {{ LOAD CSV FROM 'file:///{FILE}' AS line RETURN line }}]"
        lines_in_a_list = session.run(hidden).values()

    assert (lines, lines_in_a_list) == ([[[SECRET]]], [[[[[SECRET]]]]])


@pytest.mark.parametrize("attack", attacks(WRITES).values(), ids=WRITES)
def test_nobody_changes_anything(trap: Trap, attack: Attack) -> None:
    with pytest.raises(UnsupportedQueryError, match=r"unsupported: it would write.*report an event instead"):
        trap.run(attack)

    trap.assert_untouched()


@pytest.mark.parametrize("attack", attacks(FORBIDDEN).values(), ids=FORBIDDEN)
def test_what_nobody_may_do_is_refused_and_not_done(trap: Trap, attack: Attack) -> None:
    with pytest.raises(InvalidInputError) as refused:
        trap.run(attack)

    assert not any(secret in str(refused.value) for secret in (SECRET, "root:"))
    trap.assert_untouched()


@pytest.mark.parametrize("attack", attacks(HEAVY).values(), ids=HEAVY)
def test_what_is_too_much_ends(trap: Trap, attack: Attack) -> None:
    with contextlib.suppress(InvalidInputError):
        trap.run(attack)

    trap.assert_untouched()


@pytest.mark.timeout(2 * _FORGOTTEN_SECONDS)
def test_nothing_of_all_this_runs_on(trap: Trap) -> None:
    give_up_at = time.monotonic() + _FORGOTTEN_SECONDS
    with trap.graph.driver.session(database=trap.graph.server.database) as session:
        while session.run(_LEFT_BEHIND).single(strict=True)["n"]:
            assert time.monotonic() < give_up_at
            time.sleep(0.5)

    assert trap.gate.run("RETURN 1", {}).rows == [[1]]
