"""What a service does with a log that was changed, or that lost its end; and what it does once that is accepted."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from provgraph.families.credential.events import Grant, Holder, Role
from provgraph.operations import rebuild
from provgraph.operations.credentials import Credentials, token_sha256
from tests.integration.graphbuilder.service import open_service
from tests.unit.operations.stores import chain_of_pems, eventually, pem, pem_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.graphbuilder.service import Service

EVENTS = 5
FORGED = pem(3, uses=["a2"], produces=["a3"], Properties={"auc": 0.99}, Predecessor=pem_id(2)).payload
REASON = "restored by hand from the pipeline's own records"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "_PATIENCE_SECONDS", 0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with five events, whose graph has them."""
    with open_service(tmp_path) as service:
        service.append(*chain_of_pems(EVENTS))
    return tmp_path


@pytest.fixture
def changed(folder: Path) -> Iterator[Service]:
    """A service whose third event was changed while it was down, after the graph had it."""
    tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)
    with open_service(folder) as service:
        yield service


def tamper(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / "provgraph.db")) as connection, connection:
        connection.execute(statement, values)


def replace_in_payload(folder: Path, position: int, right: str, wrong: str) -> None:
    statement = (
        "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), ?, ?) AS BLOB) WHERE position = ?"
    )
    tamper(folder, statement, right, wrong, position)


def job(service: Service, path: str, body: object = None) -> dict[str, Any]:
    """Start a job, and return it as it ended."""
    job_id = service.call("POST", path, json=body).json()["id"]
    assert eventually(lambda: service.get(f"/admin/jobs/{job_id}")["state"] != "running")
    found: dict[str, Any] = service.get(f"/admin/jobs/{job_id}")
    return found


def accept_change(service: Service, position: int = 3) -> dict[str, Any]:
    answer = service.call("POST", "/admin/accept-change", json={"position": position, "reason": REASON})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def rebuild_both(service: Service) -> None:
    for what in PROJECTIONS:
        assert job(service, "/admin/rebuild", what)["state"] == "done"


def gauge(service: Service, name: str) -> float:
    lines = service.call("GET", "/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


PROJECTIONS = [{"graph": True, "catalog": False}, {"graph": False, "catalog": True}]


@pytest.mark.parametrize("what", PROJECTIONS, ids=["graph", "catalog"])
def test_a_rebuild_ends_at_a_changed_event_keeps_what_is_served_and_says_so(
    changed: Service, what: dict[str, bool]
) -> None:
    services = changed.services
    served = services.graph.digest(), services.catalog.digest()
    assert changed.call("GET", "/readyz").status_code == 200

    ended = job(changed, "/admin/rebuild", what)

    assert ended["state"] == "failed"
    assert "position 3" in ended["error"]
    assert "accept-change 3" in ended["error"]
    assert (services.graph.digest(), services.catalog.digest()) == served
    assert not services.graph.has_next_generation()
    ready = changed.call("GET", "/readyz")
    assert (ready.status_code, "position 3" in ready.text) == (503, True)
    assert gauge(changed, "provgraph_log_changed_position") == 3
    # Events are taken in all the same, and followed.
    changed.append(*chain_of_pems(1, start=EVENTS + 1))


@pytest.mark.parametrize("what", PROJECTIONS, ids=["graph", "catalog"])
def test_a_rebuild_ends_at_a_changed_event_also_where_its_process_recorded_it_a_moment_ago(
    tmp_path: Path, what: dict[str, bool]
) -> None:
    with open_service(tmp_path) as service:
        service.append(*chain_of_pems(EVENTS))
        tamper(tmp_path, "UPDATE event SET payload = ? WHERE position = 3", FORGED)

        ended = job(service, "/admin/rebuild", what)

        assert ended["state"] == "failed"
        assert "position 3" in ended["error"]
        assert "different log position 3" in service.result("/admin/verify", {"deep": True})["message"]


@pytest.mark.parametrize("what", PROJECTIONS, ids=["graph", "catalog"])
def test_an_accepted_change_lets_a_rebuild_go_on(changed: Service, what: dict[str, bool]) -> None:
    job(changed, "/admin/rebuild", what)

    accept_change(changed)

    assert job(changed, "/admin/rebuild", what)["state"] == "done"
    assert changed.call("GET", "/readyz").status_code == 200
    assert gauge(changed, "provgraph_log_changed_position") == 0


def test_the_graph_stops_before_a_changed_event_that_it_does_not_have_yet(folder: Path) -> None:
    for file in (folder / "graph").iterdir():
        file.unlink()
    tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)

    with open_service(folder) as service:
        assert eventually(lambda: service.services.graph.checkpoint().position == 2)
        assert eventually(lambda: "position 3" in service.call("GET", "/readyz").text)
        assert gauge(service, "provgraph_graph_changed_event_position") == 3
        flushed = service.call("POST", "/admin/flush")
        assert (flushed.status_code, flushed.json()["position"]) == (503, 3)

        accept_change(service)

        assert eventually(lambda: service.services.graph.checkpoint().position == EVENTS + 1)
        assert eventually(lambda: service.call("GET", "/readyz").status_code == 200)


