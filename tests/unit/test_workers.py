"""Which tests stay together on one worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workers import OWN_SERVERS, SERVICES_ON_NEO4J, THE_GRAPH_SERVER, needs_neo4j, together

_PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("place", sorted([*THE_GRAPH_SERVER, *SERVICES_ON_NEO4J, *OWN_SERVERS]))
def test_what_stays_together_is_there(place: str) -> None:
    assert (_PROJECT / place).exists()


def test_a_module_stays_together_whatever_its_tests_are_called() -> None:
    module = "tests/unit/test_clock.py"

    assert together(f"{module}::test_a_time[a::b]") == together(f"{module}::test_another") == module


def test_modules_that_share_a_server_stay_together() -> None:
    walk, names = (
        f"tests/contract/graphstore/{name}.py::test_one" for name in ("test_walk", "neo4j/test_names")
    )

    assert together(walk) == together(names) != together("tests/contract/client/test_door.py::test_one")


# A fixture that gives a Neo4j server.
_FIXTURES = re.compile(r"\b(?:worker_neo4j|own_neo4j|cleared_neo4j|neo4j_server|neo4j_uri|neo4j_stores)\b")


def test_every_module_that_asks_for_a_neo4j_server_is_one_that_needs_it() -> None:
    modules = (path for path in (_PROJECT / "tests").rglob("test_*.py") if path != Path(__file__))
    asking = {path.relative_to(_PROJECT).as_posix() for path in modules if _FIXTURES.search(path.read_text())}

    assert {module for module in asking if not needs_neo4j(together(f"{module}::test_one"))} == set()
    assert asking
