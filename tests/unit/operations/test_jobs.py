"""Jobs."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, NoReturn

import pytest

from provgraph.errors import ConflictError, NotFoundError, StoreError
from provgraph.operations.jobs import Job, Jobs, JobState
from tests.unit.operations.stores import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.operations.jobs import Result
    from provgraph.operations.progress import Report


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with Jobs() as opened:
        yield opened


def ended(jobs: Jobs, job: Job) -> Job:
    assert eventually(lambda: jobs.get(job.id).state is not JobState.RUNNING)
    return jobs.get(job.id)


def nothing(_report: Report) -> Result:
    return {}


def test_a_job_ends_with_its_result(jobs: Jobs) -> None:
    job = ended(jobs, jobs.start("count", lambda _report: {"answer": 42}))

    assert (job.state, job.result, job.error) == (JobState.DONE, {"answer": 42}, None)
    assert job.finished_us is not None
    assert job.finished_us >= job.started_us


def test_a_job_tells_how_far_it_is(jobs: Jobs) -> None:
    halfway, go_on = threading.Event(), threading.Event()

    def work(report: Report) -> Result:
        report(5, 10)
        halfway.set()
        go_on.wait()
        report(10, 10)
        return {}

    started = jobs.start("count", work)
    halfway.wait()
    running = jobs.get(started.id)
    go_on.set()

    assert (running.state, running.done, running.total) == (JobState.RUNNING, 5, 10)
    assert ended(jobs, started).done == 10


def test_a_job_that_fails_says_why(jobs: Jobs) -> None:
    def work(_report: Report) -> NoReturn:
        raise StoreError("the disk is full")

    job = ended(jobs, jobs.start("count", work))

    assert (job.state, job.result, job.error) == (JobState.FAILED, None, "the disk is full")


def test_a_job_that_fails_for_an_unknown_reason_says_so(jobs: Jobs) -> None:
    def work(_report: Report) -> NoReturn:
        raise ZeroDivisionError("oops")

    job = ended(jobs, jobs.start("count", work))

    assert job.error == f"Failed: something unexpected; the service's log says what, as job {job.id}"


def test_one_job_of_a_kind_runs_at_a_time(jobs: Jobs) -> None:
    go_on = threading.Event()

    def work(_report: Report) -> Result:
        go_on.wait()
        return {}

    first = jobs.start("count", work)
    with pytest.raises(ConflictError, match=first.id):
        jobs.start("count", work)
    other = jobs.start("other", nothing)
    go_on.set()

    assert ended(jobs, first).state is ended(jobs, other).state is JobState.DONE
    assert ended(jobs, jobs.start("count", work)).state is JobState.DONE


def test_the_newest_job_is_listed_first(jobs: Jobs) -> None:
    first = ended(jobs, jobs.start("count", nothing))
    second = ended(jobs, jobs.start("count", nothing))

    assert [job.id for job in jobs.list()] == [second.id, first.id]


def test_old_jobs_are_forgotten(jobs: Jobs) -> None:
    first = ended(jobs, jobs.start("count", nothing))
    for _ in range(150):
        ended(jobs, jobs.start("count", nothing))

    assert len(jobs.list()) == 100
    with pytest.raises(NotFoundError):
        jobs.get(first.id)


def test_a_job_is_found_under_either_spelling_of_its_id(jobs: Jobs) -> None:
    job = ended(jobs, jobs.start("count", nothing))

    assert jobs.get(str(uuid.UUID(job.id)).upper()) == job
