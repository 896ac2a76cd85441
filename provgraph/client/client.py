"""The synchronous client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from provgraph.client.admin import Admin
from provgraph.client.answers import JSON, SendResult, a_list, an_object, typed
from provgraph.client.errors import BusyError, UnreachableError
from provgraph.client.questions import Questions
from provgraph.client.transport import Retry, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from ssl import SSLContext
    from types import TracebackType

    import httpx

DEFAULT_URL = "http://127.0.0.1:8082"


class Client(Questions):
    """
    Talks to one provgraph service. A context manager; its connections stay open between calls.

    The questions (why, lineage, state, diff, impact, path, gaps) are those of `provgraph.client.questions`.

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
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        patience = retry or Retry()
        super().__init__(
            Transport(
                url,
                token=token,
                timeout_seconds=timeout_seconds,
                verify=verify,
                retry=patience,
                transport=transport,
                sleep=sleep,
            ),
            retry=patience,
            sleep=sleep,
        )
        self.admin = Admin(self._http, sleep=sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._http.url

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> SendResult:
        """
        Send a batch of events and return what became of each.

        While the service is away or busy the batch is sent again: the same ids, so nothing is stored twice. What an
        earlier, unanswered attempt stored comes back as a duplicate.
        """
        return self.send_encoded([orjson.dumps(event) for event in events])

    def send_encoded(self, events: Sequence[bytes]) -> SendResult:
        """Send events that are JSON text already, one a line; see `send_events`."""
        document = self._http.json(
            "POST",
            "/api/v1/events",
            patient=True,
            content=b"\n".join(events),
            content_type="application/x-ndjson",
        )
        return typed(SendResult.read, document)

    def pem(self, event_id: str) -> JSON:
        """Return one PEM."""
        return an_object(self._http.get(f"/query/pem/{quote(event_id, safe='')}"))

    def pems(
        self,
        *,
        filters: Mapping[str, str] | None = None,
        page_index: int | None = None,
        page_size: int | None = None,
        sort_field: str | None = None,
        sort_order: str | None = None,
    ) -> list[JSON]:
        """Return PEMs in order of arrival unless a sort is given. ``filters`` is by field name; all must match."""
        return a_list(
            self._http.get("/query/pems", _listing(filters, page_index, page_size, sort_field, sort_order))
        )

    def pems_count(self, *, filters: Mapping[str, str] | None = None) -> int:
        """Return how many PEMs match."""
        return typed(lambda answer: int(answer["pems_count"]), self._http.get("/query/pems_count", filters))

    def artifacts(
        self,
        *,
        filters: Mapping[str, str] | None = None,
        page_index: int | None = None,
        page_size: int | None = None,
        sort_field: str | None = None,
        sort_order: str | None = None,
    ) -> list[JSON]:
        """Return artifacts; see `pems`."""
        return a_list(
            self._http.get(
                "/query/artifacts", _listing(filters, page_index, page_size, sort_field, sort_order)
            )
        )

    def artifacts_count(self, *, filters: Mapping[str, str] | None = None) -> int:
        """Return how many artifacts match."""
        return typed(
            lambda answer: int(answer["artifacts_count"]), self._http.get("/query/artifacts_count", filters)
        )

    def tags(self) -> list[JSON]:
        """Return the tags."""
        return a_list(self._http.get("/query/tags"))

    def receiver_overview(self) -> JSON:
        """Return the receiver's version, limits, and whether credentials are required."""
        return an_object(self._http.get("/receiver/info"))

    def query_overview(self) -> JSON:
        """Return the query service's version, and whether credentials are required."""
        return an_object(self._http.get("/query/info"))

    def graph_overview(self) -> JSON:
        """Return counts of log and graph, and how far they agree."""
        return an_object(self._http.get("/graph_builder/info"))

    def wait_ready(self, *, timeout_seconds: float = 30.0) -> None:
        """
        Return once the service can serve.

        :raises UnreachableError: nothing answered in that time
        :raises BusyError: it answered that it is not ready, all that time
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                self._http.exchange("GET", "/readyz")
            except (UnreachableError, BusyError):
                if time.monotonic() >= deadline:
                    raise
                self._sleep(0.1)
            else:
                return


def _listing(
    filters: Mapping[str, str] | None,
    page_index: int | None,
    page_size: int | None,
    sort_field: str | None,
    sort_order: str | None,
) -> dict[str, object]:
    return {
        **(filters or {}),
        "pageIndex": page_index,
        "pageSize": page_size,
        "sortField": sort_field,
        "sortOrder": sort_order,
    }
