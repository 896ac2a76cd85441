"""All services over real stores, in this process: what the services' own tests talk to."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from provgraph.cli.compose import build_app, opened
from provgraph.families.credential.events import Grant, Holder, Role
from provgraph.operations.credentials import Credentials
from provgraph.operations.flush import flush
from provgraph.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from provgraph.http import Services

_FLUSH_SECONDS = 60.0


class Client:
    """Calls an application without a socket. Each call has an event loop of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET; ``options`` are httpx's."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST; ``options`` are httpx's."""
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; ``options`` are httpx's."""

        async def exchange() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://localhost", timeout=60
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(exchange())


class Served(NamedTuple):
    """A running application, a client for it, and what it runs on."""

    client: Client
    services: Services

    def send(self, **fields: Any) -> dict[str, Any]:
        """Send a PEM through Record Keeper's door and return it as sent."""
        sent = pem(**fields)
        answer = self.client.post("/receiver/pem", json=sent)
        assert answer.status_code == 200, answer.text
        return sent

    def flush(self) -> None:
        """Wait until the graph has everything."""
        flush(self.services.log, self.services.graph, timeout_seconds=_FLUSH_SECONDS)

    def token(self, role: Role, holder: Holder = Holder.USER, *, name: str = "ada") -> str:
        """Issue a credential and return its token."""
        issued = Credentials(self.services.log, self.services.catalog).create(
            name, holder=holder, grant=Grant.of(role)
        )
        return issued.token

    def bearer(self, role: Role, *, name: str = "ada") -> dict[str, str]:
        """Issue a credential and return the header that presents it."""
        return {"Authorization": f"Bearer {self.token(role, name=name)}"}


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Served]:
    """Run all services on a folder."""
    with opened(read_settings(data_dir=folder, **settings)) as services:
        yield Served(Client(build_app(services)), services)


def pem(**fields: Any) -> dict[str, Any]:
    """Return a PEM under a new id."""
    return {
        "ID": uuid.uuid4().hex,
        "Type": "train",
        "Emitter": "trainer",
        "TimestampClient": "2026-01-02 03:04:05",
        **fields,
    }
