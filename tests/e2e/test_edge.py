"""A real nginx passes calls on as `tests.deployment.nginx` says, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.cli.compose import opened
from provgraph.settings import Settings
from tests.deployment.calls import calls, processes
from tests.deployment.examples import EXAMPLES
from tests.deployment.files import EDGE
from tests.deployment.nginx import Nginx
from tests.servers.base import ServerUnavailableError, started
from tests.servers.nginx import RealNginx

if TYPE_CHECKING:
    from pathlib import Path


def start(configuration: str) -> RealNginx:
    """Return a started nginx, or skip the test."""
    try:
        return started(RealNginx(configuration, Nginx(configuration).upstreams))
    except ServerUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_are_as_the_documentation_says(number: int) -> None:
    configuration, answerers = EXAMPLES[number]

    with start(configuration) as nginx:
        assert {target: nginx.answerer("GET", target)[0] for target in answerers} == answerers


def test_every_call_to_the_edge_goes_to_who_has_it_unchanged(tmp_path: Path) -> None:
    with opened(Settings(data_dir=tmp_path)) as services:
        asked = calls(processes(services))

    with start(EDGE) as nginx:
        found = {call: nginx.answerer(call.method, call.target) for call in asked}

    assert {str(call): service for call, (service, _) in found.items()} == {
        str(call): Nginx(EDGE).answerer(call.method, call.target) for call in asked
    }
    assert [str(call) for call, (_, target) in found.items() if target != call.target] == []
