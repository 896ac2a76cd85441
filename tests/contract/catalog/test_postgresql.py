"""What the catalog on PostgreSQL owes beyond: what SQLite has, many readers, a server that may go away."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from provgraph.catalog import ListQuery
from provgraph.catalog import postgresql as catalog_on_postgresql
from provgraph.catalog import rebuilding as rebuilds
from provgraph.catalog.postgresql import PostgreSQLCatalog
from provgraph.errors import ConflictError, OverloadedError, StoreError
from provgraph.families.credential.events import Grant, Holder, Role, credential_created
from provgraph.families.registry import TABLES
from tests.contract.builders import pem, pem_id
from tests.contract.catalog.conftest import postgresql_stores, sqlite_stores
from tests.contract.catalog.test_rebuild import append_in_batches, events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.catalog.stores import Stores
    from tests.servers.fixtures import NewTCPProxy

EVERYTHING = ListQuery()


@pytest.fixture
def url(emptied_postgres_url: str) -> str:
    """A database for a log and its catalog."""
    return emptied_postgres_url


@pytest.fixture
def stores(url: str) -> Iterator[Stores]:
    """An empty log with its catalog."""
    with postgresql_stores(url) as made:
        yield made


# --------------------------------------------------------------------------------------------------------- room


def test_the_room_that_is_taken_counts_every_table(stores: Stores, url: str) -> None:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pg_total_relation_size(name) FROM unnest(%s::regclass[]) AS name",
            ([table.name for table in TABLES],),
        )
        catalog = sum(size for (size,) in rows)

    assert (stores.log.stored_bytes() or 0) > catalog


# ------------------------------------------------------------------------------------------------ both databases


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_the_same_log_has_the_same_catalog_on_either_database(stores: Stores, path: Path, size: int) -> None:
    with sqlite_stores(path) as on_sqlite:
        append_in_batches(on_sqlite.log, list(events(150)), 50)
        odd = [
            {"Name": name, "Properties": {"ä": name}}
            for name in ("\U0001f600", "\uffee", "\\", "e\u0301", "é")
        ]
        on_sqlite.append(pem(9_999, uses=odd, Tag="\U0001f600", TagNamespace="\\x"))
        recorded, epoch = on_sqlite.log.read(), on_sqlite.log.head().epoch

        for start in range(0, len(recorded), size):
            stores.log.restore(recorded[start : start + size], epoch=epoch)

        assert stores.catalog.digest() == on_sqlite.catalog.digest()
        for query in (EVERYTHING, ListQuery(sort_field="Tag"), ListQuery(sort_field="ID", descending=True)):
            assert list(stores.catalog.pems(query)) == list(on_sqlite.catalog.pems(query))
        for query in (EVERYTHING, ListQuery(sort_field="Name"), ListQuery(sort_field="CreatedAt")):
            assert list(stores.catalog.artifacts(query)) == list(on_sqlite.catalog.artifacts(query))
        assert list(stores.catalog.tags()) == list(on_sqlite.catalog.tags())
        assert stores.catalog.reports() == on_sqlite.catalog.reports()
        assert stores.catalog.credentials() == on_sqlite.catalog.credentials()


# ------------------------------------------------------------------------------------------------ many readers


def test_credentials_do_not_wait_for_lists(stores: Stores, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        catalog_on_postgresql, "_LISTS", {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.1}
    )
    stores.append(*(pem(number) for number in range(1_500)))
    stores.append(
        credential_created("ci", holder=Holder.PUC, grant=Grant.of(Role.WRITER), token_sha256="f" * 64)
    )
    with closing(PostgreSQLCatalog(url)) as catalog:
        lists = [catalog.pems(EVERYTHING) for _ in range(2)]
        for rows in lists:
            next(rows)

        with pytest.raises(OverloadedError):
            catalog.tags_count()
        assert catalog.credential("f" * 64) is not None

        for rows in lists:
            assert sum(1 for _ in rows) == 1_499
        assert catalog.tags_count() == 0


def test_a_credential_is_not_asked_for_again_and_again_of_a_server_that_does_not_answer(
    stores: Stores, url: str, tcp_proxy: NewTCPProxy
) -> None:
    proxy = tcp_proxy(url)
    with closing(PostgreSQLCatalog(proxy.url)) as catalog:
        proxy.cut()
        with pytest.raises(StoreError, match="refused"):
            catalog.credential("f" * 64)
        with pytest.raises(StoreError, match="a moment ago"):
            catalog.credential("f" * 64)

        proxy.heal()
        catalog._refuse_until = 0.0
        assert catalog.credential("f" * 64) is None


# ------------------------------------------------------------------------------------------------ rebuilding


def test_the_catalog_is_switched_once_a_list_that_is_read_has_ended(stores: Stores) -> None:
    stores.append(*(pem(number) for number in range(1_500)))
    rows = stores.catalog.pems(EVERYTHING)
    next(rows)
    rebuilding = threading.Thread(target=stores.catalog.rebuild, args=(stores.log,))
    rebuilding.start()

    for number in range(3):  # neither appends nor other lists wait for the list
        stores.append(pem(2_000 + number))
        assert stores.catalog.pems_count(EVERYTHING) == 1_501 + number
    assert sum(1 for _ in rows) == 1_499
    rebuilding.join()

    assert stores.catalog.pems_count(EVERYTHING) == 1_503
    digest = stores.catalog.digest()
    stores.catalog.rebuild(stores.log)
    assert stores.catalog.digest() == digest


def test_a_list_that_does_not_end_is_told_and_the_served_catalog_stays(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilds, "_SWITCH_SECONDS", 0.1)
    stores.append(*(pem(number) for number in range(1_500)))
    digest, tables = stores.catalog.digest(), stores.tables()
    rows = stores.catalog.pems(EVERYTHING)
    next(rows)

    with pytest.raises(ConflictError, match="Lists"):
        stores.catalog.rebuild(stores.log)

    assert sum(1 for _ in rows) == 1_499
    assert (stores.catalog.digest(), stores.tables()) == (digest, tables)


def test_one_rebuild_at_a_time(stores: Stores, url: str) -> None:
    stores.append(*(pem(number) for number in range(300)))
    refused: list[BaseException] = []

    def rebuild_too(_done: int) -> None:
        with closing(PostgreSQLCatalog(url)) as other:
            try:
                other.rebuild(stores.log)
            except ConflictError as error:
                refused.append(error)

    stores.catalog.rebuild(stores.log, rebuild_too)

    assert len(refused) == 1
    assert stores.catalog.pems_count(EVERYTHING) == 300


def test_what_a_killed_rebuild_left_is_gone_when_the_catalog_is_opened(stores: Stores) -> None:
    tables = stores.tables()
    stores.tamper("CREATE TABLE next_pem (LIKE pem INCLUDING ALL)")

    stores.catalog.upgrade(stores.log)

    assert stores.tables() == tables


def test_opening_the_catalog_leaves_a_running_rebuild_alone(stores: Stores, url: str) -> None:
    stores.append(*(pem(number) for number in range(300)))

    def open_too(_done: int) -> None:
        with closing(PostgreSQLCatalog(url)) as other:
            assert other.upgrade(stores.log) == 0

    stores.catalog.rebuild(stores.log, open_too)

    assert stores.catalog.pems_count(EVERYTHING) == 300


# ------------------------------------------------------------------------------------------------ lost connections


def disconnect_all(url: str) -> None:
    """End every session on the database, as a restart of the server would."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def test_connections_lost_while_idle_are_not_noticed(stores: Stores, url: str) -> None:
    stores.append(pem(1))
    for _ in range(2):
        assert stores.catalog.pem(pem_id(1)) is not None
        assert stores.catalog.credential("f" * 64) is None
        disconnect_all(url)


def test_a_list_whose_connection_is_lost_ends_with_an_error_and_never_early(stores: Stores, url: str) -> None:
    stores.append(*(pem(number) for number in range(3_500)))
    rows = stores.catalog.pems(EVERYTHING)
    next(rows)
    disconnect_all(url)

    with pytest.raises(StoreError):
        list(rows)
    assert sum(1 for _ in stores.catalog.pems(EVERYTHING)) == 3_500


def test_a_list_that_is_left_after_its_connection_was_lost_is_left_in_peace(stores: Stores, url: str) -> None:
    stores.append(*(pem(number) for number in range(3_500)))
    rows = stores.catalog.pems(EVERYTHING)
    next(rows)
    disconnect_all(url)

    rows.close()  # type: ignore[attr-defined] # it is a generator

    assert stores.catalog.pems_count(EVERYTHING) == 3_500
