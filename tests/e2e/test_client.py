"""Both clients against a real service, by the driver of the suite that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import (
    Artifact,
    Flushed,
    NotThereError,
    OversizedEventError,
    RefusedEventError,
    SpoolDelivery,
)
from tests.contract.client.driver import AsyncDriver, Driver, SyncDriver
from tests.e2e.builders import unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.service import Service


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A way to drive one of the clients."""
    made: Driver = request.param()
    yield made
    made.close()


@pytest.fixture
def emitter() -> str:
    """An emitter of the test's own."""
    return unique("emitter-")


@pytest.fixture
def client(driver: Driver, service: Service, emitter: str) -> Any:
    """A client of the shared service."""
    return driver.client(service.url, emitter=emitter)


def test_what_an_activity_reports_is_why(client: Any) -> None:
    table, model = unique("table/"), unique("model/")
    with client.activity("ingest", produces=[table]):
        pass
    with client.activity("train", uses=[table]) as run:
        run.produces(Artifact(model, {"auc": 0.9}, version="7")).note(epochs=3)
    client.admin.flush()

    why = client.why(model)

    assert [step.type for step in why.steps] == ["train", "ingest"]
    assert why.steps[0].event == run.id
    assert why.steps[0].properties["epochs"] == 3
    assert (why.steps[0].produced[0].version.label, why.complete) == ("7", True)
    assert [step.type for step in client.impact(table)] == ["train"]
    assert client.path(table, model).connected
    assert client.get_artifact(model).properties == {"auc": 0.9}


def test_events_come_back_as_they_were_sent(client: Any, emitter: str) -> None:
    first = client.prepare_pem("a", properties={"deep": {"list": [1, None, True, "ü😀"]}}, uses=["x/in"])
    pems = [first, *(client.prepare_pem("b", first, tag=None) for _ in range(7))]

    result = client.send_pems(pems)
    stored = list(client.get_pems(filters={"Emitter": emitter}, page_size=3))

    assert (result.accepted, result.refused) == (8, ())
    assert [pem.id for pem in stored] == [pem.id for pem in pems]
    assert stored[0].properties == first.properties
    assert {pem.predecessor for pem in stored[1:]} == {first.id}
    assert client.get_pem(first.id) == stored[0]
    assert client.pems_count(filters={"Emitter": emitter}) == 8
    assert client.get_tag(emitter, "latest") == first.id


@pytest.mark.parametrize(("namespace", "tag"), [("???", ">>>"), ("", ""), ("a/b//c", "1+1=2"), ("😀", "ÿ")])
def test_a_tag_of_any_name_is_set_and_found(client: Any, emitter: str, namespace: str, tag: str) -> None:
    pem = client.prepare_pem("a")
    client.send_pem(pem)

    client.set_tag(f"{emitter}{namespace}" if namespace else "", tag, pem)

    assert client.get_tag(f"{emitter}{namespace}" if namespace else "", tag) == pem.id
    with pytest.raises(NotThereError):
        client.get_tag(emitter, unique())


def test_the_same_id_with_another_content_is_refused(client: Any) -> None:
    pem = client.prepare_pem("a")
    client.send_pem(pem)

    with pytest.raises(RefusedEventError) as refused:
        client.send_pem(client.prepare_pem("b", id=pem.id))

    assert refused.value.verdict.verdict == "conflict"


def test_client_and_service_are_of_one_opinion_on_what_is_too_large(client: Any) -> None:
    pem = client.prepare_pem("a")
    spare = 1_000_000 - len(pem.encode().content) - len(b',"Properties":{"x":""}')

    just = client.prepare_pem("a", properties={"x": "y" * spare}, id=pem.id, occurred_at=pem.occurred_at)

    assert len(just.encode().content) == 1_000_000
    assert client.send_pem(just).verdict == "accepted"
    with pytest.raises(OversizedEventError):
        client.send_pem(
            client.prepare_pem("a", properties={"x": "y" * (spare + 1)}, occurred_at=pem.occurred_at)
        )


def test_a_spool_delivers_to_a_real_service(
    driver: Driver, service: Service, emitter: str, tmp_path: Path
) -> None:
    client = driver.client(service.url, emitter=emitter, delivery=SpoolDelivery(tmp_path / "spool.db"))
    pems = [client.prepare_pem("a") for _ in range(1_200)]

    client.send_pems(pems)
    client.set_tag(emitter, "first", pems[0])
    client.send_pem(client.prepare_pem("b", id=pems[0].id))
    flushed = client.flush(timeout_seconds=60)

    assert flushed == Flushed(delivered=1_201, refused=1, left=0)
    assert [pem.id for pem in client.get_pems(filters={"Emitter": emitter})] == [pem.id for pem in pems]
    assert client.get_tag(emitter, "first") == pems[0].id


def test_the_graph_is_asked_in_cypher(client: Any) -> None:
    name = unique("artifact ' \" ")
    with client.activity("make", produces=[name]):
        pass
    client.admin.flush()

    found = client.query_graph(
        "MATCH (a:Artifact) WHERE a.rk_id = $name RETURN a.rk_id AS name", {"name": name}
    )

    assert (found.columns, found.rows) == (("name",), ((name,),))


def test_a_state_is_read_page_by_page(client: Any) -> None:
    names = sorted(unique("state/") for _ in range(5))
    client.send_pem(client.prepare_pem("make", produces=names))
    client.admin.flush()

    found = [each.artifact for page in client.states(limit=2) for each in page.artifacts]

    assert set(names) <= set(found)
    assert found == sorted(set(found))


def test_an_artifact_is_listed_as_it_was_first_and_its_state_is_the_newest(client: Any) -> None:
    model = unique("model/")
    for auc in (0.8, 0.9):
        client.send_pem(client.prepare_pem("train", produces=[Artifact(model, {"auc": auc})]))
    client.admin.flush()

    pages = client.states()
    newest = next(each for page in pages for each in page.artifacts if each.artifact == model)

    assert newest.version is not None
    assert client.get_artifact(model).properties == {"auc": 0.8}
    assert newest.version.properties == {"auc": 0.9}
