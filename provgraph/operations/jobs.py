"""Jobs: long operations that run in a thread of their own and can be asked how far they are."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from provgraph.errors import ConflictError, NotFoundError, ProvgraphError, told
from provgraph.events.clock import now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provgraph.operations.progress import Report

logger = logging.getLogger(__name__)

_KEPT_JOBS = 100

Result = dict[str, Any]  # a JSON object


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stood when it was asked for."""

    id: str  # 32 hex digits
    kind: str
    state: JobState
    started_us: int  # microseconds since 1970, UTC
    done: int = 0
    total: int = 0  # 0: not known yet
    finished_us: int | None = None
    result: Result | None = None
    error: str | None = None


class Jobs:
    """
    The jobs of this process: kept in memory, the oldest finished ones forgotten.

    A context manager: leaving it waits a moment for running jobs; those that go on end with the process.
    """

    def __init__(self, *, grace_seconds: float = 5.0) -> None:
        """
        Make an empty list of jobs.

        :param grace_seconds: how long leaving the block waits for each running job
        """
        self._grace_seconds = grace_seconds
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._threads: dict[str, threading.Thread] = {}

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(self._grace_seconds)

    def start(self, kind: str, work: Callable[[Report], Result]) -> Job:
        """
        Run ``work`` in a thread. It is given a function to report (done, total) with, and returns a JSON object.

        :raises ConflictError: a job of this kind is running
        """
        with self._lock:
            running = next((job for job in self._jobs.values() if _is_running(job, kind)), None)
            if running is not None:
                raise ConflictError(f"A job of the kind {kind!r} is running already: {running.id}")
            job = Job(uuid.uuid4().hex, kind, JobState.RUNNING, now_us())
            self._forget_oldest()
            self._jobs[job.id] = job
            thread = threading.Thread(target=self._run, args=(job.id, work), name=f"job-{kind}", daemon=True)
            self._threads[job.id] = thread
        thread.start()
        return job

    def get(self, job_id: str) -> Job:
        """
        Return a job as it stands now.

        :param job_id: in any spelling of a UUID
        :raises NotFoundError: there is no such job, or it was forgotten
        """
        with self._lock:
            job = self._jobs.get(job_id.replace("-", "").lower())
        if job is None:
            raise NotFoundError(f"There is no job {job_id}")
        return job

    def list(self) -> list[Job]:
        """Return the jobs, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def _run(self, job_id: str, work: Callable[[Report], Result]) -> None:
        try:
            result = work(lambda done, total: self._change(job_id, {"done": done, "total": total}))
        except ProvgraphError as error:
            self._finish(job_id, {"state": JobState.FAILED, "error": str(error)})
        except Exception as error:
            logger.exception("job %s failed", job_id)
            self._finish(
                job_id, {"state": JobState.FAILED, "error": f"Failed: {told(error)}, as job {job_id}"}
            )
        else:
            self._finish(job_id, {"state": JobState.DONE, "result": result})

    def _finish(self, job_id: str, changes: Mapping[str, Any]) -> None:
        self._change(job_id, {**changes, "finished_us": now_us()})
        with self._lock:
            self._threads.pop(job_id, None)

    def _change(self, job_id: str, changes: Mapping[str, Any]) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self._jobs[job_id], **changes)

    def _forget_oldest(self) -> None:
        finished = [job.id for job in self._jobs.values() if job.state is not JobState.RUNNING]
        for job_id in finished[: max(0, len(self._jobs) - _KEPT_JOBS + 1)]:
            del self._jobs[job_id]


def _is_running(job: Job, kind: str) -> bool:
    return job.kind == kind and job.state is JobState.RUNNING
