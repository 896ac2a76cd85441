"""
The syntax tree of a query.

Offsets say where something stands in the text. They take no part in comparisons: `a.rk_id` in ORDER BY is the same
expression as `a.rk_id` in RETURN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Literal:
    """A value written into the query."""

    value: Scalar


@dataclass(frozen=True)
class ListLiteral:
    """``[1, 'two', $three]``."""

    items: tuple[Literal | Parameter, ...]
    offset: int = field(compare=False)


@dataclass(frozen=True)
class Parameter:
    """``$name``."""

    name: str
    offset: int = field(compare=False)


@dataclass(frozen=True)
class Variable:
    """A node or a relationship as a whole."""

    name: str
    offset: int = field(compare=False)


@dataclass(frozen=True)
class Property:
    """``variable.key``."""

    variable: Variable
    key: str


Constant = Literal | ListLiteral | Parameter
Operand = Literal | ListLiteral | Parameter | Property


@dataclass(frozen=True)
class Comparison:
    """``left operator right``, with one of ``= <> < <= > >=``, ``IN``, ``STARTS WITH``, ``ENDS WITH``, ``CONTAINS``."""

    operator: str
    left: Operand
    right: Operand
    offset: int = field(compare=False)


@dataclass(frozen=True)
class NullTest:
    """``operand IS NULL`` or, negated, ``operand IS NOT NULL``."""

    operand: Operand
    negated: bool


@dataclass(frozen=True)
class Truth:
    """A value that stands where a condition is expected: true, false, null or a parameter."""

    operand: Operand
    offset: int = field(compare=False)


@dataclass(frozen=True)
class Not:
    """The negation of a condition."""

    condition: Condition


@dataclass(frozen=True)
class Junction:
    """Conditions joined by ``AND`` or ``OR``; none of the parts is a junction with the same word."""

    word: str
    parts: tuple[Condition, ...]


Condition = Comparison | NullTest | Truth | Not | Junction
Properties = tuple[tuple[str, Constant], ...]


def depth(condition: Condition) -> int:
    """Return how deep AND, OR and NOT are nested. Parentheses are bounded, and so is this recursion."""
    if isinstance(condition, Not):
        return 1 + depth(condition.condition)
    if isinstance(condition, Junction):
        return 1 + max(depth(part) for part in condition.parts)
    return 0


class NodePattern(NamedTuple):
    """``(variable:Label {key: value})``."""

    variable: Variable | None
    label: str | None
    properties: Properties
    offset: int


class RelationshipPattern(NamedTuple):
    """``[variable:TYPE {key: value}]``."""

    variable: Variable | None
    type: str
    properties: Properties
    offset: int


class Hop(NamedTuple):
    """``(start)-[relationship]->(end)``; the arrow points at the end, whichever way it was written."""

    start: NodePattern
    relationship: RelationshipPattern
    end: NodePattern


Pattern = NodePattern | Hop


@dataclass(frozen=True)
class Count:
    """``count(*)`` (no operand), ``count(variable)``, ``count(DISTINCT variable.key)``."""

    operand: Variable | Property | None
    distinct: bool


@dataclass(frozen=True)
class TypeOf:
    """``type(relationship)``."""

    variable: Variable


@dataclass(frozen=True)
class LabelsOf:
    """``labels(node)``."""

    variable: Variable


Result = Variable | Property | Count | TypeOf | LabelsOf


class ReturnItem(NamedTuple):
    """A column of the answer: its name is the alias, else the expression as written."""

    result: Result
    name: str
    offset: int


class SortKey(NamedTuple):
    """One expression of ORDER BY."""

    result: Result
    descending: bool
    offset: int


class Bound(NamedTuple):
    """The number behind SKIP or LIMIT."""

    value: Literal | Parameter
    word: str


class Query(NamedTuple):
    """A whole query of the subset."""

    text: str
    pattern: Pattern
    where: Condition | None
    distinct: bool
    items: tuple[ReturnItem, ...]
    order: tuple[SortKey, ...]
    skip: Bound | None
    limit: Bound | None
