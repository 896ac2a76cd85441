"""Being told to stop while clients take their time over long lists."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import orjson

from tests.e2e.service import Service
from tests.integration.serving import pem

if TYPE_CHECKING:
    from pathlib import Path

_READERS = 3
_LONG = "x" * 10_000


def test_stopping_cuts_slow_readers_off_and_says_so_in_one_line(tmp_path: Path) -> None:
    events = [pem(Properties={"notes": _LONG}) for _ in range(1_500)]

    with ExitStack() as stack:
        service = stack.enter_context(Service(tmp_path / "data"))
        sent = httpx.post(f"{service.url}/api/v1/events", content=orjson.dumps(events), timeout=60)
        assert sent.json()["accepted"] == len(events)
        for _ in range(_READERS):
            stack.enter_context(_slow_reader(service.url))

        code = service.stop()

    assert code == 0
    assert service.output().count("Stopping:") == 1
    assert f"{_READERS} answers were cut off" in service.output()
    assert "Traceback" not in service.output()


def _slow_reader(url: str) -> socket.socket:
    """Ask for a list that no buffer holds, and take no more than its beginning."""
    parts = urlsplit(url)
    reader = socket.create_connection((parts.hostname, parts.port), timeout=60)
    reader.sendall(b"GET /query/pems HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert reader.recv(1_000).startswith(b"HTTP/1.1 200")
    return reader
