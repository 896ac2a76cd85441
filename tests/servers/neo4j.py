"""
A Neo4j server for tests, from the first of these routes that works.

1. ``NEO4J_URI``, with ``NEO4J_USER`` and ``NEO4J_PASSWORD``: a server of yours. Tests delete all that is in it.
2. Docker, through testcontainers.
3. Java 17 or 21 and the jars of a Community server, which Maven resolves (:mod:`tests.servers.jars`), started by
   ``tests/neo4j/Launcher.java``: the real kernel, Cypher and Bolt without HTTP, on a free port of 127.0.0.1, without
   authentication.

Route 3 measured on two cores: ready four to five seconds after the start (the same with existing data), 370 MB resident
with the heap below, stopped in 0.3 s; the first query takes another second. Java 17 wants no flags beyond the heap's.
For tests Java does not optimise what it runs for long: that takes more of the processors than it gives back (start 7 s
of processor time instead of 13, the first 400 queries 7 s instead of 16), and Neo4j plans each statement once, which
took three quarters of its time. Benchmarks have both optimise.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from tests.servers.base import Server, ServerFailedError, ServerUnavailableError, first_available, started
from tests.servers.containers import Container, Image
from tests.servers.files import exclusively
from tests.servers.jars import SOURCES, jars
from tests.servers.processes import ServerProcess, free_port, remove_folder, server_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neo4j import Driver, Session

VARIABLE = "NEO4J_URI"
DATABASE = "neo4j"
HEAP_MEGABYTES = 512

_IMAGE = "neo4j:5.26-community"
_JAVA_VERSIONS = (17, 21)
# A plan costs a server 50 to 500 ms. It makes each anew when the graph has grown or shrunk since, as it does all the
# time in tests, and once more, with code of its own, for what was asked ten times.
_PLANNED_ONCE = {
    "dbms.cypher.min_replan_interval": "1h",
    "internal.cypher.expression_engine": "INTERPRETED",
    "server.memory.query_cache.per_db_cache_num_entries": "10000",
}
# Small rows go fast; a transaction of this many fits the smallest heap that Neo4j starts with.
_WIPE_ROWS = 20_000


class Neo4jServer(Server):
    """
    A Neo4j server.

    ``user`` and ``password`` are None where it asks for none. ``shared`` says that other test processes use the same
    database.
    """

    uri: str
    user: str | None = None
    password: str | None = None
    database: str = DATABASE
    shared: bool = False

    def driver(self, *, uri: str | None = None) -> Driver:
        """Return a new driver, for the caller to close; ``uri`` leads there by another way, such as a proxy's."""
        return GraphDatabase.driver(
            uri or self.uri, auth=(self.user, self.password or "") if self.user else None
        )

    def trouble(self) -> Exception | None:
        """See :meth:`Server.trouble`."""
        if not self._accepts():  # a refused connection makes the driver wait and retry
            return ConnectionRefusedError(f"nobody listens at {self.uri}")
        try:
            with self.driver() as driver, driver.session(database=self.database) as session:
                session.run("RETURN 1").consume()
        except (DriverError, Neo4jError) as error:
            return error
        return None

    def is_empty(self) -> bool:
        """Tell whether there is no node in the database."""
        with self.driver() as driver, driver.session(database=self.database) as session:
            return session.run("MATCH (n) RETURN n LIMIT 1").single() is None

    def wipe(self) -> None:
        """Delete every node and relationship, constraint and index."""
        self.clear()
        with self.driver() as driver, driver.session(database=self.database) as session:
            _drop_all(session, "CONSTRAINT", "SHOW CONSTRAINTS YIELD name")
            _drop_all(session, "INDEX", "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'")

    def clear(self) -> None:
        """
        Delete every node and relationship.

        With a constraint or index the server would forget its plans: to make those of the graph store's statements
        again takes it seven seconds of a processor.
        """
        with self.driver() as driver, driver.session(database=self.database) as session:
            _delete_in_batches(
                session, f"MATCH ()-[r]->() WITH r LIMIT {_WIPE_ROWS} DELETE r RETURN count(*) AS n"
            )
            _delete_in_batches(
                session, f"MATCH (n) WITH n LIMIT {_WIPE_ROWS} DETACH DELETE n RETURN count(*) AS n"
            )

    def _accepts(self) -> bool:
        host, _, port = self.uri.partition("://")[2].partition(":")
        try:
            socket.create_connection((host, int(port or 7687)), timeout=5).close()
        except OSError:
            return False
        return True


def find_neo4j() -> Neo4jServer:
    """Return a started server, from whatever route; :raises ServerUnavailableError: with what each route lacks."""
    return first_available((given_neo4j, start_neo4j))


def start_neo4j(
    *,
    heap_megabytes: int = HEAP_MEGABYTES,
    settings: Mapping[str, str] | None = None,
    optimises: bool = False,
) -> Neo4jServer:
    """
    Return a started server that is the caller's own: it may be killed, and must be closed.

    :param heap_megabytes: of the Java process
    :param settings: of ``neo4j.conf``, such as ``{"db.memory.transaction.max": "32m"}``; a name that Neo4j does not
        know keeps it from starting
    :param optimises: let a Java process of ours reach its full speed, at the cost of a slow beginning
    :raises ServerUnavailableError: with what each route lacks
    """
    chosen = dict(settings or {})
    return first_available(
        (partial(_in_container, heap_megabytes, chosen), partial(_java, heap_megabytes, chosen, optimises))
    )


def given_neo4j() -> Neo4jServer:
    """Return the server that the environment names; :raises ServerFailedError: when it does not answer."""
    uri = os.environ.get(VARIABLE)
    if not uri:
        raise ServerUnavailableError(f"{VARIABLE} is not set")
    return started(_Given(uri, os.environ.get("NEO4J_USER"), os.environ.get("NEO4J_PASSWORD")))


