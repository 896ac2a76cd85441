"""
What can go wrong between a client and a service.

Either no answer came (`UnreachableError`), or one came that says no (`ServiceError`, with the problem document), or one
came that this client does not understand (`UnexpectedAnswerError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.errors import InvalidEventError, ProvgraphError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.client.base import Verdict


def ended(sentence: str) -> str:
    """Return a sentence with a full stop, unless it has an end."""
    return sentence if sentence.endswith((".", "?", "!", "`")) else f"{sentence}."


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


class UnusableTokenError(ClientError, ValueError):
    """What should be a credential holds what no header can: white space, control characters, other than ASCII."""


class ClosedError(ClientError):
    """The client was closed; nothing was sent."""


class UnexpectedAnswerError(ClientError):
    """The answer is not what this service sends: something else listens there, or a service of another version."""


class ForeignServerError(UnexpectedAnswerError):
    """
    Something answers at that address, and it is no provgraph service, or another part of one's address.

    :param reason: what tells so
    :param advice: what to do about it
    :param refusal: what was answered, where that is known
    """

    def __init__(self, url: str, reason: str, *, advice: str, refusal: ServiceError | None = None) -> None:
        super().__init__(f"What answers at {url} is no provgraph service ({reason.rstrip('.')}). {advice}")
        self.url = url
        self.reason = reason
        self.refusal = refusal


class ServiceError(ClientError):
    """The service answered that it did not do what was asked."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, url: str) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP status {status}"))
        self.status = status
        self.problem = dict(problem)  # RFC 9457; a plain-text refusal stands in its `detail`
        self.url = url


class RefusedRequestError(ServiceError):
    """The request is wrong in itself: a filter, a field to sort by, a node or an event that cannot be (400)."""


_UNKNOWN = 401


class CredentialsRefusedError(ServiceError):
    """No credential, an unknown one (401), or one that may not do this (403). ``told`` is what the service said."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, url: str) -> None:
        super().__init__(status, problem, url=url)
        self.told = str(self)
        if status == _UNKNOWN:
            self.args = (
                f"{ended(self.told)} Give a credential with Client(..., token=...), or in PROVGRAPH_TOKEN",
            )


class NotThereError(ServiceError):
    """Nothing is stored under that name or id (404)."""


class ContradictionError(ServiceError):
    """It contradicts what is stored, or what the service is doing now (409)."""


class OversizedError(ServiceError):
    """The request is larger than the service takes (413)."""


_SHORTER = {
    "cursor": "Ask for more at once, so that no page ends at so long a name",
    "path": "Only a shorter name can stand there",
}


class OverlongQuestionError(ServiceError):
    """
    The names in a question make its URL longer than the service takes (414), or than any can be: then nothing was sent.

    ``field`` is what takes most of the room: a parameter, or ``path``.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], *, url: str, field: str, size: int) -> None:
        super().__init__(status, problem, url=url)
        advice = _SHORTER.get(
            field,
            "Ask about an event that made or used it, by its id; a Cypher query takes a name of any length among "
            "its parameters",
        )
        self.args = (
            f"The URL of this question is too long: {field} alone takes {size:,} bytes of it. {advice}.",
        )
        self.field = field
        self.size = size  # bytes in the URL


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


class UnsendableError(ClientError, InvalidEventError):
    """An event, or an artifact in it, that the service would refuse: ``field`` and ``rule`` say why. Not sent."""

    title = "Cannot be sent"


class OversizedEventError(UnsendableError):
    """An event is larger than the service takes. Nothing was sent."""

    def __init__(self, event_id: str, *, size: int, limit: int) -> None:
        super().__init__(
            f"Event {event_id} has {size} bytes, the limit is {limit}: put what is large beside it, and name it as "
            "an artifact",
            rule="size",
        )
        self.event_id = event_id
        self.size = size
        self.limit = limit


class ActivityEndedError(ClientError):
    """Something was to be told of an activity that has ended. Its event is made; nothing was added to it."""

    def __init__(self, type_: str, event_id: str) -> None:
        super().__init__(
            f"The activity {type_!r} has ended, and nothing can be added to its event {event_id}: say it before its "
            "block ends, or in an event of its own"
        )
        self.event_id = event_id


class RefusedEventError(ClientError):
    """The service judged an event and did not take it; ``verdict`` says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            f"The service refused event {verdict.id} as {verdict.verdict}: {verdict.detail or verdict.rule}"
        )
        self.verdict = verdict


class DeliveryError(ClientError):
    """Where events are put before, or instead of, being sent did not take them: a disk, a file, its permissions."""


class SpoolElsewhereError(DeliveryError):
    """A spool holds what is for another service; nothing was taken, and nothing is sent there."""

    def __init__(self, path: str, *, bound_to: str, url: str) -> None:
        super().__init__(
            f"The spool {path} is for {bound_to}, not for {url}. Give this client a file of its own, or, when the "
            "service has moved, let everything in the spool go there from now on: SpoolDelivery(path, move=True)"
        )
        self.path = path
        self.bound_to = bound_to
        self.url = url


class SpoolFullError(DeliveryError):
    """A spool has as much as it may hold; nothing of what was to be put into it was."""

    def __init__(self, path: str, *, events: int, size: int, max_events: int, max_bytes: int) -> None:
        super().__init__(
            f"The spool {path} is full: it holds {events} of {max_events} events, {size} of {max_bytes} bytes. Bring "
            "the service back so that it empties itself, look through what was refused (Spool.refused, "
            "Spool.discard_refused), or allow it more (PROVGRAPH_SPOOL_MAX_EVENTS, PROVGRAPH_SPOOL_MAX_BYTES)"
        )
        self.path = path
        self.events = events
        self.size = size
        self.max_events = max_events
        self.max_bytes = max_bytes
