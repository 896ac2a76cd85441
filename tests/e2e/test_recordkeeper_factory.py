"""`RKClientFactory` of Record Keeper's client, and of what takes its place: a client that works, or a mock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.builders import unique
from tests.e2e.clients import sent

if TYPE_CHECKING:
    from tests.e2e.clients import Clients, Door


def test_the_factory_gives_a_client_that_works(door: Door) -> None:
    writer = door.credentials.get("writer", {})
    receiver = door.library.RKClientFactory.get(f"{door.url}/receiver", unique(), **writer)

    assert type(receiver) is door.library.RKClient
    assert receiver.send_pem(receiver.prepare_pem("from the factory")) == ("OK", True)


@pytest.mark.parametrize("value", ["1", "yes", "false", ""])
def test_the_factory_takes_nothing_but_true_for_a_wish_to_mock(
    library: Any, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RK_MOCK", value)

    assert type(library.RKClientFactory.get("http://127.0.0.1:9", "emitter")) is library.RKClient


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_the_factorys_mock_needs_no_service(
    library: Any, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RK_MOCK", value)

    mock = library.RKClientFactory.get("http://127.0.0.1:9", "emitter")
    pem = mock.prepare_pem("pretended")

    assert (pem.Emitter, pem.Tag, pem.TagNamespace) == ("mock-client", "", "")
    assert [answer[1] for answer in (mock.send_pem(pem), mock.set_tag("a", "b", pem), mock.get_info())] == [
        True
    ] * 3


def test_a_pem_prepared_by_the_mock_is_accepted_and_sets_no_tag(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RK_MOCK", "true")
    pem = clients.library.RKClientFactory.get("http://127.0.0.1:9", "emitter").prepare_pem("pretended")
    tags = clients.query.get_tags_count()

    sent(clients, pem)

    assert clients.query.get_pem(pem.ID.hex)[2]
    assert clients.query.get_tags_count() == tags
