"""
How what is written once becomes a method of both clients: it returns on the one, and is awaited on the other.

    class Questions:
        why = asks(questions.why)

gives ``Client.why``, which returns the answer, and ``AsyncClient.why``, which is awaited for it: one signature, one
description, no second copy.

    class GroupContextBase(Part):
        @Does
        def plan(self) -> Conversation[Plan]: ...

does the same for what belongs to a client: ``GroupContext.plan`` returns, ``AsyncGroupContext.plan`` is awaited.
"""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from provgraph.client.base import Asker, AsyncAsker, Call, Conversation, Paging
from provgraph.client.impact import AsyncImpact, Impact, Search
from provgraph.client.pages import AsyncPages, Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")
Page = TypeVar("Page")
Item = TypeVar("Item")
Returned = TypeVar("Returned")
OnLoop = TypeVar("OnLoop")


class Method(Generic[P, T, Returned, OnLoop]):
    """
    A method whose work is done by a function that knows of no client.

    :param function: returns what is to be done
    :param waiting: has it done by a client that waits
    :param awaited: has it done by a client for event loops
    """

    def __init__(
        self,
        function: Callable[P, T],
        waiting: Callable[[Asker, T], Returned],
        awaited: Callable[[AsyncAsker, T], OnLoop],
    ) -> None:
        self._function = function
        self._waiting = waiting
        self._awaited = awaited
        functools.update_wrapper(self, function)  # what help() shows is the function's

    def __call__(self, client: Asker | AsyncAsker, /, *arguments: P.args, **named: P.kwargs) -> Any:
        """Call it as a method of its class: ``Client.why(client, "event:ID")``."""
        return self.__get__(client, type(client))(*arguments, **named)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Asker, owner: type) -> Callable[P, Returned]: ...
    @overload
    def __get__(self, instance: AsyncAsker, owner: type) -> Callable[P, OnLoop]: ...
    def __get__(self, instance: Asker | AsyncAsker | None, owner: type) -> Any:
        if instance is None:
            return self
        if isinstance(instance, Asker):
            return _bound(self._function, functools.partial(self._waiting, instance))
        return _bound(self._function, functools.partial(self._awaited, instance))


def asks(function: Callable[P, Call[T]]) -> Method[P, Call[T], T, Coroutine[Any, Any, T]]:
    """Return a method that makes one call."""
    return Method(function, lambda asker, call: asker.ask(call), lambda asker, call: asker.ask(call))


def follows(
    function: Callable[P, Conversation[T]],
) -> Method[P, Conversation[T], T, Coroutine[Any, Any, T]]:
    """Return a method that has a conversation."""
    return Method(
        function,
        lambda asker, conversation: asker.follow(conversation),
        lambda asker, conversation: asker.follow(conversation),
    )


def lists(
    function: Callable[P, Paging[Page, Item]],
) -> Method[P, Paging[Page, Item], Pages[Page, Item], AsyncPages[Page, Item]]:
    """Return a method that gives a list whose pages are fetched while it is iterated over."""
    return Method(function, Pages, AsyncPages)


def searches(function: Callable[P, Search]) -> Method[P, Search, Impact, AsyncImpact]:
    """Return a method that gives the events that a node led to, read while they are iterated over."""
    return Method(function, Impact, AsyncImpact)


class Followed(Protocol):
    """What all parts of a client that track share, as far as their methods need it."""

    @property
    def asker(self) -> Asker | AsyncAsker:
        """The client."""


class Part:
    """Something that belongs to a client that tracks."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def tracking_session(self) -> Followed:
            """What all such parts of a client share."""


class Waiting(Part):
    """A part of the client that waits: its methods return."""

    __slots__ = ()


class Awaited(Part):
    """A part of the client for event loops: its methods are awaited."""

    __slots__ = ()


class Does(Generic[P, T]):
    """A method that has a conversation: it returns on a `Waiting` part, and is awaited on an `Awaited` one."""

    def __init__(self, function: Callable[Concatenate[Any, P], Conversation[T]]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # what help() shows is the function's

    def __call__(self, part: Waiting | Awaited, /, *arguments: P.args, **named: P.kwargs) -> Any:
        """Call it as a method of its class: ``Node.save(node)``."""
        return self.__get__(part, type(part))(*arguments, **named)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Waiting, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaited, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Part | None, owner: type) -> Any:
        if instance is None:
            return self
        return _bound(MethodType(self._function, instance), instance.tracking_session.asker.follow)


def _bound(function: Callable[P, T], through: Callable[[T], Any]) -> Callable[P, Any]:
    """Return a function that has done through a client what another one returns."""

    @functools.wraps(function)
    def method(*arguments: P.args, **named: P.kwargs) -> Any:
        return through(function(*arguments, **named))

    return method
