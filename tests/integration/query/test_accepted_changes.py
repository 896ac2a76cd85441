"""What rests on an event that was changed and accepted so, where the event itself is not shown."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from provgraph.operations.integrity import accept_change
from tests.integration.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Served

REASON = "restored by hand"
NAMING, UNSEEN = "1" * 32, "2" * 32
FILE_KIND = """
nodes:
  - {namespace: Test, name: Port, attributes: [{name: name, kind: Text}]}
"""


def change(folder: Path, position: int) -> None:
    """Change an event, and leave what it says: the salt is in the digest, too."""
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute("UPDATE event SET salt = zeroblob(16) WHERE position = ?", (position,))


def define(served: Served, label: str) -> int:
    """Define a kind over HTTP, and return the position of the event."""
    node = {"namespace": "Test", "name": "Port", "label": label}
    answer = served.client.post("/api/schema/load", json={"schemas": [{"nodes": [node]}]})
    assert answer.is_success, answer.text
    return served.services.log.head().position


def changed_kinds(served: Served) -> list[str]:
    """Return the kinds that are marked in the list of kinds."""
    return [each["kind"] for each in served.client.get("/api/v1/kinds").json().get("changed", ())]


# ----------------------------------------------------------------------------------------- what is only named


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder whose log names an event that nobody reported."""
    with serving(tmp_path) as served:
        served.send(ID=NAMING, Predecessor=UNSEEN)
        served.flush()
    change(tmp_path, 1)
    return tmp_path


def test_an_event_that_only_a_changed_one_names_says_so(named: Path) -> None:
    with serving(named) as served:
        get = served.client.get
        paths = (f"/api/v1/why?node=pem:{UNSEEN}", "/api/v1/gaps", "/api/v1/gaps?list=unseen_predecessors")
        assert [path for path in paths if "changed" in get(path).text] == []

        accept_change(served.services.log, 1, REASON)
        (step,), (claim,) = (get(paths[0]).json()[name] for name in ("steps", "claims"))
        lists = [get(path).json()["unseen_predecessors"]["items"] for path in paths[1:]]

        assert [each["changed"]["reason"] for each in step["named_by"]] == [REASON]
        assert [each["changed"]["reason"] for each in claim["evidence"]] == [REASON]
        assert REASON in claim["claim"]
        assert "CHANGED" in get(f"{paths[0]}&format=text").text
        for (item,) in lists:
            assert item.pop("changed")["reason"] == REASON
            assert item == {"event": UNSEEN, "named_by": NAMING, "times": 1}


def test_the_same_where_the_answer_shows_who_named_it(named: Path) -> None:
    with serving(named) as served:
        accept_change(served.services.log, 1, REASON)

        first, placeholder = served.client.get(f"/api/v1/why?node=pem:{NAMING}").json()["steps"]

        assert first["changed"]["reason"] == REASON
        assert placeholder["named_by"][0]["changed"]["reason"] == REASON


# ----------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize("first", [0, 1], ids=["in order", "the other way round"])
def test_a_kind_is_marked_in_whatever_order_its_changes_are_accepted(tmp_path: Path, first: int) -> None:
    with serving(tmp_path) as served:
        positions = [define(served, "one"), define(served, "two")]
    for position in positions:
        change(tmp_path, position)

    with serving(tmp_path) as served:
        for position in (positions[first], positions[1 - first]):
            accept_change(served.services.log, position, f"of {position}")

        (told,) = served.client.get("/api/v1/kinds").json()["changed"]

        assert (told["kind"], told["reason"]) == ("TestPort", f"of {positions[1]}")


@pytest.mark.parametrize("is_file_later", [True, False])
@pytest.mark.parametrize("of_file", [True, False])
def test_a_kind_is_marked_for_the_definition_that_is_shown(
    tmp_path: Path, *, is_file_later: bool, of_file: bool
) -> None:
    file, folder = tmp_path / "kinds.yml", tmp_path / "data"
    file.write_text(FILE_KIND)
    positions: dict[bool, int] = {}
    if is_file_later:
        with serving(folder) as served:
            positions[False] = define(served, "http")
    with serving(folder, schema_file=file) as served:
        positions[True] = served.services.log.head().position
        if not is_file_later:
            positions[False] = define(served, "http")
    change(folder, positions[of_file])

    with serving(folder, schema_file=file) as served:
        accept_change(served.services.log, positions[of_file], REASON)

        assert [kind["label"] for kind in served.client.get("/api/v1/kinds").json()["kinds"]][-1] == "http"
        assert changed_kinds(served) == ([] if of_file else ["TestPort"])


def test_a_kind_of_a_schema_file_is_marked_while_the_file_has_it(tmp_path: Path) -> None:
    file, folder = tmp_path / "kinds.yml", tmp_path / "data"
    file.write_text(FILE_KIND)
    with serving(folder, schema_file=file) as served:
        position = served.services.log.head().position
    change(folder, position)

    with serving(folder, schema_file=file) as served:
        accept_change(served.services.log, position, REASON)
        assert changed_kinds(served) == ["TestPort"]
    file.write_text("nodes: []")
    with serving(folder, schema_file=file) as served:
        assert changed_kinds(served) == []
