"""
Every way in that records an event: it says who sent it, and speaks for no emitter that it may not speak for.

The tables name every route that may change something. A new one is in neither, and the first test fails.
"""

from __future__ import annotations

import importlib
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph.cli.parts import PARTS
from provgraph.families.credential.events import CREDENTIAL_CREATED, CREDENTIAL_REVOKED, Grant, Holder, Role
from provgraph.families.operation.events import LOG_CLEANED, REBUILD_REQUESTED
from provgraph.families.pem.events import PEM
from provgraph.families.report.events import CONNECTIONS, REPORT_CLOSED, REPORT_OPENED, report_opened
from provgraph.families.tag.events import TAG_SET
from provgraph.families.tracking.events import TRACKED
from provgraph.families.tracking.groupname import DEFAULT_IDENTIFIER
from provgraph.http.doors import area, front_door
from provgraph.operations.connections import report_connections
from provgraph.operations.credentials import Credentials
from provgraph.tracking import Closing, Command, Opening, Save
from tests.deployment.calls import templates
from tests.integration.serving import Served, pem, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx
    from starlette.routing import BaseRoute

    from provgraph.events import Kind, RecordedEvent

EMITTER = "loan-app"
KIND = "TestNodeKind"
_JOB_SECONDS = 60.0


class Asked(NamedTuple):
    """A request that is ready to be sent."""

    path: str
    options: dict[str, Any]
    method: str = "POST"


class Door(NamedTuple):
    """A way in."""

    prepare: Callable[[Served], Asked]
    kinds: frozenset[Kind]  # of the events that it records
    speaks: bool = False  # its events are of an emitter


def _request() -> str:
    return uuid.uuid4().hex


def _command(**body: Any) -> dict[str, Any]:
    return {"json": {"request": _request(), "actor": EMITTER, **body}}


def _run(served: Served, *names: str) -> str:
    tracker = served.services.tracker
    run: str = tracker.open_run(Command(_request()), Opening(identifier=EMITTER)).answer["run"]
    if names:
        tracker.save(Command(_request()), [_save(name) for name in names], run_id=run)
    return run


def _save(name: str) -> Save:
    return Save(kind=KIND, values={"name": name})


def _object(served: Served) -> str:
    saved = served.services.tracker.save(Command(_request()), [_save(_request())])
    id_: str = saved.answer["objects"][0]["id"]
    return id_


def _saved_by(served: Served, login: str) -> str:
    served.services.tracker.save(Command(_request(), login), [_save(_request())])
    return login


def _group(served: Served, name: str) -> str:
    tracker = served.services.tracker
    run = tracker.open_run(Command(_request()), Opening(identifier=name)).answer["run"]
    tracker.save(Command(_request()), [_save(_request())], run_id=run)
    group: str = tracker.close(Command(_request()), run, Closing()).answer["group"]
    return group


def _stored(served: Served) -> str:
    return str(served.send(Emitter=EMITTER)["ID"])


def _tagging(pem_id: str) -> Asked:
    return Asked(f"/receiver/tag/bnM=/dGFn/{pem_id}", {})


def _report(served: Served) -> str:
    services = served.services
    return report_connections(services.log, services.catalog, services.graph)


def _issued(served: Served) -> str:
    issued = Credentials(served.services.log, served.services.catalog).create(
        "old", holder=Holder.PUC, grant=Grant.of(Role.READER)
    )
    return issued.id


_GRAPHQL = {
    "json": {"query": 'mutation { TestNodeKindCreate(data: {name: {value: "x"}}) { ok object { id } } }'}
}
_SCHEMA = {
    "nodes": [{"namespace": "Test", "name": "Thing", "attributes": [{"name": "name", "kind": "Text"}]}]
}
_TRACKED = frozenset({TRACKED})
_REPORTED = frozenset({REPORT_OPENED, REPORT_CLOSED})

