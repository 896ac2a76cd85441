"""
What is stored is told with the right to read alone: whoever may only send is told what they sent, and ids.

The table names what every route that takes a body does without the right to read. A new route is not in it, and the
first test fails. Whatever could be told of is planted with a word, which no answer may have.
"""

from __future__ import annotations

import importlib
import json
import re
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph.cli.parts import PARTS
from provgraph.families.credential.events import Grant, Right, Role
from provgraph.tracking import Closing, Command, Opening, Save
from tests.integration.serving import Served, pem, serving
from tests.integration.test_doors import DOORS, RECORD_NOTHING, REPAIR, changing, issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

SECRET = "hidden"
DEVICE, PORT = "NetDev", "NetPort"
NETWORK = {
    "nodes": [
        {
            "namespace": "Net",
            "name": "Dev",
            "human_friendly_id": ["name__value"],
            "attributes": [
                {"name": "name", "kind": "Text"},
                *({"name": name, "kind": "Text", "optional": True} for name in ("secret", "role")),
            ],
        },
        {
            "namespace": "Net",
            "name": "Port",
            "human_friendly_id": ["device__name__value", "name__value"],
            "attributes": [{"name": "name", "kind": "Text"}],
            "relationships": [
                {"name": "device", "peer": DEVICE, "kind": "Parent", "cardinality": "one", "optional": False}
            ],
        },
    ]
}


class World(NamedTuple):
    """What somebody else stored, with the word wherever it could be; ids."""

    device: str
    named_secretly: str  # a device whose name is the word
    port: str  # of that device
    protected: str  # a device
    run: str  # open: it saved the devices
    group: str
    other_group: str
    reserved: str  # a device of an emitter that is reserved
    pem: str
    reserved_pem: str


def _id() -> str:
    return uuid.uuid4().hex


def _new(served: Served, *wanted: Save, run: str | None = None, actor: str = f"{SECRET}-actor") -> list[str]:
    done = served.services.tracker.save(Command(_id(), actor), wanted, run_id=run)
    return [one["id"] for one in done.answer["objects"]]


def _open(served: Served, identifier: str) -> str:
    opening = Opening(identifier=identifier, params={"p": SECRET}, delete_unused=True)
    run: str = served.services.tracker.open_run(Command(_id(), f"{SECRET}-actor"), opening).answer["run"]
    return run


def _group(served: Served, identifier: str, *members: str) -> str:
    run = _open(served, identifier)
    closing = Closing(members)
    group: str = served.services.tracker.close(Command(_id()), run, closing).answer["group"]
    return group


def plant(served: Served) -> World:
    """Store things of somebody else's."""
    served.services.tracker.define(Command(_id()), NETWORK)
    values = {"secret": SECRET}
    device, named_secretly, protected = _new(
        served,
        Save(kind=DEVICE, values={"name": "core-1", **values}),
        Save(kind=DEVICE, values={"name": SECRET}),
        Save(kind=DEVICE, values={"name": f"{SECRET}-2", **values}, protected=True),
    )
    (port,) = _new(
        served, Save(kind=PORT, values={"name": "eth0", "device": named_secretly}, parent=named_secretly)
    )
    run = _open(served, f"{SECRET}-script")
    group = _group(served, f"{SECRET}-script", device, named_secretly, protected)
    other_group = _group(served, f"{SECRET}-other", port)
    reserved_pem = _id()
    reserved_by = f"loan-{SECRET}"
    (reserved,) = _new(served, Save(kind=DEVICE, key="r", values={"name": "r", **values}), actor=reserved_by)
    _new(served, Save(kind=DEVICE, values={"name": "edge-1", "role": SECRET}), actor="somebody")
    sent = pem(Emitter=f"{SECRET}-app", Properties={"x": SECRET}, Tag=SECRET, TagNamespace="ns")
    taken = pem(
        ID=reserved_pem, Emitter=reserved_by, Properties={"x": SECRET}, Tag="taken", TagNamespace="ns"
    )
    writer = issue(served, Grant.of(Role.WRITER), f"{SECRET}-writer")[1]
    assert served.client.post("/api/v1/events", json=[sent, taken], headers=writer).json()["accepted"] == 2
    issue(served, Grant(Role.WRITER.rights, ("loan-*",), only=True), f"{SECRET}-owner")
    return World(
        device, named_secretly, port, protected, run, group, other_group, reserved, sent["ID"], reserved_pem
    )


