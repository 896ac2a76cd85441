"""
Credentials that are bound to emitters, with the programs that send: Record Keeper's own client, the native batch, ours.

The credentials are made on the command line, on the folder and through the service.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import rkclient

from provgraph.client import Client, SpoolDelivery
from provgraph.client.recordkeeper import RKClient
from tests.e2e.builders import pem, tag_path, unique
from tests.e2e.clients import TIMEOUT_SECONDS
from tests.e2e.pairs import log_side
from tests.e2e.service import Service, command, create_credential
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = log_side


class Place(NamedTuple):
    """A service where sending is open, and one program owns the emitters ``loan-*``."""

    url: str
    first: str  # an admin's token
    owner: str  # a program's


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("emitters") / "data"
    first = create_credential(folder, name="first admin", kind="user", role="admin")["token"]
    settings = {"PROVGRAPH_AUTH_REQUIRED": "true", "PROVGRAPH_PEM_AUTH_REQUIRED": "false"}
    with Service(folder, settings=settings) as started:
        owner = issue(
            started.url, first, "--name", "loans", "--role", "writer", "--emitter", "loan-*", "--only"
        )
        yield Place(started.url, first, owner)


def issue(url: str, admin: str, *options: str) -> str:
    """Issue a program's credential through a service, and return its token."""
    done = command(
        *("admin", "credential", "create", "--url", url, "--token", admin, "--kind", "puc", "--json"),
        *options,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["token"])


def bearing(url: str, token: str) -> Wire:
    """Return a way to call with a token."""
    return Wire(url, {"Authorization": f"Bearer {token}"})


def recordkeeper(place: Place, library: Any, emitter: str, token: str | None) -> Any:
    """Return Record Keeper's client for an emitter."""
    options = {} if token is None else {"puc_auth": token}
    return library(f"{place.url}/receiver/", emitter, timeout_sec=TIMEOUT_SECONDS, **options)


@pytest.mark.parametrize("library", [rkclient.RKClient, RKClient], ids=["rkclient", "facade"])
def test_record_keepers_client_is_told_which_emitters_are_not_its_own(place: Place, library: Any) -> None:
    owner = recordkeeper(place, library, "loan-scoring", place.owner)
    stranger = recordkeeper(place, library, "loan-scoring", None)
    beside = recordkeeper(place, library, "cards", place.owner)

    mine = owner.prepare_pem("train")
    assert owner.send_pem(mine) == ("OK", True)
    reserved, refused = stranger.send_pem(stranger.prepare_pem("train"))
    bound, also_refused = beside.send_pem(beside.prepare_pem("train"))

    assert (refused, also_refused) == (False, False)
    assert "'loan-scoring' is reserved" in reserved
    assert "may speak for 'loan-*'" in bound


def test_in_a_batch_the_other_events_go_in(place: Place) -> None:
    sent = [pem(Emitter=emitter) for emitter in ("cards", "loan-x", "Loan-x")]

    answer = Wire(place.url).post_json("/api/v1/events", sent).json()

    assert [one["verdict"] for one in answer["results"]] == ["accepted", "invalid", "accepted"]
    refused = answer["results"][1]
    assert (refused["field"], refused["rule"], "reserved" in refused["detail"]) == (
        "Emitter",
        "emitter",
        True,
    )


def test_the_spool_keeps_what_was_refused_and_says_so(place: Place, tmp_path: Path) -> None:
    delivery = SpoolDelivery(tmp_path / "spool.db")
    with Client(place.url, token=place.owner, emitter="loan-scoring", delivery=delivery) as client:
        mine = client.prepare_pem("train")
        others = client.prepare_pem("train", emitter="cards")
        client.send_pems([mine, others])
        foreign = pem(Emitter="cards")
        assert Wire(place.url).send(foreign).ok
        client.set_tag("prod", "current", foreign["ID"])
        client.set_tag("prod", "current", mine)
        flushed = client.flush(timeout_seconds=60)
        kept = delivery.spool.refused()

    assert (flushed.delivered, flushed.refused, flushed.left) == (2, 2, 0)
    assert [(one.id, one.rule) for one in kept] == [(others.id, "emitter"), (foreign["ID"], "emitter")]
    assert all("may speak for 'loan-*'" in str(one.detail) for one in kept)
    assert bearing(place.url, place.first).get(f"/query/tag/{tag_path('prod', 'current')}").text == mine.id


def test_what_was_refused_is_handed_in_again_and_waited_for(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    refusing = SpoolDelivery(path)
    with Client(place.url, emitter="loan-scoring", delivery=refusing) as client:
        event = client.prepare_pem("train")
        client.send_pem(event)
        assert client.flush(timeout_seconds=60).refused == 1

    delivery = SpoolDelivery(path)
    with Client(place.url, token=place.owner, emitter="loan-scoring", delivery=delivery) as client:
        assert delivery.requeue_refused() == 1
        client.set_tag("prod", "again", event)
        flushed = client.flush(timeout_seconds=60)

    assert (flushed.delivered, flushed.refused, flushed.left, flushed.waiting) == (2, 0, 0, 0)
    assert bearing(place.url, place.first).get(f"/query/tag/{tag_path('prod', 'again')}").text == event.id


def test_an_admin_right_does_not_override_a_reservation(place: Place) -> None:
    assert bearing(place.url, place.first).send(pem(Emitter="loan-x")).status == 403


def test_an_expired_credential_is_told_when_it_expired_and_its_emitters_stay_reserved(place: Place) -> None:
    emitter = unique("short-")
    token = issue(
        *(place.url, place.first, "--name", "short"),
        *("--role", "writer", "--emitter", emitter, "--only", "--expires", "1s"),
    )
    holder = bearing(place.url, token)
    assert eventually(lambda: holder.send(pem(Emitter=emitter)).status == 401)

    assert "expired at 20" in holder.send(pem(Emitter=emitter)).text
    assert Wire(place.url).send(pem(Emitter=emitter)).status == 403
    listed = command("admin", "credential", "list", "--url", place.url, "--token", place.first).stdout
    assert f"speaks for {emitter} (only)" in listed
    assert "expired 20" in listed
    assert max(map(len, listed.splitlines())) <= 100
