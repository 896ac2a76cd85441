from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.servers.base import ServerFailedError
from tests.servers.postgresql import create_database, drop_database
from tests.servers.shared import VARIABLE, Run, shared_postgresql

if TYPE_CHECKING:
    from tests.servers.fixtures import NewTCPProxy, OwnPostgreSQL
    from tests.servers.shared import SharedServer

_ROOT = Path(__file__).parent.parent.parent.parent
# A run of the tests: asks for its server, says where it is, and waits to be killed.
_RUN = """
import time
from tests.servers.shared import Run, shared_postgresql
run = Run.begin()
print(shared_postgresql(run).url, run.folder, flush=True)
time.sleep(600)
"""


def test_a_test_gets_an_empty_database_of_its_own(postgres_url: str, shared_postgres: SharedServer) -> None:
    _execute(postgres_url, "CREATE TABLE mine (x int)")
    other = create_database(shared_postgres.url)

    with psycopg.connect(other) as connection:
        tables = connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'mine'").fetchall()
    drop_database(shared_postgres.url, other)

    assert tables == []


def test_a_database_is_dropped_while_somebody_is_connected_to_it(shared_postgres: SharedServer) -> None:
    url = create_database(shared_postgres.url)
    with psycopg.connect(url):
        drop_database(shared_postgres.url, url)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_every_process_of_a_run_gets_the_same_server(shared_postgres: SharedServer) -> None:
    asked = subprocess.run(
        [
            *(sys.executable, "-c"),
            "from tests.servers.shared import *; print(shared_postgresql(Run.current()).url)",
        ],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert asked.stdout.strip() == shared_postgres.url


def test_a_run_that_ends_takes_its_server_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "replaced by the next line, and put back after the test")
    run = Run.begin()
    server = shared_postgresql(run)

    run.end()

    if server.route != "PROVGRAPH_TEST_POSTGRES_URL":
        assert not _answers(server.url)
    assert not run.folder.exists()


def test_a_run_that_is_killed_takes_its_server_with_it() -> None:
    with subprocess.Popen([sys.executable, "-c", _RUN], cwd=_ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        url, folder = run.stdout.readline().split()
        run.send_signal(signal.SIGKILL)

    while _answers(url) and os.environ.get("PROVGRAPH_TEST_POSTGRES_URL") is None:
        time.sleep(0.05)
    while Path(folder).exists():
        time.sleep(0.05)


def test_what_was_committed_survives_a_kill(own_postgres: OwnPostgreSQL) -> None:
    server = own_postgres()
    before = server.url
    _execute(server.url, "CREATE TABLE kept (x int)")
    server.kill()
    away = server.trouble()

    server.restart()

    _execute(server.url, "SELECT x FROM kept")
    assert isinstance(away, psycopg.OperationalError)
    assert server.url == before


def test_a_stopped_server_comes_back_with_its_data(own_postgres: OwnPostgreSQL) -> None:
    server = own_postgres()
    _execute(server.url, "CREATE TABLE kept (x int)")
    with psycopg.connect(server.url):  # a session that stays does not keep it from stopping
        server.stop()

    server.start()

    _execute(server.url, "SELECT x FROM kept")


def test_a_server_takes_settings_and_writes_through_to_disk(own_postgres: OwnPostgreSQL) -> None:
    server = own_postgres(settings={"max_connections": "17"})

    with psycopg.connect(server.url) as connection:
        settings = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("max_connections", "fsync", "synchronous_commit")
        ]

    assert settings == [("17",), ("on",), ("on",)]


def test_a_server_that_cannot_start_says_why(own_postgres: OwnPostgreSQL) -> None:
    with pytest.raises(ServerFailedError, match="unrecognized configuration parameter"):
        own_postgres(settings={"no_such_setting": "1"})


def test_a_cut_network_ends_sessions_and_heals(own_postgres: OwnPostgreSQL, tcp_proxy: NewTCPProxy) -> None:
    proxy = tcp_proxy(own_postgres().url)
    with psycopg.connect(proxy.url, autocommit=True) as session:
        session.execute("SELECT 1")
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")

    proxy.heal()

    _execute(proxy.url, "SELECT 1")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
