"""Comparing two ordered streams item by item, whatever their length, in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from provgraph.errors import CorruptStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


Left = TypeVar("Left")
Right = TypeVar("Right")
Key = TypeVar("Key", bound=_Ordered)


def side_by_side(
    left: Iterable[Left],
    right: Iterable[Right],
    *,
    left_key: Callable[[Left], Key],
    right_key: Callable[[Right], Key],
) -> Iterator[tuple[Left | None, Right | None]]:
    """
    Yield what has the same key in both as a pair, and what is in one only with None for the other.

    Both must be ordered by their keys, and hold each key once: what is not cannot be compared.

    :raises CorruptStoreError: one of them is not ordered
    """
    lefts, rights = _ordered(left, left_key), _ordered(right, right_key)
    a, b = next(lefts, None), next(rights, None)
    while a is not None and b is not None:
        a_key, b_key = left_key(a), right_key(b)
        if a_key < b_key:
            yield a, None
            a = next(lefts, None)
        elif b_key < a_key:
            yield None, b
            b = next(rights, None)
        else:
            yield a, b
            a, b = next(lefts, None), next(rights, None)
    while a is not None:
        yield a, None
        a = next(lefts, None)
    while b is not None:
        yield None, b
        b = next(rights, None)


def _ordered(items: Iterable[Left], key: Callable[[Left], Key]) -> Iterator[Left]:
    last: Key | None = None
    for item in items:
        at = key(item)
        if last is not None and not last < at:
            raise CorruptStoreError(
                f"A store does not give its items in order: {at!r} comes after {last!r}. Somebody changed them by "
                "hand; rebuild it from the log"
            )
        last = at
        yield item
