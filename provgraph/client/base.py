"""
What the modules of the client need of one another: the values that go between them, and who answers calls.

This module imports no other module of the client but the one that shows answers, so whatever imports it closes no
circle.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from provgraph.client.shown import Shown, place
from provgraph.telling import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

T = TypeVar("T")
Page = TypeVar("Page")
Item = TypeVar("Item")

JSON: TypeAlias = dict[str, Any]

# What an activity, or the decorator, does with a report that cannot be made or sent.
OnError: TypeAlias = Literal["raise", "warn"]


@dataclass(frozen=True, slots=True)
class Unkept(Shown):
    """Something of an event that was not kept as it was sent."""

    field: str | None  # where it stands
    rule: str  # doubled-key, inexact-number; further: how many more there are
    detail: str

    @classmethod
    def read(cls, document: JSON) -> Unkept:
        """Read one element of ``warnings``."""
        return cls(document.get("field"), document["rule"], document["detail"])

    def brief(self) -> str:
        """See `Shown.brief`."""
        return f"{printable(self.rule)}: {printable(self.detail)}"


@dataclass(frozen=True, slots=True)
class Verdict(Shown):
    """What became of one event that was sent."""

    index: int  # place in the batch, from 0
    id: str | None
    verdict: str  # accepted, duplicate, conflict, invalid; spooled, written or dropped when it was not sent
    position: int | None = None  # in the log; of the stored one when it is a duplicate or a conflict
    field: str | None = None
    rule: str | None = None
    detail: str | None = None
    warnings: tuple[Unkept, ...] = ()

    @classmethod
    def read(cls, document: JSON) -> Verdict:
        """Read one element of ``results``."""
        get = document.get
        return cls(
            document["index"],
            get("ID"),
            document["verdict"],
            get("position"),
            get("field"),
            get("rule"),
            get("detail"),
            tuple([Unkept.read(each) for each in get("warnings", ())]),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        detail = f": {printable(self.detail or self.rule)}" if self.detail or self.rule else ""
        warned = "".join(f" ({each.brief()})" for each in self.warnings)
        return f"{self.verdict}: {place(self.id, self.position)}{detail}{warned}"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how its answer becomes a ``T``."""

    method: str
    path: str
    reader: Callable[
        [Any], T
    ]  # is given the JSON document (None: an empty answer), or the text with `as_text`
    parameters: Mapping[str, object] | None = (
        None  # None as a value is not sent, a list is sent value by value
    )
    content: bytes | None = None
    content_type: str = "application/json"
    patient: bool = False  # sent again while the service is away or busy: only for what may arrive twice
    timeout_seconds: float | None = None  # for each step of the exchange; None: as the client was told
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A conversation rests that long."""

    seconds: float


# Yields what is to be done, is sent what came of it (or has its `ClientError` thrown in), returns the result.
Conversation: TypeAlias = Generator[Call[Any] | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class Paging(Generic[Page, Item]):
    """A list that comes in pages."""

    first: Call[Page]
    items: Callable[[Page], Sequence[Item]]
    following: Callable[[Page], Call[Page] | None]  # None: that was the last one


class Retry(NamedTuple):
    """How often, and how patiently, a request is repeated that no answer came to."""

    attempts: int = 6
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 15.0

    def pause(self, attempt: int, error: Exception) -> float:
        """
        Return the seconds to wait after ``attempt`` (from 0) failed with ``error``.

        At least what the service asks for, and some chance added so that many clients do not come back at once.
        """
        backoff = min(self.first_pause_seconds * 2.0 ** min(attempt, 60), self.longest_pause_seconds)
        pause = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients out, guards nothing
        asked: float | None = getattr(error, "retry_after_seconds", None)  # a `BusyError` says it
        return pause if asked is None else min(asked, 60.0) + pause * 0.25


class Asker(ABC):
    """What answers calls while its caller waits."""

    url: str
    retry: Retry

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def ask(self, call: Call[T]) -> T:
        """
        Make a call and return what its answer says.

        :raises ClientError: see `provgraph.client.errors`
        """

    @abstractmethod
    def follow(self, conversation: Conversation[T]) -> T:
        """
        Have a conversation and return its result.

        :raises ClientError: see `provgraph.client.errors`
        """

    @abstractmethod
    def lines(self, call: Call[Any]) -> Iterator[bytes]:
        """
        Yield the lines that a call is answered with, as they come.

        :raises ClientError: see `provgraph.client.errors`
        """


class AsyncAsker(ABC):
    """What answers calls on an event loop."""

    url: str
    retry: Retry

    @abstractmethod
    async def ask(self, call: Call[T]) -> T:
        """See `Asker.ask`."""

    @abstractmethod
    async def follow(self, conversation: Conversation[T]) -> T:
        """See `Asker.follow`."""

    @abstractmethod
    def lines(self, call: Call[Any]) -> AsyncIterator[bytes]:
        """See `Asker.lines`."""
