"""Credentials: who may do what. The token itself is shown once and never stored, only its SHA-256."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event


class Role(StrEnum):
    """What a credential may do; each role may do what the ones before it may."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


class Holder(StrEnum):
    """Who holds a credential, in Record Keeper's words: a person, or a platform utility component."""

    USER = "user"
    PUC = "puc"


class CredentialCreated(NamedTuple):
    """A credential was issued."""

    credential_id: str  # 32 hex digits
    name: str
    holder: Holder
    role: Role
    token_sha256: str  # hex


class CredentialRevoked(NamedTuple):
    """A credential was taken back."""

    credential_id: str


def credential_created(name: str, *, holder: Holder, role: Role, token_sha256: str) -> NewEvent:
    """Return the event that issues a credential under a new id (the event's id is the credential's)."""
    id_ = uuid.uuid4().hex
    content = CredentialCreated(id_, name, holder, role, token_sha256)
    fields = {"Name": name, "Kind": holder.value, "Role": role.value, "TokenSHA256": token_sha256}
    return event(Kind.CREDENTIAL_CREATED, id_, content, fields)


def credential_revoked(credential_id: str) -> NewEvent:
    """Return the event that takes a credential back."""
    content = CredentialRevoked(credential_id)
    return event(Kind.CREDENTIAL_REVOKED, uuid.uuid4().hex, content, {"CredentialID": credential_id})


def read_created(event_id: str, payload: bytes) -> CredentialCreated:
    """Return the credential in a stored payload."""
    fields = orjson.loads(payload)
    return CredentialCreated(
        event_id, fields["Name"], Holder(fields["Kind"]), Role(fields["Role"]), fields["TokenSHA256"]
    )


def read_revoked(payload: bytes) -> CredentialRevoked:
    """Return the revocation in a stored payload."""
    return CredentialRevoked(orjson.loads(payload)["CredentialID"])
