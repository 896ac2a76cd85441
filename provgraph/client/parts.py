"""How what is written once, as a conversation, becomes a method of the things of both clients."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from provgraph.client.calls import Conversation
    from provgraph.client.tracking.session import Session

P = ParamSpec("P")
T = TypeVar("T")


class Part:
    """Something that belongs to a client that tracks."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def tracking_session(self) -> Session[Any, Any]:
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
        functools.update_wrapper(self, function)  # type: ignore[arg-type] # what help() shows is the function's

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Waiting, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaited, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Part | None, owner: type) -> Any:
        if instance is None:
            return self
        conversation = functools.partial(self._function, instance)

        @functools.wraps(self._function)
        def method(*arguments: P.args, **named: P.kwargs) -> Any:
            return instance.tracking_session.asker.follow(conversation(*arguments, **named))

        return method
