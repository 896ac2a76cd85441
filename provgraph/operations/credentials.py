"""
Credentials: issue, list, revoke.

A token is random and long, and shown once. The log and the catalog know its SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import InvalidEventError, InvalidInputError, NotFoundError
from provgraph.events import credential_created, credential_revoked, event_id

if TYPE_CHECKING:
    from provgraph.catalog import Catalog, CatalogCredential
    from provgraph.eventlog import EventLog
    from provgraph.events import Holder, Role

_TOKEN_BYTES = 32
_LONGEST_NAME = 200


class IssuedCredential(NamedTuple):
    """A new credential with its token, which nobody can look up later."""

    id: str  # 32 hex digits
    name: str
    holder: Holder
    role: Role
    token: str


class Credentials:
    """The credentials of one log."""

    def __init__(self, log: EventLog, catalog: Catalog) -> None:
        self._log = log
        self._catalog = catalog

    def create(self, name: str, *, holder: Holder, role: Role) -> IssuedCredential:
        """
        Issue a credential. Several may have the same name, so that a token can be replaced without a gap.

        :raises InvalidInputError: the name is empty or too long
        :raises StoreError: the log cannot be written
        """
        _check_name(name)
        # The beginning says what it is, to people and to programs that look for secrets where none should be.
        token = f"pg_{holder}_{secrets.token_urlsafe(_TOKEN_BYTES)}"
        created = credential_created(name, holder=holder, role=role, token_sha256=token_sha256(token))
        self._log.append([created])
        return IssuedCredential(created.event_id, name, holder, role, token)

    def list(self) -> list[CatalogCredential]:
        """Return every credential, revoked ones too, the oldest first."""
        return self._catalog.credentials()

    def revoke(self, credential_id: str) -> CatalogCredential:
        """
        Take a credential back, and return it. Doing it again changes nothing.

        :param credential_id: in any spelling of a UUID
        :raises NotFoundError: there is no such credential
        :raises StoreError: the log cannot be written
        """
        credential = self._find(credential_id)
        if credential.revoked_at is None:
            self._log.append([credential_revoked(credential.id)])
            credential = self._find(credential_id)
        return credential

    def _find(self, credential_id: str) -> CatalogCredential:
        try:
            wanted = event_id(credential_id)
        except InvalidEventError:
            wanted = ""
        for credential in self._catalog.credentials():
            if credential.id == wanted:
                return credential
        raise NotFoundError(f"There is no credential {credential_id}")


def token_sha256(token: str) -> str:
    """Return what log and catalog know of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidInputError("A credential needs a name", field="name", rule="required")
    if len(name) > _LONGEST_NAME:
        raise InvalidInputError(
            f"The name has {len(name)} characters, at most {_LONGEST_NAME} are allowed",
            field="name",
            rule="length",
        )
