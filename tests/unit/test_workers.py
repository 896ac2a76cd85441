"""Which tests stay together on one worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers import SERVICES_ON_NEO4J, THE_GRAPH_SERVER, together

_PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("place", sorted(THE_GRAPH_SERVER | SERVICES_ON_NEO4J))
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
