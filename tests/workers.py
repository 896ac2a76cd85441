"""
Which tests stay together on one worker.

A module stays with one worker, so that its fixtures are made once. So do all modules that share what is dear: a Neo4j
server of its own costs each worker half a minute of a processor, most of it for the first plans of the statements; and
on the production pair each service of the end-to-end tests has a Neo4j server. Modules are begun in the order in which
they are collected: the small ones come last, and no worker idles.
"""

from __future__ import annotations

import os

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
_IS_ON_NEO4J = os.environ.get("PROVGRAPH_TEST_PAIR", "").endswith("neo4j")
_TOGETHER = THE_GRAPH_SERVER | (SERVICES_ON_NEO4J if _IS_ON_NEO4J else {})


def together(nodeid: str) -> str:
    """Return the name of what a test stays with: its module, or what several modules share."""
    module = nodeid.partition("::")[0]
    return next((shared for place, shared in _TOGETHER.items() if module.startswith(place)), module)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Hands a worker all tests that stay together at once."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
