"""The catalog can be built anew from the log, and is the same then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.catalog import ListQuery
from provgraph.families.artifact.events import artifacts_removed
from provgraph.families.credential.events import Grant, Holder, Role, credential_created, credential_revoked
from provgraph.families.pem.events import PEM
from provgraph.families.report.events import CONNECTIONS, DONE, report_closed, report_opened
from provgraph.families.tag.events import tag_set
from tests.contract.builders import pem, pem_id
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provgraph.eventlog import EventLog
    from provgraph.events import NewEvent
    from tests.contract.catalog.stores import Stores


def events(count: int, *, start: int = 1) -> Iterator[NewEvent]:
    """Yield events of every family, most of them PEMs."""
    opening = report_opened(CONNECTIONS)
    created = credential_created(
        "c", holder=Holder.PUC, grant=Grant.of(Role.READER), token_sha256=opening.event_id * 2
    )
    yield from (opening, created)
    for number in range(start, start + count):
        yield pem(
            number,
            uses=[{"Name": f"a{number % 7}", "Properties": {"n": number} if number % 3 else {}}],
            produces=[f"a{number % 11}", f"out{number}"],
            Tag=f"t{number % 5}",
        )
        if number % 10 == 0 and number < 300:  # a removal reads all PEMs
            yield tag_set("trainer", f"t{number % 3}", pem_id(number))
            yield artifacts_removed([f"out{number}", "a1", f"gone{number}"], report_id=opening.event_id)
    yield report_closed(opening.event_id, DONE, "text", ("a",))
    yield credential_revoked(created.event_id)


def append_in_batches(log: EventLog, new: Sequence[NewEvent], size: int) -> None:
    """Append events in batches of a size."""
    for begin in range(0, len(new), size):
        log.append(new[begin : begin + size])


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_the_rebuilt_catalog_is_the_same(stores: Stores, size: int) -> None:
    new = list(events(150))
    for begin in range(0, len(new), size):
        stores.append(*new[begin : begin + size])
    digest = stores.catalog.digest()

    assert stores.catalog.rebuild(stores.log) == len(new)

    assert stores.catalog.digest() == digest


def test_a_rebuild_removes_what_the_log_does_not_say(stores: Stores) -> None:
    stores.append(*events(20))
    digest = stores.catalog.digest()
    stores.tamper("INSERT INTO tag VALUES ('x', 'y', 'z', '')")
    stores.tamper("DELETE FROM pem WHERE position % 2 = 1")
    stores.tamper("UPDATE artifact SET properties = '{\"wrong\":1}'")
    assert stores.catalog.digest() != digest

    stores.catalog.rebuild(stores.log)

    assert stores.catalog.digest() == digest


def test_after_a_rebuild_the_catalog_goes_on(stores: Stores) -> None:
    stores.append(*events(50))
    stores.catalog.rebuild(stores.log)
    stores.append(*events(50, start=100))
    digest = stores.catalog.digest()

    stores.catalog.rebuild(stores.log)

    assert stores.catalog.digest() == digest
    assert stores.catalog.pems_count(ListQuery()) == 100


def test_a_rebuild_leaves_no_tables_behind(stores: Stores) -> None:
    stores.append(*events(10))
    before = stores.tables()

    stores.catalog.rebuild(stores.log)

    assert stores.tables() == before


def test_an_empty_log_rebuilds_to_an_empty_catalog(stores: Stores) -> None:
    assert stores.catalog.rebuild(stores.log) == 0
    assert stores.catalog.pems_count(ListQuery()) == 0


def test_progress_counts_the_events_read(stores: Stores) -> None:
    new = list(events(5_000))
    stores.append(*new)
    progress: list[int] = []

    stores.catalog.rebuild(stores.log, progress.append)

    assert progress == sorted(progress)
    assert len(progress) > 2
    assert progress[-1] == len(new)


@pytest.mark.parametrize("at", [1, 2_000, 4_000])
def test_an_interrupted_rebuild_harms_nothing(stores: Stores, at: int) -> None:
    stores.append(*events(4_500))
    digest, before = stores.catalog.digest(), stores.tables()

    def interrupt(done: int) -> None:
        if done >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stores.catalog.rebuild(stores.log, interrupt)

    assert (stores.catalog.digest(), stores.tables()) == (digest, before)
    stores.append(pem(99_999))
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.pems_count(ListQuery()) == 4_501


def test_appends_go_on_during_a_rebuild_and_nothing_of_them_is_lost(stores: Stores) -> None:
    stores.append(*events(6_000))
    begun, over = threading.Event(), threading.Event()

    def keep_appending() -> None:
        number = 100_000
        begun.wait()
        while not over.is_set():
            number += 1
            stores.append(pem(number, uses=[f"late{number}"]))

    appending = threading.Thread(target=keep_appending)
    appending.start()
    for _ in range(3):
        stores.catalog.rebuild(stores.log, lambda _done: begun.set())
    over.set()
    appending.join()
    digest = stores.catalog.digest()

    assert stores.catalog.pems_count(ListQuery()) == sum(
        event.kind is PEM for event in stores.log.read(limit=1_000_000)
    )
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.digest() == digest


def test_a_log_cleaned_during_a_rebuild_leaves_an_empty_catalog(stores: Stores) -> None:
    stores.append(*events(4_500))
    cleaned = False

    def clean(_done: int) -> None:
        nonlocal cleaned
        if not cleaned:
            cleaned = True
            threading.Thread(target=stores.log.clean, kwargs={"keep": ()}).start()

    stores.catalog.rebuild(stores.log, clean)
    stores.append(pem(1))  # waits for the cleaning

    assert stores.catalog.pems_count(ListQuery()) == 1
    digest = stores.catalog.digest()
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.digest() == digest


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_batching_gives_one_catalog(stores: Stores, data: st.DataObject) -> None:
    names = st.sampled_from("abc")
    artifacts = st.lists(
        st.fixed_dictionaries(
            {"Name": names}, optional={"Properties": st.sampled_from([{}, {"x": 1}, {"x": 2}])}
        ),
        max_size=2,
    )
    new = [
        pem(number, uses=data.draw(artifacts), produces=data.draw(artifacts), Tag=data.draw(names))
        if data.draw(st.booleans())
        else artifacts_removed(data.draw(st.lists(names, max_size=2)), report_id=pem_id(1))
        for number in range(data.draw(st.integers(0, 8)))
    ]
    stores.log.clean(keep=())
    append_in_batches(stores.log, new, data.draw(st.integers(1, 4)))
    digest = stores.catalog.digest()

    stores.catalog.rebuild(stores.log)

    assert stores.catalog.digest() == digest
