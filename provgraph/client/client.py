"""The client that waits for its answers; `provgraph.client.aio` has the one for event loops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

from provgraph.client import calls, exchange
from provgraph.client.admin import Admin
from provgraph.client.asking import Asker, Asks, Follows
from provgraph.client.questions import Questions
from provgraph.client.tracking.tracks import Tracks
from provgraph.client.transport import Retry, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ssl import SSLContext
    from types import TracebackType

    import httpx

    from provgraph.client.calls import Call, Conversation
    from provgraph.client.tracking.settings import Tracking

DEFAULT_URL = "http://127.0.0.1:8082"

T = TypeVar("T")


class Lists:
    """The lists and the state of the services, as methods of a client."""

    send_events = Asks(calls.send_events)
    send_encoded = Asks(calls.send_encoded)
    pem = Asks(calls.pem)
    pems = Asks(calls.pems)
    pems_count = Asks(calls.pems_count)
    artifacts = Asks(calls.artifacts)
    artifacts_count = Asks(calls.artifacts_count)
    tags = Asks(calls.tags)
    receiver_overview = Asks(calls.receiver_overview)
    query_overview = Asks(calls.query_overview)
    graph_overview = Asks(calls.graph_overview)
    wait_ready = Follows(calls.wait_ready)


class Client(Lists, Questions, Tracks, Asker):
    """
    Talks to one provgraph service. A context manager; its connections stay open between calls. Threads may share it.

    The questions (why, lineage, state, diff, impact, path, gaps) are those of `provgraph.client.questions`; tracked
    work (start_tracking, create, get, runs, groups, ...) is that of `provgraph.client.tracking`.

        with Client("https://provenance.example.org", token=token) as client:
            client.send_events([{"ID": ..., "Type": "train", "Emitter": "trainer", ...}])
            print(client.why("artifact:model/churn")["text"])

    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        retry: Retry | None = None,
        tracking: Tracking | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = Transport(
            url, token=token, timeout_seconds=timeout_seconds, verify=verify, transport=transport
        )
        self._sleep = sleep
        self.url = self._http.url
        self.retry = retry or Retry()
        self.admin = Admin(self)
        self._track_with(tracking)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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

    def _do(self, step: Call[Any] | calls.Pause) -> Any:
        return self._sleep(step.seconds) if isinstance(step, calls.Pause) else self.ask(step)
