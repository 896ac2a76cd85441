"""A start that has to build the catalog's tables anew says how far it is."""

from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from provgraph.catalog import ListQuery
from provgraph.cli import stores
from provgraph.cli.stores import opened_place
from tests.contract.builders import pem

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_EVENTS = 3_000


def test_how_far_it_is_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with opened_place(str(tmp_path)) as facts:
        facts.log.append([pem(number) for number in range(_EVENTS)])
    with closing(sqlite3.connect(tmp_path / "provgraph.db")) as connection, connection:
        connection.execute("DELETE FROM log_state WHERE key = 'catalog'")
    monkeypatch.setattr(stores, "_PROGRESS_SECONDS", 0.0)
    caplog.set_level(logging.INFO)

    with opened_place(str(tmp_path)) as facts:
        assert facts.catalog.pems_count(ListQuery()) == _EVENTS

    told = re.findall(r"building the catalog's tables: (\d+) of (\d+) events", caplog.text)
    assert told
    assert told == sorted(told, key=lambda each: int(each[0]))
    assert {total for _, total in told} == {str(_EVENTS)}
