"""The values that a query brings along: literals, and parameters as the caller gave them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import ListLiteral, Literal
from provgraph.graphstore.cypher.model import Type

if TYPE_CHECKING:
    from provgraph.graphstore.cypher.ast import Bound, Constant, Parameter

# SQLite takes 32,766 bound values at least; a condition may need its values twice.
MAX_VALUES: Final = 10_000
_LARGEST_INTEGER = 2**63 - 1


class Value(NamedTuple):
    """A value whose type is known; of a list its elements, of a map nothing."""

    type: Type
    raw: object = None
    items: tuple[Value, ...] = ()


NULL = Value(Type.NULL)


class Values:
    """Finds the values of one query."""

    def __init__(self, parameters: Mapping[str, object]) -> None:
        self._parameters = parameters
        self._count = 0

    def constant(self, constant: Constant) -> Value:
        """Return the value of a literal, a list or a parameter."""
        value = self._unlimited(constant)
        self._count += max(1, len(value.items))
        if self._count > MAX_VALUES:
            raise refusals.over_limit(f"The query compares with more than {MAX_VALUES} values", "values")
        return value

    def bound(self, bound: Bound) -> int:
        """Return the number behind SKIP or LIMIT."""
        value = self.constant(bound.value)
        if isinstance(value.raw, int) and value.type is Type.NUMBER and value.raw >= 0:
            return value.raw
        name = "" if isinstance(bound.value, Literal) else bound.value.name
        raise refusals.bad_parameter(name, f"is not an integer of 0 or more, as {bound.word} needs")

    def _unlimited(self, constant: Constant) -> Value:
        if isinstance(constant, Literal):
            return _scalar(constant.value)
        if isinstance(constant, ListLiteral):
            return Value(Type.LIST, items=tuple(self._unlimited(item) for item in constant.items))
        return self._parameter(constant)

    def _parameter(self, parameter: Parameter) -> Value:
        if parameter.name not in self._parameters:
            raise refusals.bad_parameter(parameter.name, "is missing")
        given = self._parameters[parameter.name]
        try:
            if isinstance(given, list | tuple):
                return Value(Type.LIST, items=tuple(_scalar(item) for item in given))
            return _scalar(given)
        except ValueError as error:
            raise refusals.bad_parameter(parameter.name, str(error)) from None


def _scalar(given: object) -> Value:
    """Return a value that is not looked into; raises ValueError, saying why, for what Cypher does not have."""
    match given:
        case None:
            return NULL
        case bool():  # before int: True is one
            return Value(Type.BOOLEAN, int(given))
        case int():
            if not -_LARGEST_INTEGER - 1 <= given <= _LARGEST_INTEGER:
                raise ValueError("is beyond the integers of 64 bits")
            return Value(Type.NUMBER, int(given))
        case float():
            if math.isnan(given):
                raise ValueError("is not a number")
            return Value(Type.NUMBER, float(given))
        case str():
            return Value(Type.TEXT, _storable(given))
        case list() | tuple():
            return Value(Type.LIST)
        case Mapping():
            return Value(Type.MAP)
    raise ValueError(f"is a {type(given).__name__}, which Cypher does not have")


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair") from None
    return str(text)
