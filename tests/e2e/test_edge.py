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

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from tests.servers.nginx import RealNginx

    NewNginx = Callable[[str, Collection[str]], RealNginx]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_are_as_the_documentation_says(number: int, own_nginx: NewNginx) -> None:
    configuration, answerers = EXAMPLES[number]
    nginx = own_nginx(configuration, Nginx(configuration).upstreams)

    assert {target: nginx.answerer("GET", target)[0] for target in answerers} == answerers


def test_every_call_to_the_edge_goes_to_who_has_it_unchanged(tmp_path: Path, own_nginx: NewNginx) -> None:
    with opened(Settings(data_dir=tmp_path)) as services:
        asked = calls(processes(services))

    nginx = own_nginx(EDGE, Nginx(EDGE).upstreams)
    found = {call: nginx.answerer(call.method, call.target) for call in asked}

    assert {str(call): service for call, (service, _) in found.items()} == {
        str(call): Nginx(EDGE).answerer(call.method, call.target) for call in asked
    }
    assert [str(call) for call, (_, target) in found.items() if target != call.target] == []
