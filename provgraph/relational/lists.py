"""Lists: what a query says of filters, order and pages, as parts of a statement."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, false, func, literal, select, true

from provgraph.errors import InvalidInputError
from provgraph.relational.spelling import position_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Column, Select, Table

_LARGEST_OFFSET = 2**62

Condition = ColumnElement[bool]


class ListQuery(NamedTuple):
    """
    What a list shall show.

    Every filter must match; texts *contain* the value, case-sensitive, without wildcards; an empty value restricts
    nothing. Without ``page_size`` everything is returned. Ties in the sort keep the order of arrival.
    """

    filters: tuple[tuple[str, str], ...] = ()  # (Record Keeper's field name, value)
    sort_field: str | None = None
    descending: bool = False
    page_index: int = 0
    page_size: int | None = None


class Field(NamedTuple):
    """How a field of Record Keeper's lists is filtered and, when ``sort`` is not empty, sorted."""

    matches: Callable[[str], Condition]
    sort: tuple[ColumnElement[Any], ...] = ()


def contains(column: ColumnElement[str]) -> Callable[[str], Condition]:
    """Return how a column is filtered of which the value is a part."""
    # Not LIKE: %, _ and \ are literal here, and case counts.
    return lambda value: position_in(column, value) > 0


def text_field(column: Column[str]) -> Field:
    """Return a field that is filtered and sorted by the text in a column."""
    return Field(contains(column), (column,))


def listed(
    statement: Select[*tuple[Any, ...]],
    query: ListQuery,
    fields: Mapping[str, Field],
    arrival: ColumnElement[int],
) -> Select[*tuple[Any, ...]]:
    """
    Return a statement with a query's filters, order and page.

    :param arrival: what keeps ties in the order of arrival
    :raises InvalidInputError: an unknown filter or sort field; the text names the allowed ones
    """
    found = statement.where(_filtered(query, fields)).order_by(*_order(query, fields), arrival)
    if query.page_size is None:
        return found
    size, offset = (
        literal(min(number, _LARGEST_OFFSET), BigInteger)
        for number in (query.page_size, query.page_index * query.page_size)
    )
    return found.limit(size).offset(offset)


def counted(table: Table, query: ListQuery, fields: Mapping[str, Field]) -> Select[*tuple[int]]:
    """
    Return a statement that counts the rows of a table that match a query's filters; its order and page are ignored.

    :raises InvalidInputError: an unknown filter; the text names the allowed ones
    """
    return select(func.count()).select_from(table).where(_filtered(query, fields))


def may_be_stored(text: str) -> bool:
    """Tell whether a text is one that events may hold; no database should be asked for any other."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _filtered(query: ListQuery, fields: Mapping[str, Field]) -> Condition:
    conditions: list[Condition] = []
    for name, value in query.filters:
        field = fields.get(name)
        if field is None:
            raise InvalidInputError(
                f"Unknown filter {name}; allowed are {', '.join(fields)}", field=name, rule="known-filter"
            )
        if value:
            conditions.append(field.matches(value) if may_be_stored(value) else false())
    together: Condition = true()
    for condition in conditions:
        together = operator.and_(together, condition)
    return together


def _order(query: ListQuery, fields: Mapping[str, Field]) -> Sequence[ColumnElement[Any]]:
    if query.sort_field is None:
        return ()
    field = fields.get(query.sort_field)
    if field is None or not field.sort:
        allowed = ", ".join(name for name, known in fields.items() if known.sort)
        raise InvalidInputError(
            f"Unknown sort field {query.sort_field}; allowed are {allowed}",
            field="sortField",
            rule="known-field",
        )
    # Missing values come last in either direction.
    first = field.sort[0].is_(None)
    return (first, *(column.desc() if query.descending else column.asc() for column in field.sort))
