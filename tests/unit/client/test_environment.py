from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from provgraph.client import (
    AsyncClient,
    Client,
    ConsoleDelivery,
    FileDelivery,
    NoopDelivery,
    SpoolDelivery,
    environment,
)
from provgraph.errors import SettingsError
from provgraph.settings import unknown_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_without_variables_events_go_to_the_default_address() -> None:
    assert environment.read({}) == ({}, None)


def test_the_variables_are_the_clients_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "URL": "http://service.test",
        "TOKEN": "secret",
        "EMITTER": "trainer",
        "TIMEOUT_SECONDS": "2.5",
        "PEM_SIZE_LIMIT": "5000",
        "TRANSPORT": "noop",
    }.items():
        monkeypatch.setenv(f"PROVGRAPH_{name}", value)

    with Client.from_environment(emitter="other") as client:
        assert (client.url, client.emitter, client.size_limit) == ("http://service.test", "other", 5_000)
        assert client.send_pem(client.prepare_pem("x")).verdict == "dropped"


def test_the_client_for_loops_reads_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RK_MOCK", "true")

    async def run() -> str:
        async with AsyncClient.from_environment(emitter="x") as client:
            return (await client.send_pem(client.prepare_pem("x"))).verdict

    assert asyncio.run(run()) == "dropped"


@pytest.mark.parametrize("word", ["true", "True", "TRUE"])
def test_record_keepers_switch_makes_it_a_mock_whatever_else_is_said(word: str) -> None:
    described = environment.read({"RK_MOCK": word, "PROVGRAPH_TRANSPORT": "spool"})

    assert isinstance(described.delivery, NoopDelivery)


@pytest.mark.parametrize("word", ["1", "yes", "", "false"])
def test_no_other_word_makes_it_a_mock(word: str) -> None:
    assert environment.read({"RK_MOCK": word}).delivery is None


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"PROVGRAPH_TRANSPORT": "http"}, type(None)),
        ({"PROVGRAPH_TRANSPORT": ""}, type(None)),
        ({"PROVGRAPH_TRANSPORT": "console"}, ConsoleDelivery),
        ({"PROVGRAPH_TRANSPORT": "noop"}, NoopDelivery),
        ({"PROVGRAPH_TRANSPORT": "file", "PROVGRAPH_FILE": "x"}, FileDelivery),
        ({"PROVGRAPH_TRANSPORT": "spool", "PROVGRAPH_SPOOL": "x"}, SpoolDelivery),
    ],
)
def test_the_transport_is_chosen_by_name(variables: dict[str, str], kind: type) -> None:
    assert isinstance(environment.read(variables).delivery, kind)


def test_the_bounds_of_a_spool_can_be_set(tmp_path: Path) -> None:
    delivery = environment.read(
        {
            "PROVGRAPH_TRANSPORT": "spool",
            "PROVGRAPH_SPOOL": str(tmp_path / "s"),
            "PROVGRAPH_SPOOL_MAX_EVENTS": "7",
            "PROVGRAPH_SPOOL_MAX_BYTES": "900",
        }
    ).delivery

    assert isinstance(delivery, SpoolDelivery)
    assert (delivery.spool.max_events, delivery.spool.max_bytes) == (7, 900)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PROVGRAPH_TRANSPORT": "pigeon"}, "PROVGRAPH_TRANSPORT"),
        ({"PROVGRAPH_TRANSPORT": "spool"}, "PROVGRAPH_SPOOL"),
        ({"PROVGRAPH_TRANSPORT": "file"}, "PROVGRAPH_FILE"),
        ({"PROVGRAPH_TIMEOUT_SECONDS": "soon"}, "PROVGRAPH_TIMEOUT_SECONDS"),
        ({"PROVGRAPH_TIMEOUT_SECONDS": "0"}, "PROVGRAPH_TIMEOUT_SECONDS"),
        ({"PROVGRAPH_PEM_SIZE_LIMIT": "-1"}, "PROVGRAPH_PEM_SIZE_LIMIT"),
        (
            {
                "PROVGRAPH_TRANSPORT": "spool",
                "PROVGRAPH_SPOOL": "x",
                "PROVGRAPH_SPOOL_MAX_EVENTS": "many",
            },
            "PROVGRAPH_SPOOL_MAX_EVENTS",
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        environment.read(variables)


def test_the_service_does_not_take_the_clients_variables_for_typos() -> None:
    assert unknown_settings({f"PROVGRAPH_{name}": "x" for name in ("TRANSPORT", "SPOOL", "EMITTER")}) == []
