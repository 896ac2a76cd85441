"""What every event log owes."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import ConflictError, NewerEventError
from provgraph.eventlog import EventLog, InMemoryEventLog, Verdict
from provgraph.events import SALT_BYTES, UnknownKind, genesis
from provgraph.events.clock import now_us
from provgraph.families.operation.events import LOG_CLEANED, LogCleaned
from provgraph.families.pem.events import PEM
from provgraph.families.registry import content
from provgraph.families.tag.events import TAG_SET, tag_set
from tests.contract.builders import pem, pem_id
from tests.contract.eventlog.vectors import stored, vectors

if TYPE_CHECKING:
    from provgraph.eventlog import Appended

SENDER = "00112233445566778899aabbccddeeff"


def verdicts(answers: list[Appended]) -> list[Verdict]:
    """Return the verdicts alone."""
    return [answer.verdict for answer in answers]


# ------------------------------------------------------------------------------------------------ appending


def test_an_empty_log_has_nothing_and_ends_at_its_genesis(log: EventLog) -> None:
    epoch, position, digest = log.head()

    assert (position, digest) == (0, genesis(epoch))
    assert log.read() == []
    assert log.count() == 0


def test_events_are_read_in_the_order_they_were_appended(log: EventLog) -> None:
    log.append([pem(3), pem(1)])
    log.append([tag_set("ns", "t", pem_id(3))])
    log.append([pem(2)])

    assert [event.event_id for event in log.read() if event.kind is PEM] == [
        pem_id(number) for number in (3, 1, 2)
    ]


def test_positions_rise_and_the_head_is_the_last_event(log: EventLog) -> None:
    log.append([pem(number) for number in range(5)])
    log.append([pem(9)])

    events = log.read()
    positions = [event.position for event in events]

    assert positions == sorted(set(positions))
    assert log.head()[1:] == (events[-1].position, events[-1].digest)


def test_an_accepted_event_is_answered_as_it_is_read_back(log: EventLog) -> None:
    new = pem(1, uses=["a"], Properties={"x": "ä"})

    answer = log.append([new])[0]

    assert answer.recorded == log.get(new.event_id) == log.read()[0]
    assert (answer.recorded.payload, answer.recorded.content) == (new.payload, new.content)


def test_what_is_read_has_the_content_of_its_payload(log: EventLog) -> None:
    log.append([pem(1, produces=["a"], Tag="t"), tag_set("ns", "t", pem_id(1))])

    assert [event.content for event in log.read()] == [
        content(event.kind, event.event_id, event.payload) for event in log.read()
    ]


def test_the_logs_clock_is_now_and_never_runs_backwards(log: EventLog) -> None:
    before = now_us()
    for number in range(20):
        log.append([pem(number)])
    after = now_us()

    times = [event.recorded_us for event in log.read()]

    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after


def test_appending_nothing_changes_nothing(log: EventLog) -> None:
    log.append([pem(1)])
    head = log.head()

    assert log.append([]) == []
    assert log.head() == head


def test_reading_goes_on_behind_a_position_up_to_a_limit(log: EventLog) -> None:
    log.append([pem(number) for number in range(10)])
    all_events = log.read()

    assert log.read(limit=3) == all_events[:3]
    assert log.read(after=all_events[2].position, limit=4) == all_events[3:7]
    assert log.read(after=all_events[-1].position) == []
    assert log.read(after=all_events[-1].position + 1_000) == []


def test_counting_goes_by_position_too(log: EventLog) -> None:
    log.append([pem(number) for number in range(10)])
    sixth = log.read()[5].position

    assert (log.count(), log.count(after=sixth), log.count(after=log.head().position)) == (10, 4, 0)


def test_a_log_with_more_events_takes_more_room(log: EventLog) -> None:
    empty = log.stored_bytes()

    log.append([pem(number, Properties={"text": "x" * 10_000}) for number in range(200)])

    # In memory nobody knows.
    assert empty is None or 0 < empty < (log.stored_bytes() or 0)


def test_an_unknown_id_is_none(log: EventLog) -> None:
    assert log.get(pem_id(1)) is None


# ------------------------------------------------------------------------------------------------ repetitions


def test_the_same_event_again_is_acknowledged_with_the_stored_one(log: EventLog) -> None:
    first = log.append([pem(1)])[0]
    head = log.head()

    again = log.append([pem(1)])[0]

    assert again == (Verdict.DUPLICATE, first.recorded)
    assert log.head() == head


def test_other_content_under_a_known_id_is_a_conflict_and_the_stored_one_stands(log: EventLog) -> None:
    first = log.append([pem(1, Type="one")])[0]
    head = log.head()

    again = log.append([pem(1, Type="two")])[0]

    assert again == (Verdict.CONFLICT, first.recorded)
    assert log.get(pem_id(1)) == first.recorded
    assert log.head() == head


def test_another_family_under_a_known_id_is_a_conflict(log: EventLog) -> None:
    new = pem(1)
    log.append([new])

    assert verdicts(log.append([new._replace(kind=TAG_SET)])) == [Verdict.CONFLICT]


def test_within_one_call_the_first_of_two_events_with_one_id_counts(log: EventLog) -> None:
    answers = log.append([pem(1), pem(2), pem(1), pem(1, Type="other")])

    assert verdicts(answers) == [
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
        Verdict.DUPLICATE,
        Verdict.CONFLICT,
    ]
    assert answers[2].recorded == answers[3].recorded == answers[0].recorded
    assert log.count() == 2


def test_known_and_new_events_in_one_call_are_judged_one_by_one(log: EventLog) -> None:
    log.append([pem(1), pem(2)])

    answers = log.append([pem(5), pem(1), pem(6), pem(2, Type="other"), pem(6), pem(5, Type="other")])

    assert verdicts(answers) == [
        Verdict.ACCEPTED,
        Verdict.DUPLICATE,
        Verdict.ACCEPTED,
        Verdict.CONFLICT,
        Verdict.DUPLICATE,
        Verdict.CONFLICT,
    ]
    assert [event.event_id for event in log.read()] == [pem_id(number) for number in (1, 2, 5, 6)]
    assert log.verify_chain().intact


# ------------------------------------------------------------------------------------------------ waiting


def test_waiting_for_what_is_there_returns_at_once(log: EventLog) -> None:
    log.append([pem(1)])

    assert log.wait(after=0, timeout_seconds=0)


def test_waiting_times_out(log: EventLog) -> None:
    log.append([pem(1)])

    assert not log.wait(after=log.head().position, timeout_seconds=0.01)


def test_an_append_wakes_everyone_who_waits(log: EventLog) -> None:
    woken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: woken.append(log.wait(after=0, timeout_seconds=60))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()

    log.append([pem(1)])
    for thread in threads:
        thread.join()

    assert woken == [True] * 5


def test_a_repetition_wakes_nobody(log: EventLog) -> None:
    log.append([pem(1)])
    position = log.head().position

    log.append([pem(1)])

    assert not log.wait(after=position, timeout_seconds=0.01)


# ------------------------------------------------------------------------------------------------ many threads


def test_a_reader_that_tails_many_writers_skips_nothing_and_sees_nothing_twice(log: EventLog) -> None:
    writers, each = 4, 60
    seen: list[str] = []

    def write(writer: int) -> None:
        for number in range(each):
            log.append([pem(1 + writer * 1_000 + number)])

    def tail() -> None:
        after = 0
        while len(seen) < writers * each and log.wait(after=after, timeout_seconds=60):
            events = log.read(after=after, limit=7)
            seen.extend(event.event_id for event in events)
            after = events[-1].position

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    threads.append(threading.Thread(target=tail))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [event.event_id for event in log.read()]
    assert len(set(seen)) == writers * each
    assert log.verify_chain().intact


def test_of_many_threads_that_send_one_event_one_is_accepted(log: EventLog) -> None:
    answers: list[Verdict] = []

    def send() -> None:
        answers.extend(verdicts(log.append([pem(1)])))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [Verdict.ACCEPTED] + [Verdict.DUPLICATE] * 7


# ------------------------------------------------------------------------------------------------ cleaning


def test_cleaning_begins_a_new_epoch_behind_the_old_positions(log: EventLog) -> None:
    log.append([pem(number) for number in range(5)])
    old = log.head()

    head = log.clean(keep=())

    assert head == log.head()
    assert head.epoch != old.epoch
    assert head.position > old.position


def test_a_cleaned_log_begins_with_an_event_that_names_the_old_head(log: EventLog) -> None:
    log.append([pem(1)])
    old = log.head()

    log.clean(keep=())

    (opening,) = log.read()
    assert opening.kind is LOG_CLEANED
    assert opening.content == LogCleaned(old.epoch, old.position, old.digest.hex())


def test_a_cleaning_is_recorded_with_who_asked_for_it_and_what_is_kept_with_its_own_sender(
    log: EventLog,
) -> None:
    kept = [
        tag_set("ns", str(number), pem_id(1)).sent_by(sender)
        for number, sender in ((1, "cd" * 16), (2, None))
    ]
    log.append([pem(1), *kept])

    log.clean(keep=[TAG_SET], sender="ab" * 16)

    assert [event.sender for event in log.read()] == ["ab" * 16, "cd" * 16, None]
    assert log.verify_chain().intact


def test_cleaning_keeps_the_kinds_asked_for_with_ids_payloads_and_order(log: EventLog) -> None:
    tags = [tag_set("ns", str(number), pem_id(1)) for number in range(3)]
    log.append([pem(1), tags[0], pem(2), tags[1], tags[2], pem(3)])

    log.clean(keep=[TAG_SET])

    _, *kept = log.read()
    assert [(event.event_id, event.payload, event.content) for event in kept] == [
        (tag.event_id, tag.payload, tag.content) for tag in tags
    ]


def test_a_cleaned_log_goes_on(log: EventLog) -> None:
    log.append([pem(1), tag_set("ns", "t", pem_id(1))])
    log.clean(keep=[TAG_SET])
    cleaned = log.head()

    answers = log.append([pem(1), pem(2)])

    assert verdicts(answers) == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert [event.event_id for event in log.read(after=cleaned.position)] == [pem_id(1), pem_id(2)]
    assert log.read(after=cleaned.position)[0].position > cleaned.position
    assert log.count() == 4


def test_removed_events_are_gone(log: EventLog) -> None:
    log.append([pem(1)])
    log.clean(keep=())

    assert log.get(pem_id(1)) is None


def test_the_chain_of_each_epoch_verifies(log: EventLog) -> None:
    for number in range(3):
        log.append([pem(number), tag_set("ns", "t", pem_id(number))])
        log.clean(keep=[TAG_SET])
        log.append([pem(10 + number)])

        assert log.verify_chain().intact


def test_cleaning_wakes_who_waits_for_more(log: EventLog) -> None:
    log.append([pem(1)])
    position = log.head().position

    log.clean(keep=())

    assert log.wait(after=position, timeout_seconds=0)


# ------------------------------------------------------------------------------------------------ the chain


def test_the_chain_of_an_untouched_log_is_intact(log: EventLog) -> None:
    log.append([pem(number) for number in range(10)])
    checked: list[int] = []

    report = log.verify_chain(checked.append)

    assert report[:3] == (True, 10, None)
    assert checked[-1] == 10


def test_the_chain_of_an_empty_log_is_intact(log: EventLog) -> None:
    assert log.verify_chain()[:3] == (True, 0, None)


def test_the_chain_can_be_recomputed_without_the_log(log: EventLog) -> None:
    log.append([pem(1), pem(2).sent_by(SENDER)])
    digest = hashlib.sha256(b"provgraph log epoch " + log.head().epoch.encode()).digest()

    for event in log.read():
        header = f"{event.position} {event.event_id} {event.kind} {event.recorded_us} ".encode()
        prefix = (
            b"\x02" + event.salt if event.sender is None else b"\x03" + event.salt + bytes.fromhex(SENDER)
        )
        digest = hashlib.sha256(digest + header + hashlib.sha256(prefix + event.payload).digest()).digest()
        assert event.digest == digest


# ------------------------------------------------------------------------------------------------ salt and sender


def test_each_event_has_a_salt_of_its_own(log: EventLog) -> None:
    log.append([pem(1), pem(2)])
    log.append([pem(3)])

    salts = {event.salt for event in stored(log)}
    assert len(salts) == 3
    assert {len(salt) for salt in salts} == {SALT_BYTES}


def test_the_sender_is_kept_with_the_event(log: EventLog) -> None:
    appended = log.append([pem(1).sent_by(SENDER), pem(2)])

    assert [one.recorded.sender for one in appended] == [SENDER, None]
    assert [event.sender for event in stored(log)] == [SENDER, None]
    assert log.verify_chain().intact


def test_a_repetition_under_another_credential_is_a_duplicate_and_the_first_sender_stands(
    log: EventLog,
) -> None:
    log.append([pem(1).sent_by(SENDER)])

    appended = log.append([pem(1).sent_by("f" * 32), pem(1)])

    assert [one.verdict for one in appended] == [Verdict.DUPLICATE] * 2
    assert [one.recorded.sender for one in appended] == [SENDER] * 2


def test_senders_are_looked_up_by_position(log: EventLog) -> None:
    log.append([pem(1).sent_by(SENDER), pem(2), pem(3).sent_by("f" * 32)])
    first, second, third = (event.position for event in log.read())

    assert log.senders([third, first, second, third + 7, 0]) == {first: SENDER, third: "f" * 32}
    assert log.senders([second]) == {}
    assert log.senders([]) == {}


def test_what_cleaning_keeps_keeps_its_sender(log: EventLog) -> None:
    log.append([pem(1), tag_set("prod", "current", pem_id(1)).sent_by(SENDER)])

    log.clean(keep=[TAG_SET])

    assert [event.sender for event in stored(log) if event.kind is TAG_SET] == [SENDER]
    assert log.verify_chain().intact


def test_a_log_of_events_with_and_without_salt_is_restored_and_verifies(log: EventLog) -> None:
    epoch, events = vectors()

    head = log.restore(events, epoch=epoch)

    assert (head.position, head.digest) == (events[-1].position, events[-1].digest)
    assert log.verify_chain()[:2] == (True, len(events))
    assert [event[:6] + event[7:] for event in stored(log)] == [event[:6] + event[7:] for event in events]
    assert {bool(event.salt) for event in events} == {True, False}
    log.append([pem(1)])
    assert log.verify_chain().intact


# ------------------------------------------------------------------------------------------------ unknown kinds


def test_an_event_of_an_unknown_kind_is_read_as_one_without_content(log: EventLog) -> None:
    epoch, events = vectors()
    log.restore(events, epoch=epoch)

    unknown = [event for event in stored(log) if isinstance(event.kind, UnknownKind)]

    assert [(event.kind, event.content) for event in unknown] == [
        ("subject.erasing", None),
        ("subject.erased", None),
    ]
    found = log.get(unknown[0].event_id)
    assert found is not None
    assert found.kind == "subject.erasing"


def test_cleaning_a_log_with_an_event_of_an_unknown_kind_is_refused(log: EventLog) -> None:
    epoch, events = vectors()
    log.restore(events, epoch=epoch)
    before = log.head()

    with pytest.raises(NewerEventError, match=r"position 11 of the log is of the kind subject\.erasing"):
        log.clean(keep=[TAG_SET])

    assert log.head() == before
    assert len(stored(log)) == len(events)


def test_a_probe_leaves_no_event(log: EventLog) -> None:
    head = log.head()

    log.probe()

    assert log.head() == head
    assert log.read() == []


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 65, 577, 1_100])
def test_batches_of_any_size_are_whole(log: EventLog, size: int) -> None:
    answers = log.append([pem(number) for number in range(size)])

    assert len(answers) == log.count() == size
    assert log.verify_chain().events == size


# ------------------------------------------------------------------------------------------------ restoring


@pytest.fixture
def other() -> InMemoryEventLog:
    """A log with a history: cleaned once, some events of each kind."""
    other = InMemoryEventLog()
    other.append([pem(1), tag_set("ns", "t", pem_id(1))])
    other.clean(keep=[TAG_SET])
    for number in range(10, 20):
        other.append([pem(number, uses=["a"], Tag="t")])
    return other


def test_a_restored_log_is_the_other_one(log: EventLog, other: InMemoryEventLog) -> None:
    head = log.restore(other.read(), epoch=other.head().epoch)

    assert head == log.head() == other.head()
    assert log.read() == other.read()
    assert log.get(pem_id(15)) == other.get(pem_id(15))
    assert log.verify_chain() == other.verify_chain()


@pytest.mark.parametrize("cut", [1, 2, 7])
def test_a_log_is_restored_in_parts(log: EventLog, other: InMemoryEventLog, cut: int) -> None:
    events, epoch = other.read(), other.head().epoch
    for start in range(0, len(events), cut):
        log.restore(events[start : start + cut], epoch=epoch)

    assert (log.head(), log.read()) == (other.head(), other.read())


def test_a_restored_log_goes_on(log: EventLog, other: InMemoryEventLog) -> None:
    log.restore(other.read(), epoch=other.head().epoch)

    answers = log.append([pem(15, uses=["a"], Tag="t"), pem(16), pem(99)])

    assert verdicts(answers) == [Verdict.DUPLICATE, Verdict.CONFLICT, Verdict.ACCEPTED]
    assert answers[2].recorded.position == other.head().position + 1
    assert answers[2].recorded.recorded_us >= other.read()[-1].recorded_us
    assert log.verify_chain().intact


def test_restoring_nothing_takes_the_epoch_over(log: EventLog) -> None:
    other = InMemoryEventLog()

    assert log.restore([], epoch=other.head().epoch) == log.head() == other.head()


def test_restoring_wakes_who_waits(log: EventLog, other: InMemoryEventLog) -> None:
    log.restore(other.read(), epoch=other.head().epoch)

    assert log.wait(after=other.head().position - 1, timeout_seconds=0)


def test_a_log_with_events_of_its_own_is_not_restored_into(log: EventLog, other: InMemoryEventLog) -> None:
    log.append([pem(1)])
    head, events = log.head(), log.read()

    for epoch in (head.epoch, other.head().epoch):
        for offered in ([], other.read()):
            if offered or epoch != head.epoch:
                with pytest.raises(ConflictError):
                    log.restore(offered, epoch=epoch)

    assert (log.head(), log.read()) == (head, events)


def test_events_are_not_restored_twice_nor_with_a_hole(log: EventLog, other: InMemoryEventLog) -> None:
    events, epoch = other.read(), other.head().epoch
    log.restore(events[:5], epoch=epoch)

    for offered in (events[:5], events[4:], events[6:]):
        with pytest.raises(ConflictError):
            log.restore(offered, epoch=epoch)

    assert log.read() == events[:5]


def test_a_changed_event_is_not_restored(log: EventLog, other: InMemoryEventLog) -> None:
    events, epoch = other.read(), other.head().epoch
    events[3] = events[3]._replace(payload=b"{}")

    with pytest.raises(ConflictError, match=str(events[3].position)):
        log.restore(events, epoch=epoch)

    assert (log.read(), log.head().position) == ([], 0)
    log.append([pem(1)])
    assert log.verify_chain().intact


# ------------------------------------------------------------------------------------------------ the lease


def test_a_lease_is_held_by_who_asks_first(log: EventLog) -> None:
    lease, other = log.lease("projector"), log.lease("projector")

    assert lease.held()
    assert lease.held()
    assert lease.is_held_by_anyone()
    assert other.is_held_by_anyone()
    lease.release()
    other.release()


def test_a_lease_that_was_given_back_can_be_taken_again(log: EventLog) -> None:
    lease = log.lease("projector")
    lease.release()
    assert lease.held()
    lease.release()
    lease.release()

    assert lease.held()
    lease.release()


# --------------------------------------------------------------------------------------------------- secret


def test_a_log_has_a_secret_that_stays_when_it_is_cleaned(log: EventLog) -> None:
    secret = log.secret()
    log.append([pem(1)])
    log.clean(keep=[])

    assert len(secret) == 32
    assert log.secret() == secret
    assert secret != InMemoryEventLog().secret()


def test_a_cleaning_that_is_meant_for_a_log_that_ends_elsewhere_changes_nothing(log: EventLog) -> None:
    log.append([pem(1), pem(2)])
    before = log.head()

    for at in (0, before.position - 1, before.position + 1):
        with pytest.raises(ConflictError, match=str(before.position)):
            log.clean(keep=[], at=at)

    assert (log.head(), log.count()) == (before, 2)
    assert log.clean(keep=[], at=before.position).epoch != before.epoch
