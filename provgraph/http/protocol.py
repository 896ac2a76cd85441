"""HTTP/1.1 as uvicorn speaks it, with a bound on what a request line may take in memory."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from provgraph.http.edge import MAX_TARGET_BYTES


class BoundedHttpProtocol(HttpToolsProtocol):
    """
    Keeps no more of a request's target than is needed to see that it is too long.

    The parser would collect it without end, and then answer with a bare 400; like this the edge says what is wrong.
    """

    def on_url(self, url: bytes) -> None:
        """Collect a part of the target."""
        # One byte too many for the edge, and one for the question mark, which the edge does not count.
        self.url = (self.url + url)[: MAX_TARGET_BYTES + 2]
