"""Databases of older and newer formats."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from provgraph.catalog.postgresql import PostgreSQLCatalog
from provgraph.catalog.writing import changes_of
from provgraph.cli.stores import opened_place
from provgraph.errors import StoreError
from provgraph.eventlog.format import FORMAT, NewerFormatError
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.families.credential.events import Grant, Role
from provgraph.families.pem.tables import ENDED
from provgraph.operations.credentials import token_sha256
from tests.contract.builders import pem
from tests.contract.formats.fixture import (
    ENDINGS,
    EXPECTED,
    FORMAT_1,
    chained,
    expected_events,
    expected_outcomes,
    told,
)


@pytest.fixture
def old_url(postgres_url: str) -> str:
    """A database with the dump of format 1."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute((FORMAT_1 / "postgresql.sql").read_bytes())
    return postgres_url


def stated_format(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT format FROM log_state").fetchone()
    assert row is not None
    return int(row[0])


def test_a_database_of_format_1_opens_and_its_log_is_what_it_was(old_url: str) -> None:
    with opened_place(old_url) as stores:
        assert told(stores.log) == expected_events("sqlite")
        assert stores.log.verify_chain().intact
        assert stores.log.head().digest.hex() == EXPECTED["postgresql"]["digest"]
    assert stated_format(old_url) == FORMAT


def test_the_catalog_of_format_1_is_what_a_rebuild_makes_of_the_log(old_url: str) -> None:
    with opened_place(old_url) as stores:
        migrated = stores.catalog.digest()

        stores.catalog.rebuild(stores.log)

        assert stores.catalog.digest() == migrated


def test_how_old_events_say_that_their_work_ended_is_in_the_migrated_catalog(old_url: str) -> None:
    with psycopg.connect(old_url) as connection:
        statement = "SELECT position, digest FROM event ORDER BY position DESC LIMIT 1"
        found = connection.execute(statement).fetchone()
        assert found is not None
        last, digest = found
        for number, (fields, _) in enumerate(ENDINGS, last + 1):
            row = chained(fields, number, after=digest)
            digest = row[-1]
            connection.execute(
                "INSERT INTO event(position, event_id, kind, recorded_us, payload, digest) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                row,
            )
        connection.execute("UPDATE log_state SET position = %s, digest = %s", (last + len(ENDINGS), digest))

    with opened_place(old_url) as stores:
        read = changes_of([event for event in stores.log.read(limit=10_000) if event.kind == "pem"]).of(ENDED)
    with psycopg.connect(old_url) as connection:
        migrated = connection.execute("SELECT * FROM pem_outcome ORDER BY position").fetchall()

    assert migrated == read == expected_outcomes(last)


def test_old_and_new_events_make_one_chain(old_url: str) -> None:
    with opened_place(old_url) as stores:
        stores.log.append([pem(900).sent_by("1" * 32), pem(901)])
    with opened_place(old_url) as stores:
        report = stores.log.verify_chain()
        last = stores.log.read(limit=10_000)[-2:]

    assert (report.intact, report.events) == (True, len(expected_events("sqlite")) + 2)
    assert [event.sender for event in last] == ["1" * 32, None]
    assert [len(event.salt) for event in last] == [16, 16]


def test_a_log_of_format_1_gets_a_secret_and_keeps_it(old_url: str) -> None:
    secrets = []
    for _ in range(2):
        with opened_place(old_url) as stores:
            secrets.append(stores.log.secret())

    assert len(secrets[0]) == 32
    assert secrets[0] == secrets[1]


def test_a_new_database_says_its_format(postgres_url: str) -> None:
    PostgreSQLEventLog(postgres_url).close()

    assert stated_format(postgres_url) == FORMAT


def test_a_format_that_is_older_than_the_tables_is_a_fault(postgres_url: str) -> None:
    with closing(PostgreSQLEventLog(postgres_url)) as log:
        with psycopg.connect(postgres_url) as connection:
            connection.execute("UPDATE log_state SET format = %s", (FORMAT - 1,))

        assert log.faults() == [
            f"log_state says that the log has format {FORMAT - 1}, its tables have format {FORMAT}"
        ]


def test_a_database_of_a_newer_format_is_refused_and_left_alone(postgres_url: str) -> None:
    PostgreSQLEventLog(postgres_url).close()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE log_state SET format = %s", (FORMAT + 1,))
        connection.execute("UPDATE provgraph_schema SET version_num = '9999'")

    for opening in (PostgreSQLEventLog, PostgreSQLCatalog):
        with pytest.raises(
            NewerFormatError, match=rf"format {FORMAT + 1} .* up to {FORMAT}: a newer version"
        ):
            opening(postgres_url)
    assert stated_format(postgres_url) == FORMAT + 1


def test_credentials_of_format_1_are_good_and_have_the_rights_of_their_roles(old_url: str) -> None:
    expected = EXPECTED["sqlite"]["credentials"]

    with opened_place(old_url) as stores:
        listed = stores.catalog.credentials()
        known = [stores.catalog.credential(token_sha256(each["token"])) for each in expected]

    assert [(one.id, one.name, one.grant) for one in listed] == [
        (each["id"], each["name"], Grant.of(Role(each["role"]))) for each in expected
    ]
    assert [one is None for one in known] == [each["revoked"] for each in expected]
    assert {each["role"] for each in expected} == set(Role)


def test_a_database_with_a_table_of_another_program_is_refused_and_left_alone(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE log_state (format text)")
        connection.execute("INSERT INTO log_state VALUES ('pretty')")

    with pytest.raises(StoreError, match="a table of another program"):
        PostgreSQLEventLog(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("log_state",)]
