"""
Every method of the unmodified RecordKeeper_Client, and of what takes its place, against a real service.

Each test runs three times: on an open service, with a user's token and with a workload's (PUC) token. The token's
role is the least that the calls need: a writer sends and tags, a reader asks, an admin administers.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.e2e.builders import unique
from tests.e2e.clients import Clients, Door, sent, train
from tests.e2e.pairs import needs_subset
from tests.e2e.waiting import eventually

# Namespace and tag; the first pairs have "/" and "+" inside their base64, or two slashes next to each other.
NASTY_TAGS = (
    ("ns?>~ÿ", "latest"),
    ("???", ">>>"),
    (">>>", "???"),
    ("???", "???"),
    ("", "latest"),
    ("ns", ""),
    ("", ""),
    ("???", ""),
    ("", "???"),
    ("a/b//c", "/"),
    ("1+1=2", "+"),
    ("😀 emoji", "🏷️"),
    (" space around ", "line\nend"),
    ("%2F", ".."),
    ("x" * 2000, "ÿ" * 1000),
)
SOURCES = ("sqldb", "graphdb")


def repr_shortly(name: str) -> str:
    return ascii(name[:20])


def graph_info(clients: Clients) -> Any:
    """Return the graph builder's info as the client reads it; a surplus or missing field raises in there."""
    text, ok = clients.admin.get_graph_info()
    assert ok, text
    return clients.library.deserialize_graph_builder_info(text)


def report(clients: Clients, report_id: UUID) -> dict[str, Any]:
    """Return a report once it is finished."""

    def finished() -> dict[str, Any] | None:
        text, ok = clients.admin.get_report(str(report_id))
        assert ok, text
        found: dict[str, Any] = json.loads(text)
        return found if found["status"] != "in progress" else None

    found = eventually(finished)
    assert found is not None
    return found


# Info


def test_the_receivers_info_is_what_the_client_can_read(clients: Clients) -> None:
    text, ok = clients.receiver.get_info()

    assert ok, text
    info = clients.library.deserialize_receiver_info(text)
    assert (info.pem_version, info.pem_size_limit) == ("2.0.0", 1_000_000)
    assert info.auth_required is info.pem_auth_required is clients.auth_required
    assert info.version


def test_the_queries_info_is_what_the_client_can_read(clients: Clients) -> None:
    text, ok = clients.query.get_info()

    assert ok, text
    assert clients.library.deserialize_query_info(text).auth_required is clients.auth_required


def test_the_graph_builders_info_is_what_the_client_can_read(clients: Clients) -> None:
    info = graph_info(clients)

    assert (info.loop_state_should_rebuild, info.loop_state_should_flush) == ("False", "False")
    assert info.loop_iteration_interval >= 0


def test_the_connections_are_found(clients: Clients) -> None:
    assert clients.admin.check_connections() == ("OK", True)


# PEMs


def test_a_pem_comes_back_as_it_was_sent_with_artifacts_by_name(clients: Clients) -> None:
    table, model = unique("table-"), unique("model-")
    first = train(clients)
    properties = {"rate": 0.25, "deep": {"list": [1, None, True, "ü😀"]}, "": ""}
    pem = train(
        clients,
        uses=(table,),
        produces=(model,),
        predecessor_id=first.ID,
        properties=properties,
        tag_name="best",
    )

    found, message, ok = clients.query.get_pem(pem.ID.hex)

    assert (message, ok) == ("OK", True)
    assert (found.ID, found.Type, found.Predecessor) == (pem.ID, "train", first.ID)
    assert (found.Emitter, found.TimestampClient) == (clients.emitter, pem.TimestampClient)
    assert found.Properties == properties
    assert (found.Tag, found.TagNamespace) == ("best", clients.emitter)
    assert [each.Name for each in found.UsesArtifacts] == [table]
    assert [each.Name for each in found.ProducesArtifacts] == [model]


def test_a_pem_without_predecessor_comes_back_without_one(clients: Clients) -> None:
    pem = train(clients)

    found, _, _ = clients.query.get_pem(pem.ID.hex)

    assert found.Predecessor is None


def test_a_pem_is_found_by_its_id_with_dashes(clients: Clients) -> None:
    pem = train(clients)

    found, message, ok = clients.query.get_pem(pem.ID)

    assert ok, message
    assert found.ID == pem.ID


def test_an_unknown_pem_is_a_failure(clients: Clients) -> None:
    found, message, ok = clients.query.get_pem(uuid4().hex)

    assert (found, ok) == (None, False)
    assert message.startswith("Getting pem failed: HTTP error for")
    assert "404" in message


def test_a_pem_sent_twice_is_acknowledged_twice_and_stored_once(clients: Clients) -> None:
    pem = train(clients)
    sent(clients, pem)

    assert clients.query.get_pems_count(filters={"Emitter": clients.emitter}) == (1, "OK", True)


