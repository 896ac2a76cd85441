"""Credentials: who may do what. The token itself is shown once and never stored, only its SHA-256."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event, texts
from provgraph.events.clock import parse_time, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

CREDENTIAL_CREATED = Kind("credential.created")
CREDENTIAL_REVOKED = Kind("credential.revoked")


class Right(StrEnum):
    """One thing that a credential may do. The values are stored, and always in this order: never change one."""

    READ = "read"
    WRITE = "write"
    CYPHER = "cypher"
    APPROVE = "approve"
    ADMIN = "admin"


class Role(StrEnum):
    """A set of rights that has a name; each role may do what the ones before it may."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"

    @property
    def rights(self) -> tuple[Right, ...]:
        """What it stands for."""
        return _RIGHTS[self]


# What events of before say by their role: never change one.
_RIGHTS = {
    Role.READER: (Right.READ,),
    Role.WRITER: (Right.READ, Right.WRITE),
    Role.ADMIN: tuple(Right),
}


class Holder(StrEnum):
    """Who holds a credential, in Record Keeper's words: a person, or a platform utility component."""

    USER = "user"
    PUC = "puc"


class Grant(NamedTuple):
    """What a credential allows."""

    rights: tuple[
        str, ...
    ]  # in their order, each once; those that a newer provgraph stored allow nothing here
    emitters: tuple[str, ...] = ()  # patterns of those that it may speak for; empty: any
    only: bool = False  # they are reserved for the credentials that were issued with it
    expires_us: int | None = None  # it is worth nothing from then on; None: never

    @classmethod
    def of(cls, role: Role) -> Grant:
        """Return what a role allows, for any emitter and for ever."""
        return cls(role.rights)

    @property
    def role(self) -> Role | None:
        """The role that has exactly these rights, None when there is none."""
        return next((role for role in Role if role.rights == self.rights), None)


class CredentialCreated(NamedTuple):
    """A credential was issued."""

    credential_id: str  # 32 hex digits
    name: str
    holder: Holder
    grant: Grant
    token_sha256: str  # hex


class CredentialRevoked(NamedTuple):
    """A credential was taken back."""

    credential_id: str


def in_order(rights: Iterable[str]) -> tuple[str, ...]:
    """Return rights as they are stored: in their order, each once; after them those that are not known here."""
    wanted = dict.fromkeys(rights)
    known = [right for right in Right if right in wanted]
    return (*known, *(right for right in wanted if right not in known))


def credential_created(
    name: str, *, holder: Holder, grant: Grant, token_sha256: str
) -> NewEvent[CredentialCreated]:
    """Return the event that issues a credential under a new id (the event's id is the credential's)."""
    id_ = uuid.uuid4().hex
    fields: dict[str, Any] = {"Name": name, "Kind": holder.value, "Rights": [*grant.rights]}
    if grant.emitters:
        fields["Emitters"] = [*grant.emitters]
    if grant.only:
        fields["Only"] = True
    if grant.expires_us is not None:
        fields["ExpiresAt"] = rfc3339(grant.expires_us)
    fields["TokenSHA256"] = token_sha256
    content = CredentialCreated(id_, name, holder, grant, token_sha256)
    return event(CREDENTIAL_CREATED, id_, content, fields)


def credential_revoked(credential_id: str) -> NewEvent[CredentialRevoked]:
    """Return the event that takes a credential back."""
    content = CredentialRevoked(credential_id)
    return event(CREDENTIAL_REVOKED, uuid.uuid4().hex, content, {"CredentialID": credential_id})


def read_created(event_id: str, payload: bytes) -> CredentialCreated:
    """Return the credential in a stored payload. The first ones named a role instead of rights."""
    fields = orjson.loads(payload)
    expires = fields.get("ExpiresAt")
    grant = Grant(
        in_order(texts(fields["Rights"])) if "Rights" in fields else Role(fields["Role"]).rights,
        texts(fields.get("Emitters", [])),
        fields.get("Only", False),
        None if expires is None else parse_time(expires, field="ExpiresAt"),
    )
    return CredentialCreated(event_id, fields["Name"], Holder(fields["Kind"]), grant, fields["TokenSHA256"])


def read_revoked(payload: bytes) -> CredentialRevoked:
    """Return the revocation in a stored payload."""
    return CredentialRevoked(orjson.loads(payload)["CredentialID"])
