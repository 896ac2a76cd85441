"""
How functions that return a call become methods of both clients.

    class Questions:
        why = Asks(questions.why)

gives ``Client.why``, which returns the answer, and ``AsyncClient.why``, which is awaited for it: one signature, one
description, no second copy.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from provgraph.client.impact import AsyncImpact, Impact, Search
from provgraph.client.pages import AsyncPages, Pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from provgraph.client.calls import Call, Conversation, Paging  # noqa: F401 - a base class below names it
    from provgraph.client.exchange import Retry

P = ParamSpec("P")
T = TypeVar("T")
Page = TypeVar("Page")
Item = TypeVar("Item")


class Asker(ABC):
    """What answers calls while its caller waits."""

    url: str
    retry: Retry

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


class _Method(Generic[P, T]):
    """A method whose work is done by a function that knows of no client."""

    def __init__(self, function: Callable[P, T]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type] # what help() shows is the function's

    def _bound(self, through: Callable[[T], Any]) -> Any:
        @functools.wraps(self._function)
        def method(*arguments: P.args, **named: P.kwargs) -> Any:
            return through(self._function(*arguments, **named))

        return method


class Asks(_Method[P, "Call[T]"], Generic[P, T]):
    """A method that makes one call."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Asker, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: AsyncAsker, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Asker | AsyncAsker | None, owner: type) -> Any:
        return self if instance is None else self._bound(instance.ask)


class Follows(_Method[P, "Conversation[T]"], Generic[P, T]):
    """A method that has a conversation."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Asker, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: AsyncAsker, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Asker | AsyncAsker | None, owner: type) -> Any:
        return self if instance is None else self._bound(instance.follow)


class Lists(_Method[P, "Paging[Page, Item]"], Generic[P, Page, Item]):
    """A method that returns a list whose pages are fetched while it is iterated over."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Asker, owner: type) -> Callable[P, Pages[Page, Item]]: ...
    @overload
    def __get__(self, instance: AsyncAsker, owner: type) -> Callable[P, AsyncPages[Page, Item]]: ...
    def __get__(self, instance: Asker | AsyncAsker | None, owner: type) -> Any:
        if instance is None:
            return self
        if isinstance(instance, Asker):
            return self._bound(functools.partial(Pages, instance))
        return self._bound(functools.partial(AsyncPages, instance))


class Searches(_Method[P, Search], Generic[P]):
    """A method that returns the events that a node led to, read while they are iterated over."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Asker, owner: type) -> Callable[P, Impact]: ...
    @overload
    def __get__(self, instance: AsyncAsker, owner: type) -> Callable[P, AsyncImpact]: ...
    def __get__(self, instance: Asker | AsyncAsker | None, owner: type) -> Any:
        if instance is None:
            return self
        if isinstance(instance, Asker):
            return self._bound(functools.partial(Impact, instance))
        return self._bound(functools.partial(AsyncImpact, instance))
