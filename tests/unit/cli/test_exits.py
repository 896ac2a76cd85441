from __future__ import annotations

import builtins
import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import provgraph
from provgraph.cli import connection, exits, serving
from provgraph.client.errors import BusyError
from provgraph.errors import (
    ChangedEventError,
    CorruptStoreError,
    LostEventsError,
    NewerEventError,
    StoreError,
    StoreFullError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

_REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_every_exit_code_is_documented() -> None:
    text = _REFERENCE.read_text()

    assert [code for code in exits.ExitCode if f"| {code.value} |" not in text] == []


def test_every_command_is_documented(run: Run) -> None:
    text = _REFERENCE.read_text()
    commands = ["serve", "demo", "import git", "info", "pems", "artifacts", "trace"]
    commands += [f"admin {name}" for name in ("flush", "verify", "verify-connections", "rebuild", "clean")]
    commands += [f"admin {name}" for name in ("accept-change", "accept-loss")]
    commands += [f"admin report {name}" for name in ("list", "show", "remove-unconnected")]
    commands += [f"admin credential {name}" for name in ("create", "list", "revoke")]

    assert [run(*command.split(), "--help").code for command in commands] == [0] * len(commands)
    assert [command for command in commands if f"`provgraph {command}" not in text] == []


@pytest.mark.parametrize("error", [LostEventsError, ChangedEventError, NewerEventError, CorruptStoreError])
def test_nobody_is_told_to_wait_for_what_no_waiting_ends(error: type[StoreError]) -> None:
    lasting, passing = (
        exits.sentence(BusyError(503, {"title": title, "detail": "It is so"}, url="http://x"))
        for title in (error.title, "Overloaded")
    )

    assert lasting == "It is so."
    assert passing == "It is so. The service is busy or not ready: try again in a moment."


def test_a_name_that_fits_into_no_url_is_wrong_usage(run: Run) -> None:
    ended = run("why", "Z" * 66_000)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(
        "Error: The URL of this question is too long: node alone takes 66,000 bytes of it."
    )
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (401, 4), (403, 4), (404, 5), (409, 6), (413, 6), (500, 6), (503, 3)]
)
def test_what_the_service_answers_decides_the_code(
    run: Run, service: FakeService, status: int, code: int
) -> None:
    service.answer("GET /api/v1/lineage", {"detail": "the reason"}, status=status)

    ended = run("trace", "x", "--json")

    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("Error: the reason.")
    assert ended.err.count("\n") == 1


def test_no_answer_ends_with_3_and_says_how_to_start_a_service(run: Run, service: FakeService) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    service.answer_with("GET /receiver/info", refuse)

    ended = run("info")

    assert ended.code == 3
    assert "provgraph serve" in ended.err


_STRANGE = {
    "a page": httpx.Response(200, text="<html>"),
    "another document": httpx.Response(200, json={"hello": "world"}),
    "nothing there": httpx.Response(404, text="<html>not found"),
    "moved": httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
    "not allowed": httpx.Response(405, text="no"),
    "a fault": httpx.Response(500, text="oops"),
    "a login": httpx.Response(401, text="who are you?"),
}


@pytest.mark.parametrize("what", _STRANGE)
@pytest.mark.parametrize(
    "command", [("why", "x"), ("runs", "list"), ("pems",), ("state", "--json"), ("impact", "x")]
)
def test_something_else_that_answers_is_named_as_such(
    run: Run, service: FakeService, what: str, command: tuple[str, ...]
) -> None:
    service.healthz = httpx.Response(404, text="<html>")
    for route in ("why", "runs", "state", "impact"):
        service.answer_with(f"GET /api/v1/{route}", lambda _: _STRANGE[what])
    service.answer_with("GET /query/pems", lambda _: _STRANGE[what])

    ended = run(*command)

    assert (ended.code, ended.out) == (7, "")
    assert ended.err.startswith("Error: What answers at http://127.0.0.1:8082 is no provgraph service")
    assert ended.err.count("\n") == 1


