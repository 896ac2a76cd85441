"""What both clients do with events before they leave: making them, and where they go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from provgraph.client import activities, calls, lenient
from provgraph.client.answers import REFUSALS, SendResult
from provgraph.client.errors import (
    BusyError,
    ClientError,
    CredentialsRefusedError,
    RefusedEventError,
    ServiceError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsendableError,
    ended,
)
from provgraph.client.ids import new_id
from provgraph.client.pems import SIZE_LIMIT, Artifact, Encoded, Pem, artifacts_of, id_of, ids_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from provgraph.client.base import Call, Conversation, OnError, Verdict
    from provgraph.client.delivery.base import Delivery
    from provgraph.client.pems import EventRef, Named

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound=activities.Activity | activities.AsyncActivity)

# Of one request: well below what a service takes at once, and answered within a time-out.
_EVENTS = 1_000
_BYTES = 4 * 2**20
# The service's own faults begin here.
_OWN_FAULT = 500


class Emitting(ABC, Generic[A]):
    """Makes events in the name of an emitter. ``A`` is the client's kind of activity."""

    emitter: str | None
    size_limit: int
    on_error: OnError
    _delivery: Delivery | None

    def prepare_pem(
        self,
        type: str,  # noqa: A002 - the field's name
        predecessor: EventRef | Iterable[EventRef] | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        tag: str | None = "latest",
        tag_namespace: str | None = None,
        uses: Iterable[Named] = (),
        produces: Iterable[Named] = (),
        emitter: str | None = None,
        occurred_at: datetime | None = None,
        id: EventRef | None = None,  # noqa: A002 - the field's name
        outcome: str | None = None,
        error: str | None = None,
    ) -> Pem:
        """
        Return an event, which occurs now unless a time is given.

        :param predecessor: the event, or the events, that it followed
        :param tag: moves to this event in ``tag_namespace`` (the emitter's name unless given); None moves none
        :param emitter: in whose name, if not the client's
        :param id: its id, where the program has one: the same event is then stored once, however often it is sent
        :param outcome: ``failed`` or ``aborted``, where the work did not end well
        :param error: what went wrong, as a text
        :raises UnsendableError: the service would refuse it; ``field`` says where
        """
        stated = self.emitter if emitter is None else emitter
        if stated is None:
            raise UnsendableError(
                "PEM cannot be sent: Emitter is not known; name it when the client is made (emitter=, or "
                "PROVGRAPH_EMITTER)",
                field="Emitter",
                rule="required",
            )
        return Pem(
            type,
            stated,
            ids_of(predecessor),
            properties or {},
            tag,
            tag_namespace,
            artifacts_of(uses, "UsesArtifacts"),
            artifacts_of(produces, "ProducesArtifacts"),
            occurred_at or datetime.now(UTC),
            id_of(id) if id else new_id(),
            outcome,
            error,
        )

    def prepare_artifact(
        self,
        name: str,
        properties: Mapping[str, Any] | None = None,
        *,
        version: str | None = None,
        digest: str | None = None,
        kind: str | None = None,
    ) -> Artifact:
        """
        Return an artifact, for an event that uses or produces it.

        :raises UnsendableError: the service would refuse it; ``field`` says where
        """
        return Artifact(name, properties or {}, version, digest, kind)

    def activity(
        self,
        type: str,  # noqa: A002 - the field's name
        *,
        uses: Iterable[Named] = (),
        produces: Iterable[Named] = (),
        properties: Mapping[str, Any] | None = None,
        predecessor: EventRef | Iterable[EventRef] | None = None,
        tag: str | None = "latest",
        tag_namespace: str | None = None,
        on_error: OnError | None = None,
    ) -> A:
        """
        Return a context manager that reports the work inside as one event when it ends; see `activities`.

            with client.activity("train", uses=["table/customers"]) as run:
                run.produces("model/churn").note(auc=0.91)

        :param on_error: ``warn``: what cannot be reported is a warning in the log, and the work goes on. ``raise``: it
            raises, here and when the block ends. None: as the client was told, which is ``warn`` unless it was
        :raises UnsendableError: with ``raise``, the service would refuse what is stated; ``field`` says where
        """
        return self._activity(
            type,
            on_error=self._on_error(on_error),
            uses=uses,
            produces=produces,
            properties=properties,
            predecessor=predecessor,
            tag=tag,
            tag_namespace=tag_namespace,
        )

    def reports(
        self,
        type: str | None = None,  # noqa: A002 - the field's name
        *,
        uses: Iterable[Named] | Callable[..., Iterable[Named] | Named] = (),
        produces: Iterable[Named] | Callable[[Any], Iterable[Named] | Named] = (),
        properties: Mapping[str, Any] | None = None,
        tag: str | None = "latest",
        tag_namespace: str | None = None,
        on_error: OnError | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """
        Return a decorator that reports each call of a function as one event, failures included.

            @client.reports("train", uses=lambda table: [table], produces=lambda model: [model.name])
            def train(table): ...

        The function's result, and its exception, go to its caller whatever becomes of the report: what cannot be told,
        or sent, is a warning in the log.

        :param type: the function's name unless given
        :param uses: artifacts, or a function that is given the arguments and returns them
        :param produces: artifacts, or a function that is given what was returned and returns them
        :param on_error: see `activity`
        """
        chosen = self._on_error(on_error)

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            named = activities.name_of(function) if type is None else type
            stated: dict[str, Any] = {
                "uses": () if callable(uses) else _kept(uses),
                "produces": () if callable(produces) else _kept(produces),
                "properties": properties,
                "tag": tag,
                "tag_namespace": tag_namespace,
                "on_error": chosen,
            }
            about = activities.About(
                uses if callable(uses) else None, produces if callable(produces) else None
            )
            return activities.wrap(function, lambda: self.activity(named, **stated), about)

        return decorate

    @abstractmethod
    def _activity(self, type_: str, **stated: Any) -> A:
        """Return the client's kind of activity."""

    def _on_error(self, stated: str | None) -> OnError:
        return self.on_error if stated is None else lenient.on_error(stated)

    def _encoded(self, pems: Iterable[Pem]) -> list[Encoded]:
        return [pem.encode(size_limit=self.size_limit) for pem in pems]


def _kept(stated: Iterable[Named]) -> Iterable[Named]:
    """Return what each call of a function states: an iterator gives it once only."""
    return (*stated,) if isinstance(stated, Iterator) else stated


def send(events: Sequence[Encoded]) -> Conversation[SendResult]:
    """Send events in as many requests as they need, in order."""
    result = SendResult.told("", ())
    for part in _parts(events):
        try:
            answer: SendResult = yield calls.send_encoded([event.content for event in part])
        except ClientError as error:
            if _would_wait(error):
                error.args = (f"{ended(str(error))} {_lost(len(events) - len(result.verdicts))}",)
            raise
        result = result.followed_by(answer.of([event.id for event in part]))
    return result


def _would_wait(error: ClientError) -> bool:
    """Tell whether events would wait in a spool for this to pass."""
    passing = UnreachableError | BusyError | CredentialsRefusedError | UnexpectedAnswerError
    return isinstance(error, passing) or (isinstance(error, ServiceError) and error.status >= _OWN_FAULT)


def _lost(number: int) -> str:
    return (
        f"{'The event is' if number == 1 else f'{number} events are'} lost unless the program sends "
        f"{'it' if number == 1 else 'them'} again: this client has no spool. With delivery=SpoolDelivery(PATH), or "
        "PROVGRAPH_TRANSPORT=spool, events wait in a file until the service takes them."
    )


def one(result: SendResult) -> Verdict:
    """
    Return the verdict on the one event of a batch.

    :raises RefusedEventError: it was not taken
    """
    (verdict,) = result.verdicts
    if verdict.verdict in REFUSALS:
        raise RefusedEventError(verdict)
    return verdict


def set_tag(namespace: str, tag: str, event: EventRef) -> Call[None]:
    """Let a tag mark an event; one that marked another is moved."""
    return calls.set_tag(namespace, tag, id_of(event))


def _parts(events: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    part: list[Encoded] = []
    size = 0
    for event in events:
        if part and (len(part) == _EVENTS or size + len(event.content) > _BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.content)
    if part:
        yield part


__all__ = ["SIZE_LIMIT", "Emitting", "one", "send", "set_tag"]
