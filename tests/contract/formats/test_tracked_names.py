"""Tracked objects that a log of format 1 holds: their keys hold slashes that nothing told from those between texts."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from infrahub.budget import Budget
from infrahub.nodes import Nodes
from provgraph.cli.stores import opened_place
from provgraph.errors import ConflictError
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking import Command, ObjectFilter, ObjectKinds, Opening, Save, TrackedWork, Tracker
from tests.contract.formats.fixture import EXPECTED, FORMAT_1, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.tracking.tracker import Outcome

NAMES: dict[str, Any] = EXPECTED["sqlite"]["names"]
SLASHES, RENAMED = NAMES["slashes"], NAMES["renamed"]
KIND: str = SLASHES["kind"]


class Old:
    """What a service of today does with the old log."""

    def __init__(self, stores: Any) -> None:
        self.log = stores.log
        self.catalog = stores.catalog
        self.reads = TrackingQueries(stores.catalog.reading)
        self.kinds = ObjectKinds(self.reads)
        self.tracker = Tracker(stores.log, stores.catalog, self.kinds)
        self.work = TrackedWork(self.reads)

    def save(self, *wanted: Save, upsert: bool = True) -> Outcome:
        return self.tracker.save(Command(uuid.uuid4().hex, "tester"), wanted, upsert=upsert)

    def interface(self, name: str, device: str = SLASHES["device"], **more: Any) -> dict[str, Any]:
        """Save an interface of a device by name, and return it."""
        (saved,) = self.save(Save(KIND, {"name": name, "device": device, **more})).answer["objects"]
        return {**self.work.object(saved["id"]), "operation": saved["operation"]}

    def device(self, name: str) -> str:
        (saved,) = self.save(Save("InfraDevice", {"name": name})).answer["objects"]
        return str(saved["id"])


@pytest.fixture(params=["sqlite", "sqlite-killed", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Old]:
    """The old log, opened."""
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres_url")
        with psycopg.connect(place) as connection:
            connection.execute((FORMAT_1 / "postgresql.sql").read_bytes())
    else:
        place = str(unpacked(request.param, tmp_path / "data"))
    with opened_place(place) as stores:
        yield Old(stores)


def test_an_old_object_keeps_the_name_of_its_artifact_and_is_found_by_its_texts(old: Old) -> None:
    saved = old.interface("xe-0/0/1", mtu=9_000)

    assert (saved["id"], saved["operation"]) == (SLASHES["id"], "updated")
    assert (saved["artifact"], saved["key"]) == (SLASHES["artifact"], SLASHES["key"])
    assert old.interface("xe-0/0/1", mtu=9_000)["operation"] == "unchanged"


def test_an_old_object_is_found_by_infrahubs_name_of_it(old: Old) -> None:
    nodes = Nodes(old.reads, old.kinds.all(), Budget())

    found = nodes.called("main", KIND, SLASHES["human_friendly_id"])

    assert found is not None
    assert found.state.id == SLASHES["id"]
    assert nodes.called("main", KIND, ["core-1/xe-0", "0/1"]) is None
    assert nodes.called("main", KIND, ["core-1", "xe-0", "0", "1"]) is None


def test_an_old_object_is_found_by_the_key_that_it_has_and_by_the_one_of_today(old: Old) -> None:
    for key in (SLASHES["key"], "core-1/xe-0%2F0%2F1"):
        (saved,) = old.save(Save(KIND, {"mtu": 9_000}, key=key)).answer["objects"]
        assert saved["id"] == SLASHES["id"]

    stored = old.work.object(SLASHES["id"])
    assert (stored["key"], stored["artifact"]) == (SLASHES["key"], SLASHES["artifact"])
    listed, _ = old.work.objects(ObjectFilter(KIND, "main", key=SLASHES["key"]), after=0, limit=10)
    assert [one["id"] for one in listed] == [SLASHES["id"]]


def test_a_new_object_whose_texts_were_one_with_an_old_ones_is_another(old: Old) -> None:
    device = old.device("core-1/xe-0")

    saved = old.interface("0/1", device)

    assert (saved["operation"], saved["key"]) == ("created", "core-1%2Fxe-0/0%2F1")
    assert old.work.object(SLASHES["id"])["values"]["device"] == SLASHES["device"]
    assert old.interface("xe-0/0/1")["id"] == SLASHES["id"]
    assert old.interface("0/1", device)["id"] == saved["id"]


def test_an_old_object_cannot_be_made_a_second_time(old: Old) -> None:
    wanted = Save(KIND, {"name": "xe-0/0/1", "device": SLASHES["device"]})

    with pytest.raises(ConflictError, match="already"):
        old.save(wanted, upsert=False)
    other = old.interface("xe-0/0/2")
    with pytest.raises(ConflictError, match="cannot have the same key"):
        old.save(Save(KIND, {"name": "xe-0/0/1"}, id=other["id"]))


def test_an_old_object_that_is_renamed_gets_a_key_of_today(old: Old) -> None:
    old.save(Save("InfraDevice", {"name": "pod/2"}, id=RENAMED["device"]))

    stored = old.work.object(RENAMED["id"])
    assert stored["key"] == "pod%2F2/xe-0%2F0%2F2"
    assert stored["artifact"] == f"{KIND}/pod%2F2/xe-0%2F0%2F2"


def test_an_old_key_that_is_another_ones_of_today_gives_way(old: Old) -> None:
    # As a service of format 1 wrote it: the texts joined as they are.
    odd = old.device("a%2Fb")
    (saved,) = old.save(Save(KIND, {"name": "c", "device": odd}, key="a%2Fb/c")).answer["objects"]
    device = old.device("a/b")

    new = old.interface("c", device)

    assert new["id"] != saved["id"]
    assert (new["key"], old.work.object(saved["id"])["key"]) == ("a%2Fb/c", "a%252Fb/c")
    assert old.interface("c", odd)["id"] == saved["id"]
    assert old.interface("c", device)["id"] == new["id"]


def test_what_was_retired_comes_back_only_where_nobody_has_its_name(old: Old) -> None:
    run = str(
        old.tracker.open_run(Command(uuid.uuid4().hex), Opening("MYID")).answer["run"],
    )
    old.tracker.retire(Command(uuid.uuid4().hex), [SLASHES["id"]], run_id=run)
    again = old.interface("xe-0/0/1")
    assert again["operation"] == "created"

    with pytest.raises(ConflictError, match="changed since"):
        old.tracker.roll_back(Command(uuid.uuid4().hex), run)
    old.tracker.retire(Command(uuid.uuid4().hex), [again["id"]])
    old.tracker.roll_back(Command(uuid.uuid4().hex), run)

    assert old.interface("xe-0/0/1")["id"] == SLASHES["id"]


def test_old_objects_are_listed_in_the_order_in_which_they_were_made(old: Old) -> None:
    first: dict[str, int] = {}
    for event in old.log.read(limit=10_000):
        for change in event.content.step.changes if event.kind == "tracking.step" else ():
            first.setdefault(change.after.id, event.content.step.sequence)

    stored = old.reads.objects(list(first))

    assert len(stored) > 10
    assert {id_: one.created for id_, one in stored.items()} == first