def test_verify_names_each_changed_event_and_goes_on_naming_an_accepted_one(changed: Service) -> None:
    found = changed.result("/admin/verify", {"deep": True})
    assert not found["in_sync"]
    assert "different log position 3" in found["message"]

    accept_change(changed)
    assert job(changed, "/admin/rebuild", {})["state"] == "done"

    found = changed.result("/admin/verify", {"deep": True})
    assert found["in_sync"]
    assert "accepted log position 3" in found["message"]
    assert REASON in found["message"]


ANSWERS = [
    "/api/v1/lineage?node=artifact:a5&direction=upstream",
    "/api/v1/lineage?node=artifact:a5&direction=upstream&as_of=now",
    *(
        f"/api/v1/lineage?node=artifact:a5&direction=upstream&format={name}"
        for name in ("prov-json", "prov-n", "graphml", "node-link", "dot", "mermaid", "ndjson")
    ),
    "/api/v1/why?node=artifact:a5",
    "/api/v1/why?node=artifact:a5&format=text",
    *(f"/api/v1/why?node=artifact:a5&format={name}" for name in ("prov-json", "dot", "ndjson")),
    "/api/v1/impact?node=artifact:a2",
    "/api/v1/path?source=artifact:a1&target=artifact:a5",
    "/api/v1/state",
    "/api/v1/diff?from=1&to=now&clock=recorded",
    f"/query/pem/{pem_id(3)}",
    "/query/pems",
]


@pytest.mark.parametrize("path", ANSWERS)
def test_what_rests_on_an_accepted_change_says_so(changed: Service, path: str) -> None:
    before = changed.call("GET", path)
    assert before.is_success, before.text
    assert "changed" not in before.text.lower()

    accept_change(changed)

    assert "changed" in changed.call("GET", path).text.lower()


def test_an_event_that_cannot_be_read_keeps_no_others_out_when_it_is_sent_again(folder: Path) -> None:
    tamper(folder, "UPDATE event SET payload = CAST('x' || substr(payload, 2) AS BLOB) WHERE position = 3")
    with open_service(folder) as service:
        accept_change(service)

        again, new = (orjson.loads(pem(number).payload) for number in (3, 9))
        answer = service.call("POST", "/api/v1/events", json=[again, new])

        assert [each["verdict"] for each in answer.json()["results"]] == ["conflict", "accepted"]


def test_answers_go_on_when_an_accepted_event_was_changed_once_more(folder: Path) -> None:
    tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)
    with open_service(folder) as service:
        accept_change(service)
    tamper(folder, "UPDATE event SET payload = CAST('x' || substr(payload, 2) AS BLOB) WHERE position = 3")

    with open_service(folder) as service:
        assert service.call("GET", "/api/v1/why?node=artifact:a5").status_code == 200


