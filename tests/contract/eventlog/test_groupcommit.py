"""Many coroutines, few transactions."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import OverloadedError, StoreError, StoreFullError
from provgraph.eventlog import GroupCommit, InMemoryEventLog, Verdict
from tests.contract.builders import pem, pem_id

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from provgraph.eventlog import Appended, EventLog
    from provgraph.events import NewEvent


class SlowLog(InMemoryEventLog):
    """A log whose appends wait until the gate is open; notes the size of each, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[int] = []
        self.error: Exception | None = None

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        self.entered.release()
        assert self.gate.wait(60)
        self.batches.append(len(events))
        if self.error is not None:
            raise self.error
        return super().append(events)


@pytest.fixture
def slow() -> SlowLog:
    return SlowLog()


async def busy(writer: GroupCommit, slow: SlowLog) -> asyncio.Task[list[Appended]]:
    """Send one event and return once the writing thread is held up with it."""
    first = asyncio.create_task(writer.append([pem(1_000_000)]))
    await asyncio.to_thread(slow.entered.acquire)
    return first


async def started(*sendings: Coroutine[object, object, list[Appended]]) -> list[asyncio.Task[list[Appended]]]:
    """Start sending, and return when all of it is queued or refused."""
    tasks = [asyncio.create_task(sending) for sending in sendings]
    await asyncio.sleep(0)
    return tasks


def verdicts(answers: list[Appended]) -> list[Verdict]:
    """Return the verdicts alone."""
    return [answer.verdict for answer in answers]


def test_each_request_gets_the_verdicts_of_its_own_events(log: EventLog) -> None:
    async def send() -> list[list[Appended]]:
        with GroupCommit(log) as writer:
            return await asyncio.gather(
                *(writer.append([pem(2 * number), pem(2 * number + 1)]) for number in range(100))
            )

    answers = asyncio.run(send())

    assert [[answer.recorded.event_id for answer in one] for one in answers] == [
        [pem_id(2 * number), pem_id(2 * number + 1)] for number in range(100)
    ]
    assert log.count() == 200


def test_the_same_event_in_two_requests_is_accepted_once(slow: SlowLog) -> None:
    async def send() -> list[list[Appended]]:
        with GroupCommit(slow) as writer:
            first = await busy(writer, slow)
            rest = await started(
                writer.append([pem(1)]), writer.append([pem(1)]), writer.append([pem(1, Type="other")])
            )
            slow.gate.set()
            await first
            return await asyncio.gather(*rest)

    assert [verdicts(answer) for answer in asyncio.run(send())] == [
        [Verdict.ACCEPTED],
        [Verdict.DUPLICATE],
        [Verdict.CONFLICT],
    ]


def test_what_gathers_during_a_commit_is_one_transaction(slow: SlowLog) -> None:
    async def send() -> None:
        with GroupCommit(slow) as writer:
            first = await busy(writer, slow)
            rest = await started(*(writer.append([pem(number)]) for number in range(50)))
            slow.gate.set()
            await asyncio.gather(first, *rest)

    asyncio.run(send())

    assert slow.batches == [1, 50]


def test_a_transaction_holds_no_more_than_the_largest_batch_but_requests_stay_whole(slow: SlowLog) -> None:
    async def send() -> None:
        with GroupCommit(slow, max_batch_events=10) as writer:
            first = await busy(writer, slow)
            sizes = [4, 4, 4, 25, 1]
            rest = await started(
                *(
                    writer.append([pem(100 * (index + 1) + number) for number in range(size)])
                    for index, size in enumerate(sizes)
                )
            )
            slow.gate.set()
            await asyncio.gather(first, *rest)

    asyncio.run(send())

    assert slow.batches == [1, 8, 4, 25, 1]