def test_a_refused_pem_gives_the_reason_to_the_caller(clients: Clients) -> None:
    message, ok = clients.receiver.send_pem(clients.receiver.prepare_pem(""))

    assert not ok
    assert message.startswith("Sending PEM failed: HTTP error for")
    assert "400" in message
    assert message.endswith("PEM is not valid: Type is empty")


@pytest.mark.parametrize("size", [1_000_001, 5_000_000])
def test_the_reason_for_refusing_a_big_pem_arrives(clients: Clients, size: int) -> None:
    pem = clients.receiver.prepare_pem("big", properties={"text": "x" * size})

    message, ok = clients.receiver.send_pem(pem)

    assert not ok
    assert "413" in message
    assert "1000000" in message


def test_pems_are_listed_in_order_of_arrival(clients: Clients) -> None:
    ids = [train(clients).ID for _ in range(5)]

    pems, message, ok = clients.query.get_pems(filters={"Emitter": clients.emitter})

    assert (message, ok) == ("OK", True)
    assert [pem.ID for pem in pems] == ids
    assert all(isinstance(pem, clients.library.PEM) for pem in pems)


def test_pems_are_paged_and_sorted(clients: Clients) -> None:
    for number in (3, 1, 2, 5, 4):
        sent(clients, clients.receiver.prepare_pem(f"type {number}"))

    pems, message, ok = clients.query.get_pems(
        page_index=1, page_size=2, sort_field="Type", sort_order="desc", filters={"Emitter": clients.emitter}
    )

    assert ok, message
    assert [pem.Type for pem in pems] == ["type 3", "type 2"]


def test_the_count_of_pems_ignores_paging(clients: Clients) -> None:
    for _ in range(3):
        train(clients)

    answer = clients.query.get_pems_count(0, 2, "Type", "asc", {"Emitter": clients.emitter, "Type": "train"})

    assert answer == (3, "OK", True)


def test_none_as_filter_finds_pems_without_predecessor(clients: Clients) -> None:
    first = train(clients)
    train(clients, predecessor_id=first.ID)

    pems, _, ok = clients.query.get_pems(filters={"Emitter": clients.emitter, "Predecessor": None})

    assert ok
    assert [pem.ID for pem in pems] == [first.ID]


def test_a_filter_that_does_not_exist_is_a_failure(clients: Clients) -> None:
    pems, message, ok = clients.query.get_pems(filters={"Emiter": "typo"})

    assert (pems, ok) == (None, False)
    assert "TagNamespace" in message


def test_a_used_client_can_be_a_context_manager(door: Door) -> None:
    with door.clients(unique()).receiver as receiver:
        assert receiver.send_pem(receiver.prepare_pem("inside")) == ("OK", True)

    assert door.library.RKClient.get_version() == "3.5.0"


# Artifacts


@pytest.mark.parametrize("source", SOURCES)
def test_an_artifact_is_found_in_both_sources(clients: Clients, source: str) -> None:
    name = unique('model \'ü😀\\ "quoted" ')
    train(clients, produces=(name,))
    clients.admin.graph_flush()

    found, ok = clients.query.get_artifact(name, source)

    assert ok
    assert (found.Name, found.Properties) == (name, {"made": name})
    assert len(found.CreatedAt) == len("2020-12-08 22:06:40")


@pytest.mark.parametrize("source", SOURCES)
def test_an_unknown_artifact_is_none_and_no_failure(clients: Clients, source: str) -> None:
    assert clients.query.get_artifact(unique(), source) == (None, True)


def test_both_sources_list_the_same_artifacts(clients: Clients) -> None:
    train(clients, uses=(unique("table-"),), produces=(unique("model-"), unique("report-")))
    clients.admin.graph_flush()

    listed, graphed = (clients.query.get_artifacts(source) for source in SOURCES)

    assert listed[1:] == graphed[1:] == ("", True)
    assert contents(listed[0]) == contents(graphed[0])


def contents(artifacts: list[Any]) -> dict[str, tuple[dict[str, object], str]]:
    return {each.Name: (each.Properties, each.CreatedAt) for each in artifacts}


def test_artifacts_are_filtered_sorted_and_paged(clients: Clients) -> None:
    prefix = unique("set-")
    train(clients, produces=tuple(f"{prefix} {letter}" for letter in "bdac"))

    artifacts, message, ok = clients.query.get_artifacts(
        "sqldb", page_index=0, page_size=3, sort_field="Name", sort_order="desc", filters={"Name": prefix}
    )

    assert (message, ok) == ("", True)
    assert [each.Name[-1] for each in artifacts] == ["d", "c", "b"]


