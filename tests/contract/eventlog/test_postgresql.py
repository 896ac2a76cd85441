"""What the log on PostgreSQL owes beyond: other processes, and a server that may go away."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import SettingsError, StoreError, StoreFullError
from provgraph.eventlog import Verdict
from provgraph.eventlog.migrations import LATEST, migrate
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.events import Repeated, genesis
from provgraph.events.base import chain
from provgraph.families.operation.events import LOG_CLEANED
from provgraph.families.tag.events import tag_set
from provgraph.operations.integrity import accept_change
from provgraph.postgresql import Server
from tests.contract.builders import pem, pem_id
from tests.contract.eventlog import tampering
from tests.contract.unstamped import Unstamped
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provgraph.eventlog.postgresql import TransactionalProjection
    from provgraph.events import RecordedEvent
    from provgraph.postgresql import Connection
    from tests.servers.fixtures import NewTCPProxy


@pytest.fixture
def url(emptied_postgres_url: str) -> str:
    """A database for a log."""
    return emptied_postgres_url


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., PostgreSQLEventLog]]:
    """Opens the log, as each of several processes would."""
    with ExitStack() as logs:

        def opened(*projections: TransactionalProjection) -> PostgreSQLEventLog:
            return logs.enter_context(closing(PostgreSQLEventLog(url, projections=projections)))

        yield opened


@pytest.fixture
def two(opened: Callable[..., PostgreSQLEventLog]) -> tuple[PostgreSQLEventLog, PostgreSQLEventLog]:
    """The log of two processes."""
    return opened(), opened()


@pytest.fixture
def log(opened: Callable[..., PostgreSQLEventLog]) -> PostgreSQLEventLog:
    """An empty log."""
    return opened()


def run(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement behind everybody's back."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def disconnect_all(url: str) -> None:
    """End every session on the database, as a restart of the server would."""
    run(
        url,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )


class Notes(Unstamped):
    """A projection that writes a row for each event, and fails when told to."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.is_failing = False
        run(url, "CREATE TABLE IF NOT EXISTS note (position bigint)")
        run(url, "TRUNCATE note")

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            connection.execute("INSERT INTO note VALUES (%s)", (event.position,))
        if self.is_failing:
            self._fail()

    def clear(self, connection: Connection) -> None:
        connection.execute("DELETE FROM note")
        if self.is_failing:
            self._fail()

    @property
    def written(self) -> list[object]:
        return [row[0] for row in run(self._url, "SELECT position FROM note ORDER BY position")]

    def _fail(self) -> NoReturn:
        raise RuntimeError("the projection fails")


class Running(Unstamped):
    """A projection that runs a function in the middle of each append."""

    def __init__(self, function: Callable[[Connection], object]) -> None:
        self._function = function

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        self._function(connection)

    def clear(self, connection: Connection) -> None:
        """There is nothing to clear."""


# ------------------------------------------------------------------------------------------------ opening


def test_a_log_opened_again_is_as_it_was(opened: Callable[..., PostgreSQLEventLog]) -> None:
    log = opened()
    log.append([pem(1), tag_set("ns", "t", pem_id(1))])
    again = opened()

    assert (again.read(), again.head()) == (log.read(), log.head())
    assert again.append([pem(1)])[0].verdict is Verdict.DUPLICATE


def test_an_empty_log_keeps_its_epoch(opened: Callable[..., PostgreSQLEventLog]) -> None:
    assert opened().head() == opened().head()


def test_a_closed_log_says_so(opened: Callable[..., PostgreSQLEventLog]) -> None:
    log = opened()
    log.append([pem(1)])
    log.close()

    for question in (lambda: log.append([pem(2)]), lambda: log.get(pem_id(1)), log.head, log.probe):
        with pytest.raises(StoreError):
            question()
    assert not log.wait(after=1, timeout_seconds=60)


def test_the_schema_version_that_is_looked_for_is_the_newest_there_is() -> None:
    from provgraph.eventlog.migrations import scripts  # noqa: PLC0415 - loads Alembic

    assert scripts().get_heads() == [LATEST]


def test_a_newer_schema_is_refused_by_its_version(log: PostgreSQLEventLog, url: str) -> None:
    run(url, "UPDATE provgraph_schema SET version_num = '9999'")
    try:
        with pytest.raises(StoreError, match="9999"):
            migrate(Server(url))
    finally:
        run(url, "UPDATE provgraph_schema SET version_num = %s", LATEST)


