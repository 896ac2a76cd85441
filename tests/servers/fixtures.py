"""
Fixtures with real servers, for ``tests/conftest.py`` to load as a plugin.

==================== ==========================================================================================
``postgres_url``     a new database on the run's PostgreSQL server, dropped after the test
``neo4j_server``     the worker's Neo4j server, wiped: ``.uri``, ``.user``, ``.password``, ``.database``
``neo4j_uri``        its URI
``cleared_neo4j``    the same server without nodes; indexes stay, and with them the plans it has made: quicker
``own_postgres``     starts PostgreSQL servers that the test may stop, kill and restart; they end with it
``own_neo4j``        the same for Neo4j, with a heap and settings to choose
``tcp_proxy``        makes networks that fail, in front of any of them
==================== ==========================================================================================

A run has one PostgreSQL server, whatever the number of its workers. Neo4j Community has one database only, so each
worker that needs Neo4j has its own server, started with the first test that wants it: that takes five seconds and
370 MB, once, and lets the workers go on side by side. A server that ``NEO4J_URI`` names is used by one test at a time.

Where a server cannot be had, its tests are skipped, or fail when ``PROVGRAPH_REQUIRE_SERVICES`` is 1.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest

from tests.servers.base import ServerFailedError, ServerUnavailableError, started
from tests.servers.files import exclusively
from tests.servers.neo4j import HEAP_MEGABYTES, Neo4jServer, find_neo4j, start_neo4j
from tests.servers.neo4j import VARIABLE as NEO4J_VARIABLE
from tests.servers.nginx import RealNginx
from tests.servers.postgresql import PostgreSQLServer, create_database, drop_database, start_postgresql
from tests.servers.proxy import TCPProxy
from tests.servers.shared import VARIABLE as RUN_VARIABLE
from tests.servers.shared import Run, SharedServer, shared_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

REQUIRED = "PROVGRAPH_REQUIRE_SERVICES"
MAY_BE_WIPED = "PROVGRAPH_TEST_NEO4J_MAY_BE_WIPED"

_RUN = pytest.StashKey[Run]()


class OwnPostgreSQL(Protocol):
    """Starts a PostgreSQL server of the test's own; see :func:`tests.servers.postgresql.start_postgresql`."""

    def __call__(self, *, settings: Mapping[str, str] | None = None) -> PostgreSQLServer:
        """Return the started server."""


class OwnNeo4j(Protocol):
    """Starts a Neo4j server of the test's own; see :func:`tests.servers.neo4j.start_neo4j`."""

    def __call__(
        self, *, heap_megabytes: int = HEAP_MEGABYTES, settings: Mapping[str, str] | None = None
    ) -> Neo4jServer:
        """Return the started server."""


class NewTCPProxy(Protocol):
    """Starts a proxy; see :class:`tests.servers.proxy.TCPProxy`."""

    def __call__(self, target: str) -> TCPProxy:
        """Return the proxy in front of the server that a URL or ``host:port`` names."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, unless this process is a worker of one."""
    if RUN_VARIABLE not in os.environ:
        config.stash[_RUN] = Run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run that this process began."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.end()


@pytest.fixture(scope="session")
def shared_postgres() -> SharedServer:
    """The run's PostgreSQL server; ``postgres_url`` gives a database on it."""
    with _skipping("PostgreSQL"):
        return shared_postgresql(Run.current())


@pytest.fixture
def postgres_url(shared_postgres: SharedServer) -> Iterator[str]:
    """A new, empty database, dropped after the test."""
    url = create_database(shared_postgres.url)
    yield url
    drop_database(shared_postgres.url, url)


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgreSQL]:
    """Starts PostgreSQL servers for this test alone, and ends them after it."""
    with ExitStack() as servers:

        def start(*, settings: Mapping[str, str] | None = None) -> PostgreSQLServer:
            with _skipping("PostgreSQL server of the test's own"):
                return servers.enter_context(start_postgresql(settings=settings))

        yield start


@pytest.fixture(scope="session")
def worker_neo4j() -> Iterator[Neo4jServer]:
    """This worker's Neo4j server, as the last test left it; ``neo4j_server`` gives it wiped."""
    with ExitStack() as stack:
        with _skipping("Neo4j"):
            server = stack.enter_context(find_neo4j())
        yield server


@pytest.fixture
def neo4j_server(worker_neo4j: Neo4jServer) -> Iterator[Neo4jServer]:
    """This worker's Neo4j server without any node, relationship, constraint or index."""
    with _alone_on(worker_neo4j):
        worker_neo4j.wipe()
        yield worker_neo4j


@pytest.fixture
def cleared_neo4j(worker_neo4j: Neo4jServer) -> Iterator[Neo4jServer]:
    """This worker's Neo4j server without any node or relationship; see `Neo4jServer.clear`."""
    with _alone_on(worker_neo4j):
        worker_neo4j.clear()
        yield worker_neo4j


@pytest.fixture
def neo4j_uri(neo4j_server: Neo4jServer) -> str:
    """The URI of ``neo4j_server``."""
    return neo4j_server.uri


@pytest.fixture
def own_neo4j() -> Iterator[OwnNeo4j]:
    """Starts Neo4j servers for this test alone, and ends them after it."""
    with ExitStack() as servers:

        def start(
            *, heap_megabytes: int = HEAP_MEGABYTES, settings: Mapping[str, str] | None = None
        ) -> Neo4jServer:
            with _skipping("Neo4j server of the test's own"):
                return servers.enter_context(start_neo4j(heap_megabytes=heap_megabytes, settings=settings))

        yield start


@pytest.fixture
def own_nginx() -> Iterator[Callable[[str, Collection[str]], RealNginx]]:
    """Starts nginx servers with a configuration and the upstreams that it names, and ends them after the test."""
    with ExitStack() as servers:

        def start(configuration: str, upstreams: Collection[str]) -> RealNginx:
            with _skipping("nginx"):
                return servers.enter_context(started(RealNginx(configuration, upstreams)))

        yield start


@pytest.fixture
def tcp_proxy() -> Iterator[NewTCPProxy]:
    """Starts proxies in front of servers, and ends them after the test."""
    with ExitStack() as proxies:

        def start(target: str) -> TCPProxy:
            return proxies.enter_context(TCPProxy(target))

        yield start


@contextmanager
def _alone_on(server: Neo4jServer) -> Iterator[None]:
    """Keep other tests from a server that they share, and leave nothing on it."""
    with ExitStack() as stack:
        if server.shared:
            stack.enter_context(exclusively(Run.current().private_folder() / "neo4j.lock"))
            _require_permission_to_wipe(server)
            stack.callback(server.wipe)
        yield


@contextmanager
def _skipping(what: str) -> Iterator[None]:
    """Skip the test when the server cannot be had, or fail it when it must be."""
    try:
        yield
    except ServerUnavailableError as error:
        _refuse(f"no {what}: {error}")


def _refuse(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} (and {REQUIRED} is 1)", pytrace=False)
    pytest.skip(reason)


def _require_permission_to_wipe(server: Neo4jServer) -> None:
    """Spare the graph of somebody who has ``NEO4J_URI`` set for other reasons."""
    if os.environ.get(MAY_BE_WIPED) != "1" and not server.is_empty():
        raise ServerFailedError(
            f"the database that {NEO4J_VARIABLE} names is not empty, and the tests delete all that is in it: "
            f"set {MAY_BE_WIPED}=1 to allow that, or unset {NEO4J_VARIABLE}"
        )
