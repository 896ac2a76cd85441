"""
The composition root: opens the stores, assembles the services, and serves them from one process.

What is opened is closed in reverse order, whatever happens in between.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib.util
import logging
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import uvicorn

import provgraph
from provgraph.auth import Authenticator
from provgraph.cli.parts import PARTS
from provgraph.cli.stores import opened_facts, opened_place, opened_stores
from provgraph.errors import ConflictError, SettingsError, StoreError
from provgraph.eventlog import PROJECTOR_LEASE, GroupCommit, Head, witnesses
from provgraph.eventlog.copying import copy_log
from provgraph.families.credential.events import Holder, Right, Role
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.http import (
    Bodies,
    BrowserGuard,
    Building,
    Doors,
    Edge,
    Gauge,
    Metrics,
    ProjectorStatus,
    Services,
    front_door,
    install,
    probes,
)
from provgraph.http.openapi import Api
from provgraph.http.protocol import BoundedHttpProtocol, Connections, Limits
from provgraph.lineage.cursor import Cursors
from provgraph.lineage.kinds import Kinds
from provgraph.lineage.recorders import Recorders
from provgraph.operations.connections import close_abandoned_reports
from provgraph.operations.credentials import Credentials, credential_fields, read_grant
from provgraph.operations.info import changed_position, lag, newer_position
from provgraph.operations.integrity import Integrity
from provgraph.operations.jobs import Jobs
from provgraph.operations.logcheck import LogCheck
from provgraph.operations.rebuild import DistantGraphBuilder
from provgraph.settings import is_loopback, misspelt
from provgraph.tracking import ObjectKinds, Tracker
from provgraph.tracking.schemafile import read_schema_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from starlette.types import ASGIApp

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import GraphStore
    from provgraph.http import FrontDoor
    from provgraph.settings import Settings

logger = logging.getLogger(__name__)

_CHECK_LEASE = "log check"
_BACKLOG = 2_048
# How long a connection may be idle between requests. A proxy in front has to close idle ones earlier: see edge.conf.
_KEEP_ALIVE_SECONDS = 95
# Files that are kept for the stores and whatever else is not a connection.
_FILES = 200
_FEWEST_CONNECTIONS = 50
# Requests that still run when the service is told to stop get this long; then they are cut off. Answers that are on
# their way to a client who takes them at its own speed get nothing.
_GRACE_SECONDS = 5
_LOOK_SECONDS = 0.05
# The bodies of all requests together; at least four of the largest.
_BODIES_BYTES = 128 * 2**20
# The event loop, the log's writer and the projector hand the interpreter to one another; with the usual 5 ms an
# append waits longer for its turn than for the disk.
_SWITCH_INTERVAL_SECONDS = 0.001
# The cyclic garbage collector looks through everything alive each time it runs, and batches of events are many small
# objects without cycles: left at its default it takes a third of the time of a bulk load.
_GC_THRESHOLDS = (100_000, 20, 50)
# Libraries that tell of their everyday work.
_TALKATIVE = ("alembic", "neo4j")
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def installed_parts() -> tuple[str, ...]:
    """Return the parts that this installation can serve: all but optional ones whose library is not there."""
    return tuple(part for part in PARTS if not _is_left_out(part))


def _is_left_out(part: str) -> bool:
    try:
        return not front_door(part).is_installed
    except ModuleNotFoundError:  # who serves it is told what is not installed
        return False


def serve(settings: Settings, parts: Collection[str] = PARTS) -> None:
    """
    Serve until told to stop (SIGTERM or SIGINT), and return when everything is closed.

    Says on standard output where it listens, once it does.

    :param parts: the services to serve
    :raises SettingsError: the settings are not safe, or the address cannot be listened on
    :raises LockedError: another process uses the data folder
    :raises StoreError: a store cannot be opened
    """
    settings.check()
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    for sentence in misspelt(os.environ):
        logger.warning("%s", sentence)
    left_out = [part for part in PARTS if part not in parts]
    if len(left_out) == 1 and left_out[0] not in installed_parts():
        (part,) = left_out
        logger.info(
            '%s is not served: its library is not installed (pip install "provgraph[%s]")', part, part
        )
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    with opened(settings, parts) as services, _listening(settings.host, settings.port) as listener:
        warn_without_credentials(settings, services)
        app = build_app(services, parts)
        logging.getLogger("uvicorn.error").addFilter(_was_not_cancelled)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        _Server(_uvicorn_config(app)).run(sockets=[listener])


def warn_without_credentials(settings: Settings, services: Services) -> None:
    """Say how to make the first credential where nobody could do anything without one."""
    required = settings.auth_required or settings.sending_needs_credential
    if not required or any(each.revoked_at is None for each in services.catalog.credentials()):
        return
    where = f"--data {settings.data_dir.absolute()}" if settings.log_url is None else "--direct"
    logger.warning(
        "credentials are required and there is none, so every request is refused. Make the first one%s: "
        "provgraph admin credential create %s --name me --role admin",
        " while this service is stopped" if settings.log_url is None else "",
        where,
    )


@contextmanager
def opened(settings: Settings, parts: Collection[str] = PARTS) -> Iterator[Services]:
    """
    Open the stores and start what works on them; everything is closed when the block ends.

    Whoever has the log on SQLite also projects, whatever it serves: no other process can. With the log on a server
    the graph builders do, one of them at a time.

    :raises SettingsError: one of the settings cannot be read
    :raises LockedError: another process uses the data folder
    :raises StoreError: a store cannot be opened
    """
    kinds = Kinds(settings.artifact_kinds)
    schema = read_schema_file(settings.schema_file)
    _require_who_fills_the_graph(settings, parts)
    with ExitStack() as stack:
        is_alone = settings.log_url is None
        with_graph = is_alone or _need_graph(parts)
        stores = stack.enter_context(opened_stores(settings, with_graph=with_graph))
        if stores.graph is not None:
            _ask_graph(stores.log, stores.graph)
        if is_alone and stores.log.loss() is None:
            close_abandoned_reports(stores.log, stores.catalog)
        metrics = Metrics()
        integrity = Integrity(stores.log)
        building = None
        if stores.graph is not None:
            projects = is_alone or "graphbuilder" in parts
            building = _building(stack, settings, stores.log, stores.graph, integrity, projects=projects)
            metrics.show(*_graph_gauges(stores.log, building))
        tracker = Tracker(
            stores.log, stores.catalog, ObjectKinds(TrackingQueries(stores.catalog.reading), schema)
        )
        if any(front_door(part).takes_objects for part in parts):
            _take_schema_file(tracker)
        if is_alone or "graphbuilder" in parts:
            metrics.show(*_check_gauges(_checking(stack, settings, stores.log)))
        writer = stack.enter_context(GroupCommit(stores.log, max_queued_events=settings.queue_limit))
        metrics.show(*_log_gauges(stores.log, writer, integrity))
        yield Services(
            settings=settings,
            log=stores.log,
            catalog=stores.catalog,
            writer=writer,
            authenticator=Authenticator(
                stores.catalog,
                required=settings.auth_required,
                sending_requires=settings.sending_needs_credential,
            ),
            metrics=metrics,
            kinds=kinds,
            recorders=Recorders(stores.log, stores.catalog),
            cursors=Cursors(stores.log.secret()),
            jobs=stack.enter_context(Jobs()),
            tracker=tracker,
            integrity=integrity,
            building=building,
        )


def _need_graph(parts: Collection[str]) -> bool:
    return any(front_door(part).needs_graph for part in parts)


def _take_schema_file(tracker: Tracker) -> None:
    try:
        taken = tracker.take_schema_file()
    except ConflictError as error:
        raise SettingsError(f"PROVGRAPH_SCHEMA_FILE: {error}") from error
    if taken is not None:
        logger.info("the schema file defines other kinds than before: %s", ", ".join(taken.answer["kinds"]))


def _ask_graph(log: EventLog, graph: GraphStore) -> None:
    """
    Have the log take no writes when it lacks what the graph has. A graph of another log is not asked.

    A graph that does not answer now is asked by whoever projects, as soon as it does.
    """
    try:
        (epoch, position), digest = graph.followed()
    except StoreError as error:
        logger.warning("the graph cannot be asked how far it has followed the log: %s", error)
        return
    seen = Head(epoch, position, bytes.fromhex(digest))
    witnesses.ask(log, witnesses.GRAPH, lambda: seen, of_this_epoch=True)


def _require_who_fills_the_graph(settings: Settings, parts: Collection[str]) -> None:
    """
    Refuse to serve a graph that would stay empty for ever.

    :raises SettingsError: it is in this process's own folder, and no part of it follows the log, nor can another one
    """
    is_own_graph = settings.log_url is not None and settings.graph_url is None
    if is_own_graph and _need_graph(parts) and "graphbuilder" not in parts:
        raise SettingsError(
            f"Nothing would fill the graph in {settings.data_dir}, which this process has for itself: add graphbuilder "
            f"to what it serves (provgraph serve {' '.join(['graphbuilder', *parts])}), or set PROVGRAPH_GRAPH_URL to "
            "the Neo4j server whose graph a graph builder fills"
        )


def _building(
    stack: ExitStack,
    settings: Settings,
    log: EventLog,
    graph: GraphStore,
    integrity: Integrity,
    *,
    projects: bool,
) -> Building:
    lease = log.lease(_lease_name(settings))
    if projects:
        from graphbuilder.projector import Projector

        stack.callback(lease.release)
        projector = stack.enter_context(
            Projector(
                log,
                graph,
                lease=lease,
                interval_seconds=settings.loop_interval_seconds,
                # A graph in a folder has no other log; one on a server may be somebody else's.
                may_take_over=settings.graph_url is None or settings.graph_take_over,
                compares_rebuilds=settings.compares_rebuilds,
                integrity=integrity,
            )
        )
        return Building(graph, projector, lambda: ProjectorStatus(*lag(log, graph), projector.failure))

    def trouble() -> str | None:
        return None if lease.is_held_by_anyone() else "No graph builder is running"

    stack.callback(lease.release)
    builder = DistantGraphBuilder(log, graph, trouble=trouble)
    return Building(graph, builder, lambda: ProjectorStatus(*lag(log, graph), trouble()))


def _checking(stack: ExitStack, settings: Settings, log: EventLog) -> LogCheck:
    return stack.enter_context(LogCheck(log, lease=log.lease(_CHECK_LEASE), hours=settings.log_verify_hours))


def _lease_name(settings: Settings) -> str:
    """Return the name of the lease on the graph: each graph in a folder of its own is followed for itself."""
    if settings.graph_url is not None:
        return PROJECTOR_LEASE
    return f"{PROJECTOR_LEASE} of {socket.gethostname()}:{settings.data_dir.resolve()}"


def build_app(services: Services, parts: Collection[str] = PARTS) -> ASGIApp:
    """
    Assemble the application that answers for ``parts``.

    :raises SettingsError: there is no such part
    """
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SettingsError(f"There is no service {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    doors = [front_door(part) for part in PARTS if part in parts]
    routes = [route for door in doors for route in door.routes(services)]
    known = Doors(_known_doors())
    app = Api(
        doors=known,
        packages=["provgraph.http", *(door.name for door in doors)],
        title="provgraph",
        version=provgraph.__version__,
        description=provgraph.__doc__ or "",
        routes=[*routes, *probes.routes(services)],
    )
    install(app)
    settings = services.settings
    bodies = Bodies(limit=max(_BODIES_BYTES, 4 * settings.batch_size_limit))
    return Edge(app, services.metrics, doors=known, bodies=bodies, guard=_guard(settings))


def _known_doors() -> Iterator[FrontDoor]:
    """Yield the front doors of this installation: clients of a service that is not served here read its refusals."""
    for part in PARTS:
        if importlib.util.find_spec(part) is not None:  # an image holds only the services that it serves
            yield front_door(part)


def _guard(settings: Settings) -> BrowserGuard | None:
    if not settings.is_open and not settings.host_names:
        return None
    return BrowserGuard(
        only_this_machine=is_loopback(settings.host),
        names=settings.host_names,
        own_name=socket.gethostname(),
        is_open=settings.is_open,
    )


class OfflineCredentials:
    """The credentials in a data folder that no service uses at the moment, as the admin API shows them."""

    def __init__(self, log: EventLog, catalog: Catalog) -> None:
        self._credentials = Credentials(log, catalog)

    def create(
        self,
        *,
        name: str,
        kind: str,
        role: str | None = None,
        rights: Sequence[str] = (),
        emitters: Sequence[str] = (),
        only: bool = False,
        expires: str | None = None,
    ) -> dict[str, Any]:
        """
        Issue a credential.

        :param kind: ``user`` or ``puc``
        :param role: ``reader``, ``writer`` or ``admin``; for the rest see `read_grant`
        :raises InvalidInputError: it makes no sense; ``field`` says which part
        """
        grant = read_grant(
            role=None if role is None else Role(role),
            rights=[Right(right) for right in rights],
            emitters=emitters,
            only=only,
            expires=expires,
        )
        return credential_fields(self._credentials.create(name, holder=Holder(kind), grant=grant))

    def list(self) -> list[dict[str, Any]]:
        """Return every credential, revoked ones too, the oldest first."""
        return [credential_fields(credential) for credential in self._credentials.list()]

    def revoke(self, credential_id: str) -> dict[str, Any]:
        """
        Take a credential back.

        :raises NotFoundError: there is no such credential
        """
        return credential_fields(self._credentials.revoke(credential_id))


class CopiedLog(NamedTuple):
    """A log that was copied."""

    copied: int  # how many events were copied now
    events: int  # how many the log has
    position: int  # of the last one
    digest: str  # of the last one, hex: the same in both logs


def copy(
    source: str,
    target: str | None,
    settings: Settings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> CopiedLog:
    """
    Copy an event log, see `provgraph.eventlog.copying.copy_log`.

    :param source: see `provgraph.cli.stores.opened_place`
    :param target: the same; None: where the settings have it
    :raises ConflictError: the target has events of its own
    :raises LockedError: a service uses one of the folders
    """
    password = settings.read_log_password()
    into = opened_facts(settings) if target is None else opened_place(target, password=password)
    with opened_place(source, password=password, must_exist=True) as there, into as here:
        done = copy_log(there.log, here.log, progress=progress)
    return CopiedLog(done.copied, done.events, done.head.position, done.head.digest.hex())


@contextmanager
def open_credentials(settings: Settings) -> Iterator[OfflineCredentials]:
    """
    Open the stores to issue or revoke credentials without a running service: the first admin's, above all.

    :raises LockedError: a service uses the data folder; ask it instead
    """
    with opened_facts(settings) as facts:
        yield OfflineCredentials(facts.log, facts.catalog)


def _log_gauges(log: EventLog, writer: GroupCommit, integrity: Integrity) -> list[Gauge]:
    def changed() -> int:
        found = integrity.change()
        return 0 if found is None else found.position

    return [
        Gauge(
            "provgraph_log_refuses_writes",
            "1 while the log lacks events that a witness saw, and takes no writes; else 0.",
            lambda: float(log.loss() is not None),
        ),
        Gauge(
            "provgraph_log_changed_position",
            "Position of the changed event at which a rebuild ended; 0 when there is none.",
            changed,
        ),
        Gauge("provgraph_queued_events", "Events that wait to be written.", lambda: writer.queued_events),
        Gauge("provgraph_log_position", "Position of the log's last event.", lambda: log.head().position),
    ]


def _check_gauges(check: LogCheck) -> list[Gauge]:
    return [
        Gauge(
            "provgraph_log_check_intact",
            "1 unless the last check of the whole log in the background found something wrong; then 0.",
            lambda: float(check.is_intact),
        ),
        Gauge(
            "provgraph_log_check_age_seconds",
            "For how long no check of the whole log in the background has ended.",
            check.age_seconds,
        ),
        Gauge(
            "provgraph_log_check_position",
            "Position up to which the check in the background has come.",
            lambda: check.position,
        ),
    ]


def _graph_gauges(log: EventLog, building: Building) -> list[Gauge]:
    graph, builder = building.graph, building.builder

    def rebuilt() -> float:
        progress = builder.rebuilding
        return 1.0 if progress is None or not progress.total else progress.done / progress.total

    return [
        Gauge(
            "provgraph_graph_position",
            "Position up to which the graph has followed.",
            lambda: graph.checkpoint().position,
        ),
        Gauge(
            "provgraph_graph_lag_events",
            "Events the graph is behind the log.",
            lambda: lag(log, graph).events,
        ),
        Gauge(
            "provgraph_graph_lag_seconds",
            "For how long the oldest event that the graph lacks has been in the log.",
            lambda: lag(log, graph).seconds,
        ),
        Gauge(
            "provgraph_graph_newer_event_position",
            "Position of the event of a newer provgraph at which the graph stops; 0 when there is none.",
            lambda: newer_position(log, graph),
        ),
        Gauge(
            "provgraph_graph_changed_event_position",
            "Position of the changed event at which the graph stops; 0 when there is none.",
            lambda: changed_position(log, graph),
        ),
        Gauge(
            "provgraph_graph_rebuild_ratio",
            "How much of a running rebuild of the graph is done; 1 when none runs.",
            rebuilt,
        ),
    ]


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(f"Cannot listen on {host}, port {port}: {error}") from error
    with listener:
        yield listener


def _uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _protocol() -> Any:
    """Return what makes connections, of which there are not more than this process may have files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = Limits()
    if files != resource.RLIM_INFINITY:
        limits = limits._replace(
            connections=max(_FEWEST_CONNECTIONS, min(limits.connections, files - _FILES))
        )
    return functools.partial(BoundedHttpProtocol, connections=Connections(limits))


def _is_streaming(connection: object) -> TypeGuard[BoundedHttpProtocol]:
    if not isinstance(connection, BoundedHttpProtocol) or connection.transport.is_closing():
        return False
    cycle = connection.cycle
    return cycle is not None and cycle.response_started and not cycle.response_complete


def _was_not_cancelled(record: logging.LogRecord) -> bool:
    """Leave out requests that were cut off when the service stopped: uvicorn says how many there were."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _Server(uvicorn.Server):
    """uvicorn that says where it listens, and for which being told to stop is no failure."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, then say so."""
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if listener.family is socket.AF_INET6 else host
            sys.stdout.write(f"provgraph is listening on http://{shown}:{port}\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let short requests end, and cut off what would take as long as a client likes."""
        cutting = asyncio.create_task(self._cut_streams())
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()

    async def _cut_streams(self) -> None:
        cut = 0
        try:
            while True:
                # A request that was waiting may begin its stream only now.
                for connection in list(self.server_state.connections):
                    if _is_streaming(connection):
                        connection.transport.abort()
                        cut += 1
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if cut:
                logger.warning("Stopping: %d answers were cut off on their way", cut)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in good order on SIGTERM and SIGINT, without raising them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