def test_a_database_that_cannot_hold_every_text_is_refused(url: str) -> None:
    name = f"{psycopg.conninfo.conninfo_to_dict(url)['dbname']}_latin1"
    run(url, f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="LATIN1"):
            PostgreSQLEventLog(url.rpartition("/")[0] + f"/{name}")
    finally:
        run(url, f"DROP DATABASE {name}")


@pytest.mark.parametrize(
    "address",
    ["sqlite:///x", "postgresql+psycopg://u:s3cret@h/d", "postgresql://u:s3cret@h:port/d?x=y", "host=h"],
)
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        PostgreSQLEventLog(address)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_server_that_is_not_there_is_told_at_once(tcp_proxy: NewTCPProxy, url: str) -> None:
    proxy = tcp_proxy(url)
    proxy.cut()

    with pytest.raises(StoreError, match="refused") as told:
        PostgreSQLEventLog(proxy.url)
    password = psycopg.conninfo.conninfo_to_dict(url)["password"]
    assert str(password) not in str(told.value)


# ------------------------------------------------------------------------------------------------ many processes


def test_logs_of_several_processes_are_one(opened: Callable[..., PostgreSQLEventLog]) -> None:
    one, other = opened(), opened()
    for number in range(0, 20, 2):
        one.append([pem(number)])
        other.append([pem(number + 1)])

    assert [event.event_id for event in one.read()] == [pem_id(number) for number in range(20)]
    assert other.read() == one.read() == opened().read()
    assert one.head() == other.head()
    assert one.verify_chain()[:2] == (True, 20)


def test_an_event_that_another_process_appended_is_known(opened: Callable[..., PostgreSQLEventLog]) -> None:
    one, other = opened(), opened()
    first = one.append([pem(1), pem(2)])[0]

    answers = other.append([pem(1), pem(3), pem(2, Type="other")])

    assert [answer.verdict for answer in answers] == [
        Verdict.DUPLICATE,
        Verdict.ACCEPTED,
        Verdict.CONFLICT,
    ]
    assert answers[0].recorded == first.recorded
    assert other.verify_chain()[:2] == (True, 3)


def test_what_another_process_cleaned_is_not_read_from_memory(
    opened: Callable[..., PostgreSQLEventLog],
) -> None:
    one, other = opened(), opened()
    one.append([pem(number) for number in range(5)])
    other.clean(keep=())

    assert [event.kind for event in one.read()] == [LOG_CLEANED]
    assert one.get(pem_id(1)) is None


def test_what_another_process_accepted_is_not_read_from_memory(
    opened: Callable[..., PostgreSQLEventLog],
) -> None:
    one, other = opened(), opened()
    one.append([pem(number) for number in (1, 2, 3)])
    forged = pem(2, Type="forged").payload
    tampering.change(one, 2, payload=forged, is_remembered=True)

    accept_change(other, 2, "by hand")

    assert one.read(after=1, limit=1)[0].payload == forged


def test_an_append_of_another_process_wakes_who_waits(opened: Callable[..., PostgreSQLEventLog]) -> None:
    one, other = opened(), opened()
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(one.wait(after=0, timeout_seconds=60)))
    waiting.start()

    other.append([pem(1)])
    waiting.join()

    assert woken == [True]


def test_what_another_process_appended_is_there_without_any_waiting(
    opened: Callable[..., PostgreSQLEventLog],
) -> None:
    one, other = opened(), opened()
    assert not one.wait(after=0, timeout_seconds=0)
    for number in range(1, 20):
        other.append([pem(number)])

        assert one.wait(after=number - 1, timeout_seconds=0)


_STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "append", "append", "clean"]), st.booleans(), st.integers(1, 5)),
    max_size=8,
)


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_what_is_read_from_memory_is_what_is_in_the_database(
    two: tuple[PostgreSQLEventLog, PostgreSQLEventLog], url: str, steps: list[tuple[str, bool, int]]
) -> None:
    one, other = two
    one.clean(keep=())
    for number, (step, mine, size) in enumerate(steps):
        log = one if mine else other
        if step == "clean":
            log.clean(keep=())
        else:
            log.append([pem(100 * number + more) for more in range(size)])
        events = [row[0] for row in run(url, "SELECT position FROM event ORDER BY position")]
        for after in range(events[0] - 2, events[-1] + 2):
            for limit in (1, 3, 100):
                expected = [position for position in events if position > after][:limit]
                assert [event.position for event in one.read(after=after, limit=limit)] == expected