class Call(NamedTuple):
    """A request to a route, and what it is answered with by a credential that may only write."""

    route: str
    path: Callable[[World], str]
    body: Callable[[World], Any] = lambda _: {}
    status: int = 200
    says: str = ""  # stands in the answer


def _to(path: str) -> Callable[[World], str]:
    return lambda world: path.format(**world._asdict())


def _save(status: int = 200, says: str = "", *, upsert: bool = False, **one: Any) -> Call:
    def body(world: World) -> dict[str, Any]:
        filled = json.loads(_filled(json.dumps({"values": {}, **one}), world))
        return {"request": _id(), "objects": [filled], "upsert": upsert}

    return Call("POST /api/v1/objects", _to("/api/v1/objects"), body, status, says)


def _filled(text: str, world: World) -> str:
    return re.sub(r"%(\w+)", lambda found: str(getattr(world, found[1])), text)


def _tracked(route: str, status: int = 200, says: str = "", **body: Any) -> Call:
    """Return a command to ``/api/v1`` with ids of the world where a text has %NAME."""
    path = re.sub(r"%(\w+)", r"{\1}", route)
    pattern = re.sub(r"%\w+", "{id}", route)
    return Call(
        f"POST {pattern}",
        _to(path),
        lambda world: {
            **({} if path.endswith("/plan") else {"request": _id()}),
            **json.loads(_filled(json.dumps(body), world)),
        },
        status,
        says,
    )


def _graphql(query: str, says: str = "") -> Call:
    return Call(
        "POST /graphql",
        _to("/graphql"),
        lambda world: {"query": "mutation { " + _filled(query, world) + " }"},
        200,
        says,
    )