EXPORTS = ("json", "ndjson", "prov-json", "prov-n", "graphml", "node-link", "dot", "mermaid")
FILES = [
    *(f"/api/v1/lineage?node=artifact:a5&format={name}" for name in EXPORTS),
    *(f"/api/v1/lineage?node=artifact:a5&as_of=now&format={name}" for name in EXPORTS),
    *(f"/api/v1/why?node=artifact:a5&format={name}" for name in EXPORTS),
]
# Each is about what the third event tells, or told.
ABOUT_IT = [
    "/api/v1/why?node=artifact:a5",
    "/api/v1/why?node=artifact:a5&format=text",
    "/api/v1/lineage?node=artifact:a5",
    "/api/v1/lineage?node=artifact:a5&depth=1&direction=upstream",
    "/api/v1/lineage?node=artifact:a5&as_of=now",
    "/api/v1/impact?node=artifact:a1",
    "/api/v1/impact?node=artifact:a1&format=json",
    "/api/v1/path?source=artifact:a4&target=artifact:a5",
    "/api/v1/state",
    "/api/v1/diff?from=1&to=now&clock=recorded",
    "/api/v1/gaps",
]


def test_every_answer_says_that_an_event_is_left_out_which_nobody_can_read(folder: Path) -> None:
    with open_service(folder) as service:
        assert [path for path in ABOUT_IT if "unreadable" in service.call("GET", path).text] == []
    tamper(folder, "UPDATE event SET payload = CAST('x' || substr(payload, 2) AS BLOB) WHERE position = 3")
    with open_service(folder) as service:
        accept_change(service)
        assert job(service, "/admin/rebuild")["state"] == "done"

        for path in ABOUT_IT:
            answer = service.call("GET", path)
            assert answer.is_success, answer.text
            if path.endswith("text"):
                assert "nobody can read what it says and that was accepted: log position 3." in answer.text
            else:
                assert orjson.loads(answer.content.splitlines()[-1])["unreadable"] == [3]


def test_every_export_says_so_too(folder: Path) -> None:
    with open_service(folder) as service:
        told = {path: service.call("GET", path).text for path in FILES}
        assert [path for path, text in told.items() if "unreadable" in text or "left out" in text] == []
    tamper(folder, "UPDATE event SET payload = CAST('x' || substr(payload, 2) AS BLOB) WHERE position = 3")
    with open_service(folder) as service:
        accept_change(service)

        for path in FILES:
            answer = service.call("GET", path)
            assert answer.is_success, answer.text
            if path.endswith(("dot", "mermaid")):
                assert "left out" in answer.text, path
                assert "log position 3" in answer.text, path
            else:
                assert "unreadable" in answer.text, path
                assert "[3]" in answer.text, path
            if path.endswith("format=json"):
                assert answer.json()["unreadable"] == [3], path


PORT = {"namespace": "Test", "name": "Port", "attributes": [{"name": "name", "kind": "Text"}]}
LISTS = ("/query/pems", "/query/artifacts", "/query/tags", "/api/v1/kinds", "/api/v1/state", "/api/v1/gaps")


@pytest.mark.parametrize("position", [1, 2])
def test_an_accepted_event_that_says_what_nobody_wrote_keeps_no_list_and_no_rebuild_from_its_work(
    tmp_path: Path, position: int
) -> None:
    with open_service(tmp_path) as service:
        service.append(pem(1, ProducesArtifacts=[{"Name": "x", "CreatedAt": "2020-01-01 00:00:00"}]))
        assert service.call("POST", "/api/schema/load", json={"schemas": [{"nodes": [PORT]}]}).is_success
        service.append(pem(3, uses=["x"], produces=["y"]))
    right, wrong = {1: ("00:00:00", "00:00:xx"), 2: ('"name":"Port"', '"xame":"Port"')}[position]
    replace_in_payload(tmp_path, position, right, wrong)

    with open_service(tmp_path) as service:
        accept_change(service, position)
        rebuild_both(service)

        assert [service.call("GET", path).status_code for path in LISTS] == [200] * len(LISTS)
        assert service.get("/api/v1/state")["unreadable"] == [position]
        assert service.call("GET", "/readyz").status_code == 200
        assert service.result("/admin/verify", {"deep": True})["in_sync"]