def test_a_full_queue_refuses_and_stores_nothing_of_what_it_refused(slow: SlowLog) -> None:
    async def send() -> int:
        with GroupCommit(slow, max_queued_events=5) as writer:
            first = await busy(writer, slow)
            taken = await started(writer.append([pem(1), pem(2), pem(3)]))
            with pytest.raises(OverloadedError) as refused:
                await writer.append([pem(4), pem(5), pem(6)])
            taken += await started(writer.append([pem(7), pem(8)]))
            queued = writer.queued_events
            with pytest.raises(OverloadedError):
                await writer.append([pem(9)])
            slow.gate.set()
            await asyncio.gather(first, *taken)
            assert refused.value.retry_after_seconds >= 1
            assert writer.queued_events == 0
            return queued

    assert asyncio.run(send()) == 5
    assert [event.event_id for event in slow.read()] == [
        pem_id(number) for number in (1_000_000, 1, 2, 3, 7, 8)
    ]


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(slow: SlowLog) -> None:
    slow.gate.set()

    async def send() -> list[Appended]:
        with GroupCommit(slow, max_queued_events=5) as writer:
            return await writer.append([pem(number) for number in range(20)])

    assert len(asyncio.run(send())) == 20


def test_an_error_reaches_every_request_of_the_batch_and_the_next_one_is_unharmed(slow: SlowLog) -> None:
    async def send() -> list[object]:
        with GroupCommit(slow) as writer:
            first = await busy(writer, slow)
            rest = await started(*(writer.append([pem(number)]) for number in range(3)))
            slow.error = StoreFullError("no space")
            slow.gate.set()
            failed = await asyncio.gather(first, *rest, return_exceptions=True)
            slow.error = None
            assert verdicts(await writer.append([pem(1)])) == [Verdict.ACCEPTED]
            return list(failed)

    failed = asyncio.run(send())

    assert [type(answer) for answer in failed] == [StoreFullError] * 4
    assert slow.count() == 1


def test_a_strange_error_becomes_one_of_ours_and_its_text_is_for_the_services_log(
    slow: SlowLog, caplog: pytest.LogCaptureFixture
) -> None:
    slow.gate.set()
    slow.error = RuntimeError("what is this")

    async def send() -> None:
        with GroupCommit(slow) as writer:
            await writer.append([pem(1)])

    with pytest.raises(StoreError, match="service's log") as raised:
        asyncio.run(send())
    assert "what is this" not in str(raised.value)
    assert "what is this" in caplog.text


def test_closing_commits_what_is_queued_and_takes_no_more(slow: SlowLog) -> None:
    async def send() -> tuple[list[list[Appended]], type[BaseException]]:
        writer = GroupCommit(slow)
        with writer:
            first = await busy(writer, slow)
            rest = await started(*(writer.append([pem(number)]) for number in range(20)))
            asyncio.get_running_loop().call_later(0.01, slow.gate.set)
            closing = asyncio.to_thread(writer.__exit__)
            await closing
            with pytest.raises(OverloadedError) as refused:
                await writer.append([pem(99)])
            return await asyncio.gather(first, *rest), refused.type

    answers, refused = asyncio.run(send())

    assert [verdicts(answer) for answer in answers] == [[Verdict.ACCEPTED]] * 21
    assert refused is OverloadedError
    assert slow.count() == 21


def test_a_caller_that_went_away_disturbs_nobody(slow: SlowLog) -> None:
    async def send() -> list[Appended]:
        with GroupCommit(slow) as writer:
            first = await busy(writer, slow)
            gone, stays = await started(writer.append([pem(1)]), writer.append([pem(2)]))
            gone.cancel()
            slow.gate.set()
            await first
            return await stays

    assert verdicts(asyncio.run(send())) == [Verdict.ACCEPTED]
    assert slow.count() == 3


def test_a_loop_that_was_closed_meanwhile_disturbs_nobody(slow: SlowLog) -> None:
    with GroupCommit(slow) as writer:

        async def abandon() -> None:
            await busy(writer, slow)

        asyncio.run(abandon())
        slow.gate.set()

        assert verdicts(asyncio.run(writer.append([pem(1)]))) == [Verdict.ACCEPTED]


def test_requests_of_several_loops_are_answered_in_their_own(log: EventLog) -> None:
    answers: list[list[Verdict]] = []
    with GroupCommit(log) as writer:

        def send(start: int) -> None:
            async def many() -> list[list[Appended]]:
                return await asyncio.gather(*(writer.append([pem(start + number)]) for number in range(20)))

            answers.extend(verdicts(answer) for answer in asyncio.run(many()))

        threads = [threading.Thread(target=send, args=(1_000 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == [[Verdict.ACCEPTED]] * 80


def test_an_empty_request_is_answered(log: EventLog) -> None:
    async def send() -> list[Appended]:
        with GroupCommit(log) as writer:
            return await writer.append([])

    assert asyncio.run(send()) == []
