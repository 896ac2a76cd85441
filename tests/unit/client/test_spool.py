from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from provgraph.client import DeliveryError, Spool, SpoolElsewhereError, SpoolFullError
from provgraph.client.base import Verdict
from provgraph.client.spool import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    made = Spool(path, durable=False)
    yield made
    made.close()


def _events(*ids: str) -> list[tuple[str, str, bytes]]:
    return [("event", id_, f'{{"ID":"{id_}"}}'.encode()) for id_ in ids]


def _ids(spool: Spool, limit: int = 100, max_bytes: int = 10_000) -> list[str]:
    return [entry.id for entry in spool.head(limit=limit, max_bytes=max_bytes)]


def _refusal(id_: str) -> Verdict:
    return Verdict(0, id_, "invalid", None, "Type", "required", "PEM is not valid")


def test_what_was_put_is_at_the_front_in_order_whoever_put_it(spool: Spool, path: Path) -> None:
    other = Spool(path, durable=False)
    spool.put(_events("a", "b"), source="1")
    other.put(_events("c"), source="2")
    spool.put(_events("d"), source="1")

    assert _ids(spool) == _ids(other) == ["a", "b", "c", "d"]
    assert _ids(spool, limit=3) == ["a", "b", "c"]
    other.close()


def test_the_front_is_no_larger_than_asked_unless_one_entry_is(spool: Spool) -> None:
    spool.put(_events("a", "b", "c"), source="1")

    assert _ids(spool, max_bytes=22) == ["a", "b"]
    assert _ids(spool, max_bytes=1) == ["a"]


def test_what_was_put_is_still_there_after_closing(spool: Spool) -> None:
    spool.put(_events("a"), source="1")
    spool.close()

    assert _ids(spool) == ["a"]


def test_what_is_settled_is_gone_and_counted_for_who_put_it(spool: Spool) -> None:
    spool.put(_events("a", "b", "c"), source="1")
    spool.put(_events("d"), source="2")
    first, second, *_ = spool.head(limit=10, max_bytes=1_000)

    spool.settle([first], [(second, _refusal("b"))])

    assert _ids(spool) == ["c", "d"]
    assert spool.counts("1") == Counts(delivered=1, refused=1, left=1, waiting=2)
    assert spool.counts("2") == Counts(delivered=0, refused=0, left=1, waiting=2)
    assert not spool.is_settled("1")


def test_what_was_settled_twice_counts_once(spool: Spool) -> None:
    spool.put(_events("a", "b"), source="1")
    first, second = spool.head(limit=10, max_bytes=1_000)

    for _ in range(2):
        spool.settle([first], [(second, _refusal("b"))])

    assert spool.counts("1") == Counts(delivered=1, refused=1, left=0, waiting=0)
    assert len(spool.refused()) == 1


def test_what_was_refused_keeps_its_verdict_and_content(spool: Spool) -> None:
    spool.put(_events("a"), source="1")
    spool.settle((), [(spool.head(limit=1, max_bytes=1)[0], _refusal("a"))])

    (refused,) = spool.refused()

    assert (refused.id, refused.content, refused.verdict) == ("a", b'{"ID":"a"}', "invalid")
    assert (refused.field, refused.rule, refused.detail) == ("Type", "required", "PEM is not valid")


def test_what_was_refused_can_wait_once_more(spool: Spool) -> None:
    spool.put(_events("a", "b"), source="1")
    spool.settle((), [(spool.head(limit=1, max_bytes=1)[0], _refusal("a"))])

    assert spool.requeue_refused(source="2") == 1

    assert (_ids(spool), spool.refused()) == (["b", "a"], [])
    assert (spool.counts("1").left, spool.counts("2").left) == (1, 1)