def test_an_accepted_step_that_says_it_is_another_one_keeps_no_rebuild_from_its_work(tmp_path: Path) -> None:
    with open_service(tmp_path) as service:
        for label in ("one", "two"):
            body = {"schemas": [{"nodes": [PORT | {"label": label}]}]}
            assert service.call("POST", "/api/schema/load", json=body).is_success
    replace_in_payload(tmp_path, 2, '"sequence":2', '"sequence":1')

    with open_service(tmp_path) as service:
        accept_change(service, 2)
        rebuild_both(service)

        assert service.get("/api/v1/state")["unreadable"] == [2]
        assert [kind["label"] for kind in service.get("/api/v1/kinds")["kinds"]][-1] == "one"


def test_a_time_of_recording_that_no_calendar_has_keeps_no_list_and_no_rebuild_from_its_work(
    folder: Path,
) -> None:
    tamper(folder, "UPDATE event SET recorded_us = ? WHERE position = 3", 2**62)

    with open_service(folder) as service:
        accept_change(service)
        rebuild_both(service)

        assert [service.call("GET", path).status_code for path in LISTS] == [200] * len(LISTS)
        assert service.get("/api/v1/state")["unreadable"] == [3]


def test_a_credential_that_was_changed_into_what_nobody_wrote_is_worth_nothing(folder: Path) -> None:
    with open_service(folder) as service:
        created = Credentials(service.services.log, service.services.catalog).create(
            "ada", holder=Holder.USER, grant=Grant.of(Role.READER)
        )
        position = service.services.log.head().position
        service.append(*chain_of_pems(1, start=EVENTS + 1))
    replace_in_payload(folder, position, '["read"]', '"read"')

    with open_service(folder) as service:
        accept_change(service, position)
        rebuild_both(service)

        assert service.get("/api/v1/state")["unreadable"] == [position]
        assert service.services.catalog.credential(token_sha256(created.token)) is None


# None of these lists the third event itself: a version that it made stands there alone.
WITHOUT_THE_EVENT = [
    "/api/v1/lineage?node=artifact:a4&depth=1&details=true",
    "/api/v1/lineage?node=artifact:a4&depth=1&details=true&as_of=now",
    "/api/v1/lineage?node=artifact:a3&version={}&direction=downstream&details=true",
    "/api/v1/lineage?node=artifact:a3&version={}&direction=downstream&as_of=now",
    "/api/v1/lineage?node=artifact:a4&depth=1&format=dot",
    "/api/v1/lineage?node=artifact:a4&depth=1&format=prov-n",
    "/api/v1/why?node=artifact:a4&depth=1",
    "/api/v1/why?node=artifact:a4&depth=1&format=text",
    "/api/v1/why?node=artifact:a4&depth=1&format=mermaid",
    "/api/v1/impact?node=artifact:a3",
    "/api/v1/impact?node=artifact:a3&version={}&depth=1",
    "/api/v1/path?source=artifact:a3&target=artifact:a5",
    "/api/v1/path?source=artifact:a1&target=artifact:a3",
]


@pytest.mark.parametrize("path", WITHOUT_THE_EVENT)
def test_a_version_that_a_changed_event_made_says_so_where_the_event_is_not_listed(
    changed: Service, path: str
) -> None:
    path = path.format(pem_id(3))
    before = changed.call("GET", path)
    assert before.is_success, before.text
    assert "changed" not in before.text.lower()

    accept_change(changed)

    assert "changed" in changed.call("GET", path).text.lower()


