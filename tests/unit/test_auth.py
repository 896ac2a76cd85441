from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from starlette.requests import HTTPConnection

from provgraph.auth import PUC_HEADER, USER_HEADER, Authenticator, presented
from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import EmitterError, ForbiddenError, UnauthenticatedError
from provgraph.eventlog import SQLiteEventLog
from provgraph.families.credential.emitters import NOBODY, Sender
from provgraph.families.credential.events import Grant, Holder, Right, Role
from provgraph.operations.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.operations.credentials import IssuedCredential

# As many as the catalog's pool gives; one more waits.
_MOST_CONNECTIONS = 48
ROLES = [Role.READER, Role.WRITER, Role.ADMIN]
NEEDED = dict(zip(ROLES, [Right.READ, Right.WRITE, Right.ADMIN], strict=True))


class World:
    """A catalog with credentials, and a clock that stands still."""

    def __init__(self, log: SQLiteEventLog, catalog: SQLiteCatalog) -> None:
        self.catalog = catalog
        self.credentials = Credentials(log, catalog)
        self.now = 0.0
        self.present_us = 1_700_000_000_000_000

    def authenticator(self, *, required: bool = True, sending_requires: bool = True) -> Authenticator:
        return Authenticator(
            self.catalog,
            required=required,
            sending_requires=sending_requires,
            clock=lambda: self.now,
            present_us=lambda: self.present_us,
        )

    def token(self, role: Role = Role.READER, holder: Holder = Holder.USER) -> str:
        return self.credentials.create("ada", holder=holder, grant=Grant.of(role)).token


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "provgraph.db"
    with (
        closing(SQLiteCatalog(path)) as catalog,
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        yield World(log, catalog)


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    names = {"user": USER_HEADER, "puc": PUC_HEADER, "authorization": "Authorization"}
    return [(names[name].lower().encode(), value.encode()) for name, value in given.items()]


def request(**given: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": headers(**given)})


@pytest.mark.parametrize("held", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_a_role_may_do_what_the_ones_before_it_may(world: World, held: Role, needed: Role) -> None:
    asked = request(user=world.token(held))

    allowed = world.authenticator().allows(asked, NEEDED[needed])

    assert allowed is (ROLES.index(held) >= ROLES.index(needed))


def test_too_small_a_role_is_forbidden_and_told_what_is_needed(world: World) -> None:
    with pytest.raises(ForbiddenError, match=r"reader.*admin"):
        world.authenticator().require(request(user=world.token(Role.READER)), Right.ADMIN)


def test_a_request_without_a_credential_is_told_how_to_send_one(world: World) -> None:
    with pytest.raises(UnauthenticatedError, match=f"{USER_HEADER}.*{PUC_HEADER}.*Bearer"):
        world.authenticator().require(request(), Right.READ)


@pytest.mark.parametrize("header", ["user", "puc"])
def test_an_unknown_token_is_refused(world: World, header: str) -> None:
    with pytest.raises(UnauthenticatedError, match="not known"):
        world.authenticator().require(request(**{header: "made-up"}), Right.READ)


@pytest.mark.parametrize(
    ("holder", "header", "right"), [(Holder.USER, "puc", USER_HEADER), (Holder.PUC, "user", PUC_HEADER)]
)
def test_a_token_in_the_others_header_is_refused_and_sent_to_its_own(
    world: World, holder: Holder, header: str, right: str
) -> None:
    token = world.token(Role.ADMIN, holder)

    with pytest.raises(UnauthenticatedError, match=right):
        world.authenticator().require(request(**{header: token}), Right.READ)


@pytest.mark.parametrize("holder", Holder)
def test_a_bearer_may_be_anyone(world: World, holder: Holder) -> None:
    token = world.token(Role.READER, holder)

    world.authenticator().require(request(authorization=f"Bearer {token}"), Right.READ)


def test_the_users_header_wins_over_the_others(world: World) -> None:
    good = world.token(Role.ADMIN)

    world.authenticator().require(request(puc="wrong", user=good, authorization="Bearer wrong"), Right.ADMIN)


def test_another_scheme_is_nobodys_credential() -> None:
    assert presented(headers(authorization="Basic YTpi")) is None


def test_an_empty_header_is_no_credential() -> None:
    assert presented(headers(user="", authorization="Bearer x")) == ("x", None)


def test_without_required_credentials_even_a_wrong_one_passes(world: World) -> None:
    world.authenticator(required=False).require(request(user="wrong"), Right.ADMIN)


def test_sending_refuses_a_wrong_credential_even_where_none_is_needed(world: World) -> None:
    with pytest.raises(UnauthenticatedError):
        world.authenticator(sending_requires=False).require_to_send(headers(puc="wrong"))


@pytest.mark.parametrize("role", ROLES)
def test_sending_takes_any_good_credential_where_none_is_needed(world: World, role: Role) -> None:
    authenticator = world.authenticator(sending_requires=False)

    authenticator.require_to_send(headers(user=world.token(role)))
    authenticator.require_to_send(headers())


def test_sending_needs_a_writer_where_a_credential_is_needed(world: World) -> None:
    authenticator = world.authenticator()

    authenticator.require_to_send(headers(user=world.token(Role.WRITER)))
    with pytest.raises(ForbiddenError):
        authenticator.require_to_send(headers(user=world.token(Role.READER)))
    with pytest.raises(UnauthenticatedError):
        authenticator.require_to_send(headers())


def test_a_revoked_credential_is_refused_at_once_where_it_was_revoked(world: World) -> None:
    authenticator = world.authenticator()
    issued = world.credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.READER))
    authenticator.require(request(user=issued.token), Right.READ)

    world.credentials.revoke(issued.id)
    authenticator.forget()

    with pytest.raises(UnauthenticatedError):
        authenticator.require(request(user=issued.token), Right.READ)


def test_a_credential_revoked_elsewhere_is_refused_after_two_seconds(world: World) -> None:
    authenticator = world.authenticator()
    issued = world.credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.READER))
    authenticator.require(request(user=issued.token), Right.READ)

    world.credentials.revoke(issued.id)
    world.now = 2.0

    with pytest.raises(UnauthenticatedError):
        authenticator.require(request(user=issued.token), Right.READ)


