"""The pattern of MATCH as tables and joins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import Comparison, Hop, Junction, NodePattern, Property
from provgraph.graphstore.cypher.fragment import Fragment
from provgraph.graphstore.cypher.model import EVENT, LABELS, NOTHING, RELATIONSHIPS
from provgraph.graphstore.cypher.predicates import Matched

if TYPE_CHECKING:
    from provgraph.graphstore.cypher.ast import (
        Condition,
        Constant,
        Query,
        RelationshipPattern,
        Variable,
    )
    from provgraph.graphstore.cypher.model import Element, Relationship

# The aliases of the tables: a hop's start, the hop itself, its end. A single node is a start.
_START, _RELATIONSHIP, _END = "n0", "r", "n1"

_Parts = list[tuple["NodePattern | RelationshipPattern", Matched]]


class Demand(NamedTuple):
    """A property that the braces of a pattern ask for."""

    matched: Matched
    key: str
    constant: Constant
    offset: int


class MatchPlan(NamedTuple):
    """What MATCH gives the compiled query."""

    tables: tuple[str, ...]
    joins: tuple[Fragment, ...]
    variables: dict[str, Matched]
    demands: tuple[Demand, ...]


def plan(query: Query) -> MatchPlan:
    """Return the tables of a query's pattern; a label or type that is not known matches nothing."""
    pattern = query.pattern
    if isinstance(pattern, NodePattern):
        element = LABELS.get(str(pattern.label), NOTHING)
        found = _assembled(query, [(pattern, Matched(_START, element, True))])
        return found._replace(joins=_condition(element, _START))
    relationship = _relationship(pattern)
    if relationship is None:
        nothing: _Parts = [
            (part, Matched(_START, NOTHING, isinstance(part, NodePattern))) for part in pattern
        ]
        return _assembled(query, nothing)._replace(tables=_tables([nothing[0][1]]))
    matched: _Parts = [
        (pattern.start, Matched(_START, LABELS[relationship.start], True)),
        (pattern.relationship, Matched(_RELATIONSHIP, relationship.element, False)),
        (pattern.end, Matched(_END, _end(relationship, pattern.end), True)),
    ]
    return _assembled(query, matched)._replace(joins=_joins(relationship, pattern.end, query.where))


def _relationship(hop: Hop) -> Relationship | None:
    """Return the type of a hop if it is known and can join nodes with these labels."""
    found = RELATIONSHIPS.get(hop.relationship.type)
    if found is None or hop.start.label not in (None, found.start) or hop.end.label not in (None, *found.end):
        return None
    return found


def _end(relationship: Relationship, end: NodePattern) -> Element:
    """Return what the nodes at the end of a hop are; without a label, all that the type leads to."""
    if end.label is not None:
        return LABELS[end.label]
    return EVENT if len(relationship.end) > 1 else LABELS[relationship.end[0]]


def _condition(element: Element, alias: str) -> tuple[Fragment, ...]:
    return (Fragment(element.condition.format(v=alias)),) if element.condition else ()


def _assembled(query: Query, parts: _Parts) -> MatchPlan:
    demands = tuple(
        Demand(matched, key, constant, part.offset)
        for part, matched in parts
        for key, constant in part.properties
    )
    return MatchPlan(_tables([matched for _, matched in parts]), (), _variables(query, parts), demands)


def _tables(all_matched: list[Matched]) -> tuple[str, ...]:
    return tuple(f"{matched.element.table} AS {matched.alias}" for matched in all_matched)


def _variables(query: Query, parts: _Parts) -> dict[str, Matched]:
    variables: dict[str, Matched] = {}
    for part, matched in parts:
        if part.variable is None:
            continue
        if part.variable.name in variables:
            raise _twice(query, part.variable, variables[part.variable.name], matched)
        variables[part.variable.name] = matched
    return variables


def _twice(query: Query, variable: Variable, first: Matched, second: Matched) -> Exception:
    if first.is_node and second.is_node:
        return refusals.unsupported("the same node at both ends of a hop", query.text, variable.offset)
    name = refusals.shown(variable.name)
    return refusals.invalid(f"{name} cannot be a node and a relationship", query.text, variable.offset)


def _joins(relationship: Relationship, end: NodePattern, where: Condition | None) -> tuple[Fragment, ...]:
    joins = [
        relationship.start_join.format(n=_START, r=_RELATIONSHIP),
        relationship.end_join.format(n=_END, r=_RELATIONSHIP),
    ]
    if relationship.condition:
        joins.append(relationship.condition.format(r=_RELATIONSHIP))
    if relationship.end_hint and _is_pinned(end, where):
        joins.append(relationship.end_hint.format(n=_END, r=_RELATIONSHIP))
    # Only where a type leads to several kinds of nodes the label chooses among them.
    chosen = _condition(_end(relationship, end), _END) if len(relationship.end) > 1 else ()
    return (*(Fragment(join) for join in joins), *chosen)


def _is_pinned(node: NodePattern, where: Condition | None) -> bool:
    """Tell whether the query names the node that it wants at this end."""
    if any(key == "rk_id" for key, _ in node.properties):
        return True
    conjuncts = where.parts if isinstance(where, Junction) and where.word == "AND" else (where,)
    return node.variable is not None and any(_pins(one, node.variable) for one in conjuncts)


def _pins(condition: Condition | None, variable: Variable) -> bool:
    return (
        isinstance(condition, Comparison)
        and condition.operator in ("=", "IN")
        and Property(variable, "rk_id") in (condition.left, condition.right)
    )
