"""
Who may do what.

A credential is a token that its holder alone knows; the catalog knows its SHA-256. Tokens are random and long, so a
plain hash keeps them safe, and looking one up by its hash leaves nothing to time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ForbiddenError, UnauthenticatedError
from provgraph.events.clock import now_us, rfc3339
from provgraph.families.credential.emitters import NOBODY, Sender
from provgraph.families.credential.events import Holder, Right
from provgraph.operations.credentials import token_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import HTTPConnection

    from provgraph.catalog import Catalog, CatalogCredential

USER_HEADER = "X-Recordkeeper-User-Auth"
PUC_HEADER = "X-Recordkeeper-Puc-Auth"
_USER = USER_HEADER.lower().encode()
_PUC = PUC_HEADER.lower().encode()
_AUTHORIZATION = b"authorization"
_HEADERS = frozenset({_USER, _PUC, _AUTHORIZATION})

# How long a revocation or a reservation made by another process may go unnoticed here.
_REMEMBER_SECONDS = 2.0
_REMEMBER_AT_MOST = 1_000


class Presented(NamedTuple):
    """A token as a request presents it."""

    token: str
    holder: Holder | None  # what the header says of its holder; None: Authorization does not say


class _Reservations(NamedTuple):
    """The emitters that are reserved, as of a moment."""

    good_until: float
    patterns: tuple[str, ...]


class Authenticator:
    """Decides whether a request may do something. Safe to use from several threads."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        required: bool,
        sending_requires: bool,
        clock: Callable[[], float] = time.monotonic,
        present_us: Callable[[], int] = now_us,
    ) -> None:
        """
        Decide by the catalog's credentials.

        :param required: whether anything but sending needs one
        :param sending_requires: whether sending events needs one
        :param clock: seconds that never go back
        :param present_us: the time of day, by which credentials expire
        """
        self._catalog = catalog
        self._required = required
        self._sending_requires = sending_requires
        self._clock = clock
        self._present_us = present_us
        self._remembered: dict[str, tuple[float, CatalogCredential]] = {}
        self._reservations: _Reservations | None = None

    def require(self, request: HTTPConnection, right: Right) -> None:
        """
        Let a request pass that has this right. Without required credentials everything passes.

        :raises UnauthenticatedError: no credential, or not a known one, or an expired one
        :raises ForbiddenError: a known one without the right
        """
        if self._required:
            self._demand(presented(request.scope["headers"]), right)

    def may_read(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """
        Tell whether a request may be told what is stored; what it sent itself, it may be told in any case.

        :param headers: as ASGI gives them, names in lower case
        """
        if not self._required:
            return True
        try:
            self._demand(presented(headers), Right.READ)
        except (UnauthenticatedError, ForbiddenError):
            return False
        return True

    def allows(self, request: HTTPConnection, right: Right) -> bool:
        """
        Tell whether a request whose credential is good has this right.

        :raises UnauthenticatedError: no credential, or not a known one, or an expired one
        """
        try:
            self.require(request, right)
        except ForbiddenError:
            return False
        return True

    def require_to_send(self, headers: Iterable[tuple[bytes, bytes]], *, and_change: bool = False) -> Sender:
        """
        Let a request pass if it may send events, and return who sends them: its `Sender.check` is about their emitters.

        A wrong credential is refused even where none is needed.

        :param headers: as ASGI gives them, names in lower case
        :param and_change: whether the events change what others saved: then one is needed wherever anything needs one
        :raises UnauthenticatedError: none where one is needed, or not a known one, or an expired one
        :raises ForbiddenError: a credential is needed, and this one has not the right to write
        """
        found = presented(headers)
        if self._sending_requires or (and_change and self._required):
            return self._sender(self._demand(found, Right.WRITE))
        return self._sender(None if found is None else self._identify(found))

    def sender(self, request: HTTPConnection) -> Sender:
        """
        Return who sends the events that a request leads to; it was let pass before, by `require`.

        A credential that is not good is refused also where none is needed: its events would be recorded as nobody's.

        :raises UnauthenticatedError: not a known one, or an expired one
        """
        found = presented(request.scope["headers"])
        return self._sender(None if found is None else self._identify(found))

    def who(self, request: HTTPConnection) -> str | None:
        """
        Return the name of the credential that a request comes with, None when it comes without one.

        :raises UnauthenticatedError: not a known one, or an expired one
        """
        found = presented(request.scope["headers"])
        return None if found is None else self._identify(found).name

    def forget(self) -> None:
        """Look everything up anew: a credential was issued or revoked."""
        self._remembered.clear()
        self._reservations = None

    def _demand(self, found: Presented | None, right: Right) -> CatalogCredential:
        if found is None:
            raise UnauthenticatedError(
                f"This needs a credential: send {USER_HEADER}, {PUC_HEADER} or Authorization: Bearer"
            )
        credential = self._identify(found)
        rights = credential.grant.rights
        if right not in rights:
            held = f"the role {credential.grant.role}" if credential.grant.role else "the rights"
            shown = ", ".join(one if isinstance(one, Right) else repr(one) for one in rights)
            raise ForbiddenError(
                f"The credential {credential.name!r} has {held} ({shown}), this needs the right {right}"
            )
        return credential

    def _identify(self, found: Presented) -> CatalogCredential:
        credential = self._look_up(token_sha256(found.token))
        if credential is None:
            raise UnauthenticatedError("The credential is not known here, or was revoked")
        if found.holder is not None and credential.holder is not found.holder:
            header = USER_HEADER if credential.holder is Holder.USER else PUC_HEADER
            raise UnauthenticatedError(
                f"The credential {credential.name!r} belongs to a {credential.holder}: send it in {header}"
            )
        expires_us = credential.grant.expires_us
        if expires_us is not None and expires_us <= self._present_us():
            raise UnauthenticatedError(
                f"The credential {credential.name!r} expired at {rfc3339(expires_us)}: ask an administrator for "
                "another one"
            )
        return credential

    def _look_up(self, sha256: str) -> CatalogCredential | None:
        now = self._clock()
        remembered = self._remembered.get(sha256)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        credential = self._catalog.credential(sha256)
        if credential is None:
            self._remembered.pop(sha256, None)
            return None
        if len(self._remembered) >= _REMEMBER_AT_MOST:
            self._remembered.clear()
        self._remembered[sha256] = (now + _REMEMBER_SECONDS, credential)
        return credential

    def _sender(self, credential: CatalogCredential | None) -> Sender:
        if credential is None:
            reserved = self._reserved()
            return Sender(reserved=reserved) if reserved else NOBODY
        grant = credential.grant
        return Sender(credential.id, credential.name, grant.emitters, grant.only, self._reserved())

    def _reserved(self) -> tuple[str, ...]:
        now, known = self._clock(), self._reservations
        if known is None or known.good_until <= now:
            known = _Reservations(now + _REMEMBER_SECONDS, self._catalog.reservations())
            self._reservations = known
        return known.patterns


def presented(headers: Iterable[tuple[bytes, bytes]]) -> Presented | None:
    """Return the token that a request presents; the user's header wins over the PUC's, both over Authorization."""
    found = {name: value for name, value in headers if value and name in _HEADERS}
    if not found:
        return None
    if user := found.get(_USER):
        return Presented(_text(user), Holder.USER)
    if puc := found.get(_PUC):
        return Presented(_text(puc), Holder.PUC)
    scheme, _, token = _text(found[_AUTHORIZATION]).partition(" ")
    # Another scheme is somebody else's: a proxy's, say.
    return Presented(token.strip(), None) if scheme.lower() == "bearer" else None


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()