DOORS: dict[str, Door] = {
    "POST /receiver/pem": Door(
        lambda _: Asked("/receiver/pem", {"json": pem(Emitter=EMITTER)}), frozenset({PEM}), True
    ),
    "POST /receiver/tag/{rest:path}": Door(
        lambda served: _tagging(_stored(served)),
        frozenset({TAG_SET}),
        True,
    ),
    "POST /api/v1/events": Door(
        lambda _: Asked("/api/v1/events", {"json": [pem(Emitter=EMITTER, Tag="t")]}),
        frozenset({PEM}),
        True,
    ),
    "POST /api/v1/runs": Door(lambda _: Asked("/api/v1/runs", _command(identifier=EMITTER)), _TRACKED, True),
    "POST /api/v1/runs/{id}/close": Door(
        lambda served: Asked(f"/api/v1/runs/{_run(served, 'a')}/close", _command()), _TRACKED, True
    ),
    "POST /api/v1/runs/{id}/fail": Door(
        lambda served: Asked(f"/api/v1/runs/{_run(served)}/fail", _command(error="x")), _TRACKED, True
    ),
    "POST /api/v1/runs/{id}/rollback": Door(
        lambda served: Asked(f"/api/v1/runs/{_run(served, 'a')}/rollback", _command()), _TRACKED, True
    ),
    "POST /api/v1/runs/rollback": Door(
        lambda served: Asked(
            "/api/v1/runs/rollback", _command(login=_saved_by(served, "somebody"), since="now-1h")
        ),
        _TRACKED,
        True,
    ),
    "POST /api/v1/objects": Door(
        lambda _: Asked(
            "/api/v1/objects", _command(objects=[{"kind": KIND, "values": {"name": n}} for n in "ab"])
        ),
        _TRACKED,
        True,
    ),
    "POST /api/v1/objects/retire": Door(
        lambda served: Asked("/api/v1/objects/retire", _command(ids=[_object(served)])), _TRACKED, True
    ),
    "POST /api/v1/groups/{id}/adopt": Door(
        lambda served: Asked(
            f"/api/v1/groups/{_group(served, 'one')}/adopt", _command(into=_group(served, "two"))
        ),
        _TRACKED,
        True,
    ),
    "POST /api/v1/groups/{id}/remove": Door(
        lambda served: Asked(f"/api/v1/groups/{_group(served, 'one')}/remove", _command()), _TRACKED, True
    ),
    "POST /api/v1/kinds": Door(
        lambda _: Asked("/api/v1/kinds", _command(nodes=_SCHEMA["nodes"])), _TRACKED, True
    ),
    "POST /api/schema/load": Door(
        lambda _: Asked("/api/schema/load", {"json": {"schemas": [{"version": "1.0", **_SCHEMA}]}}),
        _TRACKED,
        True,
    ),
    "POST /graphql": Door(lambda _: Asked("/graphql", _GRAPHQL), _TRACKED, True),
    "POST /graphql/{branch:path}": Door(lambda _: Asked("/graphql/main", _GRAPHQL), _TRACKED, True),
    "POST /graph_builder/rebuild": Door(
        lambda _: Asked("/graph_builder/rebuild", {}), frozenset({REBUILD_REQUESTED})
    ),
    "POST /query/verify_artifact_connections": Door(
        lambda _: Asked("/query/verify_artifact_connections", {}), _REPORTED
    ),
    "POST /query/remove_unconnected_artifacts/{id}": Door(
        lambda served: Asked(f"/query/remove_unconnected_artifacts/{_report(served)}", {}), _REPORTED
    ),
    "POST /query/clean": Door(lambda _: Asked("/query/clean", {}), frozenset({LOG_CLEANED})),
    # The same at the Receiver's address.
    "POST /receiver/verify_artifact_connections": Door(
        lambda _: Asked("/receiver/verify_artifact_connections", {}), _REPORTED
    ),
    "POST /receiver/remove_unconnected_artifacts/{id}": Door(
        lambda served: Asked(f"/receiver/remove_unconnected_artifacts/{_report(served)}", {}), _REPORTED
    ),
    "POST /receiver/clean": Door(lambda _: Asked("/receiver/clean", {}), frozenset({LOG_CLEANED})),
    "POST /admin/clean": Door(
        lambda served: Asked("/admin/clean", {"json": {"position": served.services.log.head().position}}),
        frozenset({LOG_CLEANED}),
    ),
    "POST /admin/verify-connections": Door(lambda _: Asked("/admin/verify-connections", {}), _REPORTED),
    "POST /admin/reports/{report_id}/remove-unconnected": Door(
        lambda served: Asked(f"/admin/reports/{_report(served)}/remove-unconnected", {}), _REPORTED
    ),
    "POST /admin/rebuild": Door(lambda _: Asked("/admin/rebuild", {}), frozenset({REBUILD_REQUESTED})),
    "POST /admin/credentials": Door(
        lambda _: Asked("/admin/credentials", {"json": {"name": "new", "kind": "puc", "role": "reader"}}),
        frozenset({CREDENTIAL_CREATED}),
    ),
    "DELETE /admin/credentials/{credential_id}": Door(
        lambda served: Asked(f"/admin/credentials/{_issued(served)}", {}, "DELETE"),
        frozenset({CREDENTIAL_REVOKED}),
    ),
}
# Routes that take a body, and record nothing.
RECORD_NOTHING = frozenset(
    {
        *("POST /api/v1/runs/{id}/plan", "POST /api/v1/cypher"),
        *("POST /query/query", "POST /receiver/query"),
        *("POST /api/schema/check", "POST /api/auth/login", "POST /api/auth/refresh"),
        *(
            "POST /graph_builder/flush",
            "POST /graph_builder/verify",
            "POST /admin/flush",
            "POST /admin/verify",
        ),
    }
)
# These need a log that was changed or cut off: `tests/integration/admin/test_accepting.py` goes through them.
REPAIR = frozenset({"POST /admin/accept-change", "POST /admin/accept-loss"})
SPEAKING = [name for name, door in DOORS.items() if door.speaks]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """All services, open to everyone, with a kind of objects."""
    with serving(tmp_path) as running:
        yield running


