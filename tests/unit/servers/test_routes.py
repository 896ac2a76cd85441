from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.servers import base, fixtures
from tests.servers.base import Server, ServerFailedError, ServerUnavailableError, first_available
from tests.servers.containers import Container, Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.neo4j import Neo4jServer

_IMAGE = Image("postgres:16", port=5432, environment={"A": "b"}, command=["postgres", "-c", "x=1"])


class _Server(Server):
    route = "a test's"

    def __init__(self, *troubles: Exception | None) -> None:
        self._troubles = list(troubles)
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")
        self.wait_ready(timeout_seconds=0)

    def stop(self) -> None:
        self.calls.append("stop")

    def kill(self) -> None:
        self.calls.append("kill")

    def close(self) -> None:
        self.calls.append("close")

    def trouble(self) -> Exception | None:
        return self._troubles.pop(0) if self._troubles else None

    def last_words(self) -> str:
        return "out of sorts"


def test_the_first_route_that_works_is_taken() -> None:
    second, third = _Server(), _Server()

    assert first_available([_no("one"), lambda: second, lambda: third]) is second


def test_without_a_route_every_reason_is_told() -> None:
    with pytest.raises(ServerUnavailableError, match="one; two"):
        first_available([_no("one"), _no("two")])


def test_a_server_that_does_not_start_is_closed() -> None:
    server = _Server(OSError("deaf"), OSError("deaf"))

    with pytest.raises(ServerFailedError):
        base.started(server)
    assert server.calls == ["start", "close"]


def test_a_server_that_does_not_answer_is_quoted() -> None:
    with pytest.raises(ServerFailedError, match=r"a test's does not answer after 0 s: deaf\nout of sorts"):
        _Server(OSError("deaf"), OSError("deaf")).wait_ready(timeout_seconds=0)


def test_waiting_ends_with_the_first_answer() -> None:
    _Server(OSError("not yet"), OSError("not yet"), None).wait_ready(timeout_seconds=60)


def test_a_test_without_its_server_is_skipped_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fixtures.REQUIRED, raising=False)

    with pytest.raises(pytest.skip.Exception, match="no Neo4j: set NEO4J_URI"), fixtures._skipping("Neo4j"):
        raise ServerUnavailableError("set NEO4J_URI")


def test_where_services_are_required_such_a_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fixtures.REQUIRED, "1")

    with pytest.raises(pytest.fail.Exception, match="set NEO4J_URI"), fixtures._skipping("Neo4j"):
        raise ServerUnavailableError("set NEO4J_URI")


def test_a_graph_that_somebody_else_filled_is_not_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fixtures.MAY_BE_WIPED, raising=False)

    with pytest.raises(ServerFailedError, match=f"set {fixtures.MAY_BE_WIPED}=1"):
        fixtures._require_permission_to_wipe(_graph(empty=False))


def test_an_empty_graph_and_one_that_is_given_up_may_be_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    fixtures._require_permission_to_wipe(_graph(empty=True))

    monkeypatch.setenv(fixtures.MAY_BE_WIPED, "1")
    fixtures._require_permission_to_wipe(_graph(empty=False))


def test_without_testcontainers_the_reason_names_the_command_that_provides_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.import_module", _raise(ImportError()))

    with pytest.raises(ServerUnavailableError, match="pip install testcontainers"):
        Container(_IMAGE)


def test_a_docker_that_does_not_answer_is_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    _install_docker(monkeypatch, from_env=_raise(OSError("no socket")))

    with pytest.raises(ServerUnavailableError, match="no Docker answers"):
        Container(_IMAGE)


def test_an_image_that_does_not_start_is_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    _install_docker(monkeypatch, start=_raise(OSError("pull access denied")))

    with pytest.raises(ServerUnavailableError, match="pull access denied"):
        Container(_IMAGE).start()


def test_a_container_gets_its_port_and_settings_and_keeps_them_over_a_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = _install_docker(monkeypatch)
    container = Container(_IMAGE)

    container.start()
    container.kill()
    container.start()
    container.stop()
    container.remove()

    assert calls == [
        "image postgres:16",
        f"with_bind_ports 5432 {container.port}",
        "with_env A b",
        "with_command ['postgres', '-c', 'x=1']",
        "start",
        "engine.kill",
        "engine.start",
        "engine.stop timeout=20",
        "stop force=True delete_volume=True",
    ]


def _no(reason: str) -> Callable[[], _Server]:
    return _raise(ServerUnavailableError(reason))


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def _graph(*, empty: bool) -> Neo4jServer:
    return cast("Neo4jServer", SimpleNamespace(is_empty=lambda: empty))


def _install_docker(monkeypatch: pytest.MonkeyPatch, **replaced: Callable[..., Any]) -> list[str]:
    """Put a Docker without an engine in the place of the real one; return the list of what is asked of it."""
    calls: list[str] = []

    def note(name: str) -> Callable[..., Any]:
        def call(*args: object, **named: object) -> Any:
            words = [name, *map(str, args), *(f"{key}={value}" for key, value in named.items())]
            calls.append(" ".join(words))
            return container

        return replaced.get(name, call)

    engine = SimpleNamespace(**{name: note(f"engine.{name}") for name in ("start", "stop", "kill")})
    names = ("with_bind_ports", "with_env", "with_command", "start", "stop")
    container = SimpleNamespace(get_wrapped_container=lambda: engine, **{name: note(name) for name in names})
    client = SimpleNamespace(ping=lambda: True, close=lambda: None)
    modules = {
        "testcontainers.core.container": SimpleNamespace(DockerContainer=note("image")),
        "docker": SimpleNamespace(from_env=replaced.get("from_env", lambda: client)),
    }
    monkeypatch.setattr("importlib.import_module", modules.__getitem__)
    return calls
