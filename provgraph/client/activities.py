"""
Activities: a piece of work that is reported as one event when it ends, however it ends.

    with client.activity("train", uses=["table/customers"]) as run:
        run.produces(Artifact("model/churn", {"auc": 0.91}))

The event occurs when the work ends. Its property ``activity`` says when it began and how many seconds it took. When an
exception ended it, the event's outcome is ``failed``; or ``aborted``, when the exception tells of no fault (an
interrupt, a cancellation, an exit). Its error and its property ``failure`` say which exception that was, and the
exception goes on. Activities within an activity are its predecessors: it ended after them, and what it did rests on
what they did.

A report does not end the work: what cannot be told is left out, and a warning in the log says so. So does one that
cannot be sent. With ``on_error="raise"`` both raise.
"""

from __future__ import annotations

import functools
import inspect
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar
from uuid import UUID

from provgraph.client import lenient
from provgraph.client.errors import ActivityEndedError, UnsendableError
from provgraph.client.ids import new_id
from provgraph.client.pems import Artifact, Pem, artifact_of, artifacts_of, check_one_version, id_of, ids_of
from provgraph.client.plain import plain_object, text
from provgraph.client.texts import message_of, sendable
from provgraph.families.pem.events import LONGEST_ERROR, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextvars import Token
    from types import TracebackType

    from provgraph.client.base import OnError
    from provgraph.client.pems import EventRef, Named

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

# So many of the activities within one are named as its predecessors, the latest; their number is told in any case.
MOST_NESTED = 1_000
_LONGEST_MESSAGE = 2_000


def current() -> Run | None:
    """Return the activity that the program is within, None outside of any."""
    run = lenient.innermost()
    return run if isinstance(run, Run) else None


class Sends(Protocol):
    """What an activity needs of a client."""

    @property
    def prepare_pem(self) -> Callable[..., Pem]:
        """Makes an event."""

    def send_pem(self, pem: Pem) -> object:
        """Send an event."""


class AsyncSends(Protocol):
    """What an activity needs of a client for event loops."""

    @property
    def prepare_pem(self) -> Callable[..., Pem]:
        """Makes an event."""

    async def send_pem(self, pem: Pem) -> object:
        """Send an event."""


