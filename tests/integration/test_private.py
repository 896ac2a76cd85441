"""Files that nobody else reaches."""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING

import pytest

from provgraph.cli.stores import opened_place
from provgraph.eventlog.copying import copy_log
from provgraph.lock import DataFolder
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """A user whose new files everybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_whatever_a_service_keeps_is_for_its_own_user(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as served:
        served.send()
        served.flush()
        assert served.client.post("/admin/rebuild", json={}).status_code == 202
        served.flush()
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}

    assert len(modes) > 5
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_copy_is_for_its_own_user(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        served.send()
    with opened_place(str(tmp_path / "data")) as source, opened_place(str(tmp_path / "copy")) as target:
        copy_log(source.log, target.log)
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "copy").rglob("*")}

    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("wider", [".", "provgraph.db"])
def test_what_others_can_reach_is_told_at_start(
    tmp_path: Path, wider: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path / "data"):
        pass
    (tmp_path / "data" / wider).chmod(0o744)

    with caplog.at_level(logging.WARNING), DataFolder(tmp_path / "data"):
        pass

    (told,) = (record.getMessage() for record in caplog.records if record.name == "provgraph.lock")
    assert str((tmp_path / "data" / wider).resolve()) in told
    assert f"chmod -R go= {tmp_path / 'data'}" in told


def test_nothing_is_told_of_a_folder_that_nobody_else_reaches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with serving(tmp_path / "data"):
            pass

    assert [record for record in caplog.records if record.name == "provgraph.lock"] == []
