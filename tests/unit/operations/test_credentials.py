"""Credentials."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.families.credential.events import Grant, Holder, Right, Role
from provgraph.operations.credentials import Credentials, credential_fields, read_grant

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


def test_an_empty_end_is_refused_and_not_taken_for_none() -> None:
    with pytest.raises(InvalidInputError, match="expires is no length of time and no time: ''"):
        read_grant(role=Role.READER, expires="")


@pytest.mark.parametrize("held", [{"role": Role.READER}, {"rights": [Right.READ, Right.ADMIN]}])
def test_emitters_are_not_reserved_for_a_credential_that_may_not_send(held: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="has not the right write") as caught:
        read_grant(**held, emitters=["loan-*"], only=True)

    assert caught.value.members == {"field": "only", "rule": "needs-write"}
    assert read_grant(**held, emitters=["loan-*"]).emitters == ("loan-*",)


# What a credential is to allow

NOW_US = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z


@pytest.mark.parametrize("role", Role)
def test_a_role_is_a_set_of_rights(role: Role) -> None:
    grant = read_grant(role=role)

    assert (grant, grant.role) == (Grant(role.rights), role)
    assert read_grant(rights=[*reversed(role.rights), *role.rights]) == grant


def test_rights_that_no_role_has_are_no_role() -> None:
    grant = read_grant(rights=[Right.APPROVE, Right.READ])

    assert (grant.rights, grant.role) == ((Right.READ, Right.APPROVE), None)


@pytest.mark.parametrize(
    ("stated", "expected_us"),
    [
        ("90d", NOW_US + 90 * 86_400_000_000),
        ("1d12h", NOW_US + 36 * 3_600_000_000),
        ("30s", NOW_US + 30_000_000),
        ("15m", NOW_US + 900_000_000),
        ("2w", NOW_US + 14 * 86_400_000_000),
        ("2027-01-15T08:00:01Z", NOW_US + 1_000_000),
        ("2027-01-15T10:00:00.5+01:00", NOW_US + 3_600_500_000),
    ],
)
def test_an_end_is_a_length_of_time_or_a_time(stated: str, expected_us: int) -> None:
    assert read_grant(role=Role.READER, expires=stated, present_us=NOW_US).expires_us == expected_us


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "role"),
        ({"role": Role.READER, "rights": [Right.READ]}, "rights"),
        ({"role": Role.READER, "only": True}, "emitters"),
        ({"role": Role.READER, "emitters": [" "]}, "emitters"),
        ({"role": Role.READER, "emitters": ["x" * 201]}, "emitters"),
        ({"role": Role.READER, "emitters": [str(number) for number in range(101)]}, "emitters"),
        *(
            ({"role": Role.READER, "expires": stated}, "expires")
            for stated in ("", "soon", "90", "0d", "2027-01-15T08:00:00Z", "2026-01-01T00:00:00Z")
        ),
        ({"role": Role.READER, "expires": "2028-01-01T00:00:00"}, "expires"),  # without a zone
        ({"role": Role.READER, "expires": "999999999w"}, "expires"),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_which_part(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_grant(**asked, present_us=NOW_US)

    assert caught.value.field == field


def test_a_pattern_counts_once() -> None:
    assert read_grant(role=Role.WRITER, emitters=["b", "a*", "b"]).emitters == ("b", "a*")


def test_a_credential_is_shown_with_all_that_it_allows(stores: Stores, credentials: Credentials) -> None:
    grant = read_grant(rights=[Right.WRITE], emitters=["loan-*"], only=True, expires="1d", present_us=NOW_US)
    issued = credentials.create("loans", holder=Holder.PUC, grant=grant, sender="ab" * 16)

    (listed,) = map(credential_fields, credentials.list())
    shown = {
        "id": issued.id,
        "name": "loans",
        "kind": "puc",
        "role": None,
        "rights": ["write"],
        "emitters": ["loan-*"],
        "only": True,
        "expires_at": "2027-01-16T08:00:00.000000Z",
    }
    assert credential_fields(issued) == {**shown, "token": issued.token}
    assert listed == {**shown, "created_at": listed["created_at"], "revoked_at": None}
    assert stores.log.read()[-1].sender == "ab" * 16
