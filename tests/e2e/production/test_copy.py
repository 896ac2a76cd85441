"""``provgraph copy``: a log moves between stores, and nobody can tell the copy from the original."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.builders import artifact, pem
from tests.e2e.native import batch
from tests.e2e.service import PROJECT, Service, command, deep_verify, environment
from tests.e2e.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 300


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a history and a credential, for tests to copy."""
    folder = tmp_path_factory.mktemp("kept") / "laptop"
    with Service(folder) as service:
        wire = Wire(service.url)
        events = [
            pem(
                Emitter="laptop",
                UsesArtifacts=[artifact("shared")],
                ProducesArtifacts=[artifact(f"a{number}"), artifact("shared")],
            )
            for number in range(EVENTS)
        ]
        assert batch(wire, *events)["accepted"] == EVENTS
        assert (
            wire.post_json("/admin/credentials", {"name": "ada", "kind": "user", "role": "admin"}).status
            == 201
        )
    return folder


@pytest.fixture
def laptop(kept: Path, tmp_path: Path) -> Path:
    """A data folder with a history and a credential, and no service on it."""
    return shutil.copytree(kept, tmp_path / "laptop")


def copied(source: str, target: str) -> dict[str, Any]:
    done = command("copy", "--from", source, "--to", target, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def shown(folder: Path, **settings: str) -> tuple[object, ...]:
    """Return what a service on a folder or on other stores tells of its log and its lists."""
    with Service(folder, settings=settings) as service:
        wire = Wire(service.url)
        wire.flush()
        info = wire.get("/admin/info").json()
        assert deep_verify(service.url)[1]["in_sync"]
        assert info["sizes"]["database"] > 0
        lists = [wire.get(path).json() for path in ("/query/pems", "/query/artifacts", "/admin/credentials")]
        return info["log"], *lists


def test_a_log_goes_to_postgresql_and_back_unchanged(laptop: Path, postgres_url: str, tmp_path: Path) -> None:
    there = copied(f"sqlite:///{laptop}/provgraph.db", postgres_url)
    back = copied(postgres_url, str(tmp_path / "back"))

    assert there["copied"] == EVENTS + 1
    assert back == there
    original = shown(laptop)
    assert shown(tmp_path / "elsewhere", PROVGRAPH_LOG_URL=postgres_url) == original
    assert shown(tmp_path / "back") == original


def test_a_copy_that_was_interrupted_goes_on(laptop: Path, postgres_url: str) -> None:
    arguments = ["copy", "--from", str(laptop), "--to", postgres_url]
    for delay in (0.3, 0.5, 0.7):
        process = subprocess.Popen(
            [sys.executable, "-m", "provgraph.cli", *arguments],
            cwd=PROJECT,
            env=environment({}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert copied(str(laptop), postgres_url)["events"] == EVENTS + 1
    assert copied(str(laptop), postgres_url)["copied"] == 0


def test_what_was_added_since_is_copied_too(laptop: Path, postgres_url: str) -> None:
    copied(str(laptop), postgres_url)
    with Service(laptop) as service:
        assert Wire(service.url).send(pem()).ok

    assert copied(str(laptop), postgres_url)["copied"] == 1


def test_a_log_with_events_of_its_own_is_left_alone(laptop: Path, tmp_path: Path) -> None:
    with Service(tmp_path / "other") as service:
        assert Wire(service.url).send(pem()).ok

    done = command("copy", "--from", str(laptop), "--to", str(tmp_path / "other"))

    assert done.returncode != 0
    assert "holds other events than the source" in done.stderr


def test_a_log_in_use_is_not_copied(laptop: Path, postgres_url: str) -> None:
    with Service(laptop):
        done = command("copy", "--from", str(laptop), "--to", postgres_url)

    assert "in use by another process" in done.stderr


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/nowhere/at/all", "There is no log at"),
        ("sqlite:////tmp/other-name.db", "file named provgraph.db"),
        ("mysql://here/log", "no place for a log"),
        ("sqlite://here/log", "no place for a log"),
    ],
)
def test_a_source_that_is_none_is_named(place: str, said: str, tmp_path: Path) -> None:
    done = command("copy", "--from", place, "--to", str(tmp_path / "target"))

    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "target").exists()


def test_a_password_is_not_shown(tmp_path: Path, laptop: Path) -> None:
    done = command("copy", "--from", str(laptop), "--to", "postgresql://me:s3cret@127.0.0.1:1/log")

    assert done.returncode != 0
    assert "s3cret" not in done.stdout + done.stderr
