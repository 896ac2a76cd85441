"""No answer holds a part of a statement: neither for what is asked for, nor when a store is damaged."""

from __future__ import annotations

import contextlib
import logging
import re
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy

from provgraph import postgresql, sqlite
from provgraph.errors import StoreError
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Served

STATEMENT = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|sqlalchemy|SQL|syntax error|Expression tree|no such|column)\b"
)
LISTS = ("pems", "artifacts", "tags", "pems_count", "artifacts_count", "tags_count")
TABLES = ("pem", "artifact", "tag", "report", "credential", "tracked_object", "tracked_run", "event")
NONE = "0" * 32
PATHS = (
    *(f"/query/{name}" for name in LISTS),
    *(f"/query/pem/{NONE}", f"/query/report/{NONE}", "/query/artifacts?NameIs=x"),
    *("/api/v1/objects?kind=TestKind", "/api/v1/runs", "/api/v1/groups", "/api/v1/state", "/api/v1/gaps"),
    *("/api/v1/lineage?node=x", "/admin/info", "/admin/reports", "/admin/credentials", "/readyz", "/metrics"),
)


@pytest.mark.parametrize("table", TABLES)
def test_an_answer_from_a_damaged_store_tells_no_statement(tmp_path: Path, table: str) -> None:
    with serving(tmp_path) as served:
        served.send()
        served.flush()
        with contextlib.closing(sqlite3.connect(tmp_path / "provgraph.db")) as connection, connection:
            connection.execute(f"ALTER TABLE {table} RENAME TO lost")
        answers = {path: served.client.get(path).text for path in PATHS}
        answers["sending"] = served.client.post("/receiver/pem", json=pem()).text
        answers["a batch"] = served.client.post("/api/v1/events", json=[pem()]).text
        answers["verifying"] = _job(served, "/admin/verify")
        answers["connections"] = _job(served, "/admin/verify-connections")
        with contextlib.closing(sqlite3.connect(tmp_path / "provgraph.db")) as connection, connection:
            connection.execute(f"ALTER TABLE lost RENAME TO {table}")

    assert {path: text for path, text in answers.items() if STATEMENT.search(text)} == {}


def _job(served: Served, path: str) -> str:
    answer = served.client.post(path)
    while answer.is_success and answer.json()["state"] == "running":
        answer = served.client.get(f"/admin/jobs/{answer.json()['id']}")
    return answer.text


@pytest.mark.parametrize("count", [100, 101, 3_000])
@pytest.mark.parametrize("name", ["pems", "artifacts", "tags"])
@pytest.mark.parametrize("field", ["Type", "Name", "Tag", "Properties", "UsesArtifacts"])
def test_many_filters_are_no_trouble_of_the_store(served: Served, name: str, field: str, count: int) -> None:
    answer = served.client.get(f"/query/{name}?" + "&".join([f"{field}=x"] * count))

    assert answer.status_code in (200, 400), answer.text
    assert not STATEMENT.search(answer.text)


def test_many_values_are_no_trouble_of_the_store(served: Served) -> None:
    values = "&".join(f"v{number}__value=x" for number in range(3_000))

    assert served.client.get(f"/api/v1/objects?kind=TestKind&{values}").json()["objects"] == []


@pytest.mark.parametrize("value", ["'", "';--", "%", "\\", '"', "x" * 50_000, "\0", "1)"])
def test_whatever_a_filter_says_is_taken_for_a_value(served: Served, value: str) -> None:
    for path in ("/query/pems?Type=", "/query/artifacts?Properties=", "/api/v1/objects?kind="):
        answer = served.client.get(path + quote(value))

        assert answer.status_code == 200, answer.text


def test_what_sqlite_says_of_a_statement_is_for_the_services_log(caplog: pytest.LogCaptureFixture) -> None:
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as connection,
        caplog.at_level(logging.ERROR),
        pytest.raises(StoreError) as raised,
        sqlite.translated("thing"),
    ):
        connection.execute("SELECT secret FROM nowhere")

    assert "nowhere" not in str(raised.value)
    assert "nowhere" in caplog.text


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (psycopg.errors.UndefinedTable('relation "nowhere" does not exist'), False),
        (psycopg.errors.SyntaxError('syntax error at or near "nowhere"'), False),
        (psycopg.errors.NumericValueOutOfRange("nowhere is out of range"), False),
        (psycopg.errors.AdminShutdown("terminating connection to nowhere"), True),
        (psycopg.OperationalError("nowhere does not answer"), True),
    ],
)
def test_what_postgresql_says_of_a_statement_is_for_the_services_log(
    error: psycopg.Error, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        said = str(postgresql.our_error("thing", error))

    assert ("nowhere" in said) is is_told
    assert ("nowhere" in caplog.text) is not is_told


def test_an_error_that_nobody_thought_of_is_told_without_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_events: object) -> None:
        raise sqlalchemy.exc.StatementError("wrong", "SELECT x FROM nowhere", None, ValueError("nowhere"))

    with serving(tmp_path) as served:
        monkeypatch.setattr(served.services.log, "append", failing)
        monkeypatch.setattr(served.services.log, "append_new", failing)
        answer = served.client.post("/api/v1/events", json=[pem()])

    assert answer.status_code == 503
    assert "nowhere" not in answer.text
