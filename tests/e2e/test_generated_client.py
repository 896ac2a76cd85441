"""A client that is generated from a running service's description does what that service is for."""

from __future__ import annotations

import base64
import importlib
import sys
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from tests.e2e.builders import unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.e2e.conftest import Secured

_NAME = "generated_provgraph_client"
_ADMIN_NAME = "generated_provgraph_admin_client"


class Generated(NamedTuple):
    """A generated client, and the service that it is for."""

    url: str
    package: str
    token: str

    def module(self, name: str) -> ModuleType:
        """Return a module of it."""
        return importlib.import_module(f"{self.package}.{name}")

    def model(self, name: str, document: dict[str, Any]) -> Any:
        """Return a model's value for a document."""
        return getattr(self.module("models"), name).from_dict(document)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation by its module's name and return what it answered."""
        client = self.module("client").AuthenticatedClient(base_url=self.url, token=self.token)
        with client:
            return self.module(f"api.{operation}").sync(client=client, **arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A folder whose packages can be imported."""
    made = tmp_path_factory.mktemp("generated")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(made)
        yield made
        for name in [name for name in sys.modules if name.startswith((_NAME, _ADMIN_NAME))]:
            del sys.modules[name]


def _generated(url: str, folder: Any, package: str) -> list[Any]:
    config = Config.from_sources(
        ConfigFile(post_hooks=[]),
        MetaType.NONE,
        document_source=url,
        file_encoding="utf-8",
        overwrite=False,
        output_path=folder / package,
    )
    return list(generate(config=config))


@pytest.fixture(scope="module")
def complaints(secured: Secured, folder: Any) -> list[Any]:
    """What the generator says while it makes the client."""
    return _generated(f"{secured.service.url}/openapi.json", folder, _NAME)


@pytest.fixture(scope="module")
def client(secured: Secured, complaints: list[Any]) -> Generated:
    """The client, as an administrator uses it."""
    return Generated(secured.service.url, _NAME, secured.tokens["user", "admin"])


def test_everything_in_the_description_is_understood_but_lines_of_json(complaints: list[Any]) -> None:
    assert [error.detail for error in complaints] == ["Unsupported content type application/x-ndjson"]


def test_it_sends_events_and_asks_why_and_how_things_are(client: Generated) -> None:
    raw, table, model = unique("raw"), unique("table"), unique("model")
    ingest, train = uuid.uuid4().hex, uuid.uuid4().hex
    events = [
        {
            "ID": ingest,
            "Type": "ingest",
            "Emitter": "crm-export",
            "OccurredAt": "2026-03-01T02:00:00Z",
            "UsesArtifacts": [{"Name": raw}],
            "ProducesArtifacts": [{"Name": table}],
        },
        {
            "ID": train,
            "Type": "train",
            "Emitter": "trainer",
            "OccurredAt": "2026-03-01T09:30:00Z",
            "Tag": "current",
            "TagNamespace": unique("prod"),
            "UsesArtifacts": [{"Name": table}],
            "ProducesArtifacts": [{"Name": model, "Version": "7", "Properties": {"auc": 0.91}}],
        },
    ]

    sent = client.call("events.post_events", body=[client.model("Event", event) for event in events])
    assert [(each.id, each.verdict.value) for each in sent.results] == [
        (ingest, "accepted"),
        (train, "accepted"),
    ]

    why = client.call("questions.get_why", node=f"artifact:{model}", wait=sent.position)
    assert [step.event for step in why.steps] == [train, ingest]
    assert why.steps[0].produced[0].version.properties.additional_properties == {"auc": 0.91}
    assert [used.artifact for used in why.steps[1].used] == [raw]
    assert why.steps[1].used[0].version is None
    assert why.complete

    state = client.call("questions.get_state", wait=sent.position, limit=10_000)
    found = {each.artifact: each for each in state.artifacts}
    assert found[model].version.label == "7"
    assert found[raw].version is None
    assert (train, "current") in {(tag.event, tag.tag) for tag in state.tags}

    impact = client.call(
        "questions.get_impact",
        node=f"artifact:{raw}",
        format_=client.module("models").GetImpactFormat.JSON,
        wait=sent.position,
    )
    assert [each.event for each in impact.items] == [ingest, train]


def test_it_reads_the_past_and_what_is_refused(client: Generated) -> None:
    before = client.call("questions.get_state", as_of="2020-01-01")
    nothing = client.call("questions.get_why", node=f"artifact:{unique('nothing')}")

    assert before.tag_order.value == "time"
    assert (nothing.status, nothing.field) == (404, "node")


def test_it_works_with_runs_and_objects(client: Generated) -> None:
    models = client.module("models")
    kind = f"Test{uuid.uuid4().hex[:8].title()}"
    namespace, name = "Test", kind.removeprefix("Test")

    def body(model: str, **fields: Any) -> Any:
        return client.model(model, {"request": uuid.uuid4().hex, **fields})

    attributes = [{"name": "rows", "kind": "Number", "optional": True}]
    definition = {"namespace": namespace, "name": name, "attributes": attributes}
    client.call("tracked_work.post_kinds", body=body("DefineBody", nodes=[definition]))
    run = client.call("tracked_work.post_runs", body=body("OpenBody", identifier=unique("nightly")))
    saved = client.call(
        "tracked_work.post_objects",
        body=body("SaveBody", run=run.id, objects=[{"kind": kind, "key": "a", "values": {"rows": 3}}]),
    )
    closed = client.call("tracked_work.post_runs_id_close", id=run.id, body=body("CloseBody"))
    listed = client.call(
        "tracked_work.get_objects",
        kind=kind,
        values=client.model("GetObjectsValues", {"rows__value": "3"}),
    )

    assert isinstance(run, models.Run)
    assert closed.run.state.value == "done"
    assert closed.added == [saved.objects[0].id]
    assert [each.id for each in listed.objects] == closed.added


def test_it_asks_as_record_keepers_client_does(client: Generated) -> None:
    pem = {
        "ID": uuid.uuid4().hex,
        "Type": unique("type"),
        "Emitter": "e",
        "TimestampClient": "2026-03-01 09:30:00",
    }
    namespace = unique("ns/1")
    tagged = {**pem, "Tag": "a/b", "TagNamespace": namespace}
    path = "/".join(base64.b64encode(part.encode()).decode() for part in (namespace, "a/b"))

    sent = client.call("record_keeper.post_receiver_pem", body=client.model("Event", tagged))
    listed = client.call(
        "record_keeper.get_query_pems", filters=client.model("GetQueryPemsFilters", {"Type": pem["Type"]})
    )

    assert sent == f"Ack getting {pem['Type']}"
    assert [each.id for each in listed] == [pem["ID"]]
    assert client.call("record_keeper.get_query_tag_rest", rest=path) == pem["ID"]


def test_another_one_administers(secured: Secured, folder: Any) -> None:
    complaints = _generated(f"{secured.service.url}/admin/openapi.json", folder, _ADMIN_NAME)
    admin = Generated(f"{secured.service.url}/admin", _ADMIN_NAME, secured.tokens["user", "admin"])

    info = admin.call("info.get_admin_info")

    assert complaints == []
    assert info.log.position >= 0
    assert info.graph.failure is None
