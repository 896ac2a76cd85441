"""
The address of the client's published page: ``RKQuery('http://127.0.0.1:8082/receiver/')``.

Record Keeper's Receiver answered the questions itself up to its client 3.3, and the page's example still asks there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.clients import TIMEOUT_SECONDS, sent, train

if TYPE_CHECKING:
    from typing import Any

    from tests.e2e.clients import Clients, Door


def query_at_the_receiver(door: Door, role: str = "reader") -> Any:
    return door.library.RKQuery(
        f"{door.url}/receiver/", timeout_sec=TIMEOUT_SECONDS, **door.credentials.get(role, {})
    )


def test_the_pages_own_example_lists_what_was_sent(door: Door, clients: Clients) -> None:
    pem = train(clients)

    pems, message, ok = query_at_the_receiver(door).get_pems()

    assert (message, ok) == ("OK", True)
    assert pem.ID in {found.ID for found in pems}


def test_every_question_has_the_same_answer_at_both_addresses(door: Door, clients: Clients) -> None:
    pem = train(clients, uses=("table/a",), produces=("model/a",))
    sent(clients, clients.receiver.prepare_pem("later"))
    assert clients.receiver.set_tag("???", ">>>", pem) == ("OK", True)
    assert clients.admin.graph_flush()[1]

    def asked(query: Any) -> list[Any]:
        return [
            [(each.ID, each.Properties) for each in query.get_pems(0, 10, "Type", "asc")[0]],
            query.get_pem(pem.ID)[0].ID,
            query.get_pems_count(filters={"Type": "train"}),
            [(each.Name, each.CreatedAt) for each in query.get_artifacts("sqldb")[0]],
            sorted(each.Name for each in query.get_artifacts("graphdb")[0]),
            query.get_artifacts_count("sqldb"),
            query.get_artifacts_count("graphdb"),
            query.get_artifact_latest("a")[1:],
            query.get_tag("???", ">>>"),
            query.get_tags(),
            query.get_tags_count(),
        ]

    assert asked(query_at_the_receiver(door)) == asked(clients.query)


def test_the_receivers_own_calls_are_still_its_own(door: Door, clients: Clients) -> None:
    text, ok = clients.receiver.get_info()

    assert ok, text
    assert clients.library.deserialize_receiver_info(text).pem_version == "2.0.0"
    train(clients)
    assert not query_at_the_receiver(door).get_pem("")[2]


def test_an_admin_works_with_the_receivers_address_too(door: Door, clients: Clients) -> None:
    admin = door.library.RKAdmin(
        f"{door.url}/receiver/",
        f"{door.url}/graph_builder/",
        timeout_sec=TIMEOUT_SECONDS,
        **door.credentials.get("admin", {}),
    )
    train(clients)

    report_id, message, ok = admin.artifacts_verify_connections()
    assert (message, ok) == ("", True)
    assert admin.get_report(report_id)[1]
    assert admin.artifacts_remove_unconnected(report_id)[1:] == ("", True)
    assert admin.clean_dbs() == ("OK", True)
    assert query_at_the_receiver(door).get_pems_count()[0] == 0