NEEDS_READ = '"code":403'
CALLS: tuple[Call, ...] = (
    # Objects
    _save(kind=DEVICE, id="%device", says='"unchanged"'),
    _save(id="%device", values={"role": "core"}, says='"updated"'),
    _save(kind=DEVICE, values={"name": "core-1"}, upsert=True, says='"unchanged"'),
    _save(kind=DEVICE, key="core-1", upsert=True),
    _save(409, "unique", kind=DEVICE, values={"name": "core-1"}),
    _save(409, "unique", kind=PORT, values={"name": "eth0", "device": "%named_secretly"}),
    _save(kind=PORT, values={"name": "eth1", "device": "%named_secretly"}),
    _save(400, "kind", kind="Other", id="%device"),
    _save(409, "unique", id="%device", key="r"),
    _save(404, "", id="%run"),
    _save(403, "emitter", id="%reserved", values={"role": "x"}),
    _tracked("/api/v1/objects/retire", ids=["%device", "%protected"], says="refused"),
    _tracked("/api/v1/objects/retire", 403, "emitter", ids=["%reserved"]),
    # Runs
    _tracked("/api/v1/runs", 201, "open", identifier="mine", params={"p": 1}),
    _tracked("/api/v1/runs/%run/plan", says="share", members=["%device"]),
    _tracked("/api/v1/runs/%run/plan", says="share", members=["%port"]),
    _tracked("/api/v1/runs/%run/plan", 400, "known", members=["%pem"]),
    _tracked("/api/v1/runs/%run/close", says="retired", members=["%port"]),
    _tracked("/api/v1/runs/%run/close", 409, "sweep-limit", members=["%port"], limit={"count": 0}),
    _tracked("/api/v1/runs/%run/close", 409, '"plan"', members=["%port"], plan="0" * 32),
    _tracked("/api/v1/runs/%run/fail", says="failed", error="mine"),
    _tracked("/api/v1/runs/%run/rollback", says="rolled-back"),
    _tracked("/api/v1/runs/rollback", login="somebody", since="now-1h"),
    # Groups
    _tracked("/api/v1/groups/%group/adopt", into="%other_group"),
    _tracked("/api/v1/groups/%device/adopt", 400, "group", into="%other_group"),
    _tracked("/api/v1/groups/%group/remove", says="refused"),
    _tracked("/api/v1/groups/%device/remove", 400, "group"),
    _tracked("/api/v1/groups/%group/remove", 409, "sweep-limit", limit={"count": 0}),
    # Kinds: by the second one two devices would have one name
    _tracked("/api/v1/kinds", nodes=[{"namespace": "Net", "name": "Mine", "attributes": []}]),
    _tracked(
        "/api/v1/kinds",
        409,
        "Not unique",
        nodes=[{**NETWORK["nodes"][0], "human_friendly_id": ["secret__value"]}],  # type: ignore[dict-item]
    ),
    Call(
        "POST /api/schema/load",
        _to("/api/schema/load"),
        lambda _: {
            "schemas": [
                {
                    "version": "1.0",
                    "nodes": [{**NETWORK["nodes"][0], "human_friendly_id": ["secret__value"]}],  # type: ignore[dict-item]
                }
            ]
        },
        422,
        "errors",
    ),
    # GraphQL
    _graphql('NetDevUpsert(data: {name: {value: "core-1"}}) { ok object { id } }', '"ok":true'),
    _graphql(
        'NetDevUpsert(data: {name: {value: "core-1"}}) { object { id __typename name { value } } }', "core-1"
    ),
    *(
        _graphql(f'NetDevUpsert(data: {{name: {{value: "core-1"}}}}) {{ object {{ {asked} }} }}', NEEDS_READ)
        for asked in (
            "secret { value }",
            "display_label",
            "hfid",
            "name { updated_at }",
            "... on NetDev { secret { value } }",
            "x: secret { y: value }",
        )
    ),
    _graphql('NetDevUpdate(data: {id: "%device", role: {value: "a"}}) { object { role { value } } }', '"a"'),
    _graphql('NetDevUpdate(data: {id: "%device"}) { object { name { value } } }', NEEDS_READ),
    _graphql('NetDevCreate(data: {name: {value: "core-1"}}) { ok }', "unique"),
    _graphql('NetDevCreate(data: {name: {value: "n"}}) { ok object { id secret { value } } }', NEEDS_READ),
    _graphql(
        'NetPortUpdate(data: {id: "%port"}) { object { device { node { display_label } } } }', NEEDS_READ
    ),
    _graphql(
        'NetPortCreate(data: {name: {value: "eth0"}, device: {id: "%named_secretly"}}) { ok object { id } }',
        "unique",
    ),
    _graphql(
        'NetPortUpsert(data: {name: {value: "eth0"}, device: {id: "%named_secretly"}}) '
        "{ object { device { node { id } } } }",
        NEEDS_READ,
    ),
    _graphql('NetDevDelete(data: {id: "%protected"}) { ok }', '"code":409'),
    _graphql('NetDevDelete(data: {id: "%reserved"}) { ok }', "emitter"),
    _graphql('CoreStandardGroupUpdate(data: {id: "%group", members: []}) { ok object { id } }', '"ok":true'),
    _graphql(
        'CoreStandardGroupUpdate(data: {id: "%group"}) { object { members { edges { node { id } } } } }',
        NEEDS_READ,
    ),
    _graphql('CoreStandardGroupUpdate(data: {id: "%group"}) { object { name { value } } }', NEEDS_READ),
    Call(
        "POST /graphql",
        _to("/graphql"),
        lambda _: {"query": "{ NetDev { count } }"},
        403,
    ),
    Call(
        "POST /graphql/{branch:path}",
        _to("/graphql/main"),
        lambda _: {
            "query": 'mutation { NetDevUpsert(data: {name: {value: "core-1"}}) { object { secret { value } } } }'
        },
        200,
        NEEDS_READ,
    ),
    # Events and tags
    Call("POST /receiver/pem", _to("/receiver/pem"), lambda _: pem()),
    Call("POST /receiver/pem", _to("/receiver/pem"), lambda world: pem(ID=world.pem), 409),
    Call(
        "POST /receiver/pem",
        _to("/receiver/pem"),
        lambda _: pem(Tag="taken", TagNamespace="ns"),
        403,
        "which is reserved",
    ),
    Call("POST /api/v1/events", _to("/api/v1/events"), lambda world: [pem(ID=world.pem)], 200, "conflict"),
    Call(
        "POST /api/v1/events",
        _to("/api/v1/events"),
        lambda _: [pem(Tag="taken", TagNamespace="ns")],
        200,
        "which is reserved",
    ),
    Call("POST /receiver/tag/{rest:path}", _to("/receiver/tag/bnM=/bmV3/{pem}")),
    Call(
        "POST /receiver/tag/{rest:path}",
        _to("/receiver/tag/bnM=/bmV3/{reserved_pem}"),
        status=403,
        says="emitter",
    ),
    Call(  # "taken", which leaves the other one
        "POST /receiver/tag/{rest:path}", _to("/receiver/tag/bnM=/dGFrZW4=/{pem}"), status=403, says="emitter"
    ),
    # A login is a credential's name with its token.
    Call(
        "POST /api/auth/login",
        _to("/api/auth/login"),
        lambda _: {"username": "ada", "password": "x"},
        401,
    ),
)
# A refresh token is a credential's own; what it is answered with was sent.
OWN = {"POST /api/auth/refresh"}


