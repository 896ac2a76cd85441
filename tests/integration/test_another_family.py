"""
A family of events is a folder, its rooms in the services, and next to nothing elsewhere.

The family of meters is a patch, which is applied to a copy of the checkout: what CONTRIBUTING says of adding a family
is all that it does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.catalog import ListQuery
from provgraph.cli.stores import opened_stores
from provgraph.settings import Settings
from tests.contract.builders import pem

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]
_PATCH = _ROOT / "tests" / "data" / "another_family" / "family.patch"
_COPIED = (
    *("provgraph", "receiver", "graphbuilder", "query", "admin", "infrahub", "tests"),
    *("edge.conf", "Dockerfile", "docker-compose.yml", ".dockerignore", "docs", "pyproject.toml"),
)
_ELSEWHERE = 5  # so many lines of files that are there may change


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout that has the family."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in _COPIED:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    subprocess.run(["git", "apply", "--whitespace=nowarn", str(_PATCH)], cwd=folder, check=True)
    return folder


def run(checkout: Path, *arguments: str) -> str:
    """Run a module of a checkout, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=checkout, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changed_files() -> Iterator[tuple[str, bool, int]]:
    """Yield each file of the patch: its name, whether it is new, and how many of its lines are added or changed."""
    for part in _PATCH.read_text().split("diff --git ")[1:]:
        name = part.split(maxsplit=1)[0].removeprefix("a/")
        lines = part.splitlines()
        added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
        yield name, any(line.startswith("new file") for line in lines), added


def test_it_is_one_folder_its_rooms_and_a_few_lines_elsewhere() -> None:
    files = list(changed_files())
    new = {name for name, is_new, _ in files if is_new}

    rooms = {name for name in new if not name.startswith("provgraph/families/meter/")}
    assert rooms == {"receiver/meter.py", "query/meter.py"}
    assert sum(added for _, is_new, added in files if not is_new) <= _ELSEWHERE


_SEEN: dict[str, Any] = {
    "verdicts": ["accepted"] * 4 + ["duplicate"],
    "listed": [["a", 3], ["b", 2], ["n", 4]],
    "in_graph": 1,
    "documented": ["GET /api/v1/meters", "POST /api/v1/meters"],
    "lacking": [],
    "verified": True,
    "rebuilt": True,
    "kept": False,
    "after_cleaning": [],
}


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_it_works_from_its_front_door_to_the_graph(
    store: str, checkout: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The log is of the version before: its catalog gets the new table, and nothing of it is lost."""
    log_url = request.getfixturevalue("postgres_url") if store == "postgresql" else None
    with opened_stores(Settings(data_dir=tmp_path / "data", log_url=log_url)) as stores:
        stores.log.append([pem(number) for number in range(3)])
        assert stores.catalog.pems_count(ListQuery()) == 3

    where = [str(tmp_path / "data"), *([log_url] if log_url else [])]
    printed = run(checkout, "tests.data.another_family.works", *where)

    assert json.loads(printed.splitlines()[-1]) == {**_SEEN, "pems": 3 + 4}


def test_every_call_to_it_reaches_a_service_that_has_it(checkout: Path) -> None:
    asking = ("tests/unit/test_edge.py", "-k", "every_call_that_a_service_answers")
    run(checkout, "pytest", "-q", "-p", "no:cacheprovider", *asking)
