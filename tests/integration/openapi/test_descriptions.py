"""The services describe themselves: validly, in full, and as they really answer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from openapi_spec_validator import validate

from provgraph.cli.compose import build_app
from provgraph.cli.parts import PARTS
from provgraph.families.credential.events import Role
from provgraph.http import probes
from tests.deployment.calls import templates
from tests.integration.openapi.described import Description, lacking
from tests.integration.openapi.exchanges import exchanged, filled
from tests.integration.serving import Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.routing import BaseRoute

    from tests.integration.openapi.described import Operation
    from tests.integration.openapi.exchanges import Exchange
    from tests.integration.serving import Served

_DOCUMENTS = (("/openapi.json", ""), ("/admin/openapi.json", "/admin"))


class Platform(NamedTuple):
    """All services with what they answered, and their descriptions."""

    served: Served
    exchanges: list[Exchange]
    descriptions: list[Description]

    def operations(self) -> Iterator[tuple[Description, Operation]]:
        """Yield all operations with their descriptions."""
        for description in self.descriptions:
            yield from ((description, operation) for operation in description.operations())


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """All services, asking for credentials, after each of their operations was called."""
    with exchanged(tmp_path_factory.mktemp("platform")) as (served, exchanges):
        descriptions = [
            Description(served.client.get(path).json(), prefix=prefix) for path, prefix in _DOCUMENTS
        ]
        yield Platform(served, exchanges, descriptions)


def test_the_descriptions_are_valid(platform: Platform) -> None:
    for description in platform.descriptions:
        validate(description.document)


@pytest.mark.parametrize("part", PARTS)
def test_each_service_alone_describes_itself_validly_and_nothing_else(platform: Platform, part: str) -> None:
    services = platform.served.services
    alone = Client(build_app(services, [part]))
    documents = _DOCUMENTS if part == "admin" else _DOCUMENTS[:1]
    descriptions = [Description(alone.get(path).json(), prefix=prefix) for path, prefix in documents]

    for description in descriptions:
        validate(description.document)
    own = [*importlib.import_module(f"{part}.app").routes(services), *probes.routes(services)]
    described = {operation.name for each in descriptions for operation in each.operations()}
    assert described == set(_operations(own))


def test_nothing_is_lacking_of_any_operation(platform: Platform) -> None:
    faults = [
        f"{operation.name} lacks {what}"
        for description, operation in platform.operations()
        for what in lacking(description, operation)
    ]

    assert not faults, "\n".join(faults)


def test_every_route_is_described(platform: Platform) -> None:
    services = platform.served.services
    routes = [route for part in PARTS for route in importlib.import_module(f"{part}.app").routes(services)]
    described = {operation.name for _, operation in platform.operations()}

    assert described == set(_operations([*routes, *probes.routes(services)]))


def test_every_operation_has_a_name_of_its_own(platform: Platform) -> None:
    names = [operation.spec["operationId"] for _, operation in platform.operations()]

    assert len(set(names)) == len(names)
    assert {"post_events", "get_why", "get_state", "post_receiver_pem", "post_admin_verify"} <= set(names)


def test_every_example_is_what_its_schema_says(platform: Platform) -> None:
    faults = []
    for description, operation in platform.operations():
        bodies = operation.spec.get("requestBody", {}).get("content", {}).items()
        contents = [*description.contents(operation), *(("body", *each) for each in bodies)]
        faults += [
            f"{operation.name} {status} {media_type}: {fault}"
            for status, media_type, content in contents
            for fault in description.faults(content["schema"], content["example"], is_strict=True)
        ]

    assert not faults, "\n".join(faults)


def test_every_answer_is_what_its_schema_says_and_has_no_further_member(platform: Platform) -> None:
    known = {operation.name: (description, operation) for description, operation in platform.operations()}
    faults = []
    for exchange in platform.exchanges:
        description, operation = known[f"{exchange.method} {exchange.path}"]
        schemas = {
            (status, media_type): content["schema"]
            for status, media_type, content in description.contents(operation)
        }
        schema = schemas.get((exchange.status, exchange.media_type))
        if schema is None:
            faults.append(f"{operation.name} answers {exchange.status} {exchange.media_type}")
            continue
        for value in () if exchange.is_in_a_format else exchange.values():
            found = description.faults(schema, value, is_strict=True)
            faults += [f"{operation.name}: {fault}" for fault in found]

    assert not faults, "\n".join(faults)
    assert {f"{each.method} {each.path}" for each in platform.exchanges} == known.keys()


def test_who_may_not_is_refused_as_described(platform: Platform) -> None:
    reader = platform.served.bearer(Role.READER, name="reader")
    faults = []
    for description, operation in platform.operations():
        needed = [right for one in operation.spec["security"] for right in one.get("bearer", ())]
        asked: list[tuple[dict[str, str], int | None]] = [({}, 401 if operation.spec["security"] else None)]
        # What a document of GraphQL needs is known when it is read.
        if needed != ["read"]:
            asked.append((reader, 403 if needed else None))
        for headers, expected in asked:
            answer = platform.served.client.request(operation.method, filled(operation.path), headers=headers)
            if expected is None:
                if answer.status_code in (401, 403) and operation.path not in _LOGINS:
                    faults.append(f"{operation.name} is not open: {answer.status_code}")
                continue
            if answer.status_code != expected:
                faults.append(f"{operation.name} answers {answer.status_code}, not {expected}")
                continue
            media_type = answer.headers["content-type"].partition(";")[0]
            (content,) = [
                content
                for status, stated, content in description.contents(operation)
                if (status, stated) == (str(expected), media_type)
            ]
            told = answer.json() if media_type.endswith("json") else answer.text
            faults += description.faults(content["schema"], told)

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"x": 1, "query": 2}', b"\xff"])
def test_what_is_refused_is_refused_as_described(platform: Platform, content: bytes) -> None:
    admin = platform.served.bearer(Role.ADMIN, name="another")
    faults = []
    for description, operation in platform.operations():
        if operation.method != "GET" and "requestBody" not in operation.spec:
            continue  # it would do what it is for
        if operation.method == "GET":
            asked = f"?unknown=%FF&{quote(content)}=1" if content else ""
            target, body = f"{filled(operation.path)}{asked}", None
        else:
            target, body = filled(operation.path), content
        answer = platform.served.client.request(operation.method, target, content=body, headers=admin)
        media_type = answer.headers["content-type"].partition(";")[0]
        schemas = [
            each["schema"]
            for status, stated, each in description.contents(operation)
            if (status, stated) == (str(answer.status_code), media_type)
        ]
        if not schemas:
            faults.append(f"{operation.name} answers {answer.status_code} {media_type}: {answer.text[:80]}")
        elif answer.status_code >= 400:
            told = answer.json() if media_type.endswith("json") else answer.text
            found = description.faults(schemas[0], told, is_strict=True)
            faults += [f"{operation.name}: {fault}" for fault in found]

    assert not faults, "\n".join(faults)


# They state a credential in the body, or any that is known.
_LOGINS = {"/api/auth/login", "/api/auth/refresh"}


def test_shared_schemas_are_referenced(platform: Platform) -> None:
    for description in platform.descriptions:
        for operation in description.operations():
            for _, media_type, content in description.contents(operation):
                if media_type.endswith("json"):
                    assert "properties" not in content["schema"], operation.name


def _operations(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Yield method and path of each route, and of those that are mounted, as descriptions write them."""
    for template in templates(routes):
        if not template.path.endswith("/openapi.json"):
            path = template.path.replace(":path}", "}")
            yield from (f"{method} {path}" for method in template.methods - {"HEAD"})