class Run:
    """An activity, while it runs. Its methods may be called until it ends."""

    def __init__(
        self,
        prepare: Callable[..., Pem],
        type_: str,
        *,
        uses: Iterable[Named],
        produces: Iterable[Named],
        properties: Mapping[str, Any] | None,
        predecessor: EventRef | Iterable[EventRef] | None,
        tag: str | None,
        tag_namespace: str | None,
        on_error: OnError,
    ) -> None:
        self.on_error = on_error
        """Whether a report that cannot be made, or sent, raises or is a warning in the log."""
        self.type = type_ if self._warns else text(type_, "Type")
        self.id = new_id()
        """The id that its event will have."""
        self.event: Pem | None = None
        """Its event, once it has ended."""
        self._prepare = prepare
        self._uses = self._artifacts(uses, "UsesArtifacts")
        self._produces: list[Artifact] = []
        self._produces = self._one_version_each(self._artifacts(produces, "ProducesArtifacts"))
        self._properties = self._plain(properties)
        self._predecessors = self._ids(predecessor)
        self._tag = {
            "tag": self._text(tag, "Tag"),
            "tag_namespace": self._text(tag_namespace, "TagNamespace"),
        }
        self._nested: list[str] = []
        self._nested_count = 0
        self._began: tuple[datetime, float] | None = None
        self._token: Token[lenient.Within | None] | None = None
        self.around: Run | None = None
        """The activity that it is within."""
        self.is_over = False

    def uses(self, *artifacts: Named) -> Self:
        """
        Say that it used these.

        With ``on_error="raise"``:

        :raises UnsendableError: one of them cannot be; nothing was noted
        :raises ActivityEndedError: it has ended; nothing was noted
        """
        if self._is_open():
            self._uses += self._artifacts(artifacts, "UsesArtifacts")
        return self

    def produces(self, *artifacts: Named) -> Self:
        """Say that it produced these, see `uses`."""
        if self._is_open():
            self._produces = self._one_version_each(self._artifacts(artifacts, "ProducesArtifacts"))
        return self

    def follows(self, *events: EventRef) -> Self:
        """Say that it followed these events, see `uses`."""
        if self._is_open():
            self._predecessors += self._ids(events)
        return self

    def note(self, **properties: Any) -> Self:
        """Give its event these properties, see `uses`."""
        if self._is_open():
            self._properties |= self._plain(properties)
        return self

    @property
    def _warns(self) -> bool:
        return self.on_error == "warn"

    def _is_open(self) -> bool:
        if not self.is_over:
            return True
        ended = ActivityEndedError(self.type, self.id)
        if not self._warns:
            raise ended
        lenient.left_out(self.type, ended)
        return False

    def _artifacts(self, stated: Iterable[Named], field: str) -> list[Artifact]:
        if not self._warns:
            return list(artifacts_of(stated, field))
        several = (stated,) if isinstance(stated, str) else stated
        return lenient.several(
            several, lambda index, each: artifact_of(each, f"{field}[{index}]"), of=self.type
        )

    def _one_version_each(self, stated: Sequence[Artifact]) -> list[Artifact]:
        """Return what it has produced with these; no second version of any."""
        if not self._warns:
            produces = [*self._produces, *stated]
            check_one_version(produces)
            return produces
        produces = list(self._produces)
        for artifact in stated:
            try:
                check_one_version([*produces, artifact])
            except UnsendableError as problem:
                lenient.left_out(self.type, problem)
            else:
                produces.append(artifact)
        return produces

    def _ids(self, stated: EventRef | Iterable[EventRef] | None) -> list[str]:
        if not self._warns or stated is None:
            return list(ids_of(stated))
        several = (stated,) if isinstance(stated, Pem | UUID | str) else stated
        return lenient.several(several, lambda _, each: id_of(each), of=self.type)

    def _plain(self, stated: Mapping[str, Any] | None) -> dict[str, Any]:
        if self._warns:
            return lenient.properties(stated, of=self.type)
        return plain_object(dict(stated or {}), "Properties")

    def _text(self, stated: str | None, field: str) -> str | None:
        if not self._warns or not stated:
            return stated
        return lenient.optional(stated, functools.partial(text, field=field), of=self.type)

    def _begin(self) -> None:
        if self._began is not None:
            raise RuntimeError("an activity runs once: make another one")
        self._began = datetime.now(UTC), time.monotonic()
        self.around = current()
        self._token = lenient.within.set(self)

    def _end(self, error: BaseException | None) -> Pem:
        """Return the event of the activity, which is over now."""
        self.is_over = True
        if self._token is not None:
            with suppress(ValueError):  # ended in another task than it began in: there it was never current
                lenient.within.reset(self._token)
            self._token = None
        began, clock = self._began or (datetime.now(UTC), time.monotonic())
        about: dict[str, Any] = {
            "began_at": began.isoformat(timespec="microseconds"),
            "seconds": round(time.monotonic() - clock, 6),
        }
        if self._nested_count:
            about["nested"] = self._nested_count
        properties = {**self._properties, "activity": about}
        ending: dict[str, str] = {}
        if error is not None:
            properties["failure"] = failure = _failure(error)
            ending = _ending(error, failure)
        self.event = self._prepare(
            self.type,
            dict.fromkeys((*self._predecessors, *self._nested)),
            properties,
            uses=self._uses,
            produces=self._produces,
            **self._tag,
            **ending,
            id=self.id,
        )
        return self.event

    def _reported(self) -> None:
        """Tell the activity around it, now that its event is on its way."""
        if self.around is not None:
            self.around._take(self.id)  # noqa: SLF001 - of its own kind

    def _unreported(self, problem: Exception, error: BaseException | None) -> None:
        """
        Tell what prevented the report: by a warning, or by raising it where the work did not fail.

        The error of work that failed goes on in any case, with a note unless nothing may be changed.
        """
        if error is None and not self._warns:
            raise problem
        ended = "is done" if error is None else "failed"
        logger.warning(
            "%s %s and was not reported: %s: %s", self.type, ended, type(problem).__name__, problem
        )
        if error is not None and not self._warns:
            error.add_note(f"provgraph: this failure of {self.type!r} was not reported: {problem}")

    def _take(self, event_id: str) -> None:
        self._nested_count += 1
        self._nested = [*self._nested[-(MOST_NESTED - 1) :], event_id]


class Activity(Run):
    """An activity, for ``with``."""

    def __init__(self, client: Sends, type_: str, **stated: Any) -> None:
        super().__init__(client.prepare_pem, type_, **stated)
        self._client = client

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._client.send_pem(self._end(error))
        except Exception as problem:  # noqa: BLE001 - it is told or raised
            self._unreported(problem, error)
        else:
            self._reported()


class AsyncActivity(Run):
    """An activity, for ``async with``."""

    def __init__(self, client: AsyncSends, type_: str, **stated: Any) -> None:
        super().__init__(client.prepare_pem, type_, **stated)
        self._client = client

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._client.send_pem(self._end(error))
        except Exception as problem:  # noqa: BLE001 - it is told or raised
            self._unreported(problem, error)
        else:
            self._reported()


