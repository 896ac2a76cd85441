"""A whole service in this process, called without a socket."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from provgraph.cli.compose import build_app, opened
from provgraph.settings import Settings
from tests.unit.operations.stores import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from provgraph.events import NewEvent
    from provgraph.http import Services


@dataclass(frozen=True)
class Service:
    """The services and the application over them."""

    services: Services
    app: ASGIApp

    def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: bytes | None = None,
        token: str | None = None,
    ) -> httpx.Response:
        """Send one request; ``json`` or ``body`` is its body."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=60
            ) as client:
                return await client.request(method, path, json=json, content=body, headers=headers)

        return asyncio.run(exchange())

    def get(self, path: str, *, token: str | None = None) -> Any:
        """Return the JSON of an answer that must be a good one."""
        answer = self.call("GET", path, token=token)
        assert answer.is_success, answer.text
        return answer.json()

    def result(self, path: str, json: object = None) -> Any:
        """Start a job, wait for its end, and return its result."""
        answer = self.call("POST", path, json=json)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        assert eventually(lambda: self.get(f"/admin/jobs/{job_id}")["state"] != "running")
        job = self.get(f"/admin/jobs/{job_id}")
        assert job["state"] == "done", job
        return job["result"]

    def append(self, *events: NewEvent) -> None:
        """Append events to the log, and wait until the graph has them."""
        self.services.log.append(events)
        assert self.call("POST", "/admin/flush").is_success


@contextmanager
def open_service(folder: Path, **settings: Any) -> Iterator[Service]:
    """Open a service on a data folder."""
    with opened(Settings(data_dir=folder, **settings)) as services:
        yield Service(services, build_app(services))
