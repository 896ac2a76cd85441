"""
What a service refuses because a web page may be behind it, as long as anything is open to requests without credentials.

A browser reaches whatever its user's machine reaches: a page from elsewhere can have it send requests, and can give its
own name this machine's address. And what every answer tells a browser, so that no page gets more of it than it should.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from provgraph.http.answers import RefusedError
from provgraph.settings import is_address, is_loopback

if TYPE_CHECKING:
    from starlette.types import Scope

    from provgraph.errors import ProvgraphError

_NOTHING_OPEN = "PROVGRAPH_AUTH_REQUIRED=true with PROVGRAPH_PEM_AUTH_REQUIRED not false"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHOUT_DOT = re.compile(r"[a-z0-9_-]+").fullmatch
# What every answer says: it is what it says it is, no page may frame it, and no link says where it was found.
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


class BrowserGuard:
    """Tells whether a request is one that a foreign web page may have caused."""

    def __init__(
        self,
        *,
        only_this_machine: bool,
        names: frozenset[str] = frozenset(),
        own_name: str = "",
        is_open: bool = True,
    ) -> None:
        """
        Guard a service.

        :param only_this_machine: whether it listens to this machine alone, so that only what is in ``names`` is right
            beside this machine's own names
        :param names: further names that it is reached by, in lower case
        :param own_name: the machine's
        :param is_open: whether anything needs no credential; if not, a page can change nothing and is not looked at
        """
        self._only_this_machine = only_this_machine
        self._names = names if only_this_machine or not own_name else names | {own_name.lower()}
        self._names_are_listed = bool(names)
        self._is_open = is_open
        self._is_right = lru_cache(maxsize=256)(self._judge)  # nearly every request says the same

    def refusal(self, scope: Scope) -> ProvgraphError | None:
        """Return why a request is refused; None when it is not."""
        host = origin = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        if host is not None and not self._is_right(host):
            return _misdirected(host, names_are_listed=self._names_are_listed)
        if origin is None or not self._is_open or scope["method"] in _HARMLESS:
            return None
        return None if self._is_own(origin, host) else _foreign(origin)

    def _judge(self, host: bytes) -> bool:
        """Tell whether a request may name this host."""
        name = _name(host)
        if is_loopback(name) or name in self._names:
            return True
        # Whoever owns a name decides where it points. Nobody owns an address, nor a name without a dot, which is from
        # the network's own list of names.
        return not self._only_this_machine and (is_address(name) or bool(_WITHOUT_DOT(name)))

    def _is_own(self, origin: bytes, host: bytes | None) -> bool:
        authority = origin.partition(b"://")[2].lower()
        name = _name(authority)
        return is_loopback(name) or name in self._names or (host is not None and authority == host.lower())


def _name(authority: bytes) -> str:
    """Return the host of an authority, without its port, in lower case."""
    host = authority.decode("latin-1").lower()
    if host.endswith("]"):
        return host
    before, colon, port = host.rpartition(":")
    # A bare IPv6 address is no authority, so a colon is the port's.
    return before if colon and (port.isdecimal() or not port) else host


def _misdirected(host: bytes, *, names_are_listed: bool) -> ProvgraphError:
    asked = f"This service does not answer to the name {host[:60].decode('latin-1')!r}: ask for localhost or an address"
    if names_are_listed:  # names are looked at then, whatever needs a credential
        helps = (
            "that it listens on or a name in PROVGRAPH_ALLOWED_HOSTS, or add this name there: as long as that lists "
            "any, other names are refused"
        )
    else:
        helps = (
            "that it listens on, add the name to PROVGRAPH_ALLOWED_HOSTS, or leave nothing open: "
            f"{_NOTHING_OPEN}"
        )
    return RefusedError(f"{asked} {helps}", status=421)


def _foreign(origin: bytes) -> ProvgraphError:
    return RefusedError(
        f"A web page of {origin[:60].decode('latin-1')!r} may not change anything here while anything is open to "
        f"requests without credentials: {_NOTHING_OPEN} asks for them everywhere, and PROVGRAPH_ALLOWED_HOSTS names "
        "the hosts of pages that may",
        status=403,
    )