def test_every_version_and_every_step_of_an_answer_says_so(changed: Service) -> None:
    accept_change(changed)

    (step,) = changed.get("/api/v1/why?node=artifact:a4&depth=1")["steps"]
    (entry,) = changed.get("/api/v1/why?node=artifact:a4&depth=1")["artifacts"]["artifact"]
    path = changed.get("/api/v1/path?source=artifact:a3&target=artifact:a5")
    items = changed.get("/api/v1/impact?node=artifact:a3&format=json")["items"]

    marked = [step["used"][0]["version"], entry["version"], entry["produced_by"], path["used"]["made"]]
    marked.append(items[0]["path"][0]["used"][0])
    assert [each["changed"]["reason"] for each in marked] == [REASON] * 5
    assert "changed" not in step
    assert not any("recorded_by" in each for each in marked)


def test_what_does_not_rest_on_it_says_nothing(changed: Service) -> None:
    accept_change(changed)

    answer = changed.call("GET", "/api/v1/lineage?node=artifact:a2&direction=upstream")
    assert answer.is_success
    assert "changed" not in answer.text


def test_a_changed_credential_is_not_recorded_anew_by_a_clean(folder: Path) -> None:
    with open_service(folder) as service:
        issued = service.call(
            "POST", "/admin/credentials", json={"name": "a", "kind": "user", "role": Role.READER.value}
        )
        assert issued.is_success, issued.text
        position = service.services.log.head().position
        tamper(
            folder,
            "UPDATE event SET payload = CAST(replace(payload, 'read', 'admin') AS BLOB) WHERE position = ?",
            position,
        )
        answer = service.call("POST", "/admin/clean", json={"position": position})
        assert (answer.status_code, f"position {position}" in answer.text) == (503, True)
        assert service.services.log.count() == position


# ------------------------------------------------------------------------------------------- losses


@pytest.fixture
def shortened(folder: Path) -> Iterator[Service]:
    """A service whose log lost its newest event while it was down, with all that the database knows of it."""
    for statement in (
        "DELETE FROM event WHERE position = 5",
        "DELETE FROM pem WHERE position = 5",
        "UPDATE sqlite_sequence SET seq = 4",
    ):
        tamper(folder, statement)
    (folder / "head.json").unlink()
    with open_service(folder) as service:
        yield service


def test_a_log_that_the_graph_saw_go_further_takes_no_writes(shortened: Service) -> None:
    sent = shortened.call("POST", "/api/v1/events", json=[orjson.loads(pem(9).payload)])
    ready = shortened.call("GET", "/readyz")

    assert (sent.status_code, ready.status_code) == (503, 503)
    for answer in (sent, ready):
        assert "the graph has seen it up to position 5" in answer.text
    assert gauge(shortened, "provgraph_log_refuses_writes") == 1
    assert shortened.services.graph.checkpoint().position == 5  # what is served stays
    assert shortened.services.log.head().position == 4
    found = job(shortened, "/admin/rebuild", {})
    assert (found["state"], "accept-loss" in found["error"]) == ("failed", True)
    assert (
        shortened.call("POST", "/admin/accept-change", json={"position": 3, "reason": "x"}).status_code == 409
    )


def test_an_accepted_loss_lets_the_log_go_on_behind_it(shortened: Service) -> None:
    said = shortened.result("/admin/accept-loss", {"reason": REASON})

    assert said["position"] == 6
    assert said["accepted"]["kept_position"] == 4
    assert len(shortened.call("GET", "/query/pems").json()) == 4
    assert eventually(lambda: shortened.services.graph.counts().pems == 4)
    shortened.append(*chain_of_pems(1, start=9))
    # The graph has the event a moment before the graph builder says that it is well again.
    assert eventually(lambda: shortened.call("GET", "/readyz").status_code == 200)
    assert shortened.result("/admin/verify", {"deep": True})["in_sync"]
    assert gauge(shortened, "provgraph_log_refuses_writes") == 0
    again = shortened.call("POST", "/admin/accept-loss", json={"reason": REASON})
    assert again.status_code == 409


