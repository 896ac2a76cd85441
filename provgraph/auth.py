"""
Who may do what.

A credential is a token that its holder alone knows; the catalog knows its SHA-256. Tokens are random and long, so a
plain hash keeps them safe, and looking one up by its hash leaves nothing to time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ForbiddenError, UnauthenticatedError
from provgraph.events import Holder, Role
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

_RANK = {Role.READER: 1, Role.WRITER: 2, Role.ADMIN: 3}
# How long a revocation made by another process may go unnoticed here.
_REMEMBER_SECONDS = 2.0
_REMEMBER_AT_MOST = 1_000


class Presented(NamedTuple):
    """A token as a request presents it."""

    token: str
    holder: Holder | None  # what the header says of its holder; None: Authorization does not say


class Authenticator:
    """Decides whether a request may do something."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        required: bool,
        sending_requires: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Decide by the catalog's credentials.

        :param required: whether anything but sending needs one
        :param sending_requires: whether sending events needs one
        :param clock: seconds that never go back
        """
        self._catalog = catalog
        self._required = required
        self._sending_requires = sending_requires
        self._clock = clock
        self._remembered: dict[str, tuple[float, CatalogCredential]] = {}

    def require(self, request: HTTPConnection, role: Role) -> None:
        """
        Let a request pass if it may do what ``role`` may do. Without required credentials everything passes.

        :raises UnauthenticatedError: no credential, or not a known one
        :raises ForbiddenError: a known one whose role is not enough
        """
        if self._required:
            self._demand(presented(request.scope["headers"]), role)

    def allows(self, request: HTTPConnection, role: Role) -> bool:
        """
        Tell whether a request whose credential is good may do what ``role`` may do.

        :raises UnauthenticatedError: no credential, or not a known one
        """
        try:
            self.require(request, role)
        except ForbiddenError:
            return False
        return True

    def require_to_send(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Let a request pass if it may send events. A wrong credential is refused even where none is needed.

        :param headers: as ASGI gives them, names in lower case
        :raises UnauthenticatedError: none where one is needed, or not a known one
        :raises ForbiddenError: a credential is needed and a reader's is not enough
        """
        found = presented(headers)
        if self._sending_requires:
            self._demand(found, Role.WRITER)
        elif found is not None:
            self._identify(found)

    def who(self, request: HTTPConnection) -> str | None:
        """
        Return the name of the credential that a request comes with, None when it comes without one.

        :raises UnauthenticatedError: not a known one
        """
        found = presented(request.scope["headers"])
        return None if found is None else self._identify(found).name

    def forget(self) -> None:
        """Look every credential up anew: one was revoked."""
        self._remembered.clear()

    def _demand(self, found: Presented | None, role: Role) -> None:
        if found is None:
            raise UnauthenticatedError(
                f"This needs a credential: send {USER_HEADER}, {PUC_HEADER} or Authorization: Bearer"
            )
        credential = self._identify(found)
        if _RANK[credential.role] < _RANK[role]:
            raise ForbiddenError(
                f"The credential {credential.name!r} has the role {credential.role}, this needs {role}"
            )

    def _identify(self, found: Presented) -> CatalogCredential:
        credential = self._look_up(token_sha256(found.token))
        if credential is None:
            raise UnauthenticatedError("The credential is not known here, or was revoked")
        if found.holder is not None and credential.holder is not found.holder:
            right = USER_HEADER if credential.holder is Holder.USER else PUC_HEADER
            raise UnauthenticatedError(
                f"The credential {credential.name!r} belongs to a {credential.holder}: send it in {right}"
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
