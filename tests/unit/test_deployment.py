"""``docker-compose.yml`` and ``Dockerfile``, read as files: no engine is needed."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from provgraph.settings import read_settings, unknown_settings

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = {"receiver", "graphbuilder", "query", "infrahub"}
_DOCKERFILE = (_ROOT / "Dockerfile").read_text()
_PAGE = (_ROOT / "docs" / "reference" / "settings.md").read_text()


def _stage(name: str) -> str:
    """Return the instructions of one stage of the Dockerfile."""
    stages = re.split(r"^FROM ", _DOCKERFILE, flags=re.MULTILINE)
    return next(stage for stage in stages if re.match(rf"\S+ AS {name}\b", stage))


def test_the_services_are_the_pair_and_ours() -> None:
    assert set(_SERVICES) == {"postgres", "neo4j"} | _OURS


@pytest.mark.parametrize("name", sorted(_OURS))
def test_every_variable_is_a_setting_that_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: str(value) for key, value in _SERVICES[name]["environment"].items()}
    for key, value in given.items():
        monkeypatch.setenv(key, value)

    assert unknown_settings(given) == []
    assert all(f"`{key}`" in _PAGE for key in given)
    settings = read_settings(host="0.0.0.0")  # noqa: S104 - as in the image; nothing listens
    settings.check()
    assert not settings.is_local


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_every_service_says_when_it_is_well(name: str) -> None:
    assert _SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_passwords_come_from_files(name: str) -> None:
    service = _SERVICES[name]
    named = [value for value in service["environment"].values() if str(value).startswith("/run/secrets/")]

    assert named
    assert {Path(value).name for value in named} <= set(service["secrets"]) <= set(_COMPOSE["secrets"])
    assert not any(re.search("PASSWORD$|AUTH$", key) for key in service["environment"])


@pytest.mark.parametrize("name", ["postgres", "neo4j"])
def test_what_the_servers_store_is_on_a_volume(name: str) -> None:
    volume, _, _ = _SERVICES[name]["volumes"][0].partition(":")

    assert volume in _COMPOSE["volumes"]
    assert ":latest" not in _SERVICES[name]["image"]


@pytest.mark.parametrize("name", sorted(_OURS))
def test_an_image_holds_the_folder_of_its_service_alone(name: str) -> None:
    assert _SERVICES[name]["build"]["target"] == name
    stage = _stage(name)
    copied = set(re.findall(r"^COPY (\w+) \1$", stage, flags=re.MULTILINE))
    (command,) = re.findall(r'^CMD \["serve", (.*)\]$', stage, flags=re.MULTILINE)
    served = set(re.findall(r'"(\w+)"', command))

    assert copied == served == ({"query", "admin"} if name == "query" else {name})


def test_the_images_do_not_run_as_root() -> None:
    assert re.search(r"^USER [1-9]\d*$", _stage("runtime"), flags=re.MULTILINE)


def test_what_the_images_copy_is_what_the_build_may_see() -> None:
    seen = {line[1:] for line in (_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", _DOCKERFILE, flags=re.MULTILINE)
        for source in sources.split()
    }

    assert copied == seen
    assert all((_ROOT / name).exists() for name in copied)


def test_the_passwords_are_made_once_and_stay(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "secrets"
    script.parent.mkdir()
    script.write_bytes((_ROOT / "scripts" / "secrets").read_bytes())

    def made() -> dict[str, str]:
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        return {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    first = made()

    assert set(first) == set(_COMPOSE["secrets"])
    assert first["neo4j_auth"] == f"neo4j/{first['neo4j_password']}"
    assert len(first["postgres_password"]) == 48
    assert made() == first
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
