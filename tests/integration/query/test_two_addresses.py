"""Record Keeper's Query is at two addresses: its own, and the Receiver's."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

import pytest

from provgraph.cli.compose import build_app, opened
from provgraph.families.credential.events import Role
from provgraph.settings import read_settings
from tests.integration.serving import Client, pem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Served

_ID = "0" * 32
_OWN = "/query/"
_RECEIVERS = "/receiver/"


def calls(served: Served, beginning: str) -> set[tuple[str, str]]:
    """Return method and path of what the query service answers below an address; ids and the like are filled in."""
    routes = importlib.import_module("query.app").routes(served.services)
    return {
        (method, re.sub(r"\{rest:path\}", "bnM=/dGFn", re.sub(r"\{id\}", _ID, route.path))[len(beginning) :])
        for route in routes
        if route.path.startswith(beginning)
        for method in route.methods
    }


def test_everything_but_the_info_is_at_the_receivers_address_too(served: Served) -> None:
    own = calls(served, _OWN)

    assert len(own) > 20
    assert calls(served, _RECEIVERS) == {(method, path) for method, path in own if path != "info"}


def test_both_addresses_answer_the_same_to_everybody(secured: Served) -> None:
    everybody = [{}, *(secured.bearer(role) for role in (Role.READER, Role.WRITER, Role.ADMIN))]
    # What an admin's call changes would be another answer the second time.
    unchanging = sorted(call for call in calls(secured, _OWN) if call[1] != "info" and call[0] != "POST")

    for headers in everybody:
        for method, path in unchanging:
            here, there = (
                secured.client.request(method, f"{address}{path}", headers=headers)
                for address in (_OWN, _RECEIVERS)
            )
            assert (here.status_code, here.content) == (there.status_code, there.content), (method, path)


@pytest.mark.parametrize("path", ["clean", f"remove_unconnected_artifacts/{_ID}"])
def test_what_needs_an_admin_needs_one_at_the_receivers_address(secured: Served, path: str) -> None:
    def status(headers: dict[str, str]) -> int:
        return secured.client.post(f"{_RECEIVERS}{path}", content=b"{}", headers=headers).status_code

    assert [status({}), status(secured.bearer(Role.WRITER))] == [401, 403]
    assert status(secured.bearer(Role.ADMIN)) in {200, 404}


def test_a_question_for_a_pem_without_an_id_is_no_success(served: Served) -> None:
    served.send()

    assert served.client.get("/receiver/pem").status_code == 405
    assert served.client.get("/receiver/pem/").status_code == 404


def test_the_receivers_own_calls_are_not_taken_away(served: Served) -> None:
    sent = pem(Tag="t", TagNamespace="ns")

    assert served.client.post("/receiver/pem", json=sent).status_code == 200
    assert "pem_size_limit" in served.client.get("/receiver/info").json()
    assert served.client.post(f"/receiver/tag/bnM=/bmV3/{sent['ID']}", content=b"").status_code == 200
    assert served.client.get("/receiver/tag/bnM=/bmV3").text == sent["ID"]


def test_a_receiver_alone_has_no_questions(tmp_path: Path) -> None:
    with opened(read_settings(data_dir=tmp_path)) as services:
        client = Client(build_app(services, ("receiver",)))

        assert client.get("/receiver/pems").status_code == 404
        assert client.get("/receiver/pem").status_code == 405