def _in_container(heap_megabytes: int, settings: Mapping[str, str]) -> Neo4jServer:
    return started(_InContainer(heap_megabytes, settings))


def _java(heap_megabytes: int, settings: Mapping[str, str], optimises: bool) -> Neo4jServer:
    flags = [f"-Xms{min(heap_megabytes, 256)}m", f"-Xmx{heap_megabytes}m"]
    if not optimises:
        flags.append("-XX:TieredStopAtLevel=1")
        settings = {**_PLANNED_ONCE, **settings}
    return started(_Java(find_java(), jars(), flags, settings))


def _delete_in_batches(session: Session, statement: str) -> None:
    while True:
        counted = session.run(statement).single(strict=True)
        if counted["n"] < _WIPE_ROWS:
            return


def _drop_all(session: Session, what: str, listing: str) -> None:
    for name in [record["name"] for record in session.run(listing)]:
        quoted = name.replace("`", "``")
        session.run(f"DROP {what} `{quoted}` IF EXISTS").consume()


class _Given(Neo4jServer):
    """The server of the environment: used, never ended."""

    route = VARIABLE
    shared = True

    def __init__(self, uri: str, user: str | None, password: str | None) -> None:
        self.uri = uri
        self.user = user
        self.password = password

    def start(self) -> None:
        self.wait_ready(timeout_seconds=10)

    def stop(self) -> None:
        raise ServerUnavailableError(f"the server of {VARIABLE} is not the tests' own to end")

    def kill(self) -> None:
        self.stop()

    def close(self) -> None:
        pass


class _InContainer(Neo4jServer):
    route = f"Docker, {_IMAGE}"

    def __init__(self, heap_megabytes: int, settings: Mapping[str, str]) -> None:
        wanted = {
            "server.memory.heap.initial_size": f"{heap_megabytes}m",
            "server.memory.heap.max_size": f"{heap_megabytes}m",
            "server.memory.pagecache.size": "64m",
            "dbms.security.allow_csv_import_from_file_urls": "false",
            "dbms.usage_report.enabled": "false",
            **settings,
        }
        variables = {
            "NEO4J_" + name.replace("_", "__").replace(".", "_"): value for name, value in wanted.items()
        }
        self._container = Container(Image(_IMAGE, port=7687, environment={"NEO4J_AUTH": "none", **variables}))
        self.uri = f"bolt://127.0.0.1:{self._container.port}"

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


class _Java(Neo4jServer):
    """A Java process of our own with a temporary folder."""

    def __init__(self, java: Java, lib: Path, flags: Sequence[str], settings: Mapping[str, str]) -> None:
        self.route = f"{lib.name}, Java {java.version}"
        self._folder = server_folder("neo4j")
        port = free_port()
        self.uri = f"bolt://127.0.0.1:{port}"
        self._process = ServerProcess(
            [
                str(java.program),
                *flags,
                # Takes 120 MB less than G1 for such heaps, and starts as fast.
                "-XX:+UseSerialGC",
                *("-cp", f"{_launcher(java, lib)}{os.pathsep}{lib}/*", "Launcher"),
                *(str(self._folder), str(port)),
                *(f"{name}={value}" for name, value in settings.items()),
            ],
            folder=self._folder,
            environment={name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")},
        )

    def start(self) -> None:
        self._process.start()
        self.wait_ready()

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
            raise ServerFailedError(f"Neo4j has ended. It printed:\n{self.last_words()}")

    def last_words(self) -> str:
        return self._process.console + worst_lines(self._folder / "logs" / "debug.log")


def worst_lines(log: Path) -> str:
    """Return the last twenty lines of a log that warn of something or tell of an error."""
    if not log.is_file():  # the launcher writes none unless ``server.logs.debug.enabled`` says so
        return ""
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    return "".join([line for line in lines if re.search(r"\b(WARN|ERROR)\b", line)][-20:])


@cache
def _launcher(java: Java, lib: Path) -> Path:
    """Return the folder with the compiled launcher, which is compiled once and kept beside the jars."""
    source = SOURCES / "Launcher.java"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = lib.with_name(f"{lib.name}-launcher-{digest}-java{java.version}")
    with exclusively(folder.with_name(folder.name + ".lock")):
        if not (folder / "Launcher.class").exists():
            try:
                subprocess.run(
                    [str(java.compiler), "-d", str(folder), "-cp", f"{lib}/*", str(source)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
            except subprocess.CalledProcessError as error:
                raise ServerFailedError(f"Neo4j's launcher does not compile:\n{error.stderr}") from error
    return folder


class Java(NamedTuple):
    """A Java program that can run the server, with its compiler and version."""

    program: Path
    compiler: Path
    version: int


def find_java() -> Java:
    """Return the Java of ``JAVA_HOME`` or of the path; :raises ServerUnavailableError: when neither will do."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    for candidate in [*candidates, shutil.which("java")]:
        found = _java_at(candidate) if candidate else None
        if found is not None:
            return found
    raise ServerUnavailableError("no JDK 17 or 21 is installed (apt-get install openjdk-17-jdk-headless)")


def _java_at(candidate: str) -> Java | None:
    compiler = Path(candidate).resolve().parent / "javac"
    if not compiler.exists():  # it compiles the launcher
        return None
    try:
        asked = subprocess.run([candidate, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version = java_version(asked.stderr)
    return Java(Path(candidate), compiler, version) if version in _JAVA_VERSIONS else None


def java_version(printed: str) -> int:
    """Return the major version in what ``java -version`` printed; 0 when there is none."""
    found = re.search(r'version "(\d+)', printed)
    return int(found[1]) if found else 0