def issue(served: Served, grant: Grant, name: str = EMITTER) -> tuple[str, dict[str, str]]:
    """Issue a credential through the stores; return its id, and the header that presents it."""
    credentials = Credentials(served.services.log, served.services.catalog)
    issued = credentials.create(name, holder=Holder.USER, grant=grant)
    served.services.authenticator.forget()
    return issued.id, {"Authorization": f"Bearer {issued.token}"}


def ask(served: Served, asked: Asked, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send a request, and wait for the job that it may start."""
    answer = served.client.request(asked.method, asked.path, headers=headers, **asked.options)
    if answer.status_code == 202 and asked.path.startswith("/admin/"):
        give_up_at = time.monotonic() + _JOB_SECONDS
        while (job := served.services.jobs.get(answer.json()["id"])).state.value == "running":
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        assert job.error is None
    return answer


def recorded(served: Served, *, after: int) -> list[RecordedEvent]:
    """Return what was recorded since; what a cleaning keeps is only moved."""
    events = served.services.log.read(after=after, limit=1_000)
    if events and events[0].kind is LOG_CLEANED:
        return events[:1]
    return events


def is_refused(answer: httpx.Response) -> bool:
    """Tell whether an answer says that the emitter is not for who asked, in the form of its part."""
    if answer.status_code == 200 and "errors" in answer.json():
        (error,) = answer.json()["errors"]
        return bool(error["extensions"]["rule"] == "emitter" and error["extensions"]["code"] == 403)
    if answer.status_code == 200:
        (result,) = answer.json()["results"]
        return bool((result["verdict"], result["field"], result["rule"]) == ("invalid", "Emitter", "emitter"))
    return answer.status_code == 403 and "emitter" in answer.text


def changing(routes: list[BaseRoute]) -> set[str]:
    """Return the routes that may change something, as METHOD and path."""
    return {
        f"{method} {path}"
        for path, methods in templates(routes)
        for method in methods - {"GET", "HEAD", "OPTIONS"}
    }


def test_every_route_that_may_change_something_is_in_a_table(served: Served) -> None:
    routes = [
        route for part in PARTS for route in importlib.import_module(f"{part}.app").routes(served.services)
    ]

    assert changing(routes) == DOORS.keys() | RECORD_NOTHING | REPAIR


@pytest.mark.parametrize("part", PARTS)
def test_a_front_door_names_the_first_segments_of_its_paths_and_no_others(served: Served, part: str) -> None:
    door = front_door(part)

    assert {area(path) for path, _ in templates(door.routes(served.services))} == door.groups


@pytest.mark.parametrize("name", DOORS)
def test_an_event_is_recorded_with_the_credential_that_sent_it(served: Served, name: str) -> None:
    sender, headers = issue(served, Grant.of(Role.ADMIN))
    asked = DOORS[name].prepare(served)
    head = served.services.log.head().position

    answer = ask(served, asked, headers)

    assert answer.is_success, answer.text
    events = recorded(served, after=head)
    assert {event.kind for event in events} == DOORS[name].kinds
    assert {event.sender for event in events} == {sender}
    assert served.services.log.verify_chain().intact


@pytest.mark.parametrize("name", DOORS)
def test_an_event_that_came_with_no_credential_has_no_sender(served: Served, name: str) -> None:
    asked = DOORS[name].prepare(served)
    head = served.services.log.head().position

    assert ask(served, asked).is_success
    assert {event.sender for event in recorded(served, after=head)} == {None}


@pytest.mark.parametrize("name", SPEAKING)
def test_a_credential_that_is_bound_to_other_emitters_is_refused(served: Served, name: str) -> None:
    _, headers = issue(served, Grant(Role.ADMIN.rights, ("card-*",)))
    asked = DOORS[name].prepare(served)
    head = served.services.log.head()

    answer = ask(served, asked, headers)

    assert is_refused(answer), answer.text
    assert served.services.log.head() == head


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize("with_credential", [True, False], ids=["an admin", "nobody"])
def test_a_reserved_emitter_is_refused_to_everybody_else(
    served: Served, name: str, with_credential: bool
) -> None:
    headers = issue(served, Grant.of(Role.ADMIN))[1] if with_credential else None
    asked = DOORS[name].prepare(served)
    # Where nobody says who does it, the emitter of tracked work is that of Infrahub's scripts.
    issue(served, Grant(Role.WRITER.rights, ("loan-*", DEFAULT_IDENTIFIER), only=True), "owner")
    head = served.services.log.head()

    answer = ask(served, asked, headers)

    assert is_refused(answer), answer.text
    assert served.services.log.head() == head


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("fault", ["unknown", "expired"])
def test_a_credential_that_is_not_good_is_refused_where_none_is_needed(
    served: Served, name: str, fault: str
) -> None:
    expired = issue(served, Grant.of(Role.ADMIN)._replace(expires_us=1))[1]
    asked = DOORS[name].prepare(served)
    head = served.services.log.head()

    answer = ask(served, asked, expired if fault == "expired" else {"Authorization": "Bearer unknown"})

    assert answer.status_code == 401, answer.text
    assert served.services.log.head() == head


@pytest.mark.parametrize("name", SPEAKING)
def test_sending_needs_a_writers_credential_where_only_sending_needs_one(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, auth_required=False, pem_auth_required=True) as served:
        reader = issue(served, Grant.of(Role.READER))[1]
        sender, writer = issue(served, Grant.of(Role.WRITER))
        events = Asked("/api/v1/events", {"json": [pem(Emitter=EMITTER)]})
        stored = events.options["json"][0]["ID"]
        assert ask(served, events, writer).is_success
        asked = DOORS[name].prepare(served) if "tag" not in name else _tagging(stored)
        head = served.services.log.head()

        refused = [ask(served, asked, headers).status_code for headers in (None, reader)]

        assert (refused, served.services.log.head()) == ([401, 403], head)
        assert ask(served, asked, writer).is_success
        assert {event.sender for event in recorded(served, after=head.position)} == {sender}


@pytest.mark.parametrize("name", SPEAKING)
def test_a_bound_credential_without_only_is_refused_what_is_reserved(served: Served, name: str) -> None:
    asked = DOORS[name].prepare(served)
    issue(served, Grant(Role.WRITER.rights, ("loan-*",), only=True), "owner")
    _, headers = issue(served, Grant(Role.WRITER.rights, ("*",)))
    head = served.services.log.head()

    assert is_refused(ask(served, asked, headers))
    assert served.services.log.head() == head


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize("only", [True, False])
def test_a_credential_speaks_for_the_emitters_that_it_is_bound_to(
    served: Served, name: str, only: bool
) -> None:
    asked = DOORS[name].prepare(served)
    if only:
        issue(served, Grant(Role.WRITER.rights, ("*-app",), only=True), "another owner")
    sender, headers = issue(served, Grant(Role.WRITER.rights, ("loan-*",), only=only))
    head = served.services.log.head().position

    answer = ask(served, asked, headers)

    assert answer.is_success, answer.text
    assert {event.sender for event in recorded(served, after=head)} == {sender}


def test_a_reservation_holds_from_its_answer_on_until_the_answer_that_revokes_it(served: Served) -> None:
    def send() -> int:
        return served.client.post("/receiver/pem", json=pem(Emitter="loans")).status_code

    asked = {"name": "x", "kind": "puc", "role": "writer", "emitters": ["loans"], "only": True}
    before = send()
    created = served.client.post("/admin/credentials", json=asked).json()
    meanwhile = send()
    served.client.request("DELETE", f"/admin/credentials/{created['id']}")

    assert (before, meanwhile, send()) == (200, 403, 200)


def test_a_tag_in_a_pem_counts_as_that_pems_emitter(served: Served) -> None:
    _, headers = issue(served, Grant(Role.WRITER.rights, ("loan-*",)))
    batch = [pem(Emitter="cards", Tag="t"), pem(Emitter=EMITTER, Tag="t", TagNamespace="cards")]

    results = served.client.post("/api/v1/events", json=batch, headers=headers).json()["results"]

    assert [one["verdict"] for one in results] == ["invalid", "accepted"]
    assert served.client.get("/query/tags_count").json() == {"tags_count": 1}


# What was made by an emitter that is reserved since


OWNER = Grant(Role.WRITER.rights, ("loan-*",), only=True)
# Whoever asks for a change, under an emitter of its own; the last one reserves others.
STRANGERS = {
    "nobody": None,
    "an admin": Grant.of(Role.ADMIN),
    "a bound one": Grant(Role.WRITER.rights, ("card-*",)),
    "another owner": Grant(Role.WRITER.rights, ("card-*",), only=True),
}


def _moving_a_tag(served: Served) -> Asked:
    _tagged_by_owner(served)
    return _tagging(str(served.send(Emitter="card-app")["ID"]))


def _tagged_by_owner(served: Served) -> str:
    sent = served.send(Emitter=EMITTER, Tag="tag", TagNamespace="ns")
    return str(sent["ID"])


def _tagged(served: Served) -> dict[str, Any]:
    _tagged_by_owner(served)
    return pem(Emitter="card-app", Tag="tag", TagNamespace="ns")


def _cards(**body: Any) -> dict[str, Any]:
    return {"json": {"request": _request(), "actor": "card-app", **body}}


def _owners_object(served: Served, *, in_a_run: bool = True) -> str:
    saved = served.services.tracker.save(
        Command(_request(), EMITTER), [_save(_request())], run_id=_run(served) if in_a_run else None
    )
    return str(saved.answer["objects"][0]["id"])


def _cards_run(served: Served) -> str:
    opened = served.services.tracker.open_run(Command(_request()), Opening(identifier="card-app"))
    return str(opened.answer["run"])


def _changed(served: Served, *, in_a_run: bool) -> Asked:
    changed = {"id": _owners_object(served, in_a_run=in_a_run), "values": {"name": "new"}}
    return Asked("/api/v1/objects", _cards(objects=[changed], run=_cards_run(served)))


def _upserted(served: Served) -> Asked:
    key = {"kind": KIND, "key": _request()}
    save = Save(kind=KIND, key=key["key"], values={"name": "old"})
    served.services.tracker.save(Command(_request(), EMITTER), [save], run_id=_run(served))
    return Asked("/api/v1/objects", _cards(objects=[{**key, "values": {"name": "new"}}], upsert=True))


# Each changes what the owner made, by events of the emitter card-app.
CHANGES: dict[str, Callable[[Served], Asked]] = {
    "a tag is set": _moving_a_tag,
    "a PEM takes its tag": lambda served: Asked("/receiver/pem", {"json": _tagged(served)}),
    "a PEM of a batch takes its tag": lambda served: Asked("/api/v1/events", {"json": [_tagged(served)]}),
    "a group is removed": lambda served: Asked(f"/api/v1/groups/{_group(served, EMITTER)}/remove", _cards()),
    "a group is adopted": lambda served: Asked(
        f"/api/v1/groups/{_group(served, EMITTER)}/adopt", _cards(into=_group(served, "card-app"))
    ),
    "a group adopts": lambda served: Asked(
        f"/api/v1/groups/{_group(served, 'card-app')}/adopt", _cards(into=_group(served, EMITTER))
    ),
    "an object of a run is saved": lambda served: _changed(served, in_a_run=True),
    "an object of no run is saved": lambda served: _changed(served, in_a_run=False),
    "an object is upserted": _upserted,
    "an object is retired": lambda served: Asked(
        "/api/v1/objects/retire", _cards(ids=[_owners_object(served)])
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_a_reserved_emitter_made_is_not_changed_under_another_one(
    served: Served, name: str, stranger: str
) -> None:
    asked = CHANGES[name](served)
    issue(served, OWNER, "owner")
    grant = STRANGERS[stranger]
    headers = None if grant is None else issue(served, grant, "card-app")[1]
    head = served.services.log.head()

    answer = ask(served, asked, headers)

    assert is_refused(answer), answer.text
    assert "which is reserved" in answer.text
    assert served.services.log.head() == head


@pytest.mark.parametrize("name", CHANGES)
def test_whoever_reserves_both_emitters_changes_it(served: Served, name: str) -> None:
    asked = CHANGES[name](served)
    issue(served, OWNER, "owner")
    both = Grant(Role.WRITER.rights, ("loan-*", "card-*"), only=True)
    sender, headers = issue(served, both, "card-app")
    head = served.services.log.head().position

    assert ask(served, asked, headers).is_success
    assert {event.sender for event in recorded(served, after=head)} == {sender}


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_emitter_made_that_is_not_reserved_is_anybodys_to_change(served: Served, name: str) -> None:
    asked = CHANGES[name](served)
    issue(served, Grant(Role.WRITER.rights, ("other-*",), only=True), "owner")

    answer = ask(served, asked)

    assert answer.is_success, answer.text
    assert '"rule":"emitter"' not in answer.text


def test_an_event_that_is_stored_is_a_duplicate_though_its_tag_went_to_a_reserved_emitter(
    served: Served,
) -> None:
    first = pem(Emitter="card-app", Tag="tag", TagNamespace="ns")
    assert served.client.post("/receiver/pem", json=first).is_success
    owners = _tagged_by_owner(served)
    issue(served, OWNER, "owner")

    answer = served.client.post("/api/v1/events", json=[first]).json()

    assert answer["duplicates"] == 1
    assert served.client.post("/receiver/pem", json=first).is_success
    assert served.client.get("/query/tag/bnM=/dGFn").text == owners


REPEATED: dict[str, Callable[[Served], Asked]] = {
    name: DOORS[name].prepare
    for name in SPEAKING
    if name.startswith("POST /api/v1/") and "events" not in name
}


AGAIN = [
    *((name, False) for name in REPEATED),
    # The end of a run is answered again under another request id, too.
    *((name, True) for name in REPEATED if name.endswith(("close", "fail", "{id}/rollback"))),
]


@pytest.mark.parametrize(("name", "is_new"), AGAIN)
def test_a_command_that_was_done_is_not_answered_to_who_may_not_speak_for_it(
    served: Served, name: str, is_new: bool
) -> None:
    asked = REPEATED[name](served)
    assert ask(served, asked).is_success
    issue(served, Grant(Role.WRITER.rights, ("loan-*", DEFAULT_IDENTIFIER), only=True), "owner")
    head = served.services.log.head()
    body = {**asked.options["json"], **({"request": _request()} if is_new else {})}

    answer = ask(served, asked._replace(options={"json": body}))

    assert is_refused(answer), answer.text
    assert served.services.log.head() == head


def test_what_provgraph_does_of_its_own_accord_has_no_sender(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        sender, headers = issue(served, Grant.of(Role.ADMIN))
        served.services.log.append([report_opened(CONNECTIONS).sent_by(sender)])
        head = served.services.log.head().position

    with serving(tmp_path) as served:  # which closes the report that was left open
        (closed,) = served.services.log.read(after=head)
        assert (closed.kind, closed.sender) == (REPORT_CLOSED, None)
        assert served.client.get("/admin/info", headers=headers).is_success
