"""Tables of another version of provgraph are built anew from the log, and who does not know them stops writing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import provgraph
from provgraph.catalog import ListQuery
from provgraph.catalog.fingerprints import differing, fingerprint, stamp
from provgraph.errors import ChangedEventError, OtherTablesError, StoreError
from provgraph.eventlog.checking import CheckedReader
from provgraph.families.registry import FAMILIES, TABLES
from provgraph.operations.integrity import accept_change
from tests.contract.builders import pem
from tests.contract.catalog.test_rebuild import append_in_batches, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.families.base import Family
    from tests.contract.catalog.stores import Stores


def stamped(**changed: str | None) -> str:
    """Return a stamp like this version's, but with other fingerprints of some families; None: without one."""
    said = json.loads(stamp())
    for family, print_ in changed.items():
        said["families"].pop(family)
        if print_ is not None:
            said["families"][family] = print_
    return json.dumps(said)


def test_a_new_log_has_tables_of_this_version(stores: Stores) -> None:
    stores.append(pem(1, Tag="t"))

    assert stores.catalog.upgrade(stores.log) == 0
    assert stores.catalog.pems_count(ListQuery()) == 1


@pytest.mark.parametrize(
    "family", [family for family in FAMILIES if family.tables], ids=lambda family: family.name
)
def test_tables_of_another_version_are_built_anew(stores: Stores, family: Family) -> None:
    new = list(events(120))
    append_in_batches(stores.log, new, 50)
    digest, before = stores.catalog.digest(), stores.tables()
    for table in family.tables:
        stores.tamper(f"DROP TABLE {table.name}")
        stores.tamper(f"CREATE TABLE {table.name} (something text, else_ text)")
    stores.stamp(stamped(**{family.name: "0" * 16}))

    assert stores.catalog.upgrade(stores.log) == len(new)

    assert (stores.catalog.digest(), stores.tables()) == (digest, before)
    assert stores.catalog.upgrade(stores.log) == 0
    stores.append(pem(5_000))


def test_only_what_differs_is_built_anew(stores: Stores) -> None:
    stores.append(*events(20))
    stores.tamper("UPDATE tag SET pem_id = 'changed by hand'")
    stores.tamper("UPDATE report SET text = 'changed by hand'")
    stores.stamp(stamped(report="0" * 16))

    stores.catalog.upgrade(stores.log)

    assert {tag.pem_id for tag in stores.catalog.tags()} == {"changed by hand"}
    assert {report.text for report in stores.catalog.reports()} == {"text"}


@pytest.mark.parametrize("text", [None, "", "[]", '{"families": 7}', "not JSON"])
def test_a_log_that_does_not_say_what_its_tables_are_gets_new_ones(stores: Stores, text: str | None) -> None:
    stores.append(*events(20))
    digest = stores.catalog.digest()
    stores.stamp(text)

    assert stores.catalog.upgrade(stores.log) > 0
    assert stores.catalog.digest() == digest


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_a_table_that_is_gone_comes_back(stores: Stores, table: str) -> None:
    stores.append(*events(40))
    digest, before = stores.catalog.digest(), stores.tables()
    stores.tamper(f"DROP TABLE {table}")

    # As at start: a catalog without it is no witness of how far the log went.
    assert 0 < stores.catalog.last_position() <= stores.log.head().position
    stores.catalog.upgrade(stores.log)

    assert (stores.catalog.digest(), stores.tables()) == (digest, before)


def test_who_finds_tables_of_another_version_does_not_write(stores: Stores) -> None:
    stores.append(pem(1))
    stores.stamp(stamped(tag="0" * 16))
    writes: list[Callable[[], object]] = [
        lambda: stores.log.append([pem(2)]),
        lambda: stores.log.append_new([pem(2)]),
        lambda: stores.log.clean(keep=()),
    ]

    for write in writes:
        with pytest.raises(OtherTablesError, match="restart this process"):
            write()

    assert [event.event_id for event in stores.log.read()] == [pem(1).event_id]
    stores.catalog.upgrade(stores.log)
    stores.append(pem(2))
    assert stores.catalog.pems_count(ListQuery()) == 2


def test_a_rebuild_by_who_does_not_know_the_tables_is_refused(stores: Stores) -> None:
    stores.append(pem(1))
    stores.stamp(stamped(tag="0" * 16))

    with pytest.raises(OtherTablesError):
        stores.catalog.rebuild(stores.log)