class Sending(NamedTuple):
    """A service where reading needs a credential, what others stored there, and who may only send."""

    served: Served
    world: World
    headers: dict[str, str]


@contextmanager
def _sending(folder: Path, how: str) -> Iterator[Sending]:
    is_open = how == _NOBODY
    with serving(folder, auth_required=True, pem_auth_required=not is_open) as served:
        world = plant(served)
        headers = {} if is_open else issue(served, Grant((Right.WRITE,)), "sender")[1]
        yield Sending(served, world, headers)


_NOBODY = "no credential"
_WHO = ["a credential to write", _NOBODY]


@pytest.fixture(params=_WHO)
def sending(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sending]:
    with _sending(tmp_path, request.param) as sending:
        yield sending


@pytest.fixture(params=_WHO, scope="module")
def refused(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    """The same, for what changes nothing."""
    with _sending(tmp_path_factory.mktemp("refused"), request.param) as sending:
        yield sending


def _ask(sending: Sending, call: Call) -> httpx.Response:
    served, world, headers = sending
    return served.client.post(call.path(world), json=call.body(world), headers=headers)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.route} {call.status} {call.says}")
def test_whoever_may_only_send_is_told_nothing_that_is_stored(sending: Sending, call: Call) -> None:
    answer = _ask(sending, call)

    assert SECRET not in answer.text
    assert SECRET not in str(answer.headers)
    if sending.headers:
        assert (answer.status_code, call.says in answer.text) == (call.status, True), answer.text
    else:  # what changes others' work needs a credential
        assert answer.status_code in (call.status, 401), answer.text


@pytest.mark.parametrize(
    "route", sorted((DOORS.keys() | RECORD_NOTHING | REPAIR) - {c.route for c in CALLS} - OWN)
)
def test_all_that_is_not_sending_is_refused_to_whoever_may_only_send(refused: Sending, route: str) -> None:
    method, path = route.split()
    served, _, headers = refused

    answer = served.client.request(method, re.sub(r"\{[^}]*\}", _id(), path), json={}, headers=headers)

    assert answer.status_code == (403 if headers else 401), answer.text
    assert SECRET not in answer.text


def test_nothing_is_read_where_only_sending_is_allowed(refused: Sending) -> None:
    served, world, headers = refused
    paths = (f"/api/v1/objects/{world.device}", f"/api/v1/groups/{world.group}", f"/query/pem/{world.pem}")

    answers = [served.client.get(path, headers=headers) for path in (*paths, "/api/schema")]

    assert {answer.status_code for answer in answers} == {403 if headers else 401}
    assert not any(SECRET in answer.text for answer in answers)


def test_the_table_names_every_route_that_takes_a_body(refused: Sending) -> None:
    services = refused.served.services
    routes = [route for part in PARTS for route in importlib.import_module(f"{part}.app").routes(services)]

    assert changing(routes) == DOORS.keys() | RECORD_NOTHING | REPAIR
    assert {call.route for call in CALLS} <= changing(routes)


