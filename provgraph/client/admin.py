"""What an operator asks of a service: the calls below ``/admin``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from provgraph.client.answers import Job, a_list, an_object, typed
from provgraph.client.base import JSON, Asker, AsyncAsker, Call, Conversation, Pause
from provgraph.client.calls import get, post, segment
from provgraph.client.errors import JobFailedError
from provgraph.client.methods import asks, follows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

T = TypeVar("T")

# These two answer when the work is done, however long it takes.
_WORK_TIMEOUT_SECONDS = 3600.0


# Is told how far a job has come: done, and of how many (None while that is not known).
Progress: TypeAlias = Callable[[int, int | None], None]


def overview() -> Call[JSON]:
    """Return log head, epoch, counts in catalog and graph, checkpoint, lag, sizes."""
    return get("/admin/info", an_object)


def flush() -> Call[JSON]:
    """Wait until the graph has everything that was in the log: ``{"position", "seconds"}``."""
    return post("/admin/flush", an_object, timeout_seconds=_WORK_TIMEOUT_SECONDS)


def verify(
    *,
    pems: bool = True,
    artifacts: bool = True,
    deep: bool = False,
    repair: bool = False,
    expect: Mapping[int, str] | None = None,
    progress: Progress | None = None,
) -> Conversation[JSON]:
    """
    Compare graph and log: ``{"in_sync": bool, "differences": [...], "message": text}``.

    :param repair: first put right what differs; adds ``corrected``, ``rebuilt_catalog`` and ``repair_message``
    :param expect: digests that the log has to have, hex, by position; implies ``deep``
    """
    body: JSON = {"pems": pems, "artifacts": artifacts, "deep": deep} | ({"repair": True} if repair else {})
    if expect:
        body["expect"] = {str(position): digest for position, digest in expect.items()}
    return an_object((yield from _run("/admin/verify", body, progress)))


def verify_connections(*, progress: Progress | None = None) -> Conversation[str]:
    """Look for artifacts that no PEM names; returns the id of the report."""
    return _report_id((yield from _run("/admin/verify-connections", {}, progress)))


def remove_unconnected(report_id: str, *, progress: Progress | None = None) -> Conversation[str]:
    """Remove the artifacts that a connection report lists; returns the id of a new report."""
    path = f"/admin/reports/{segment(report_id)}/remove-unconnected"
    return _report_id((yield from _run(path, {}, progress)))


def rebuild(
    *,
    graph: bool = True,
    catalog: bool = True,
    compare: bool = False,
    progress: Progress | None = None,
) -> Conversation[Any]:
    """
    Make the projections anew from the log.

    :param compare: adds ``digests``: those before and after, and whether they are ``equal``
    """
    body = {"graph": graph, "catalog": catalog} | ({"compare": True} if compare else {})
    return (yield from _run("/admin/rebuild", body, progress)) or {}


def clean(*, position: int) -> Call[JSON]:
    """
    Remove every event, both projections and the reports; credentials stay.

    :param position: where the log ends, as `overview` told it: a log that ends elsewhere is refused (409)
    """
    return post("/admin/clean", an_object, {"position": position}, timeout_seconds=_WORK_TIMEOUT_SECONDS)


def accept_change(position: int, *, reason: str) -> Call[JSON]:
    """Have an event that was changed after it was recorded count as it is now: ``{"position", "id", "accepted"}``."""
    return post("/admin/accept-change", an_object, {"position": position, "reason": reason})


def accept_loss(*, reason: str, progress: Progress | None = None) -> Conversation[JSON]:
    """Have a log that lost events take writes again: ``{"position", "id", "accepted"}``. The catalog is built anew."""
    return an_object((yield from _run("/admin/accept-loss", {"reason": reason}, progress)))


def reports() -> Call[list[JSON]]:
    """Return the stored reports."""
    return get("/admin/reports", lambda document: a_list(document, within="reports"))


def report(report_id: str) -> Call[JSON]:
    """Return one report with its text."""
    return get(f"/admin/reports/{segment(report_id)}", an_object)


def create_credential(
    *,
    name: str,
    kind: str,
    role: str | None = None,
    rights: Iterable[str] = (),
    emitters: Iterable[str] = (),
    only: bool = False,
    expires: str | datetime | timedelta | None = None,
) -> Call[JSON]:
    """
    Create a credential; its ``token`` is in this answer and in no other.

    :param kind: ``user`` (a person) or ``puc`` (a workload)
    :param role: ``reader``, ``writer`` or ``admin``; either this or ``rights``
    :param rights: exactly these out of ``read``, ``write``, ``cypher``, ``approve``, ``admin``
    :param emitters: it may speak for these alone, ``*`` stands for any text; none: for any
    :param only: they are reserved until it is revoked: only credentials that were issued with ``only`` for them may
        speak for them
    :param expires: after that it is worth nothing: a time, a length of time, or as a text ``90d`` or an RFC 3339 time
    """
    stated: JSON = {"role": role, "rights": [*rights], "emitters": [*emitters], "only": only}
    body = {name: value for name, value in stated.items() if value}
    if expires is not None:
        body["expires"] = _expiry(expires)
    return post("/admin/credentials", an_object, {"name": name, "kind": kind, **body})


def _expiry(stated: str | datetime | timedelta) -> str:
    if isinstance(stated, timedelta):
        stated = datetime.now(UTC) + stated
    if isinstance(stated, datetime):
        # Without a zone it is local time, as everywhere in Python.
        return stated.astimezone(UTC).isoformat()
    return stated


def credentials() -> Call[list[JSON]]:
    """Return the credentials, without their tokens."""
    return get("/admin/credentials", lambda document: a_list(document, within="credentials"))


def revoke_credential(credential_id: str) -> Call[None]:
    """Make a credential worthless from now on."""
    return Call("DELETE", f"/admin/credentials/{segment(credential_id)}", lambda _: None)


def jobs() -> Call[list[Job]]:
    """Return the jobs that the service remembers."""
    return get("/admin/jobs", lambda document: [_job(job) for job in a_list(document, within="jobs")])


def job(job_id: str) -> Call[Job]:
    """Return a job as it stands."""
    return get(f"/admin/jobs/{segment(job_id)}", _job)


def wait(job_: Job, *, progress: Progress | None = None) -> Conversation[Job]:
    """
    Return the job once it is done.

    :raises JobFailedError: it ended without success
    """
    pause = 0.05
    while job_.state == "running":
        if progress:
            progress(job_.done, job_.total)
        yield Pause(pause)
        pause = min(pause * 1.5, 1.0)
        job_ = yield job(job_.id)
    if job_.state != "done":
        raise JobFailedError(job_.id, job_.error or job_.state)
    if progress:
        progress(job_.done, job_.total)
    return job_


def _run(path: str, body: JSON, progress: Progress | None) -> Conversation[Any]:
    started: Job = yield post(path, _job, body)
    return (yield from wait(started, progress=progress)).result


def _job(document: Any) -> Job:
    return typed(Job.read, document)


def _report_id(result: Any) -> str:
    return typed(lambda members: str(members["report_id"]), result)


class _Calls:
    """The calls of an operator. Jobs are waited for: the methods that start one return its result."""

    overview = asks(overview)
    flush = asks(flush)
    verify = follows(verify)
    verify_connections = follows(verify_connections)
    remove_unconnected = follows(remove_unconnected)
    rebuild = follows(rebuild)
    clean = asks(clean)
    accept_change = asks(accept_change)
    accept_loss = follows(accept_loss)
    reports = asks(reports)
    report = asks(report)
    create_credential = asks(create_credential)
    credentials = asks(credentials)
    revoke_credential = asks(revoke_credential)
    jobs = asks(jobs)
    job = asks(job)
    wait = follows(wait)


class Admin(_Calls, Asker):
    """
    The calls of an operator. Jobs are waited for: the methods that start one return its result.

    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.url = asker.url
        self.retry = asker.retry

    def close(self) -> None:
        """See `Asker.close`: those of the client that it belongs to."""
        self._asker.close()

    def ask(self, call: Call[T]) -> T:
        """See `Asker.ask`."""
        return self._asker.ask(call)

    def follow(self, conversation: Conversation[T]) -> T:
        """See `Asker.follow`."""
        return self._asker.follow(conversation)

    def lines(self, call: Call[Any]) -> Iterator[bytes]:
        """See `Asker.lines`."""
        return self._asker.lines(call)


class AsyncAdmin(_Calls, AsyncAsker):
    """The calls of an operator, to be awaited; see `Admin`."""

    def __init__(self, asker: AsyncAsker) -> None:
        self._asker = asker
        self.url = asker.url
        self.retry = asker.retry

    async def ask(self, call: Call[T]) -> T:
        """See `Asker.ask`."""
        return await self._asker.ask(call)

    async def follow(self, conversation: Conversation[T]) -> T:
        """See `Asker.follow`."""
        return await self._asker.follow(conversation)

    def lines(self, call: Call[Any]) -> AsyncIterator[bytes]:
        """See `Asker.lines`."""
        return self._asker.lines(call)
