"""What `provgraph.client.recordkeeper` does better than the client whose place it takes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import orjson
import pytest

from provgraph.client import recordkeeper
from provgraph.client.recordkeeper import PEM, Artifact, RKAdmin, RKClient, RKQuery
from provgraph.client.recordkeeper import service as service_module
from provgraph.client.transport import Transport
from tests.contract.client.service import FakeService

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A service that every one of the classes speaks with."""
    fake = FakeService()
    monkeypatch.setattr(service_module, "Transport", partial(Transport, transport=fake.transport))
    return fake


@pytest.fixture
def query(service: FakeService) -> RKQuery:
    return RKQuery("http://service.test/query/", user_auth="person", puc_auth="program")


def _artifact(name: str) -> dict[str, Any]:
    return {"Name": name, "Properties": {"a": 1}, "CreatedAt": "2026-01-01 00:00:00"}


def test_one_artifact_is_asked_for_and_not_all_of_them(query: RKQuery, service: FakeService) -> None:
    service.answers["GET /query/artifacts"] = [_artifact("model")]

    found, ok = query.get_artifact("model")

    assert found == Artifact("model", {"a": 1})
    assert ok
    assert dict(service.requests[0].url.params) == {"NameIs": "model"}


def test_a_service_that_does_not_know_how_still_gives_the_right_artifact(
    query: RKQuery, service: FakeService
) -> None:
    service.answers["GET /query/artifacts"] = [_artifact("a model"), _artifact("model")]

    found, _ = query.get_artifact("model")

    assert found is not None
    assert found.Name == "model"


def test_the_graph_is_asked_for_one_artifact_whatever_its_name(query: RKQuery, service: FakeService) -> None:
    service.answers["POST /query/query"] = httpx.Response(200, text="[]")

    assert query.get_artifact('it\'s a \\ "name"', "graphdb") == (None, True)
    assert "a.rk_id = 'it\\'s a \\\\ \"name\"'" in orjson.loads(service.requests[0].content)["query"]


def test_no_name_is_no_artifact(query: RKQuery, service: FakeService) -> None:
    assert query.get_artifact("") == (None, True)
    assert service.requests == []


def test_an_unknown_source_is_a_failure(query: RKQuery) -> None:
    assert query.get_artifact("x", "paper") == (None, False)
    assert query.get_artifacts("paper")[::2] == ([], False)
    assert query.get_artifacts_count("paper")[::2] == (None, False)


def test_the_persons_credential_comes_first(query: RKQuery, service: FakeService) -> None:
    service.answers["GET /query/tags"] = []

    query.get_tags()

    headers = service.requests[0].headers
    assert headers["X-Recordkeeper-User-Auth"] == "person"
    assert "X-Recordkeeper-Puc-Auth" not in headers


def test_filters_are_sent_as_python_shows_them(query: RKQuery, service: FakeService) -> None:
    service.answers["GET /query/pems"] = []

    query.get_pems(0, 5, filters={"Predecessor": None, "Type": ["a"]})

    assert dict(service.requests[0].url.params) == {
        "pageIndex": "0",
        "pageSize": "5",
        "Predecessor": "None",
        "Type": "['a']",
    }


@pytest.mark.parametrize(
    ("call", "failed"),
    [
        (lambda: RKQuery("http://s.test").get_pem("x"), (None, False)),
        (lambda: RKQuery("http://s.test").get_pems(), (None, False)),
        (lambda: RKQuery("http://s.test").get_pems_count(), (None, False)),
        (lambda: RKQuery("http://s.test").get_artifact("x"), (None, False)),
        (lambda: RKQuery("http://s.test").get_artifacts(), ([], False)),
        (lambda: RKQuery("http://s.test").get_artifacts("graphdb"), ([], False)),
        (lambda: RKQuery("http://s.test").get_artifact_latest("x"), (None, False)),
        (lambda: RKQuery("http://s.test").get_tags(), (None, False)),
        (lambda: RKAdmin("http://s.test", "http://s.test").artifacts_verify_connections(), (None, False)),
    ],
)
@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, content=b"\xff"),
        httpx.Response(200, text="7"),
        httpx.Response(500, content=b"\xff"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
)
def test_a_call_that_fails_says_so_and_never_raises(
    service: FakeService, call: Callable[[], Any], failed: Any, trouble: httpx.Response | Exception
) -> None:
    service.troubles = [trouble]

    answered = call()

    assert (answered[0], answered[-1]) == failed


def test_an_emitters_id_may_be_a_uuid(service: FakeService) -> None:
    service.answers["POST /pem"] = httpx.Response(200, text="Ack getting x")
    emitter: Any = UUID(int=7)
    client = RKClient("http://service.test", emitter)

    assert client.send_pem(client.prepare_pem("x")) == ("OK", True)
    assert orjson.loads(service.requests[0].content)["Emitter"] == str(emitter)


def test_what_is_not_json_is_a_failure_and_nothing_is_sent(service: FakeService) -> None:
    client = RKClient("http://service.test", "e")

    text, ok = client.send_pem(client.prepare_pem("x", properties={"a": object()}))

    assert not ok
    assert "serialization error" in text
    assert service.requests == []


def test_pems_are_compared_with_anything() -> None:
    pem = PEM(UUID(int=1), "x", None, "e", "2026-01-01 00:00:00")

    assert pem == PEM(UUID(int=1), "x", UUID(int=2), "other", "")
    assert pem != "x"
    assert Artifact("a", {}) != "a"


def test_the_interface_has_the_names_of_record_keepers_client() -> None:
    rkclient = pytest.importorskip("rkclient")
    modules = {"admin", "auth", "client", "entities", "factory", "query", "request", "serialization"}
    names = {name for name in vars(rkclient) if not name.startswith(("_", "log", "LOG", "os"))} - modules

    assert names <= set(recordkeeper.__all__)
    for kind in ("RKClient", "RKQuery", "RKAdmin"):
        theirs, ours = vars(getattr(rkclient, kind)), vars(getattr(recordkeeper, kind))
        assert {name for name in theirs if not name.startswith("_")} <= ours.keys()


def test_the_signatures_are_those_of_record_keepers_client() -> None:
    import inspect  # noqa: PLC0415 - for this test alone

    rkclient = pytest.importorskip("rkclient")
    for kind in ("RKClient", "RKQuery", "RKAdmin", "PEM", "Artifact"):
        theirs, ours = getattr(rkclient, kind), getattr(recordkeeper, kind)
        for name, method in vars(theirs).items():
            if not callable(method) or (name.startswith("_") and name != "__init__"):
                continue
            if isinstance(method, staticmethod):
                continue
            if (found := getattr(ours, name, None)) is None:
                pytest.fail(f"{kind}.{name} is missing")
            stated = [(each.name, each.default) for each in inspect.signature(method).parameters.values()]
            mine = [(each.name, each.default) for each in inspect.signature(found).parameters.values()]
            assert mine == stated, f"{kind}.{name}"