def test_a_new_credential_works_at_once_even_if_it_was_tried_before(world: World) -> None:
    authenticator = world.authenticator()
    token = world.token()

    with pytest.raises(UnauthenticatedError):
        authenticator.require(request(user=token + "x"), Right.READ)
    authenticator.require(request(user=token), Right.READ)


def test_a_credential_is_found_while_readers_take_all_connections(world: World) -> None:
    token = world.token()
    pool = world.catalog._reading._engine.pool
    with ExitStack() as readers:
        for _ in range(_MOST_CONNECTIONS):
            readers.enter_context(closing(pool.connect()))

        world.authenticator().require(request(user=token), Right.READ)


def test_what_is_remembered_of_credentials_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.auth._REMEMBER_AT_MOST", 2)
    authenticator = world.authenticator()

    for _ in range(5):
        authenticator.require(request(user=world.token()), Right.READ)

    assert len(authenticator._remembered) <= 2


# Rights, emitters and the end of a credential


@pytest.mark.parametrize("right", Right)
def test_a_right_that_is_held_alone_gives_no_other(world: World, right: Right) -> None:
    token = world.credentials.create("ada", holder=Holder.USER, grant=Grant((right,))).token
    authenticator = world.authenticator()

    assert [needed for needed in Right if authenticator.allows(request(user=token), needed)] == [right]


def test_a_right_that_is_not_known_here_allows_nothing_and_is_named(world: World) -> None:
    issued = world.credentials.create("ada", holder=Holder.USER, grant=Grant(("seal", "x\ny")))
    authenticator = world.authenticator()

    assert not any(authenticator.allows(request(user=issued.token), right) for right in Right)
    with pytest.raises(ForbiddenError, match=r"has the rights \('seal', 'x_y'\), this needs the right read"):
        authenticator.require(request(user=issued.token), Right.READ)


def test_an_expired_credential_is_refused_from_its_moment_on_and_told_when_it_was(world: World) -> None:
    grant = Grant.of(Role.ADMIN)._replace(expires_us=1_800_000_000_000_000)
    token = world.credentials.create("ada", holder=Holder.USER, grant=grant).token
    authenticator = world.authenticator()
    world.present_us = 1_799_999_999_999_999
    authenticator.require(request(user=token), Right.ADMIN)

    world.present_us += 1

    with pytest.raises(UnauthenticatedError, match=r"'ada' expired at 2027-01-15T08:00:00.000000Z"):
        authenticator.require(request(user=token), Right.READ)
    with pytest.raises(UnauthenticatedError, match="expired"):
        world.authenticator(sending_requires=False).require_to_send(headers(user=token))


