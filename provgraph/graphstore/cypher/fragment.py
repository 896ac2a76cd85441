"""Pieces of SQL that carry their bound values along."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Fragment(NamedTuple):
    """A piece of SQL and the values of its places, in their order."""

    sql: str
    values: tuple[object, ...] = ()


NULL = Fragment("NULL")
FALSE = Fragment("0")
TRUE = Fragment("1")


def joined(word: str, parts: Iterable[Fragment]) -> Fragment:
    """Return the parts, of which there is at least one, joined by ``AND`` or ``OR``."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    return Fragment(f"({f' {word} '.join(part.sql for part in parts)})", all_values(parts))


def negated(part: Fragment) -> Fragment:
    """Return the negation of a condition."""
    return Fragment(f"NOT ({part.sql})", part.values)


def all_values(parts: Iterable[Fragment]) -> tuple[object, ...]:
    """Return the values of all parts, in their order."""
    return tuple(value for part in parts for value in part.values)


def formatted(template: str, *parts: Fragment) -> Fragment:
    """Return a template with its ``{}`` filled in."""
    return Fragment(template.format(*(part.sql for part in parts)), all_values(parts))
