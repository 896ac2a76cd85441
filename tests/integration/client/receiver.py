"""A receiver on a real socket that keeps events in memory, for clients in other processes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class Receiver:
    """Takes events as the service does. As a context manager it listens inside the block."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ids(self, emitter: str) -> list[str]:
        """Return the ids of an emitter's events in the order in which they came."""
        return [id_ for id_, event in self.events.items() if event["Emitter"] == emitter]

    def judge(self, lines: list[bytes]) -> dict[str, Any]:
        """Store events, each once, and return the answer."""
        results = []
        with self._lock:
            self.requests += 1
            for index, line in enumerate(lines):
                event = json.loads(line)
                known = event["ID"] in self.events
                self.events.setdefault(event["ID"], event)
                results.append(
                    {"index": index, "ID": event["ID"], "verdict": "duplicate" if known else "accepted"}
                )
            position = len(self.events)
        counts = {"accepted": len(results), "duplicates": 0, "conflicts": 0, "invalid": 0}
        return {"results": results, **counts, "position": position}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(receiver.judge(body.splitlines())).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
