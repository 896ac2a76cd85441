"""
Credentials: issue, list, revoke.

A token is random and long, and shown once. The log and the catalog know its SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidEventError, InvalidInputError, NotFoundError
from provgraph.events.clock import LATEST_US, now_us, parse_zoned, rfc3339
from provgraph.families.credential.events import (
    Grant,
    Right,
    credential_created,
    credential_revoked,
    in_order,
)
from provgraph.families.pem.events import event_id
from provgraph.lineage.times import read_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.catalog import Catalog, CatalogCredential
    from provgraph.eventlog import EventLog
    from provgraph.families.credential.events import Holder, Role

_TOKEN_BYTES = 32
_LONGEST_NAME = 200
_MOST_EMITTERS = 100


class IssuedCredential(NamedTuple):
    """A new credential with its token, which nobody can look up later."""

    id: str  # 32 hex digits
    name: str
    holder: Holder
    grant: Grant
    token: str


class Credentials:
    """The credentials of one log."""

    def __init__(self, log: EventLog, catalog: Catalog) -> None:
        self._log = log
        self._catalog = catalog

    def create(
        self, name: str, *, holder: Holder, grant: Grant, sender: str | None = None
    ) -> IssuedCredential:
        """
        Issue a credential. Several may have the same name, so that a token can be replaced without a gap.

        :param grant: what it allows, see `read_grant`
        :param sender: the id of the credential that asks for it
        :raises InvalidInputError: the name is empty or too long
        :raises StoreError: the log cannot be written
        """
        _check_text(name, what="name of a credential", field="name")
        # The beginning says what it is, to people and to programs that look for secrets where none should be.
        token = f"pg_{holder}_{secrets.token_urlsafe(_TOKEN_BYTES)}"
        created = credential_created(name, holder=holder, grant=grant, token_sha256=token_sha256(token))
        self._log.append([created.sent_by(sender)])
        return IssuedCredential(created.event_id, name, holder, grant, token)

    def list(self) -> list[CatalogCredential]:
        """Return every credential, revoked ones too, the oldest first."""
        return self._catalog.credentials()

    def revoke(self, credential_id: str, *, sender: str | None = None) -> CatalogCredential:
        """
        Take a credential back, and return it. Doing it again changes nothing.

        :param credential_id: in any spelling of a UUID
        :param sender: the id of the credential that asks for it
        :raises NotFoundError: there is no such credential
        :raises StoreError: the log cannot be written
        """
        credential = self._find(credential_id)
        if credential.revoked_at is None:
            self._log.append([credential_revoked(credential.id).sent_by(sender)])
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


def read_grant(
    *,
    role: Role | None = None,
    rights: Sequence[Right] = (),
    emitters: Sequence[str] = (),
    only: bool = False,
    expires: str | None = None,
    present_us: int | None = None,
) -> Grant:
    """
    Return what a credential is to allow, as people state it.

    :param role: a set of rights that has a name; either this or ``rights``
    :param emitters: patterns of those that it may speak for, see `provgraph.families.credential.emitters`; none: any
    :param only: they are reserved: only credentials that were issued with `only` for them may speak for them
    :param expires: a length of time from now on such as ``90d``, or an RFC 3339 time with its zone; None: never
    :param present_us: what now is; None: the present
    :raises InvalidInputError: it makes no sense; ``field`` says which part
    """
    if role is not None and rights:
        raise InvalidInputError("Name a role or rights, not both", field="rights", rule="one-of")
    if role is None and not rights:
        raise InvalidInputError("A credential needs a role or rights", field="role", rule="required")
    if only and not emitters:
        raise InvalidInputError(
            "`only` without emitters would reserve nothing: name the emitters that are to be reserved",
            field="emitters",
            rule="required",
        )
    allowed = in_order(rights) if role is None else role.rights
    if only and Right.WRITE not in allowed:
        raise InvalidInputError(
            "`only` reserves emitters for a credential that may not send, for it has not the right write: give it that "
            "right, or the role writer, or leave `only` out",
            field="only",
            rule="needs-write",
        )
    if len(emitters) > _MOST_EMITTERS:
        raise InvalidInputError(
            f"There are {len(emitters)} emitters, at most {_MOST_EMITTERS} are allowed: one with * stands for many",
            field="emitters",
            rule="length",
        )
    for pattern in emitters:
        _check_text(pattern, what="pattern of emitters", field="emitters")
    return Grant(
        allowed,
        tuple(dict.fromkeys(emitters)),
        only,
        None if expires is None else _expiry(expires, now_us() if present_us is None else present_us),
    )


def credential_fields(credential: CatalogCredential | IssuedCredential) -> dict[str, Any]:
    """Return a credential as the API and the command line show it: one set of names everywhere."""
    grant = credential.grant
    fields: dict[str, Any] = {
        "id": credential.id,
        "name": credential.name,
        "kind": credential.holder.value,
        "role": None if grant.role is None else grant.role.value,
        "rights": [str(right) for right in grant.rights],
        "emitters": list(grant.emitters),
        "only": grant.only,
        "expires_at": None if grant.expires_us is None else rfc3339(grant.expires_us),
    }
    if isinstance(credential, IssuedCredential):
        return {**fields, "token": credential.token}
    return {**fields, "created_at": credential.created_at, "revoked_at": credential.revoked_at}


def token_sha256(token: str) -> str:
    """Return what log and catalog know of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _expiry(stated: str, present_us: int) -> int:
    expires_us = _end_of_duration(stated, present_us)
    if expires_us is None:
        try:
            expires_us = parse_zoned(stated.strip(), field="expires")
        except InvalidEventError:
            raise InvalidInputError(
                f"expires is no length of time and no time: {stated[:40]!r}; write 90d (units s, m, h, d, w), or "
                "2027-01-31T12:00:00Z (RFC 3339, with its zone)",
                field="expires",
                rule="time",
            ) from None
    if not present_us < expires_us <= LATEST_US:
        raise InvalidInputError(
            f"expires={stated} is not in the future: it has to end later than now, and before the year 10000",
            field="expires",
            rule="future",
        )
    return expires_us


def _end_of_duration(stated: str, present_us: int) -> int | None:
    try:
        return present_us + read_duration(stated, field="expires")
    except InvalidInputError:
        return None


def _check_text(stated: str, *, what: str, field: str) -> None:
    if not stated.strip():
        raise InvalidInputError(f"The {what} is empty", field=field, rule="required")
    if len(stated) > _LONGEST_NAME:
        raise InvalidInputError(
            f"The {what} has {len(stated)} characters, at most {_LONGEST_NAME} are allowed",
            field=field,
            rule="length",
        )