def test_a_lost_event_that_is_sent_again_is_there_once(folder: Path) -> None:
    tamper(folder, "DELETE FROM event WHERE position = 5")  # the catalog still lists it
    with open_service(folder) as service:
        service.result("/admin/accept-loss", {"reason": REASON})

        service.append(chain_of_pems(EVENTS)[-1])

        ids = [each["ID"] for each in service.call("GET", "/query/pems").json()]
        assert (len(ids), len(set(ids))) == (EVENTS, EVENTS)
        assert service.result("/admin/verify", {"deep": True})["in_sync"]


def test_a_loss_under_a_running_service_stops_its_writes_once_the_log_is_verified(folder: Path) -> None:
    with open_service(folder) as service:
        tamper(folder, "DELETE FROM event WHERE position = 5")

        assert not service.result("/admin/verify", {"deep": True})["in_sync"]

        sent = service.call("POST", "/api/v1/events", json=[orjson.loads(pem(9).payload)])
        assert (sent.status_code, service.call("GET", "/readyz").status_code) == (503, 503)
        assert service.result("/admin/accept-loss", {"reason": REASON})["position"] == 6


def test_a_loss_beside_a_change_is_accepted_first(folder: Path) -> None:
    tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)
    tamper(folder, "DELETE FROM event WHERE position = 5")

    with open_service(folder) as service:
        assert service.result("/admin/accept-loss", {"reason": REASON})["position"] == 6
        accept_change(service)
        assert job(service, "/admin/rebuild")["state"] == "done"
        assert service.result("/admin/verify", {"deep": True})["in_sync"]


CUT_OFF = ("DELETE FROM event WHERE position = 7", "DELETE FROM pem WHERE position = 7")


@pytest.mark.parametrize("what", ["change", "loss"])
def test_what_is_accepted_is_recorded_with_the_credential_that_it_came_with(folder: Path, what: str) -> None:
    with open_service(folder) as service:
        issued = Credentials(service.services.log, service.services.catalog).create(
            "ada", holder=Holder.USER, grant=Grant.of(Role.ADMIN)
        )
        service.append(*chain_of_pems(1, start=9))
    if what == "change":
        tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)
    else:
        for statement in CUT_OFF:
            tamper(folder, statement)
    body = {"position": 3, "reason": REASON} if what == "change" else {"reason": REASON}

    with open_service(folder) as service:
        assert service.call("POST", f"/admin/accept-{what}", json=body, token=issued.token).is_success
        assert eventually(lambda: service.services.log.loss() is None)
        assert service.services.log.read()[-1].sender == issued.id


# ------------------------------------------------------------------------------------------- what was noted elsewhere


def test_a_digest_that_was_noted_elsewhere_can_be_required(changed: Service, folder: Path) -> None:
    accept_change(changed)
    events = changed.services.log.read()
    good, bad = events[4].digest.hex(), events[3].digest.hex()

    assert changed.result("/admin/verify", {"expect": {"5": good}})["position"] == EVENTS + 1
    for expected, details in (
        ({"5": bad}, f"log position 5: the event there has the digest {good}, but {bad} is expected"),
        ({"77": good}, f"log position 77: there is no event, but one with the digest {good} is expected"),
    ):
        found = changed.result("/admin/verify", {"expect": expected})
        assert not found["in_sync"]
        assert details in found["message"]
    refused = changed.call("POST", "/admin/verify", json={"expect": {"5": "abc"}})
    assert refused.status_code == 400


def test_the_check_in_the_background_is_in_the_metrics(folder: Path) -> None:
    with open_service(folder) as service:
        assert eventually(lambda: gauge(service, "provgraph_log_check_position") == EVENTS)
        assert gauge(service, "provgraph_log_check_intact") == 1
        assert gauge(service, "provgraph_log_check_age_seconds") >= 0

    tamper(folder, "UPDATE event SET payload = ? WHERE position = 3", FORGED)
    with open_service(folder) as service:
        assert eventually(lambda: gauge(service, "provgraph_log_check_intact") == 0)
    with open_service(folder, log_verify_hours=0) as service:
        assert gauge(service, "provgraph_log_check_position") == 0
