"""
What a service without credentials refuses because a web page may be behind it.

Anyone who reaches such a service may do everything, and a browser reaches whatever its user's machine reaches: a page
from elsewhere can have it send requests, and can give its own name this machine's address.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from provgraph.http.answers import RefusedError
from provgraph.settings import is_loopback

if TYPE_CHECKING:
    from starlette.types import Scope

    from provgraph.errors import ProvgraphError

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class BrowserGuard:
    """Tells whether a request to a service without credentials is one that a foreign web page may have caused."""

    def __init__(self, *, only_this_machine: bool) -> None:
        """
        Guard a service.

        :param only_this_machine: whether it listens to this machine alone, so that no other name is right
        """
        self._only_this_machine = only_this_machine

    def refusal(self, scope: Scope) -> ProvgraphError | None:
        """Return why a request is refused; None when it is not."""
        host = origin = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        if self._only_this_machine and host is not None and not _names_this_machine(host):
            return _misdirected(host)
        if origin is not None and scope["method"] not in _HARMLESS and not _is_own(origin, host):
            return _foreign(origin)
        return None


def _is_own(origin: bytes, host: bytes | None) -> bool:
    authority = origin.partition(b"://")[2].lower()
    return _names_this_machine(authority) or (host is not None and authority == host.lower())


@lru_cache(maxsize=256)  # nearly every request says the same
def _names_this_machine(authority: bytes) -> bool:
    host = authority.decode("latin-1").lower()
    if not host.endswith("]"):
        before, colon, port = host.rpartition(":")
        # A bare IPv6 address is no authority, so a colon is the port's.
        host = before if colon and (port.isdecimal() or not port) else host
    return is_loopback(host)


def _misdirected(host: bytes) -> ProvgraphError:
    return RefusedError(
        f"This service answers to localhost only, not to {host[:60].decode('latin-1')!r}: ask for 127.0.0.1 or "
        "localhost, have a proxy send that as Host, or set PROVGRAPH_AUTH_REQUIRED=true",
        status=421,
    )


def _foreign(origin: bytes) -> ProvgraphError:
    return RefusedError(
        f"A web page of {origin[:60].decode('latin-1')!r} may not change anything here while the service asks for no "
        "credentials; PROVGRAPH_AUTH_REQUIRED=true asks for them",
        status=403,
    )
