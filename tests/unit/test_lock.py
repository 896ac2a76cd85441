from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import LockedError, StoreError
from provgraph.lock import DataFolder

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = """
import sys
from pathlib import Path
from provgraph.lock import DataFolder
with DataFolder(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_the_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "a" / "b") as folder:
        assert folder.path.is_dir()


def test_the_folder_knows_where_its_stores_are(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)

    assert folder.database == tmp_path / "provgraph.db"
    assert folder.graph == tmp_path / "graph"


def test_another_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"

        with pytest.raises(LockedError) as refused, DataFolder(tmp_path):
            pass

        holder.communicate()
    assert str(tmp_path) in str(refused.value)
    assert str(holder.pid) in str(refused.value)


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()

    with DataFolder(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_second_use_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with DataFolder(tmp_path), pytest.raises(LockedError), DataFolder(tmp_path):
        pass


def test_the_folder_can_be_used_again_after_the_block(tmp_path: Path) -> None:
    with DataFolder(tmp_path):
        pass

    with DataFolder(tmp_path) as again:
        assert again.path == tmp_path


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="file"), DataFolder(tmp_path / "file" / "data"):
        pass
