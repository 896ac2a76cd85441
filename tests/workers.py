"""
Which tests stay together on one worker.

A module stays with one worker, so that its fixtures are made once. So do all modules that share what is dear: a Neo4j
server of its own costs each worker half a minute of a processor, most of it for the first plans of the statements; and
on the production pair each service of the end-to-end tests has a Neo4j server.

What needs a Neo4j server is begun first, by two workers. A third one takes from the rest alone: it costs no server of
its own, and runs in the moments in which the other two wait for theirs. Otherwise modules are begun in the order in
which they are collected: the small ones come last, and no worker idles.
"""

from __future__ import annotations

import os
from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Module or folder, and what its tests share.
THE_GRAPH_SERVER = dict.fromkeys(
    (
        "tests/contract/cypher/",
        "tests/contract/graphstore/",
        "tests/contract/lineage/",
        "tests/contract/servers/test_neo4j.py",
        "tests/integration/query/test_cypher.py",
        "tests/integration/test_git_histories.py",
    ),
    "the graph server",
)
# Where each service has a Neo4j server; elsewhere one is started in a moment.
SERVICES_ON_NEO4J = dict.fromkeys(
    (
        "tests/e2e/test_infrahub_sdk.py",
        "tests/e2e/test_questions.py",
        "tests/e2e/test_cypher_api.py",
        "tests/e2e/test_recordkeeper_client.py",
        "tests/e2e/test_recordkeeper_factory.py",
    ),
    "services that ask for credentials",
)
# What starts Neo4j servers of its own.
OWN_SERVERS = ("tests/e2e/production/", "tests/contract/servers/")
_MOST_WITH_SERVERS = 2
_IS_ON_NEO4J = os.environ.get("PROVGRAPH_TEST_PAIR", "").endswith("neo4j")
_TOGETHER = THE_GRAPH_SERVER | (SERVICES_ON_NEO4J if _IS_ON_NEO4J else {})


def together(nodeid: str) -> str:
    """Return the name of what a test stays with: its module, or what several modules share."""
    module = nodeid.partition("::")[0]
    return next((shared for place, shared in _TOGETHER.items() if module.startswith(place)), module)


def needs_neo4j(scope: str) -> bool:
    """Tell whether tests that stay together, see `together`, need a Neo4j server."""
    return scope in THE_GRAPH_SERVER.values() or scope.startswith(OWN_SERVERS)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Hands a worker all tests that stay together at once."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        """Hand the next tests to a worker; it is sent home if there are none for it."""
        scope = self._next_for(node)
        if scope is None:
            node.shutdown()
            return
        self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _next_for(self, node: Any) -> str | None:
        waiting: list[str] = list(self.workqueue)
        first = next(filter(needs_neo4j, waiting), None)
        if first is not None and self.nodes.index(node) < _MOST_WITH_SERVERS:
            return first
        return next((scope for scope in waiting if not needs_neo4j(scope)), None)