def test_a_refused_selection_changes_nothing(sending: Sending) -> None:
    head = sending.served.services.log.head()
    query = 'mutation { NetDevCreate(data: {name: {value: "n"}}) { object { id secret { value } } } }'

    answer = sending.served.client.post("/graphql", json={"query": query}, headers=sending.headers).json()

    assert answer["errors"][0]["extensions"]["code"] == 403
    assert "right read" in answer["errors"][0]["message"]
    assert sending.served.services.log.head() == head


def test_a_save_is_answered_with_what_was_sent_and_what_was_done(sending: Sending) -> None:
    served, world, headers = sending
    sent = {"kind": DEVICE, "id": world.device, "values": {"role": "core"}}

    answer = served.client.post(
        "/api/v1/objects", json={"request": _id(), "objects": [sent]}, headers=headers
    )

    position = served.services.log.head().position
    assert answer.json() == {"objects": [{**sent, "operation": "updated"}], "position": position}


_BY_SECRET = {**NETWORK["nodes"][0], "human_friendly_id": ["secret__value"]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("call", "is_advised"),
    [
        (_save(409, kind=DEVICE, values={"name": "core-1"}), True),
        (_save(409, id="%device", key="r"), False),
        (_save(409, id="%device", values={"name": "edge-1"}), False),
        (_tracked("/api/v1/kinds", 409, nodes=[_BY_SECRET]), False),
        (_graphql('NetDevCreate(data: {name: {value: "core-1"}}) { ok }'), True),
        (_graphql('NetDevUpdate(data: {id: "%device", name: {value: "edge-1"}}) { ok }'), False),
    ],
    ids=["new", "a given key", "another name", "a definition", "a new node", "another name of a node"],
)
def test_whoever_saves_something_new_is_advised_to_upsert_and_nobody_else(
    sending: Sending, call: Call, is_advised: bool
) -> None:
    answer = _ask(sending, call)

    assert ("upsert" in answer.text) == is_advised
    assert SECRET not in answer.text
    if sending.headers:
        assert "Nothing was changed" in answer.text or is_advised


def test_a_rollback_that_meets_a_taken_name_is_not_advised_to_upsert(sending: Sending) -> None:
    served, world, headers = sending
    run = _open(served, "mine")
    _new(served, Save(id=world.device, values={"name": "renamed"}), run=run)
    taken = served.services.tracker.kinds.of(PORT).key(("core-1", "eth9"))
    port = {"name": "eth9", "device": world.device}  # to be core-1's again
    _new(served, Save(kind=PORT, values=port, parent=world.device), Save(kind=PORT, key=taken))

    answer = served.client.post(
        f"/api/v1/runs/{run}/rollback", json={"request": _id(), "force": True}, headers=headers
    )

    assert answer.status_code == (409 if headers else 401), answer.text
    assert "upsert" not in answer.text
    assert ("Nothing was changed" in answer.text) == bool(headers)


def test_a_repeated_opening_does_not_tell_what_became_of_the_run(sending: Sending) -> None:
    served, world, headers = sending
    body = {"request": _id(), "identifier": "mine"}
    run = served.client.post("/api/v1/runs", json=body, headers=headers).json()["id"]
    served.services.tracker.close(Command(_id(), SECRET), run, Closing((world.device,)))

    again = served.client.post("/api/v1/runs", json=body, headers=headers)

    assert again.json().keys() == {"identifier", "id", "state", "position"}
    assert (again.json()["id"], again.json()["state"]) == (run, "done")


@pytest.mark.parametrize("rights", [Role.WRITER.rights, None], ids=["a writer", "no credential"])
def test_whoever_may_read_is_told_the_whole(tmp_path: Path, rights: tuple[Right, ...] | None) -> None:
    with serving(tmp_path, auth_required=rights is not None) as served:
        world = plant(served)
        headers = {} if rights is None else issue(served, Grant(rights), "writer")[1]
        body = {"request": _id(), "objects": [{"id": world.device}]}
        saved = served.client.post("/api/v1/objects", json=body, headers=headers).json()["objects"][0]
        query = 'mutation { NetDevUpsert(data: {name: {value: "core-1"}}) { object { secret { value } } } }'
        upserted = served.client.post("/graphql", json={"query": query}, headers=headers).json()["data"]

        assert saved["values"] == {"name": "core-1", "secret": SECRET}
        assert upserted["NetDevUpsert"]["object"] == {"secret": {"value": SECRET}}