def test_the_latest_artifact_is_the_last_to_arrive_within_one_second(clients: Clients) -> None:
    prefix = unique("run-")
    for number in (2, 3, 1):
        train(clients, produces=(f"{prefix}/{number}",))

    found, message, ok = clients.query.get_artifact_latest(prefix)

    assert (message, ok) == ("", True)
    assert found.Name == f"{prefix}/1"


def test_no_latest_artifact_is_none_and_no_failure(clients: Clients) -> None:
    assert clients.query.get_artifact_latest(unique()) == (None, "", True)


def test_artifacts_are_counted_in_both_sources(clients: Clients) -> None:
    prefix = unique("set-")
    train(clients, produces=(f"{prefix}1", f"{prefix}2"))
    clients.admin.graph_flush()

    count, message, ok = clients.query.get_artifacts_count("graphdb")

    assert (message, ok) == ("OK", True)
    assert clients.query.get_artifacts_count("sqldb") == (count, "OK", True)
    assert clients.query.get_artifacts_count("sqldb", {"Name": prefix}) == (2, "OK", True)


def test_an_artifact_that_was_read_can_be_used(clients: Clients) -> None:
    name = unique("model-")
    train(clients, produces=(name,))
    stored, _ = clients.query.get_artifact(name)
    pem = clients.receiver.prepare_pem("deploy")
    pem.uses_artifact(stored)
    sent(clients, pem)

    again, ok = clients.query.get_artifact(name)

    assert ok
    assert contents([again]) == contents([stored])


# Tags


def test_a_pem_sets_its_tag_in_its_emitters_namespace(clients: Clients) -> None:
    train(clients)
    pem = train(clients)

    assert clients.query.get_tag(clients.emitter, "latest") == (pem.ID.hex, True)


@pytest.mark.parametrize(("namespace", "tag"), NASTY_TAGS, ids=repr_shortly)
def test_tags_of_any_name_in_namespaces_of_any_name_come_back(
    clients: Clients, namespace: str, tag: str
) -> None:
    pem = train(clients)

    assert clients.receiver.set_tag(namespace, tag, pem) == ("OK", True)

    assert clients.query.get_tag(namespace, tag) == (pem.ID.hex, True)
    assert [namespace, tag, pem.ID.hex] in listed_tags(clients)


def listed_tags(clients: Clients) -> list[list[str]]:
    tags, message, ok = clients.query.get_tags()
    assert (message, ok) == ("OK", True)
    assert all(len(each["UpdatedAt"]) == len("2020-12-08 22:06:40") for each in tags)
    return [[each["NamespaceID"], each["Tag"], each["EventID"]] for each in tags]


def test_tags_are_counted(clients: Clients) -> None:
    before, _, _ = clients.query.get_tags_count()
    pem = train(clients)
    for tag in ("a", "b", "a"):
        clients.receiver.set_tag(clients.emitter, tag, pem)

    assert clients.query.get_tags_count() == (before + 3, "OK", True)  # latest, a, b


def test_an_unknown_tag_is_a_failure(clients: Clients) -> None:
    message, ok = clients.query.get_tag(unique(), "latest")

    assert not ok
    assert message.startswith("Getting tag failed: ")
    assert "404" in message


def test_tagging_an_unknown_pem_is_a_failure(clients: Clients) -> None:
    message, ok = clients.receiver.set_tag(
        clients.emitter, "latest", clients.receiver.prepare_pem("never sent")
    )

    assert not ok
    assert message.startswith("Setting tag failed: ")
    assert "404" in message


# The graph


def test_a_flush_brings_everything_into_the_graph(clients: Clients) -> None:
    for _ in range(20):
        train(clients, uses=(unique(),), produces=(unique(),))

    message, ok = clients.admin.graph_flush()

    assert ok, message
    assert message.startswith("flushing queue finished, in ")
    info = graph_info(clients)
    assert info.neo4j_pems_count == info.pg_pems_count >= 20
    assert info.neo4j_artifacts_count == info.pg_artifacts_count >= 40
    assert float(info.pems_sync_pct.rstrip("%")) == float(info.artifacts_sync_pct.rstrip("%")) == 100
    assert clients.query.get_pems_count() == (info.pg_pems_count, "OK", True)


@pytest.mark.parametrize("what", [{}, {"check_pems": False}, {"check_artifacts": False}])
def test_a_flushed_graph_verifies(clients: Clients, what: dict[str, bool]) -> None:
    train(clients, produces=(unique(),))
    clients.admin.graph_flush()

    text, ok = clients.admin.graph_verify(**what)

    assert ok, text
    first = json.loads(text)["msg"].splitlines()[0]
    assert "in sync" in first
    assert "out of sync" not in first


