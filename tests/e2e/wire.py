"""
HTTP as it is on the wire: one connection a call, as Record Keeper's client does, nothing followed or retried.

Paths are sent exactly as given (no clean-up of ``//``, no escaping), which is what half of these tests are about.
"""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message

TIMEOUT_SECONDS = 120
# Every call of the contract's client carries these.
_CLIENTS_OWN = {"Connection": "close", "Accept-Encoding": "identity"}


class Answer(NamedTuple):
    """Status, headers and whole body of one HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 raise, as they do in the client."""
        return self.body.decode()

    @property
    def ok(self) -> bool:
        """Whether the client would take this for success."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get_content_type()

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.media_type} {self.body[:500]!r}>"


@dataclass(frozen=True)
class Wire:
    """Calls to the service at ``url``, each on a new connection, with ``headers`` on every one of them."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: bytes | str | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request, the body in full before the answer is read."""
        connection = self.connection()
        target = f"{path}?{urlencode(params)}" if params else path
        payload = body.encode() if isinstance(body, str) else body
        try:
            connection.request(
                method,
                target,
                body=payload,
                headers={**_CLIENTS_OWN, **self.headers, **(headers or {})},
                encode_chunked=payload is not None and not isinstance(payload, bytes),
            )
            return read_answer(connection)
        finally:
            connection.close()

    def get(self, path: str, **params: object) -> Answer:
        """GET with form-encoded parameters."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: bytes | str = b"{}", **headers: str) -> Answer:
        """POST with the content type that the client puts on every body, JSON or not."""
        return self.call("POST", path, body=body, headers={"Content-Type": "application/json", **headers})

    def post_json(self, path: str, value: object) -> Answer:
        """POST a value as JSON, non-ASCII characters escaped."""
        return self.post(path, json.dumps(value))

    def send(self, pem: Mapping[str, object]) -> Answer:
        """Send one PEM as `RKClient.send_pem` does."""
        return self.post_json("/receiver/pem", pem)

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection of one's own, for several requests one after another."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)

    def raw(self, request: bytes, *, hang_up: bool = False) -> bytes:
        """
        Send bytes as they are and return everything that comes back until the connection closes.

        With ``hang_up`` the service is told that nothing more will come, lest it wait for the rest.
        """
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=TIMEOUT_SECONDS) as peer:
            peer.sendall(request)
            if hang_up:
                peer.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: _received(peer), b""))

    def accepted(self, *pems: Mapping[str, object]) -> None:
        """Send PEMs one after another; each must be acknowledged."""
        for pem in pems:
            answer = self.send(pem)
            assert answer.ok, answer

    def pem(self, id_: object) -> dict[str, Any]:
        """Return a stored PEM."""
        answer = self.get(f"/query/pem/{id_}")
        assert answer.ok, answer
        stored: dict[str, Any] = answer.json()
        return stored

    def pems(self, **params: object) -> list[dict[str, Any]]:
        """Return the PEMs that match."""
        return self._listing("/query/pems", params)

    def artifacts(self, **params: object) -> list[dict[str, Any]]:
        """Return the artifacts that match."""
        return self._listing("/query/artifacts", params)

    def tags(self) -> list[dict[str, Any]]:
        """Return every tag."""
        return self._listing("/query/tags", {})

    def count(self, what: str, **filters: object) -> int:
        """Return the number of ``pems``, ``artifacts`` or ``tags`` that match."""
        answer = self.get(f"/query/{what}_count", **filters)
        assert answer.ok, answer
        number = answer.json()[f"{what}_count"]
        assert type(number) is int
        return number

    def counts(self) -> tuple[int, int, int]:
        """Return how many PEMs, artifacts and tags are stored."""
        return self.count("pems"), self.count("artifacts"), self.count("tags")

    def flush(self) -> None:
        """Wait until everything that was sent is in the graph."""
        answer = self.post("/graph_builder/flush")
        assert answer.ok, answer

    def graph(self, query: str, kind: str = "rw") -> Answer:
        """Run a graph query whose text needs no escaping, as the client pastes it."""
        return self.post("/query/query", f'{{"query": "{query}", "type": "{kind}"}}')

    def _listing(self, path: str, params: Mapping[str, object]) -> list[dict[str, Any]]:
        answer = self.get(path, **params)
        assert answer.ok, answer
        listed: list[dict[str, Any]] = answer.json()
        assert isinstance(listed, list)
        return listed


def read_answer(connection: http.client.HTTPConnection) -> Answer:
    """Return the answer to the request just sent on a connection."""
    with connection.getresponse() as response:
        return Answer(response.status, response.headers, response.read())


def status_of(raw: bytes) -> int:
    """Return the status of a raw HTTP answer."""
    return int(raw.split(b" ", 2)[1])


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except ConnectionResetError:
        return b""  # closed with unread bytes behind the request; what came before counts