def test_an_interrupted_upgrade_goes_on(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    new = list(events(6_000))
    append_in_batches(stores.log, new, 1_000)
    digest, before = stores.catalog.digest(), stores.tables()
    stores.stamp(stamped(pem="0" * 16))

    def interrupt(done: int) -> None:
        if done >= 4_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stores.catalog.upgrade(stores.log, progress=interrupt)
    assert stores.catalog.digest() == digest
    first: list[int] = []
    read = CheckedReader.read

    def noted(reader: CheckedReader, *, after: int, limit: int) -> object:
        first.append(after)
        return read(reader, after=after, limit=limit)

    monkeypatch.setattr(CheckedReader, "read", noted)
    assert stores.catalog.upgrade(stores.log) == len(new)

    assert min(first) == 4_000
    assert (stores.catalog.digest(), stores.tables()) == (digest, before)


def test_what_was_begun_for_another_version_is_begun_anew(stores: Stores) -> None:
    append_in_batches(stores.log, list(events(4_500)), 1_000)
    digest = stores.catalog.digest()
    stores.stamp(stamped(pem="0" * 16))
    with pytest.raises(KeyboardInterrupt):
        stores.catalog.upgrade(stores.log, progress=_interrupt)
    stores.tamper("UPDATE next_state SET what = 'other tables'")
    stores.tamper("DELETE FROM next_pem")

    stores.catalog.upgrade(stores.log)

    assert stores.catalog.digest() == digest


def _interrupt(_done: int) -> None:
    raise KeyboardInterrupt


def test_a_log_that_is_cleaned_between_interruption_and_upgrade_is_read_from_its_beginning(
    stores: Stores,
) -> None:
    append_in_batches(stores.log, list(events(4_500)), 1_000)
    own = stamp()
    stores.stamp(stamped(pem="0" * 16))
    with pytest.raises(KeyboardInterrupt):
        stores.catalog.upgrade(stores.log, progress=_interrupt)
    stores.stamp(own)
    stores.log.clean(keep=())
    stores.append(pem(9_999))
    stores.stamp(stamped(pem="0" * 16))

    stores.catalog.upgrade(stores.log)

    assert [one.id for one in stores.catalog.pems(ListQuery())] == [pem(9_999).event_id]


def test_tables_of_a_newer_version_are_left_alone_until_they_shall_be_taken_back(stores: Stores) -> None:
    stores.append(*events(20))
    digest = stores.catalog.digest()
    said = json.loads(stamped(tag="0" * 16))
    said["version"] = f"{int(provgraph.__version__.split('.', maxsplit=1)[0]) + 1}.0"
    stores.stamp(json.dumps(said))
    before = stores.tables()

    with pytest.raises(StoreError, match="PROVGRAPH_CATALOG_TAKE_BACK=true"):
        stores.catalog.upgrade(stores.log)
    assert stores.tables() == before
    assert stores.catalog.upgrade(stores.log, take_back=True) > 0

    stores.append(pem(5_000))
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.digest() != digest


def test_a_newer_version_with_the_same_tables_is_no_other_one(stores: Stores) -> None:
    said = json.loads(stamp()) | {"version": "99.0"}
    stores.stamp(json.dumps(said))

    assert stores.catalog.upgrade(stores.log) == 0
    stores.append(pem(1))


def test_a_changed_event_keeps_nobody_from_starting_and_is_left_out_until_it_is_accepted(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    stores.append(pem(1), pem(2), pem(3))
    stores.tamper("UPDATE event SET recorded_us = recorded_us + 1 WHERE position = 2")
    stores.stamp(stamped(pem="0" * 16))

    stores.catalog.upgrade(stores.log)

    assert stores.ids(ListQuery()) == ["01", "03"]
    assert "The event at position 2" in caplog.text
    assert not stores.log.verify_chain().intact
    with pytest.raises(ChangedEventError):
        stores.catalog.rebuild(stores.log)
    accept_change(stores.log, 2, "it is so")
    stores.catalog.rebuild(stores.log)
    assert stores.ids(ListQuery()) == ["01", "02", "03"]


def test_what_reads_other_tables_is_built_anew_with_them() -> None:
    names = {family.name for family in differing(stamped(artifact=None))}

    assert names == {"artifact", "pem"}


def test_every_family_with_tables_has_a_fingerprint_of_its_own() -> None:
    prints = [fingerprint(family) for family in FAMILIES if family.tables]

    assert len(set(prints)) == len(prints)