def test_a_full_spool_takes_nothing_of_what_is_too_much_and_says_what_to_do(path: Path) -> None:
    spool = Spool(path, durable=False, max_events=3)
    spool.put(_events("a", "b"), source="1")

    with pytest.raises(SpoolFullError, match="PROVGRAPH_SPOOL_MAX_EVENTS") as full:
        spool.put(_events("c", "d"), source="1")
    spool.put(_events("e"), source="1")

    assert _ids(spool) == ["a", "b", "e"]
    assert (full.value.events, full.value.max_events, str(path) in str(full.value)) == (2, 3, True)
    spool.close()


def test_bytes_are_bounded_too(path: Path) -> None:
    spool = Spool(path, durable=False, max_bytes=25)
    spool.put(_events("a", "b"), source="1")

    with pytest.raises(SpoolFullError, match="20 of 25 bytes"):
        spool.put(_events("c"), source="1")
    spool.close()


def test_room_comes_back_as_events_leave(path: Path) -> None:
    spool = Spool(path, durable=False, max_events=2, max_bytes=20)
    for round_ in range(5):
        spool.put(_events("a", "b"), source="1")
        first, second = spool.head(limit=2, max_bytes=100)
        spool.settle([first], [(second, _refusal("b"))])
        assert len(spool.refused()) == 1, round_

        with pytest.raises(SpoolFullError, match="discard_refused"):
            spool.put(_events("a", "b"), source="1")
        assert spool.discard_refused() == 1
    spool.close()


def test_only_its_owner_may_read_the_file(spool: Spool, path: Path) -> None:
    spool.put(_events("a"), source="1")

    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_a_folder_that_is_made_for_it_is_its_owners(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        spool = Spool(tmp_path / "waiting" / "spool")
        spool.put(_events("a"), source="1")
        spool.close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "waiting").stat().st_mode) == 0o700


def test_a_file_that_others_can_reach_is_told(
    spool: Spool, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.put(_events("a"), source="1")
    spool.close()
    path.chmod(0o640)
    spool.put(_events("b"), source="1")

    assert f"chmod go= {path}" in caplog.text


def test_a_file_of_something_else_is_left_alone(path: Path) -> None:
    path.write_bytes(b"This is a letter, and a long one too." * 100)

    with pytest.raises(DeliveryError, match=str(path)):
        Spool(path).put(_events("a"), source="1")

    assert path.read_bytes().startswith(b"This is a letter")


def test_a_spool_of_another_version_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(DeliveryError, match="another version"):
        Spool(path).put(_events("a"), source="1")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DeliveryError, match="cannot be used"):
        Spool(tmp_path / "file" / "spool.db").put(_events("a"), source="1")


def test_a_spool_is_for_the_service_that_it_was_bound_to_first(path: Path, spool: Spool) -> None:
    spool.bind("http://one.test")
    spool.put(_events("a"), source="1")

    other = Spool(path, durable=False)
    with pytest.raises(SpoolElsewhereError, match=r"is for http://one\.test, not .*move=True") as refused:
        other.bind("http://two.test")
    other.close()

    assert (refused.value.bound_to, refused.value.url) == ("http://one.test", "http://two.test")
    spool.bind("http://one.test")
    assert _ids(spool) == ["a"]


def test_a_spool_that_was_moved_is_of_no_use_to_who_has_it_open_for_the_service_before(
    path: Path, spool: Spool
) -> None:
    spool.bind("http://one.test")
    spool.put(_events("a"), source="1")

    moved = Spool(path, durable=False)
    moved.bind("http://two.test", move=True)

    with pytest.raises(SpoolElsewhereError):
        spool.put(_events("b"), source="1")
    with pytest.raises(SpoolElsewhereError):
        spool.head(limit=1, max_bytes=1)
    assert _ids(moved) == ["a"]
    moved.close()


def test_a_spool_of_the_version_before_is_bound_when_it_is_opened(path: Path, spool: Spool) -> None:
    spool.put(_events("a"), source="1")
    spool.close()
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE service; PRAGMA user_version = 1")
    connection.close()

    spool.bind("http://one.test")

    assert _ids(spool) == ["a"]
    with pytest.raises(SpoolElsewhereError):
        spool.bind("http://two.test")
