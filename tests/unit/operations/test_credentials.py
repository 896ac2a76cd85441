"""Credentials."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.events import Grant, Holder, Role
from provgraph.operations.credentials import Credentials

if TYPE_CHECKING:
    from tests.unit.operations.stores import Stores


@pytest.fixture
def credentials(stores: Stores) -> Credentials:
    return Credentials(stores.log, stores.catalog)


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_an_issued_token_is_known_by_its_hash_alone(stores: Stores, credentials: Credentials) -> None:
    issued = credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.WRITER))

    known = stores.catalog.credential(sha256(issued.token))
    assert known is not None
    assert (known.id, known.name, known.holder, known.grant.role) == (
        issued.id,
        "ada",
        Holder.USER,
        Role.WRITER,
    )
    assert all(issued.token.encode() not in event.payload for event in stores.log.read())


def test_two_credentials_of_one_name_have_different_tokens(credentials: Credentials) -> None:
    first, second = (
        credentials.create("ci", holder=Holder.PUC, grant=Grant.of(Role.WRITER)) for _ in range(2)
    )

    assert first.token != second.token
    assert {credential.id for credential in credentials.list()} == {first.id, second.id}


def test_a_revoked_token_is_not_known_any_more(stores: Stores, credentials: Credentials) -> None:
    issued = credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.WRITER))

    revoked = credentials.revoke(str(uuid.UUID(issued.id)))

    assert revoked.revoked_at is not None
    assert stores.catalog.credential(sha256(issued.token)) is None


def test_revoking_again_changes_nothing(stores: Stores, credentials: Credentials) -> None:
    issued = credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.WRITER))
    first = credentials.revoke(issued.id)
    head = stores.log.head()

    assert credentials.revoke(issued.id) == first
    assert stores.log.head() == head


@pytest.mark.parametrize("unknown", ["5273a98bb2a548839bd3ee7ee466ea03", "no-id", ""])
def test_an_unknown_credential_cannot_be_revoked(credentials: Credentials, unknown: str) -> None:
    with pytest.raises(NotFoundError):
        credentials.revoke(unknown)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_name_that_says_nothing_is_refused(credentials: Credentials, name: str) -> None:
    with pytest.raises(InvalidInputError):
        credentials.create(name, holder=Holder.USER, grant=Grant.of(Role.READER))
