"""
What a plan shows that a query would do: every operator is one of those named here, or the query is refused.

The names are those of Neo4j 5.26, found by asking a server to explain queries of every kind. A plan does not show
everything: a subquery inside a list expression or CASE is part of an expression there, whatever it does (it may even
read files), so that such subqueries are refused altogether.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from provgraph.errors import InvalidInputError, UnsupportedQueryError
from provgraph.graphstore.cypher.lexer import Kind, Token, scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# As many as a server gets through in half a minute, at best.
MAX_ESTIMATED_ROWS: Final = 100_000_000

READING: Final = frozenset(
    {
        # Nodes: all, by label, by index, by id, or only their number.
        *("AllNodesScan", "IntersectionNodeByLabelsScan", "NodeByElementIdSeek", "NodeByIdSeek"),
        *("NodeByLabelScan", "NodeCountFromCountStore", "NodeIndexContainsScan", "NodeIndexEndsWithScan"),
        *("NodeIndexScan", "NodeIndexSeek", "NodeIndexSeekByRange", "NodeUniqueIndexSeek"),
        *("NodeUniqueIndexSeekByRange", "SubtractionNodeByLabelsScan", "UnionNodeByLabelsScan"),
        # Relationships: the same.
        *("DirectedAllRelationshipsScan", "DirectedRelationshipByElementIdSeek"),
        *("DirectedRelationshipByIdSeek", "DirectedRelationshipIndexContainsScan"),
        *("DirectedRelationshipIndexEndsWithScan", "DirectedRelationshipIndexScan"),
        *("DirectedRelationshipIndexSeek", "DirectedRelationshipIndexSeekByRange"),
        *("DirectedRelationshipTypeScan", "DirectedRelationshipUniqueIndexSeek"),
        *("DirectedRelationshipUniqueIndexSeekByRange", "DirectedUnionRelationshipTypesScan"),
        *("RelationshipCountFromCountStore", "UndirectedAllRelationshipsScan"),
        *("UndirectedRelationshipByElementIdSeek", "UndirectedRelationshipByIdSeek"),
        *("UndirectedRelationshipIndexContainsScan", "UndirectedRelationshipIndexEndsWithScan"),
        *("UndirectedRelationshipIndexScan", "UndirectedRelationshipIndexSeek"),
        *("UndirectedRelationshipIndexSeekByRange", "UndirectedRelationshipTypeScan"),
        *("UndirectedRelationshipUniqueIndexSeek", "UndirectedRelationshipUniqueIndexSeekByRange"),
        *("UndirectedUnionRelationshipTypesScan",),
        # From node to node.
        *("Expand(All)", "Expand(Into)", "OptionalExpand(All)", "OptionalExpand(Into)", "ProjectEndpoints"),
        *("Repeat(Trail)", "ShortestPath", "StatefulShortestPath(All)", "StatefulShortestPath(Into)"),
        *("TriadicSelection", "VarLengthExpand(All)", "VarLengthExpand(Into)", "VarLengthExpand(Pruning)"),
        *("VarLengthExpand(Pruning,BFS,All)", "VarLengthExpand(Pruning,BFS,Into)"),
        # Rows with rows, subqueries, conditions with EXISTS.
        *(
            "AntiConditionalApply",
            "AntiSemiApply",
            "Apply",
            "Argument",
            "CartesianProduct",
            "ConditionalApply",
        ),
        *(
            "EmptyRow",
            "LetAntiSemiApply",
            "LetSelectOrAntiSemiApply",
            "LetSelectOrSemiApply",
            "LetSemiApply",
            "NodeHashJoin",
        ),
        *("NodeLeftOuterHashJoin", "NodeRightOuterHashJoin", "Optional", "OrderedUnion", "RollUpApply"),
        *("SelectOrAntiSemiApply", "SelectOrSemiApply", "SemiApply", "Union", "Unwind", "ValueHashJoin"),
        # Values, order and number of rows.
        *("CacheProperties", "Distinct", "EagerAggregation", "EmptyResult", "Filter", "Limit"),
        *("OrderedAggregation", "OrderedDistinct", "PartialSort", "PartialTop", "ProduceResults"),
        *("Projection", "Skip", "Sort", "Top", "Top1WithTies"),
    }
)
WRITING: Final = frozenset(
    {
        # What changes the graph.
        *("Create", "Delete", "DetachDelete", "Foreach", "LockingMerge", "Merge", "RemoveLabels"),
        *("SetDynamicProperty", "SetLabels", "SetNodePropertiesFromMap", "SetProperties", "SetProperty"),
        *("SetRelationshipPropertiesFromMap", "SubqueryForeach"),
        # What stands in such plans alone: it keeps reading and writing apart, or takes locks.
        *("DirectedRelationshipUniqueIndexSeek(Locking)", "Eager", "ExhaustiveLimit"),
        *("NodeUniqueIndexSeek(Locking)", "UndirectedRelationshipUniqueIndexSeek(Locking)"),
    }
)
# Why the best known of the others are refused. `Eager ProcedureCall` and the like are found by their beginning or end.
_REASONS: Final = {
    "AdministrationCommand": "Administration of the server is not allowed",
    "LoadCSV": "LOAD CSV is not allowed: it reads files and addresses",
    "ProcedureCall": "Procedures are not allowed",
    "Show": "SHOW is not allowed",
    "Terminate": "TERMINATE is not allowed",
    "Transaction": "CALL { ... } IN TRANSACTIONS is not allowed: a query is one transaction",
}
_FEWER_PRODUCTS = "connect the patterns, or bind them more closely with labels and properties"
_FEWER_HOPS = (
    "start from fewer nodes, name a relationship type and the most hops (*..5), or only ask for DISTINCT ends"
)
_FEWER_ROWS = "bind what it starts from more closely, or add a LIMIT"
# Operators that make many rows of few, and what helps. Those that visit each node once are not among them.
_MULTIPLYING: Final = {
    "Apply": _FEWER_PRODUCTS,
    "CartesianProduct": _FEWER_PRODUCTS,
    "Expand(All)": _FEWER_ROWS,
    "OptionalExpand(All)": _FEWER_ROWS,
    "Repeat(Trail)": _FEWER_HOPS,
    "ShortestPath": _FEWER_PRODUCTS,
    "StatefulShortestPath(All)": _FEWER_PRODUCTS,
    "StatefulShortestPath(Into)": _FEWER_PRODUCTS,
    "Unwind": _FEWER_ROWS,
    "VarLengthExpand(All)": _FEWER_HOPS,
    "VarLengthExpand(Into)": _FEWER_HOPS,
}
_SUBQUERIES: Final = frozenset({"COLLECT", "COUNT", "EXISTS"})


class Operator(NamedTuple):
    """One step of a plan."""

    name: str
    database: str
    details: str  # its expressions, as the server writes them
    estimated_rows: float


def operators(plan: Mapping[str, Any]) -> Iterator[Operator]:
    """Yield every operator of a plan as the driver gives it."""
    pending = [plan]
    while pending:
        step = pending.pop()
        arguments = step.get("args", {})
        name, _, database = str(step["operatorType"]).partition("@")
        yield Operator(
            name, database, str(arguments.get("Details", "")), float(arguments.get("EstimatedRows", 0))
        )
        pending.extend(step.get("children", ()))


def check(plan: Mapping[str, Any], *, database: str) -> bool:
    """
    Tell whether a plan writes, having found nothing in it that is not allowed.

    :param database: the only one that it may touch
    :raises UnsupportedQueryError: it does something that is not allowed
    :raises InvalidInputError: it would make too many rows
    """
    writes = False
    for operator in operators(plan):
        if operator.name not in READING and operator.name not in WRITING:
            raise _unsupported(_reason(operator.name))
        if operator.database != database:
            raise _unsupported("Only the graph's own database can be asked")
        _check_details(operator)
        _check_rows(operator)
        writes = writes or operator.name in WRITING
    return writes


def _reason(name: str) -> str:
    for known, reason in _REASONS.items():
        if name.startswith(known) or name.endswith(known):
            return reason
    return f"The query would be run by an operator that is not allowed: {name}"


def _check_details(operator: Operator) -> None:
    tokens = scan(operator.details)
    for token, following in pairwise(tokens):
        if token.kind is Kind.BAD and str(token.value).endswith("does not end"):
            raise _unsupported(f"The server's description of {operator.name} cannot be read")
        if _begins_subquery(token, following):
            raise _unsupported(
                f"{token.text} {{ ... }}, or a pattern, inside a list expression or CASE is not allowed, for the plan "
                "does not show what it does; put it into WHERE, or into a WITH or CALL { ... } before"
            )


def _begins_subquery(token: Token, following: Token) -> bool:
    return token.kind is Kind.NAME and token.text in _SUBQUERIES and following.text == "{"


def _check_rows(operator: Operator) -> None:
    advice = _MULTIPLYING.get(operator.name)
    if advice is not None and operator.estimated_rows > MAX_ESTIMATED_ROWS:
        raise InvalidInputError(
            f"The server expects {operator.estimated_rows:.1e} rows of {operator.name}, and at most "
            f"{MAX_ESTIMATED_ROWS:.0e} are allowed: {advice}",
            field="query",
            rule="estimated-rows",
        )


def _unsupported(message: str) -> UnsupportedQueryError:
    return UnsupportedQueryError(message, field="query", rule="unsupported")
