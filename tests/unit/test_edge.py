"""
``edge.conf``: every method and path reaches a service that has it.

The calls are made of the real routes, so a new route or service needs nothing here: it is in ``edge.conf``, or a test
fails and says which call goes to whom, and whose it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from provgraph.cli.compose import opened
from provgraph.settings import Settings
from tests.deployment.calls import METHODS, Call, Process, calls, lost, processes, templates
from tests.deployment.files import EDGE, OURS
from tests.deployment.nginx import Nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCATIONS = re.findall(r"^    location .*$", EDGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """What each service of the compose file answers."""
    with opened(Settings(data_dir=tmp_path_factory.mktemp("data"))) as services:
        yield processes(services)


@pytest.fixture(scope="module")
def asked(served: dict[str, Process]) -> list[Call]:
    """Calls of every method to every path, and near them."""
    return calls(served)


@pytest.mark.parametrize("service", sorted(OURS))
def test_every_call_that_a_service_answers_goes_to_who_answers_it(asked: list[Call], service: str) -> None:
    answered = [call for call in asked if call.is_served and service in call.services]

    assert answered
    assert lost(Nginx(EDGE), answered) == []


@pytest.mark.parametrize("method", METHODS)
def test_every_other_call_goes_to_who_refuses_it_as_the_service_of_the_path_does(
    asked: list[Call], method: str
) -> None:
    refused = [call for call in asked if not call.is_served and call.method == method]

    assert refused
    assert lost(Nginx(EDGE), refused) == []


@pytest.mark.parametrize(
    ("call", "service"),
    [
        # Both know these paths.
        ("POST /receiver/tag/bnM=/dGFn/x", "receiver"),
        ("GET /receiver/tag/bnM=/dGFn", "query"),
        ("POST /api/v1/objects", "receiver"),
        ("HEAD /api/v1/objects", "query"),
        ("POST /api/v1/objects/retire", "receiver"),
        ("GET /api/v1/objects/retire", "query"),
        # These went to who does not know the path, and was answered that there is nothing.
        ("GET /api/v1/runs/x/plan", "receiver"),
        ("OPTIONS /api/v1/groups/x/adopt", "receiver"),
        ("POST /api/v1/groups", "query"),
        ("POST /api/v1/runs/x/diff", "query"),
        # These were answered with a redirect, or in another form than Infrahub's.
        ("POST /receiver/tag", "query"),
        ("GET /graph_builder", "graphbuilder"),
        ("GET /api/storage/object/x", "infrahub"),
    ],
)
def test_a_path_that_several_know_goes_by_method_and_others_to_who_knows_them(
    call: str, service: str
) -> None:
    assert Nginx(EDGE).answerer(*call.split()) == f"{service}:8082"


@pytest.mark.parametrize("location", _LOCATIONS)
def test_without_one_of_the_locations_calls_would_be_lost(asked: list[Call], location: str) -> None:
    assert lost(Nginx(EDGE.replace(location, "", 1)), asked)


def test_every_template_is_answered_by_the_process_that_has_it(served: dict[str, Process]) -> None:
    for process in served.values():
        for path, methods in templates(process.routes):
            filled = re.sub(r"\{\w+(:path)?\}", "x", path)
            assert {process.match(method, filled).name for method in methods} == {"FULL"}


def test_only_what_each_process_says_of_itself_is_answered_by_several(asked: list[Call]) -> None:
    several = {call.target.partition("?")[0] for call in asked if call.is_served and len(call.services) > 1}

    assert several == {"/healthz", "/readyz", "/metrics", "/openapi.json"}
