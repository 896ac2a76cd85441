"""Compiling a query of the subset to one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import Count, Property, TypeOf, Variable
from provgraph.graphstore.cypher.fragment import Fragment, all_values
from provgraph.graphstore.cypher.match import plan
from provgraph.graphstore.cypher.predicates import Predicates, Scope
from provgraph.graphstore.cypher.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provgraph.graphstore.cypher.ast import LabelsOf, Query, Result, ReturnItem, SortKey
    from provgraph.graphstore.cypher.match import MatchPlan
    from provgraph.graphstore.cypher.predicates import Matched


class Compiled(NamedTuple):
    """A query as SQLite runs it."""

    sql: str
    values: list[object]
    columns: tuple[str, ...]  # as Neo4j names them
    decode: Callable[[Sequence[object]], list[object]]  # from a row of SQLite to a row of the answer


class _Column(NamedTuple):
    """What one returned expression needs of SQL."""

    sqls: tuple[str, ...]
    identity: str  # equal where the values are equal; to group and to sort by
    decode: Callable[[Sequence[object]], object]  # from the values of ``sqls``


def build(query: Query, parameters: Mapping[str, object]) -> Compiled:
    """
    Compile a syntax tree.

    :raises InvalidInputError: a variable or parameter is missing or of the wrong kind, or a limit is exceeded
    :raises UnsupportedQueryError: it compares what the subset does not
    """
    matched = plan(query)
    scope = Scope(query.text, matched.variables)
    values = Values(parameters)
    columns = [_column(item.result, scope) for item in query.items]
    parts = [
        Fragment(f"SELECT {', '.join(sql for column in columns for sql in column.sqls)}"),
        Fragment(f"FROM {', '.join(matched.tables)}"),
        _where(query, matched, Predicates(scope, values)),
        Fragment(_group(query, columns)),
        Fragment(_order(query, scope)),
        _window(query, values),
    ]
    sql = "\n".join(part.sql for part in parts if part.sql)
    return Compiled(sql, list(all_values(parts)), _names(query), _decoder(columns))


def _where(query: Query, matched: MatchPlan, predicates: Predicates) -> Fragment:
    conditions = [*matched.joins, *(predicates.has(*demand) for demand in matched.demands)]
    if query.where is not None:
        conditions.append(predicates.compile(query.where))
    if not conditions:
        return Fragment("")
    return Fragment(f"WHERE {' AND '.join(part.sql for part in conditions)}", all_values(conditions))


def _group(query: Query, columns: Sequence[_Column]) -> str:
    """Return what makes rows one: with counts whatever else is returned, with DISTINCT everything."""
    if not _is_grouped(query):
        return ""
    pairs = zip(query.items, columns, strict=True)
    keys = [column.identity for item, column in pairs if not isinstance(item.result, Count)]
    return f"GROUP BY {', '.join(keys)}" if keys else ""


def _is_grouped(query: Query) -> bool:
    return query.distinct or any(isinstance(item.result, Count) for item in query.items)


def _window(query: Query, values: Values) -> Fragment:
    limit = None if query.limit is None else values.bound(query.limit)
    if query.skip is None:
        return Fragment("") if limit is None else Fragment("LIMIT ?", (limit,))
    return Fragment("LIMIT ? OFFSET ?", (-1 if limit is None else limit, values.bound(query.skip)))


def _names(query: Query) -> tuple[str, ...]:
    seen: set[str] = set()
    for item in query.items:
        if item.name in seen:
            message = f"two columns have the name {refusals.shown(item.name)}"
            raise refusals.invalid(message, query.text, item.offset)
        seen.add(item.name)
    return tuple(item.name for item in query.items)


# ------------------------------------------------------------------------------------------------ returned expressions


def _column(result: Result, scope: Scope) -> _Column:
    if isinstance(result, Count):
        return _single(_count(result, scope))
    if isinstance(result, Property):
        return _single(scope.find(result.variable).sql(result.key))
    if isinstance(result, Variable):
        return _whole(scope.find(result))
    return _kind(result, scope)


def _single(sql: str) -> _Column:
    return _Column((sql,), sql, _first)


def _first(row: Sequence[object]) -> object:
    return row[0]


def _count(count: Count, scope: Scope) -> str:
    operand = count.operand
    if operand is None:
        return "count(*)"
    if isinstance(operand, Property):
        counted = scope.find(operand.variable).sql(operand.key)
    else:
        counted = scope.find(operand).identity
        if not count.distinct:
            return "count(*)"  # what a variable of MATCH stands for is never null
    return f"count(DISTINCT {counted})" if count.distinct else f"count({counted})"


def _whole(matched: Matched) -> _Column:
    keys = tuple(matched.element.attributes)
    return _Column(
        tuple(matched.sql(key) for key in keys) or ("NULL",),
        matched.identity,
        lambda row: {key: value for key, value in zip(keys, row, strict=False) if value is not None},
    )


def _kind(result: TypeOf | LabelsOf, scope: Scope) -> _Column:
    matched = scope.find(result.variable)
    if matched.is_node is isinstance(result, TypeOf):
        needed = "type() takes a relationship" if matched.is_node else "labels() takes a node"
        raise scope.invalid(needed, result.variable.offset)
    name = matched.element.name
    if matched.element.label:
        label = matched.element.label.format(v=matched.alias)
        return _Column((label,), label, list)
    if isinstance(result, TypeOf):
        return _Column(("NULL",), "NULL", lambda _: name)
    return _Column(("NULL",), "NULL", lambda _: [name])


def _decoder(columns: Sequence[_Column]) -> Callable[[Sequence[object]], list[object]]:
    if all(column.decode is _first for column in columns):
        return list
    slices = []
    start = 0
    for column in columns:
        slices.append((column.decode, slice(start, start + len(column.sqls))))
        start += len(column.sqls)
    return lambda row: [decode(row[piece]) for decode, piece in slices]


# ------------------------------------------------------------------------------------------------ ORDER BY


def _order(query: Query, scope: Scope) -> str:
    if not query.order:
        return ""
    keys = [(_sorted_by(key, query, scope), key.descending) for key in query.order]
    # Null is the largest value in Cypher and the smallest in SQLite.
    return "ORDER BY " + ", ".join(
        f"{sql} DESC NULLS FIRST" if down else f"{sql} ASC NULLS LAST" for sql, down in keys
    )


def _sorted_by(key: SortKey, query: Query, scope: Scope) -> str:
    """Return the SQL for one key: a column by its name, what is returned, or anything if no rows were made one."""
    result = _renamed(key, query, scope)
    if any(item.result == result for item in query.items):
        return _column(result, scope).identity
    if isinstance(result, Count) or (_is_grouped(query) and not _is_of_returned(result, query)):
        raise scope.invalid("after DISTINCT or a count, ORDER BY takes only what is returned", key.offset)
    return _column(result, scope).identity


def _renamed(key: SortKey, query: Query, scope: Scope) -> Result:
    """Return the sorted expression with the names of columns replaced by what they stand for."""
    result = key.result
    if isinstance(result, Variable):
        item = _column_named(result.name, query)
        return result if item is None else item.result
    if isinstance(result, Property) and not any(item.result == result for item in query.items):
        item = _column_named(result.variable.name, query)
        if item is None:
            return result
        if not isinstance(item.result, Variable):
            raise scope.invalid(f"the column {refusals.shown(item.name)} has no properties", key.offset)
        return Property(item.result, result.key)
    return result


def _column_named(name: str, query: Query) -> ReturnItem | None:
    return next((item for item in query.items if item.name == name), None)


def _is_of_returned(result: Result, query: Query) -> bool:
    """Tell whether a property belongs to a node or relationship that is returned as a whole."""
    return isinstance(result, Property) and any(item.result == result.variable for item in query.items)
