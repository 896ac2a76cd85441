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


REASON = "restored by hand"
NAMING, UNSEEN = "1" * 32, "2" * 32


def change(folder: Path, position: int) -> None:
    """Change an event, and leave what it says: the salt is in the digest, too."""
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute("UPDATE event SET salt = zeroblob(16) WHERE position = ?", (position,))


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