class About(NamedTuple):
    """How a decorated function's arguments and result tell what it used and produced."""

    uses: Callable[..., Iterable[Named] | Named] | None
    produces: Callable[[Any], Iterable[Named] | Named] | None

    def called(self, run: Run, *arguments: Any, **named: Any) -> None:
        """Note what a call uses; where that cannot be told, a run that warns goes on all the same."""
        if self.uses is not None:
            try:
                run.uses(*_several(self.uses(*arguments, **named)))
            except Exception as problem:  # noqa: BLE001 - it is told or raised
                _untold(run, "uses", problem)

    def returned(self, run: Run, result: R) -> R:
        """Note what a call produced, and return its result; see `called`."""
        if self.produces is not None:
            try:
                run.produces(*_several(self.produces(result)))
            except Exception as problem:  # noqa: BLE001 - it is told or raised
                _untold(run, "produces", problem)
        return result


def _several(stated: Iterable[Named] | Named) -> Iterable[Named]:
    """Return what a function named: artifacts, or a single one."""
    return (stated,) if isinstance(stated, str | Artifact) else stated


def _untold(run: Run, what: str, problem: Exception) -> None:
    if run.on_error == "raise":
        raise problem
    logger.warning("What %s %s is not reported: %s: %s", run.type, what, type(problem).__name__, problem)


def name_of(function: Callable[..., Any]) -> str:
    """Return what a function, or what can be called like one, is called."""
    while isinstance(function, functools.partial):
        function = function.func
    named: str = getattr(function, "__name__", type(function).__name__)
    return named


def _is(kind: Callable[[Any], bool], function: Callable[..., Any]) -> bool:
    """Tell whether a function, or what an object does when it is called, is of a kind."""
    while isinstance(function, functools.partial):
        function = function.func
    return kind(function) or kind(inspect.getattr_static(type(function), "__call__", None))


def wrap(
    function: Callable[P, R], make: Callable[[], Activity | AsyncActivity], about: About
) -> Callable[P, R]:
    """
    Return a function whose every call is an activity.

    :raises TypeError: a generator, whose work is not done when it returns; a plain function and a client whose calls
        have to be awaited
    """
    if _is(inspect.isgeneratorfunction, function) or _is(inspect.isasyncgenfunction, function):
        raise TypeError(f"{name_of(function)} is a generator: use an activity around its iteration")
    made = make()  # what cannot be stated is told now already
    if _is(inspect.iscoroutinefunction, function):
        wrapped: Callable[P, R] = _wrap_coroutine(function, make, about)
        return wrapped

    _waiting(made, function)

    @functools.wraps(function)
    def reported(*arguments: P.args, **named: P.kwargs) -> R:
        with _waiting(make(), function) as run:
            about.called(run, *arguments, **named)
            return about.returned(run, function(*arguments, **named))

    return reported


def _waiting(activity: Activity | AsyncActivity, function: Callable[..., Any]) -> Activity:
    """
    Return the activity of a client that waits.

    :raises TypeError: it is one of the client for event loops, and the function is not asynchronous
    """
    if isinstance(activity, AsyncActivity):
        raise TypeError(f"{name_of(function)} is not asynchronous: report it with a Client")
    return activity


def _wrap_coroutine(
    function: Callable[P, Any], make: Callable[[], Activity | AsyncActivity], about: About
) -> Any:
    @functools.wraps(function)
    async def reported(*arguments: P.args, **named: P.kwargs) -> Any:
        activity = make()
        async with _OnThread(activity) if isinstance(activity, Activity) else activity as run:
            about.called(run, *arguments, **named)
            return about.returned(run, await function(*arguments, **named))

    return reported


class _OnThread:
    """An activity of a client that blocks, within a coroutine: the sending does not stop the event loop."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    async def __aenter__(self) -> Activity:
        self._activity._begin()  # noqa: SLF001 - its other half
        return self._activity

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio  # noqa: PLC0415 - takes a third as long to import as all the rest; it is loaded where this runs

        activity = self._activity
        try:
            event = activity._end(error)  # noqa: SLF001 - its other half
            await asyncio.to_thread(activity._client.send_pem, event)  # noqa: SLF001 - its other half
        except Exception as problem:  # noqa: BLE001 - it is told or raised
            activity._unreported(problem, error)  # noqa: SLF001 - its other half
        else:
            activity._reported()  # noqa: SLF001 - its other half


def _ending(error: BaseException, failure: Mapping[str, str]) -> dict[str, str]:
    """Return the outcome of work that an exception ended, and its error: as much of it as answers show."""
    outcome = Outcome.FAILED if isinstance(error, Exception) else Outcome.ABORTED
    told = f"{failure['type']}: {failure['message']}" if failure["message"] else failure["type"]
    return {"outcome": outcome.value, "error": told[:LONGEST_ERROR]}


def _failure(error: BaseException) -> dict[str, str]:
    return {
        "type": sendable(type(error).__qualname__[:_LONGEST_MESSAGE]),
        "message": message_of(error)[:_LONGEST_MESSAGE],
    }


__all__ = ["Activity", "Artifact", "AsyncActivity", "Run", "current", "wrap"]
