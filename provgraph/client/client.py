"""The client that waits for its answers; `provgraph.client.aio` has the one for event loops."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

from provgraph.client import calls, exchange, lenient
from provgraph.client.activities import Activity
from provgraph.client.admin import Admin
from provgraph.client.base import Asker, Pause, Retry
from provgraph.client.delivery.base import Connect, Flushed
from provgraph.client.emitting import SIZE_LIMIT, Emitting, one, send, set_tag
from provgraph.client.errors import DeliveryError
from provgraph.client.methods import asks, follows, lists
from provgraph.client.pems import id_of
from provgraph.client.questions import Questions
from provgraph.client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from ssl import SSLContext
    from types import TracebackType

    import httpx

    from provgraph.client.answers import SendResult
    from provgraph.client.base import Call, Conversation, OnError, Verdict
    from provgraph.client.delivery.base import Delivery
    from provgraph.client.pems import EventRef, Pem
    from provgraph.client.tracking.client import TrackingClient
    from provgraph.client.tracking.settings import Tracking

DEFAULT_URL = "http://127.0.0.1:8082"

# A delivery repeats by itself what is to be repeated.
ONCE = Retry(attempts=1)

# Threads that track at once on a new client find one session.
BEGINNING = threading.Lock()

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Stored:
    """The lists and the state of the services, as methods of a client."""

    send_events = asks(calls.send_events)
    send_encoded = asks(calls.send_encoded)
    pem = asks(calls.pem)
    pems = asks(calls.pems)
    pems_count = asks(calls.pems_count)
    artifacts = asks(calls.artifacts)
    artifacts_count = asks(calls.artifacts_count)
    tags = asks(calls.tags)
    tags_count = asks(calls.tags_count)
    get_pem = asks(calls.get_pem)
    get_pems = lists(calls.get_pems)
    get_artifact = asks(calls.get_artifact)
    get_artifacts = lists(calls.get_artifacts)
    get_tag = asks(calls.get_tag)
    get_tags = asks(calls.get_tags)
    query_graph = asks(calls.query_graph)
    receiver_overview = asks(calls.receiver_overview)
    query_overview = asks(calls.query_overview)
    graph_overview = asks(calls.graph_overview)
    wait_ready = follows(calls.wait_ready)


class Client(Emitting[Activity], Stored, Questions, Asker):
    """
    Talks to one provgraph service. A context manager; its connections stay open between calls. Threads may share it.

    The questions (why, lineage, state, diff, impact, path, gaps) are those of `provgraph.client.questions`; what an
    operator asks is at ``admin``, tracked work (start_tracking, create, get, runs, groups, ...) at ``tracking``.

        spool = SpoolDelivery("spool.db")
        with Client("https://provenance.example.org", token=token, emitter="trainer", delivery=spool) as client:
            with client.activity("train", uses=["table/customers"]) as run:
                run.produces("model/churn")
            client.flush()
            print(client.why("artifact:model/churn").text)

    :param url: None: what PROVGRAPH_URL says, or this machine's port 8082
    :param token: a credential; None: what PROVGRAPH_TOKEN says; an empty text: none
    :param emitter: in whose name events are made
    :param delivery: where events go; None: each is sent at once, and waited for, and what does not arrive is lost
    :param verify: what TLS certificates are checked with: the system's authorities, or a context of your own
    :param retry: how patiently events are sent again while the service is away
    :param on_error: what activities and the decorator do when a report cannot be made or sent: ``warn``, in the log, or
        ``raise``
    :param size_limit: the service's PROVGRAPH_PEM_SIZE_LIMIT; larger events are refused before they are sent
    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        emitter: str | None = None,
        delivery: Delivery | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        retry: Retry | None = None,
        size_limit: int = SIZE_LIMIT,
        tracking: Tracking | None = None,
        on_error: OnError = "warn",
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        url, token = addressed(url, token)
        self._http = Transport(
            url, token=token, timeout_seconds=timeout_seconds, verify=verify, transport=transport
        )
        self._sleep = sleep
        self.url = self._http.url
        self.retry = retry or Retry()
        self.emitter = emitter
        self.on_error = lenient.on_error(on_error)
        self.size_limit = size_limit
        self.admin = Admin(self)
        self._tracking_settings = tracking
        self._tracking: TrackingClient | None = None
        self._delivery = delivery
        if delivery is not None:
            open_delivery(
                delivery,
                self.url,
                token=token,
                timeout_seconds=timeout_seconds,
                verify=verify,
                transport=transport,
            )

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """
        Return a client as the environment describes it; docs/howto/emit.md lists the variables.

        :param options: arguments of the class, which come before what the environment says
        :raises SettingsError: a variable cannot be read
        """
        from provgraph.client import environment  # noqa: PLC0415 - brings in what only it needs

        described = environment.read()
        return cls(**{"delivery": described.delivery, **described.options, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except DeliveryError as problem:
            if error is None and self.on_error == "raise":
                raise
            logger.warning("%s", problem)

    def close(self) -> None:
        """Close the connections, and the delivery: a spool waits some seconds for what is left in it."""
        try:
            if self._delivery is not None:
                self._delivery.close()
        finally:
            self._http.close()

    def send_pem(self, pem: Pem) -> Verdict:
        """
        Send an event, and return what became of it: accepted, duplicate, or spooled, written, dropped by a delivery.

        While the service is away or busy it is sent again, the same id, so it is stored once.

        :raises RefusedEventError: the service did not take it
        """
        return one(self.send_pems([pem]))

    def send_pems(self, pems: Iterable[Pem]) -> SendResult:
        """
        Send events, in order and in few requests; see `send_pem`.

        What the service did not take raises no error: it is in ``refused`` of the result.
        """
        events = self._encoded(pems)
        if self._delivery is not None:
            return self._delivery.send(events)
        return self.follow(send(events))

    def set_tag(self, namespace: str, tag: str, event: EventRef) -> None:
        """
        Let a tag mark an event; one that marked another is moved.

        :raises NotThereError: the event is not stored
        """
        if self._delivery is not None:
            self._delivery.set_tag(namespace, tag, id_of(event))
        else:
            self.ask(set_tag(namespace, tag, event))

    def flush(self, *, timeout_seconds: float = 30.0) -> Flushed:
        """
        Wait until what was sent has arrived, and return what became of it since the flush before.

        Without a delivery everything has arrived when `send_pem` returns, and there is nothing to tell.
        """
        if self._delivery is None:
            return Flushed(0, 0, 0)
        return self._delivery.flush(timeout_seconds=timeout_seconds)

    @property
    def tracking(self) -> TrackingClient:
        """Tracked work: what a script keeps up to date, runs and groups; see `provgraph.client.tracking`."""
        if self._tracking is None:
            from provgraph.client.tracking.client import (  # noqa: PLC0415 - most programs only emit
                TrackingClient,
            )

            with BEGINNING:
                if self._tracking is None:
                    self._tracking = TrackingClient(self, self._tracking_settings)
        return self._tracking

    def _activity(self, type_: str, **stated: Any) -> Activity:
        return Activity(self, type_, **stated)

    def ask(self, call: Call[T]) -> T:
        """See `Asker.ask`. A patient call is repeated, unchanged, while the service is away or busy."""
        return self.follow(exchange.patiently(call, self.retry)) if call.patient else self._http.send(call)

    def lines(self, call: Call[Any]) -> Iterator[bytes]:
        """See `Asker.lines`."""
        return self._http.lines(call)

    def follow(self, conversation: Conversation[T]) -> T:
        """See `Asker.follow`."""
        try:
            step = next(conversation)
            while True:
                try:
                    answer = self._do(step)
                except Exception as error:  # noqa: BLE001 - the conversation decides what to do about it
                    step = conversation.throw(error)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, step: Call[Any] | Pause) -> Any:
        return self._sleep(step.seconds) if isinstance(step, Pause) else self.ask(step)


def addressed(url: str | None, token: str | None) -> tuple[str, str]:
    """Return where a service is and the credential for it: as stated, else as the environment says."""
    given = os.environ
    return (
        given.get("PROVGRAPH_URL") or DEFAULT_URL if url is None else url,
        given.get("PROVGRAPH_TOKEN") or "" if token is None else token,
    )


def open_delivery(delivery: Delivery, url: str, **options: Any) -> None:
    """
    Open a delivery, which makes clients of its own from these options.

    They try once: when to send again is for the delivery to decide.
    """
    delivery.open(Connect(url, functools.partial(Client, url, retry=ONCE, **options)))
