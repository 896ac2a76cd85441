from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.base import ServerUnavailableError
from tests.servers.binaries import installed_programs, packaged_programs, supported_version
from tests.servers.neo4j import find_java, java_version, worst_lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "PostgreSQL 15.18"),
        ("postgres (PostgreSQL) 14.0\n", "PostgreSQL 14.0"),
        ("postgres (PostgreSQL) 18beta1\n", "PostgreSQL 18beta1"),
        ("postgres (PostgreSQL) 13.22\n", None),
        ("something else\n", None),
    ],
)
def test_postgresql_14_and_newer_is_supported(printed: str, version: str | None) -> None:
    assert supported_version(printed) == version


def test_without_postgresql_the_reason_names_the_command_that_provides_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("tests.servers.binaries._INSTALLED", tmp_path)

    with pytest.raises(ServerUnavailableError, match="apt-get install postgresql"):
        installed_programs()


def test_without_the_package_the_reason_names_the_command_that_provides_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.servers.binaries._PACKAGE", "no-such-package-anywhere")

    with pytest.raises(ServerUnavailableError, match="pip install no-such-package-anywhere"):
        packaged_programs()


def test_the_newest_installed_version_that_is_supported_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("tests.servers.binaries._INSTALLED", tmp_path)
    monkeypatch.setattr("tests.servers.binaries.unprivileged_account", lambda: None)
    for version in ("9.6", "13", "15", "16"):
        _install(tmp_path / version / "bin" / "postgres", f"echo 'postgres (PostgreSQL) {version}.1'")

    assert installed_programs().version == "PostgreSQL 16.1"


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\n', 17),
        ('openjdk version "21" 2023-09-19\n', 21),
        ('java version "1.8.0_402"\n', 1),
        ("something else\n", 0),
    ],
)
def test_java_says_its_version(printed: str, version: int) -> None:
    assert java_version(printed) == version


@pytest.mark.parametrize(("version", "compiler"), [("11.0.1", True), ("17.0.15", False)])
def test_an_old_java_and_one_without_a_compiler_will_not_do(
    *, version: str, compiler: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    _install(tmp_path / "bin" / "java", f"echo 'openjdk version \"{version}\"' >&2")
    if compiler:
        _install(tmp_path / "bin" / "javac", "exit 0")

    with pytest.raises(ServerUnavailableError, match="apt-get install openjdk-17-jdk-headless"):
        find_java()


def test_java_home_comes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    _install(tmp_path / "bin" / "java", "echo 'openjdk version \"21.0.1\"' >&2")
    _install(tmp_path / "bin" / "javac", "exit 0")

    assert find_java() == (tmp_path / "bin" / "java", tmp_path / "bin" / "javac", 21)


def test_only_the_worst_lines_of_a_log_are_told(tmp_path: Path) -> None:
    log = tmp_path / "debug.log"
    log.write_text("1 INFO fine\n2 WARN hm\n3 DEBUG no WARNING meant\n4 ERROR oh\n")

    assert worst_lines(log) == "2 WARN hm\n4 ERROR oh\n"


def _install(program: Path, line: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)