def test_an_address_within_a_service_is_named_with_the_right_one(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.healthz = httpx.Response(404, json={"detail": "Not Found"})
    monkeypatch.setattr(connection.Connected, "_is_ours", lambda _, url: url == "http://here.test")

    ended = run("why", "x", "--url", "http://here.test/receiver")

    assert ended.code == 7
    assert "There is one at http://here.test: use that as --url." in ended.err


def test_a_service_that_answers_no_is_none_of_another_kind(run: Run, service: FakeService) -> None:
    service.answer("GET /api/v1/why", {"detail": "broken"}, status=500)

    assert run("why", "x").code == 6


def test_what_does_not_speak_http_is_told_apart(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener,))
        thread.start()
        ended = run("why", "x", "--url", f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join()

    assert ended.code == 7
    assert "does not speak HTTP" in ended.err


def _greet(listener: socket.socket) -> None:
    """Answer the request and the probe as a server of another protocol does."""
    listener.settimeout(10)
    for _ in range(2):
        connected, _address = listener.accept()
        with connected:
            connected.recv(10_000)
            connected.sendall(b"+OK POP3 ready\r\n\r\n")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8082", "localhost:8082", "localhost", "[::1]:8082", "example.org:80"]
)
def test_an_address_without_a_scheme_means_http(run: Run, service: FakeService, url: str) -> None:
    service.answer("GET /query/artifacts_count", {"artifacts_count": 3})

    ended = run("artifacts", "--count", "--url", url)

    assert (ended.code, ended.out) == (0, "3\n")
    assert str(service.requests[0].url).startswith("http://")


def test_a_url_that_is_none_ends_with_2_and_says_where_to_give_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVGRAPH_URL", "nope")

    ended = run("info")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: 'nope' cannot be the URL of a service")
    assert "PROVGRAPH_URL" in ended.err
    assert "serve" not in ended.err.replace("service", "")


def test_url_and_token_may_stand_in_the_environment(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVGRAPH_URL", "http://named.test")
    monkeypatch.setenv("PROVGRAPH_TOKEN", "secret")
    service.answer("POST /admin/flush", {})

    run("admin", "flush")

    assert service.requests[0].url.host == "named.test"
    assert service.tokens == ["secret"]


@pytest.mark.parametrize(
    "arguments", [["trace"], ["nonsense"], ["trace", "x", "--depth", "0"], ["admin", "x"]]
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_a_misspelt_setting_is_told_by_every_command(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVGRAPH_TOKN", "secret")
    service.answer("GET /query/artifacts_count", {"artifacts_count": 3})

    ended = run("artifacts", "--count", "--json")

    assert (ended.code, ended.json) == (0, {"count": 3})
    assert (
        ended.err
        == "Note: There is no setting PROVGRAPH_TOKN: it changes nothing; did you mean PROVGRAPH_TOKEN?\n"
    )


def test_settings_that_cannot_be_read_end_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVGRAPH_PORT", "many")

    ended = run("serve")

    assert ended.code == 2
    assert "PROVGRAPH_PORT" in ended.err


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (StoreFullError("The event log cannot grow, its disk or space is full"), 6),
        (OSError(errno.ENOSPC, "No space left on device"), 6),
    ],
)
def test_a_service_that_cannot_write_names_its_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception, code: int
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(serving, "composition", lambda: SimpleNamespace(serve=fail, installed_parts=tuple))

    ended = run("serve", "--data", str(tmp_path))

    assert ended.code == code
    assert f"The data folder {tmp_path} cannot be used" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("missing", "advice"),
    [("fastapi", 'pip install "provgraph[server]"'), ("receiver.app", "from a checkout")],
)
def test_an_installation_without_the_server_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str, advice: str
) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "provgraph.cli" and arguments[2] == ("compose",):
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)

    ended = run("serve", "--data", str(tmp_path))

    assert ended.code == 2
    assert advice in ended.err


def test_the_demo_outside_a_repository_says_so_and_starts_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    ended = run("demo")

    assert ended.code == 2
    assert "is not a git repository. The demo imports a git history" in ended.err


def test_the_demo_in_a_repository_without_commits_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)

    ended = run("demo")

    assert ended.code == 2
    assert "has no commits yet" in ended.err


def test_the_module_runs_as_the_command_in_an_empty_environment() -> None:
    root = Path(provgraph.__file__).parents[1]

    done = subprocess.run(
        [sys.executable, "-m", "provgraph.cli", "--version"],
        cwd=root,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{provgraph.__version__}\n", "")


@pytest.mark.parametrize(
    ("field", "detail", "said"),
    [
        ("as_of", "as_of is not a time: 'x'; write now", "Error: --at is not a time: 'x'; write now."),
        ("known_at", "known_at=9 is beyond the log's end", "Error: --known-at=9 is beyond the log's end."),
        ("node", "node names no event", "Error: node names no event."),
    ],
)
def test_a_refusal_names_the_option_and_not_the_parameter_it_became(
    run: Run, service: FakeService, field: str, detail: str, said: str
) -> None:
    service.answer("GET /api/v1/why", {"detail": detail, "field": field}, status=400)

    assert run("why", "x", "--at", "x").err.strip() == said
