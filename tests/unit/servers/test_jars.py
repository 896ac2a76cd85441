from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.servers import jars
from tests.servers.base import ServerFailedError, ServerUnavailableError

_POM = "<project><neo4j.version>9.9.9</neo4j.version></project>"
_JARS = {"a.jar": b"first", "b.jar": b"second"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pom and a list of two jars; an empty cache; a Maven that makes these jars and notes that it was asked."""
    sources = tmp_path / "neo4j"
    sources.mkdir()
    (sources / "pom.xml").write_text(_POM)
    (sources / "jars.sha256").write_text(
        "".join(f"{_sha256(data)}  {name}\n" for name, data in _JARS.items())
    )
    monkeypatch.setattr(jars, "SOURCES", sources)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _install_maven(
        tmp_path,
        'for word; do case "$word" in -DoutputDirectory=*) into="${word#*=}";; esac; done',
        'mkdir -p "$into"',
        *(f"printf {data.decode()} > $into/{name}" for name, data in _JARS.items()),
        f"echo asked >> {tmp_path}/asked",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    jars.jars.cache_clear()


def test_the_jars_are_fetched_into_the_cache(tmp_path: Path) -> None:
    folder = jars.jars()

    assert folder == tmp_path / "cache" / "provgraph-tests" / "neo4j-9.9.9"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == _JARS


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    jars.jars()
    jars.jars.cache_clear()

    jars.jars()

    assert (tmp_path / "asked").read_text().splitlines() == ["asked"]


@pytest.mark.parametrize("name", ["a.jar", "another.jar"])
def test_a_cache_that_is_not_as_listed_is_replaced(name: str) -> None:
    folder = jars.jars()
    (folder / name).write_bytes(b"something else")
    jars.jars.cache_clear()

    jars.jars()

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == _JARS


def test_jars_that_are_not_listed_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "neo4j" / "jars.sha256").write_text(f"{_sha256(b'first')}  a.jar\n")

    with pytest.raises(ServerFailedError, match=r"b\.jar is not listed"):
        jars.jars()
    assert not jars.cache_folder().exists()


def test_without_maven_the_reason_names_the_command_that_provides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ServerUnavailableError, match="apt-get install maven"):
        jars.jars()


def test_what_maven_complains_of_is_told(tmp_path: Path) -> None:
    _install_maven(tmp_path, "echo no network here", "exit 1")

    with pytest.raises(ServerUnavailableError, match="no network here"):
        jars.jars()


def test_every_difference_is_named(tmp_path: Path) -> None:
    (tmp_path / "changed.jar").write_bytes(b"x")
    (tmp_path / "extra.jar").write_bytes(b"x")
    expected = {"changed.jar": _sha256(b"y"), "gone.jar": _sha256(b"x")}
    found = [line for line in jars.differences(tmp_path, expected) if ".jar" in line]

    assert found == ["gone.jar is missing", "extra.jar is not listed", "changed.jar has another SHA-256"]


def test_the_list_of_this_project_is_sorted_and_of_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "SOURCES", Path(jars.__file__).parent.parent / "neo4j")
    names = list(jars.listed())

    assert names == sorted(names)
    assert f"neo4j-kernel-{jars.neo4j_version()}.jar" in names
    assert f"neo4j-bolt-{jars.neo4j_version()}.jar" in names


def _install_maven(folder: Path, *lines: str) -> None:
    program = folder / "bin" / "mvn"
    program.parent.mkdir(exist_ok=True)
    program.write_text("\n".join(["#!/bin/sh", "set -e", *lines, ""]))
    program.chmod(0o755)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
