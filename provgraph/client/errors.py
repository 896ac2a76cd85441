"""
What can go wrong between a client and a service.

Either no answer came (`UnreachableError`), or one came that says no (`ServiceError`, with the problem document), or one
came that this client does not understand (`UnexpectedAnswerError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.errors import ProvgraphError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientError(ProvgraphError):
    """The base of every error that a client raises."""


class UnreachableError(ClientError):
    """No answer came: nothing listens there, the connection broke, or it took too long."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"No answer from {url}: {reason}")
        self.url = url
        self.reason = reason


class UnusableUrlError(UnreachableError):
    """What should be the URL of a service is none."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.args = (f"{url!r} cannot be the URL of a service: {reason}",)


class UnexpectedAnswerError(ClientError):
    """The answer is not what this service sends: something else listens there, or a service of another version."""


class ServiceError(ClientError):
    """The service answered that it did not do what was asked."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, url: str) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP status {status}"))
        self.status = status
        self.problem = dict(problem)  # RFC 9457; a plain-text refusal stands in its `detail`
        self.url = url


class RefusedRequestError(ServiceError):
    """The request is wrong in itself: a filter, a field to sort by, a node or an event that cannot be (400)."""


class CredentialsRefusedError(ServiceError):
    """No credential, an unknown one (401), or one that may not do this (403)."""


class NotThereError(ServiceError):
    """Nothing is stored under that name or id (404)."""


class ContradictionError(ServiceError):
    """It contradicts what is stored, or what the service is doing now (409)."""


class OversizedError(ServiceError):
    """The request is larger than the service takes (413)."""


class BusyError(ServiceError):
    """The service cannot answer now, but may in a moment (429, 503)."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, url: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(status, problem, url=url)
        self.retry_after_seconds = retry_after_seconds


class JobFailedError(ClientError):
    """A job that was waited for did not succeed."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"Job {job_id} failed: {reason}")
        self.job_id = job_id
        self.reason = reason


BY_STATUS: dict[int, type[ServiceError]] = {
    400: RefusedRequestError,
    401: CredentialsRefusedError,
    403: CredentialsRefusedError,
    404: NotThereError,
    409: ContradictionError,
    413: OversizedError,
}
