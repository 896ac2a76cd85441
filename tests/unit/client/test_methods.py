"""What the descriptors of a client's methods show, and how they may be called."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from provgraph.client import Client, calls
from provgraph.client.tracking import Node


def _client() -> Client:
    answers = {"/query/pems_count": {"pems_count": 3}}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, json=answers.get(request.url.path, {}))
    )
    return Client("http://service.test", transport=transport)


def _described(method: Any) -> tuple[str, str | None, list[str]]:
    return method.__name__, method.__doc__, list(inspect.signature(method).parameters)


def test_a_method_has_the_name_the_description_and_the_parameters_of_its_function() -> None:
    with _client() as client:
        method = client.get_pems

    assert _described(method) == _described(calls.get_pems)
    assert Client.get_pems.__doc__ == calls.get_pems.__doc__


def test_a_method_of_a_part_has_them_too() -> None:
    with _client() as client:
        method = client.tracking.create("Device", name="A").save

    name, description, parameters = _described(method)

    assert name == "save"
    assert description is not None
    assert description.strip().startswith("Save it")
    assert parameters == ["allow_upsert", "update_group_context"]


def test_a_method_can_be_called_on_its_class() -> None:
    with _client() as client:
        assert Client.pems_count(client) == client.pems_count() == 3


def test_a_method_of_a_part_can_be_called_on_its_class() -> None:
    with _client() as client:
        node = client.tracking.create("Device", name="A", loss=float("nan"))

        with pytest.raises(ValueError, match="loss cannot be sent"):
            Node.save(node)