def test_whoever_sends_is_known_by_its_credential(world: World) -> None:
    issued = world.credentials.create("ada", holder=Holder.USER, grant=Grant(Role.WRITER.rights, ("a*",)))
    for authenticator in (world.authenticator(), world.authenticator(required=False, sending_requires=False)):
        sender = authenticator.require_to_send(headers(user=issued.token))

        assert (sender.id, sender.name, sender.emitters) == (issued.id, "ada", ("a*",))
        assert authenticator.sender(request(user=issued.token)) == sender


def test_nobody_sends_what_came_without_a_credential(world: World) -> None:
    authenticator = world.authenticator(required=False, sending_requires=False)

    assert authenticator.require_to_send(headers()) is NOBODY
    assert authenticator.sender(request()) is NOBODY


@pytest.mark.parametrize("required", [True, False])
def test_what_came_with_a_wrong_credential_is_not_recorded_as_nobodys(world: World, required: bool) -> None:
    with pytest.raises(UnauthenticatedError):
        world.authenticator(required=required, sending_requires=False).sender(request(user="wrong"))


def test_a_pattern_that_covers_more_does_not_open_what_another_credential_reserves(world: World) -> None:
    reserve(world)
    authenticator = world.authenticator()

    def bound(pattern: str, *, only: bool) -> Sender:
        grant = Grant(Role.WRITER.rights, (pattern,), only)
        token = world.credentials.create("ada", holder=Holder.USER, grant=grant).token
        authenticator.forget()
        return authenticator.require_to_send(headers(user=token))

    for refused in (bound("*", only=False), bound("loan-*", only=False)):
        with pytest.raises(EmitterError, match="reserved for credentials that were issued with `only`"):
            refused.check("loan-1")
    bound("*-1", only=True).check("loan-1")


def reserve(world: World, *, expires_us: int | None = None) -> IssuedCredential:
    grant = Grant(Role.WRITER.rights, ("loan-*",), only=True, expires_us=expires_us)
    return world.credentials.create("owner", holder=Holder.PUC, grant=grant)


def test_a_reservation_holds_for_everybody_but_those_who_are_bound(world: World) -> None:
    owner = reserve(world)
    authenticator = world.authenticator(sending_requires=False)

    authenticator.require_to_send(headers(puc=owner.token)).check("loan-x")
    for others in (headers(), headers(user=world.token(Role.ADMIN))):
        sender = authenticator.require_to_send(others)
        sender.check("card-x")
        with pytest.raises(EmitterError):
            sender.check("loan-x")


def test_a_reservation_outlives_its_credentials_expiry_but_not_its_revocation(world: World) -> None:
    owner = reserve(world, expires_us=1)
    authenticator = world.authenticator(sending_requires=False)
    with pytest.raises(UnauthenticatedError):
        authenticator.require_to_send(headers(puc=owner.token))
    with pytest.raises(EmitterError):
        authenticator.require_to_send(headers()).check("loan-x")

    world.credentials.revoke(owner.id)
    authenticator.forget()

    authenticator.require_to_send(headers()).check("loan-x")


def test_a_token_that_holds_a_reservation_is_replaced_without_a_gap(world: World) -> None:
    old, new = reserve(world), reserve(world)
    authenticator = world.authenticator()

    world.credentials.revoke(old.id)
    authenticator.forget()

    authenticator.require_to_send(headers(puc=new.token)).check("loan-x")
    with pytest.raises(EmitterError):
        authenticator.require_to_send(headers(user=world.token(Role.ADMIN))).check("loan-x")


def test_a_reservation_made_elsewhere_holds_after_two_seconds(world: World) -> None:
    authenticator = world.authenticator(sending_requires=False)
    assert authenticator.require_to_send(headers()) is NOBODY

    reserve(world)
    world.now = 2.0

    assert authenticator.require_to_send(headers()).reserved == ("loan-*",)


def test_reservations_are_not_looked_up_for_each_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def reservations() -> tuple[str, ...]:
        asked.append(1)
        return ()

    monkeypatch.setattr(world.catalog, "reservations", reservations)
    authenticator = world.authenticator(sending_requires=False)

    for _ in range(100):
        authenticator.require_to_send(headers())

    assert len(asked) == 1
