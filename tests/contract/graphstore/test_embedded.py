"""What the embedded store owes beyond: its files."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import CorruptStoreError, StoreError, StoreFullError
from provgraph.graphstore import EmbeddedGraphStore
from tests.contract.builders import pem, pem_id
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from pathlib import Path


def databases(folder: Path) -> set[str]:
    """Return the names of the graph's files."""
    return {path.name for path in folder.iterdir() if path.name.startswith("graph-")}


def named(folder: Path) -> dict[str, str]:
    """Return the names of the generations."""
    names: dict[str, str] = json.loads((folder / "generations.json").read_text())
    return names


def test_a_switch_leaves_one_file(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, pem(1))
        apply(store.next_generation(), pem(1))
        store.switch()

    assert databases(tmp_path) == {named(tmp_path)["served"]}


def test_the_file_of_the_generation_before_stays_until_the_last_read_is_over(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, *(pem(number) for number in range(1, 20)))
        before = named(tmp_path)["served"]
        scan = store.pems()
        next(scan)
        apply(store.next_generation(), pem(1))
        store.switch()
        assert before in databases(tmp_path)

        assert len(list(scan)) == 18

        assert before not in databases(tmp_path)


def test_files_that_a_crash_left_are_removed(tmp_path: Path) -> None:
    for name in ("graph-0.db", "graph-0.db-wal", "graph-0.db-shm"):
        (tmp_path / name).write_bytes(b"")

    with closing(EmbeddedGraphStore(tmp_path)):
        pass

    assert databases(tmp_path) == {named(tmp_path)["served"]}


def test_a_damaged_next_generation_can_be_dropped(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, pem(1))
        store.next_generation()
    (tmp_path / named(tmp_path)["next"]).write_bytes(b"no database" * 500)

    with closing(EmbeddedGraphStore(tmp_path)) as store:
        with pytest.raises(CorruptStoreError):
            store.next_generation()
        store.drop_next_generation()

        assert store.next_generation().counts().pems == 0
        assert store.counts().pems == 1


def test_a_switch_to_nothing_is_refused(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, pem(1))

        with pytest.raises(StoreError):
            store.switch()
        assert store.counts().pems == 1


def test_a_generation_that_was_dropped_says_so(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        dropped = store.next_generation()
        store.drop_next_generation()

        with pytest.raises(StoreError):
            dropped.counts()
        with pytest.raises(StoreError):
            apply(dropped, pem(1))


def test_nobody_who_reads_notices_a_switch(tmp_path: Path) -> None:
    errors: list[Exception] = []
    over = threading.Event()
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, pem(1, produces=["a"]))

        def read() -> None:
            while not over.is_set():
                try:
                    assert store.versions("a") == [pem_id(1)]
                except Exception as error:  # noqa: BLE001 - whatever it is, there must be none
                    errors.append(error)
                    return

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            apply(store.next_generation(), pem(1, produces=["a"]))
            store.switch()
        over.set()
        for thread in threads:
            thread.join()

    assert errors == []


def test_a_full_disk_changes_nothing_and_space_makes_it_work_again(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(store, pem(1, uses=["a"]))
        digest, here = store.digest(), store.checkpoint()
        connection = store._served._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
        large = [pem(number, produces=["n" * 5_000 + str(number)]) for number in range(2, 50)]

        with pytest.raises(StoreFullError):
            apply(store, *large)
        assert (store.digest(), store.checkpoint()) == (digest, here)

        connection.execute("PRAGMA max_page_count=100000")
        apply(store, *large)
        assert store.counts().pems == 49


@pytest.mark.parametrize("names", ["", "{", "[]", "{}", '{"served": 1}', '{"served": "../x"}'])
def test_names_of_generations_that_cannot_be_read_are_an_error_of_ours(tmp_path: Path, names: str) -> None:
    with closing(EmbeddedGraphStore(tmp_path)):
        pass
    (tmp_path / "generations.json").write_text(names)

    with pytest.raises(StoreError):
        EmbeddedGraphStore(tmp_path)


def test_a_damaged_file_is_a_damaged_store(tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)):
        pass
    (tmp_path / named(tmp_path)["served"]).write_bytes(b"no database" * 500)

    with pytest.raises(CorruptStoreError):
        EmbeddedGraphStore(tmp_path)