def test_an_append_waits_for_that_of_another_process_but_not_for_ever(
    opened: Callable[..., PostgreSQLEventLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_writing(), "lock_timeout", "300ms")
    held, going_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        held.set()
        assert going_on.wait(60)

    slow, quick = opened(Running(hold)), opened()
    appending = threading.Thread(target=slow.append, args=([pem(1)],))
    appending.start()
    assert held.wait(60)

    with pytest.raises(StoreError, match="busy"):
        quick.append([pem(2)])
    going_on.set()
    appending.join()

    assert quick.append([pem(2)])[0].recorded.position == 2
    assert quick.verify_chain().intact


def _writing() -> dict[str, str]:
    from provgraph.eventlog import postgresql  # noqa: PLC0415 - only to be changed for a test

    return postgresql._FOR_WRITING


# ------------------------------------------------------------------------------------------------ one transaction


def test_a_projection_is_written_with_the_events_and_not_with_repetitions(
    opened: Callable[..., PostgreSQLEventLog], url: str
) -> None:
    notes = Notes(url)
    log = opened(notes)
    log.append([pem(1), pem(2)])
    log.append([pem(2), pem(3)])
    log.append([pem(1)])

    assert notes.written == [event.position for event in log.read()] == [1, 2, 3]


def test_a_failing_projection_leaves_no_trace(opened: Callable[..., PostgreSQLEventLog], url: str) -> None:
    notes = Notes(url)
    log = opened(notes)
    log.append([pem(1)])
    head = log.head()

    notes.is_failing = True
    for change in (lambda: log.append([pem(2), pem(3)]), lambda: log.clean(keep=())):
        with pytest.raises(RuntimeError):
            change()
        assert (log.head(), log.count(), notes.written) == (head, 1, [1])
        assert not log.wait(after=head.position, timeout_seconds=0.01)

    notes.is_failing = False
    assert log.append([pem(2)])[0].recorded.position == 2
    assert log.verify_chain()[:2] == (True, 2)


def test_a_row_that_a_projection_cannot_write_is_an_error_of_ours(
    opened: Callable[..., PostgreSQLEventLog], url: str
) -> None:
    run(url, "DROP TABLE IF EXISTS one")
    run(url, "CREATE TABLE one (a integer PRIMARY KEY)")
    log = opened(Running(lambda connection: connection.execute("INSERT INTO one VALUES (1)")))
    log.append([pem(1)])

    with pytest.raises(StoreError, match="a statement failed"):
        log.append([pem(2)])
    assert log.count() == 1


def test_a_full_disk_stores_nothing_and_space_makes_it_work_again(postgres_url: str) -> None:
    with closing(PostgreSQLEventLog(postgres_url)) as log:
        log.append([pem(1)])
        run(
            postgres_url,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
        )
        run(postgres_url, "CREATE TRIGGER full_disk BEFORE INSERT ON event EXECUTE FUNCTION refuse()")

        with pytest.raises(StoreFullError, match="could not extend file"):
            log.append([pem(2)])
        assert (log.count(), log.head().position) == (1, 1)

        run(postgres_url, "DROP TRIGGER full_disk ON event")
        assert log.append([pem(2)])[0].verdict is Verdict.ACCEPTED
        assert log.verify_chain()[:2] == (True, 2)


def test_a_probe_says_whether_an_append_would_succeed(postgres_url: str) -> None:
    with closing(PostgreSQLEventLog(postgres_url)) as log:
        log.probe()
        log.probe()
        run(postgres_url, "ALTER DATABASE " + _name(postgres_url) + " SET default_transaction_read_only = on")
        disconnect_all(postgres_url)

        with pytest.raises(StoreError, match="read-only"):
            log.probe()


def test_what_the_database_is_set_to_changes_no_promise(postgres_url: str) -> None:
    for setting in ("synchronous_commit = off", "default_transaction_isolation = 'serializable'"):
        run(postgres_url, f"ALTER DATABASE {_name(postgres_url)} SET {setting}")
    found: list[object] = []

    def look(connection: Connection) -> None:
        names = ("synchronous_commit", "transaction_isolation")
        found.extend(connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names)

    with closing(PostgreSQLEventLog(postgres_url, projections=[Running(look)])) as log:
        log.append([pem(1)])

    assert found == [("on",), ("read committed",)]


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


# ------------------------------------------------------------------------------------------------ lost connections


def test_connections_lost_while_idle_are_not_noticed(log: PostgreSQLEventLog, url: str) -> None:
    log.append([pem(1)])
    log.wait(after=0, timeout_seconds=0)
    log.wait(after=1, timeout_seconds=0)

    for number in range(2, 5):
        disconnect_all(url)
        assert log.head().position == number - 1
        disconnect_all(url)
        assert log.append([pem(number)])[0].verdict is Verdict.ACCEPTED
        disconnect_all(url)
        assert len(log.read()) == log.count() == number
        disconnect_all(url)
        log.probe()
    assert log.verify_chain().intact


def test_a_connection_lost_in_the_middle_of_an_append_stores_nothing(
    opened: Callable[..., PostgreSQLEventLog], url: str
) -> None:
    is_cutting = True

    def cut(connection: Connection) -> None:
        if is_cutting:
            run(url, "SELECT pg_terminate_backend(%s, 10000)", connection.info.backend_pid)

    log = opened(Running(cut))
    with pytest.raises(StoreError, match="send them again"):
        log.append([pem(1), pem(2)])
    assert (log.count(), log.head().position) == (0, 0)

    is_cutting = False
    assert log.append([pem(1)])[0].recorded.position == 1
    assert log.verify_chain().intact


def test_a_commit_whose_answer_is_lost_is_told_and_sending_again_is_safe(
    postgres_url: str, tcp_proxy: NewTCPProxy
) -> None:
    proxy = tcp_proxy(postgres_url)
    with closing(PostgreSQLEventLog(proxy.url)) as log:
        log.append([pem(1)])
        # Runs within the commit, so that there is a moment in which to cut the connection.
        run(
            postgres_url,
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
        )
        run(
            postgres_url,
            "CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION linger()",
        )

        def cut() -> None:
            while not run(
                postgres_url,
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
            ):
                pass
            proxy.cut()

        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(StoreError, match="not known"):
            log.append([pem(2)])
        cutting.join()

        proxy.heal()
        again = log.append([pem(2)])[0]
        assert (again.verdict, again.recorded.position) == (Verdict.DUPLICATE, 2)
        assert log.verify_chain()[:2] == (True, 2)


def test_waiting_survives_that_the_server_is_away(postgres_url: str, tcp_proxy: NewTCPProxy) -> None:
    proxy = tcp_proxy(postgres_url)
    with closing(PostgreSQLEventLog(proxy.url)) as distant, closing(PostgreSQLEventLog(postgres_url)) as log:
        assert not distant.wait(after=0, timeout_seconds=0.1)
        woken: list[bool] = []
        waiting = threading.Thread(target=lambda: woken.append(distant.wait(after=1, timeout_seconds=60)))
        waiting.start()

        proxy.cut()
        assert not distant.wait(after=0, timeout_seconds=0.1)
        log.append([pem(1)])
        assert not distant.wait(after=0, timeout_seconds=0.1)
        proxy.heal()
        assert distant.wait(after=0, timeout_seconds=60)
        log.append([pem(2)])
        waiting.join()

        assert woken == [True]


# ------------------------------------------------------------------------------------------------ the chain


@pytest.mark.parametrize(
    "change",
    [
        "payload = convert_to(replace(convert_from(payload, 'UTF8'), 'train', 'drain'), 'UTF8')",
        "kind = 'tag.set'",
        "kind = 'none at all'",
        "recorded_us = recorded_us + 1",
        r"event_id = '\x00'",
        r"digest = '\x00'",
        "position = 100",
    ],
)
def test_a_changed_event_does_not_verify(log: PostgreSQLEventLog, url: str, change: str) -> None:
    log.append([pem(number) for number in range(1, 6)])
    assert log.verify_chain().intact

    run(url, f"UPDATE event SET {change} WHERE position = 3")  # noqa: S608 - our own text

    assert log.verify_chain()[:2] == (False, 2)


@pytest.mark.parametrize(("which", "found"), [(1, 2), (3, 4), (5, 5)])
def test_a_removed_event_does_not_verify(log: PostgreSQLEventLog, url: str, which: int, found: int) -> None:
    log.append([pem(number) for number in range(5)])

    run(url, "DELETE FROM event WHERE position = %s", which)

    report = log.verify_chain()
    assert (report.intact, report.position) == (False, found)


def test_a_last_event_that_was_exchanged_does_not_verify_though_its_digest_does(
    log: PostgreSQLEventLog, url: str
) -> None:
    log.append([pem(1), pem(2)])
    first, last = log.read()
    payload = last.payload.replace(b"train", b"drain")
    digest = chain(first.digest, 2, last.event_id, last.kind, last.recorded_us, payload)

    run(url, "UPDATE event SET payload = %s, digest = %s WHERE position = 2", payload, digest)

    report = log.verify_chain()
    assert (report.intact, report.position) == (False, 2)


def test_a_new_log_begins_at_the_genesis_of_its_epoch(log: PostgreSQLEventLog) -> None:
    head = log.head()

    assert head.digest == genesis(head.epoch)


# ------------------------------------------------------------------------------------------------ leases


def test_two_processes_do_not_hold_one_lease(opened: Callable[..., PostgreSQLEventLog]) -> None:
    one, other = opened().lease("projector"), opened().lease("projector")

    assert [one.held(), other.held(), one.held(), other.held()] == [True, False, True, False]
    one.release()
    assert [other.held(), one.held()] == [True, False]
    other.release()
    one.release()


def test_leases_of_other_names_are_other_leases(log: PostgreSQLEventLog) -> None:
    one, other = log.lease("one"), log.lease("other")

    assert one.held()
    assert not other.is_held_by_anyone()
    assert other.held()
    one.release()
    assert not one.is_held_by_anyone()
    assert other.is_held_by_anyone()
    one.release()
    other.release()


def test_a_lease_that_was_lost_is_told_once(log: PostgreSQLEventLog, url: str) -> None:
    lease = log.lease("projector")
    assert lease.held()

    disconnect_all(url)

    assert [lease.held(), lease.held()] == [False, True]
    lease.release()


def test_a_lease_is_not_held_by_who_cannot_ask(tcp_proxy: NewTCPProxy, url: str) -> None:
    proxy = tcp_proxy(url)
    with closing(PostgreSQLEventLog(proxy.url)) as log:
        lease = log.lease("projector")
        assert lease.held()
        proxy.cut()
        assert not lease.held()
        for question in (lease.held, lease.is_held_by_anyone):
            with pytest.raises(StoreError):
                question()

        proxy.heal()
        assert lease.held()
        lease.release()


def test_an_index_that_lost_an_entry_lets_an_event_in_twice_which_is_told_and_mended(
    log: PostgreSQLEventLog, url: str
) -> None:
    log.append([pem(number) for number in range(1, 6)])
    which = "WHERE indexrelid = 'event_event_id_key'::regclass"
    run(url, f"UPDATE pg_index SET indisready = false, indisvalid = false {which}")  # noqa: S608 - our own text
    log.append([pem(6)])
    run(url, f"UPDATE pg_index SET indisready = true, indisvalid = true {which}")  # noqa: S608 - our own text
    assert log.append([pem(6)])[0].verdict is Verdict.ACCEPTED  # that is the damage

    assert any(fault.startswith("row 6 missing from index event_event_id_key") for fault in log.faults())
    assert log.mend_ids() == [7]

    assert log.faults() == []
    assert log.append([pem(6)])[0].recorded.position == 6
    (second,) = log.read(after=6, limit=1)
    assert (type(second.kind), second.content) == (Repeated, None)
    assert log.verify_chain().intact
    assert "counts nowhere" in log.verify_chain().accepted[0].sentence


def test_a_changed_clock_of_the_state_is_told(log: PostgreSQLEventLog, url: str) -> None:
    log.append([pem(1)])
    run(url, "UPDATE log_state SET recorded_us = recorded_us + 1")

    assert ["log_state" in fault for fault in log.faults()] == [True]
