"""Reports that never end the work: what cannot be told is left out, and a warning in the log says so."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from provgraph.client.plain import AROUND_PROPERTIES, plain_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provgraph.client.base import OnError

T = TypeVar("T")

logger = logging.getLogger(__name__)

_ON_ERROR: Mapping[str, OnError] = {"raise": "raise", "warn": "warn"}


class Within(Protocol):
    """An activity, as far as what is made within it needs to know."""

    on_error: OnError
    is_over: bool

    @property
    def around(self) -> Within | None:
        """The activity that it is within."""


# Set by activities, which are made of what asks here.
within: ContextVar[Within | None] = ContextVar("provgraph activity", default=None)


def innermost() -> Within | None:
    """Return the activity that the program is within and that has not ended, None outside of any."""
    run = within.get()
    # An asynchronous generator that is not read to its end ends in another context, and this one does not hear of it.
    while run is not None and run.is_over:
        run = run.around
    return run


def on_error(stated: str) -> OnError:
    """
    Return what was stated as ``on_error``.

    :raises ValueError: it is no such word
    """
    known = _ON_ERROR.get(stated)
    if known is None:
        raise ValueError(f"on_error is {stated!r}, and may be 'raise' or 'warn'")
    return known


def is_on() -> bool:
    """Tell whether the program is within an activity that warns."""
    run = innermost()
    return run is not None and run.on_error == "warn"


def left_out(what: object, problem: Exception) -> None:
    """Say that something of a report is left out."""
    logger.warning("A part of the report of %r is left out: %s: %s", what, type(problem).__name__, problem)


def several(stated: Iterable[Any], take: Callable[[int, Any], T], *, of: object) -> list[T]:
    """Return what ``take`` makes of each, given its place; what it refuses is left out."""
    taken: list[T] = []
    try:
        for index, each in enumerate(stated):
            try:
                taken.append(take(index, each))
            except Exception as problem:  # noqa: BLE001 - whatever it is, the work goes on
                left_out(of, problem)
    except Exception as problem:  # noqa: BLE001 - what gives them one by one is the program's
        left_out(of, problem)
    return taken


def properties(
    stated: Mapping[str, Any] | None, *, of: object, around: int = AROUND_PROPERTIES
) -> dict[str, Any]:
    """Return those properties that can be sent; for ``around`` see `plain`."""
    kept: dict[str, Any] = {}
    try:
        pairs = list(dict(stated or {}).items())
    except Exception as problem:  # noqa: BLE001 - see `several`
        left_out(of, problem)
        return kept

    def take(_: int, pair: tuple[str, Any]) -> dict[str, Any]:
        return plain_object(dict([pair]), "Properties", around=around)

    for one in several(pairs, take, of=of):
        kept |= one
    return kept


def optional(stated: Any, take: Callable[[Any], T], *, of: object) -> T | None:
    """Return what ``take`` makes of one thing; None where it refuses it."""
    return next(iter(several((stated,), lambda _, one: take(one), of=of)), None)