def test_a_rebuild_yields_the_same_graph_and_ends(clients: Clients) -> None:
    train(clients, uses=(unique(),), produces=(unique(),))
    clients.admin.graph_flush()
    before = graph_info(clients)

    assert clients.admin.graph_rebuild() == ("OK", True)

    assert eventually(lambda: graph_info(clients).loop_state_should_rebuild == "False")
    assert clients.admin.graph_flush()[1]
    assert graph_info(clients) == before


def test_a_read_query_gives_its_text(clients: Clients) -> None:
    text, ok = clients.query.query_graph("MATCH (a:Artifact) RETURN count(a);", "r")

    assert ok, text
    assert text.startswith("[[")


@pytest.mark.parametrize(
    "query", ["MATCH (a RETURN a", "SHOW DATABASES", "LOAD CSV FROM 'file:///x' AS l RETURN l"]
)
def test_a_query_that_cannot_be_run_is_a_failure(clients: Clients, query: str) -> None:
    message, ok = clients.query.query_graph(query)

    assert not ok
    assert message.startswith("HTTP error")


@needs_subset
def test_a_query_beyond_the_subset_is_a_failure_that_says_so(clients: Clients) -> None:
    message, ok = clients.query.query_graph("MATCH p = (a)-[*1..5]-(b) RETURN p")

    assert not ok
    assert message.startswith("HTTP error")
    assert "unsupported" in message.lower()


# Reports and cleaning


def test_connected_artifacts_make_an_empty_report_and_stay(clients: Clients) -> None:
    name = unique("model-")
    train(clients, produces=(name,))
    clients.admin.graph_flush()

    first, message, ok = clients.admin.artifacts_verify_connections()
    assert (message, ok) == ("", True)
    assert report(clients, first)["status"] == "done"
    second, message, ok = clients.admin.artifacts_remove_unconnected(first)

    assert (message, ok) == ("", True)
    assert second != first
    assert report(clients, second)["status"] == "done"
    assert name not in report(clients, first)["report"]
    assert clients.query.get_artifact(name)[0] is not None


def test_a_report_is_found_by_its_id_as_text_and_as_uuid(clients: Clients) -> None:
    report_id, _, _ = clients.admin.artifacts_verify_connections()
    report(clients, report_id)

    answers = {clients.admin.get_report(spelling) for spelling in (report_id, str(report_id), report_id.hex)}

    assert len(answers) == 1
    text, ok = answers.pop()
    assert ok, text
    assert {"report", "status"} <= json.loads(text).keys()


def test_an_unknown_report_is_a_failure(clients: Clients) -> None:
    text, ok = clients.admin.get_report(uuid4().hex)
    removed, message, removal_ok = clients.admin.artifacts_remove_unconnected(uuid4())

    assert not ok
    assert "404" in text
    assert (removed, removal_ok) == (None, False)
    assert "404" in message


def test_cleaning_empties_both_stores(clients: Clients) -> None:
    train(clients, produces=(unique(),))

    assert clients.admin.clean_dbs() == ("OK", True)

    assert clients.query.get_pems() == ([], "OK", True)
    assert clients.query.get_tags() == ([], "OK", True)
    assert [clients.query.get_artifacts(source)[0] for source in SOURCES] == [[], []]
    info = graph_info(clients)
    assert (info.pg_pems_count, info.neo4j_pems_count) == (0, 0)
    assert float(info.pems_sync_pct.rstrip("%")) == 100


def test_what_was_cleaned_can_be_sent_again(clients: Clients) -> None:
    pem = train(clients, produces=(unique(),))
    clients.admin.clean_dbs()

    sent(clients, pem)

    assert clients.admin.graph_flush()[1]
    assert graph_info(clients).neo4j_pems_count == 1


# Refusals


@pytest.mark.parametrize("door", ["user", "puc"], indirect=True)
def test_a_wrong_credential_is_a_regular_failure_of_every_class(door: Door) -> None:
    wrong = dict.fromkeys(door.credentials["reader"], "wrong")
    strangers = Door(door.url, dict.fromkeys(("writer", "reader", "admin"), wrong), door.library).clients(
        unique()
    )

    failures = [
        strangers.receiver.send_pem(strangers.receiver.prepare_pem("refused")),
        strangers.query.get_pems(),
        strangers.query.get_artifacts("graphdb"),
        strangers.admin.graph_flush(),
        strangers.admin.clean_dbs(),
    ]

    assert not any(failure[-1] for failure in failures)
    assert all("401" in str(failure) for failure in failures)


@pytest.mark.parametrize("door", ["user", "puc"], indirect=True)
def test_a_role_that_is_not_enough_is_a_regular_failure(door: Door) -> None:
    lesser = dict.fromkeys(("writer", "reader", "admin"), door.credentials["reader"])
    readers = Door(door.url, lesser, door.library).clients(unique())

    message, ok = readers.admin.clean_dbs()

    assert not ok
    assert "403" in message
    assert readers.query.get_artifacts("graphdb")[1:] == ("", True)
