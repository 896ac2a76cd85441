"""What an operator asks of a service: the calls below ``/admin``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from provgraph.client.answers import JSON, Job, a_list, an_object, typed
from provgraph.client.errors import JobFailedError

if TYPE_CHECKING:
    from provgraph.client.transport import Transport

# These two answer when the work is done, however long it takes.
_WORK_TIMEOUT_SECONDS = 3600.0


# Is told how far a job has come: done, and of how many (None while that is not known).
Progress: TypeAlias = Callable[[int, int | None], None]


class Admin:
    """
    The calls of an operator. Jobs are waited for: the methods that start one return its result.

    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(self, transport: Transport, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = transport
        self._sleep = sleep

    def overview(self) -> JSON:
        """Return log head, epoch, counts in catalog and graph, checkpoint, lag, sizes."""
        return an_object(self._http.get("/admin/info"))

    def flush(self) -> JSON:
        """Wait until the graph has everything that was in the log: ``{"position", "seconds"}``."""
        return an_object(self._http.post("/admin/flush", timeout_seconds=_WORK_TIMEOUT_SECONDS))

    def verify(
        self,
        *,
        pems: bool = True,
        artifacts: bool = True,
        deep: bool = False,
        repair: bool = False,
        progress: Progress | None = None,
    ) -> JSON:
        """
        Compare graph and log: ``{"in_sync": bool, "differences": [...], "message": text}``.

        :param repair: first put right what differs; adds ``corrected``, ``rebuilt_catalog`` and ``repair_message``
        """
        body = {"pems": pems, "artifacts": artifacts, "deep": deep} | ({"repair": True} if repair else {})
        return an_object(self._run("/admin/verify", body, progress))

    def verify_connections(self, *, progress: Progress | None = None) -> str:
        """Look for artifacts that no PEM names; returns the id of the report."""
        return typed(_report_id, self._run("/admin/verify-connections", {}, progress))

    def remove_unconnected(self, report_id: str, *, progress: Progress | None = None) -> str:
        """Remove the artifacts that a connection report lists; returns the id of a new report."""
        path = f"/admin/reports/{_segment(report_id)}/remove-unconnected"
        return typed(_report_id, self._run(path, {}, progress))

    def rebuild(
        self,
        *,
        graph: bool = True,
        catalog: bool = True,
        compare: bool = False,
        progress: Progress | None = None,
    ) -> Any:
        """
        Make the projections anew from the log.

        :param compare: adds ``digests``: those before and after, and whether they are ``equal``
        """
        body = {"graph": graph, "catalog": catalog} | ({"compare": True} if compare else {})
        return self._run("/admin/rebuild", body, progress) or {}

    def clean(self) -> JSON:
        """Remove every event, both projections and the reports; credentials stay."""
        return an_object(self._http.post("/admin/clean", timeout_seconds=_WORK_TIMEOUT_SECONDS))

    def reports(self) -> list[JSON]:
        """Return the stored reports."""
        return a_list(self._http.get("/admin/reports"), within="reports")

    def report(self, report_id: str) -> JSON:
        """Return one report with its text."""
        return an_object(self._http.get(f"/admin/reports/{_segment(report_id)}"))

    def create_credential(self, *, name: str, kind: str, role: str) -> JSON:
        """Create a credential; its ``token`` is in this answer and in no other."""
        return an_object(self._http.post("/admin/credentials", {"name": name, "kind": kind, "role": role}))

    def credentials(self) -> list[JSON]:
        """Return the credentials, without their tokens."""
        return a_list(self._http.get("/admin/credentials"), within="credentials")

    def revoke_credential(self, credential_id: str) -> None:
        """Make a credential worthless from now on."""
        self._http.json("DELETE", f"/admin/credentials/{_segment(credential_id)}")

    def jobs(self) -> list[Job]:
        """Return the jobs that the service remembers."""
        return [typed(Job.read, job) for job in a_list(self._http.get("/admin/jobs"), within="jobs")]

    def job(self, job_id: str) -> Job:
        """Return a job as it stands."""
        return typed(Job.read, self._http.get(f"/admin/jobs/{_segment(job_id)}"))

    def wait(self, job: Job, *, progress: Progress | None = None) -> Job:
        """
        Return the job once it is done.

        :raises JobFailedError: it ended without success
        """
        pause = 0.05
        while job.state == "running":
            if progress:
                progress(job.done, job.total)
            self._sleep(pause)
            pause = min(pause * 1.5, 1.0)
            job = self.job(job.id)
        if job.state != "done":
            raise JobFailedError(job.id, job.error or job.state)
        if progress:
            progress(job.done, job.total)
        return job

    def _run(self, path: str, body: JSON, progress: Progress | None) -> Any:
        job = typed(Job.read, self._http.post(path, body))
        return self.wait(job, progress=progress).result


def _segment(text: str) -> str:
    return quote(text, safe="")


def _report_id(result: JSON) -> str:
    return str(result["report_id"])
