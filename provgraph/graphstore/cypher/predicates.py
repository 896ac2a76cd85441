"""
Conditions as SQL, with Cypher's rules for types and nulls.

SQLite's AND, OR and NOT are three-valued as Cypher's are. Its comparisons are not Cypher's: they convert between text
and number. So types are compared here, where all of them are known, and SQLite compares equal types only: values of
different types are unequal, neither less nor greater (null), and a property that a node lacks is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import Comparison, Not, NullTest, Property, Truth, depth
from provgraph.graphstore.cypher.fragment import FALSE, NULL, TRUE, Fragment, formatted, joined, negated
from provgraph.graphstore.cypher.model import Attribute, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provgraph.errors import InvalidInputError
    from provgraph.graphstore.cypher.ast import Condition, Constant, Operand, Variable
    from provgraph.graphstore.cypher.model import Element
    from provgraph.graphstore.cypher.values import Value, Values

_COLLECTIONS = (Type.LIST, Type.MAP)
_ABSENT = Attribute("NULL", Type.NULL)


class Matched(NamedTuple):
    """What a variable stands for: a table in the compiled query, and what its rows are."""

    alias: str
    element: Element
    is_node: bool

    @property
    def identity(self) -> str:
        """SQL for a value that tells this node or relationship from all others."""
        return self.element.identity.format(v=self.alias)

    def sql(self, key: str) -> str:
        """SQL for a property; null when there is no such property."""
        return self.attribute(key).sql.format(v=self.alias)

    def attribute(self, key: str) -> Attribute:
        """Return the property of this name, or one that is always null."""
        return self.element.attributes.get(key, _ABSENT)


class Scope:
    """The variables of a query."""

    def __init__(self, text: str, variables: Mapping[str, Matched]) -> None:
        self.text = text
        self._variables = variables

    def find(self, variable: Variable) -> Matched:
        """Return what a variable stands for, or refuse the query."""
        matched = self._variables.get(variable.name)
        if matched is None:
            raise self.invalid(
                f"the variable {refusals.shown(variable.name)} is not in MATCH", variable.offset
            )
        return matched

    def invalid(self, message: str, offset: int) -> InvalidInputError:
        """Return the error for a mistake in this query."""
        return refusals.invalid(message, self.text, offset)


class _Term(NamedTuple):
    """One side of a comparison."""

    type: Type
    sql: Fragment
    attribute: Attribute | None  # of a property
    alias: str
    value: Value | None  # of anything else

    @property
    def is_never_null(self) -> bool:
        return self.value is not None


class Predicates:
    """Compiles the conditions of one query."""

    def __init__(self, scope: Scope, values: Values) -> None:
        self._scope = scope
        self._values = values

    def compile(self, condition: Condition) -> Fragment:
        """Return a condition as SQL that is 1, 0 or NULL."""
        match condition:
            case Comparison():
                return self._comparison(condition)
            case NullTest():
                return self._null_test(condition)
            case Truth():
                return self._truth(condition)
            case Not():
                return negated(self.compile(condition.condition))
            case _:
                # The deepest first: SQLite's parser, whose stack is small, keeps what stands before a parenthesis.
                parts = sorted(condition.parts, key=depth, reverse=True)
                return joined(condition.word, [self.compile(part) for part in parts])

    def has(self, matched: Matched, key: str, constant: Constant, offset: int) -> Fragment:
        """Return the condition that a property has a value, as a pattern's braces state it."""
        return self._equal(_property(matched, key), self._constant(constant), offset)

    # -------------------------------------------------------------------------------------------- terms

    def _term(self, operand: Operand) -> _Term:
        if isinstance(operand, Property):
            return _property(self._scope.find(operand.variable), operand.key)
        return self._constant(operand)

    def _constant(self, constant: Constant) -> _Term:
        value = self._values.constant(constant)
        sql = NULL if value.type is Type.NULL else Fragment("?", (value.raw,))
        return _Term(value.type, sql, None, "", value)

    # -------------------------------------------------------------------------------------------- conditions

    def _comparison(self, comparison: Comparison) -> Fragment:
        left, right = self._term(comparison.left), self._term(comparison.right)
        offset = comparison.offset
        match comparison.operator:
            case "=":
                return self._equal(left, right, offset)
            case "<>":
                return negated(self._equal(left, right, offset))
            case "IN":
                return self._in(left, right, offset)
            case "STARTS WITH" | "ENDS WITH" | "CONTAINS":
                return _text_test(comparison.operator, left, right)
            case _:
                return self._ordered(comparison.operator, left, right, offset)

    def _equal(self, left: _Term, right: _Term, offset: int) -> Fragment:
        if Type.NULL in (left.type, right.type):
            return NULL
        if left.type is not right.type:
            return _unequal(left, right)
        self._refuse_collections(left, offset)
        if right.value is not None:
            return _among(left, (right.value,))
        if left.value is not None:
            return _among(right, (left.value,))
        return formatted("{} = {}", left.sql, right.sql)

    def _in(self, left: _Term, right: _Term, offset: int) -> Fragment:
        if right.type is Type.NULL:
            return NULL
        if right.type is not Type.LIST or right.value is None:
            raise self._scope.invalid("IN needs a list on its right side", offset)
        if not right.value.items:
            return FALSE
        if left.type is Type.NULL:
            return NULL
        self._refuse_collections(left, offset)
        return _among(left, right.value.items)

    def _ordered(self, operator: str, left: _Term, right: _Term, offset: int) -> Fragment:
        if left.type is not right.type or left.type is Type.NULL:
            return NULL
        self._refuse_collections(left, offset)
        return formatted(f"{{}} {operator} {{}}", left.sql, right.sql)

    def _refuse_collections(self, term: _Term, offset: int) -> None:
        if term.type in _COLLECTIONS:
            raise refusals.unsupported("comparing lists or maps", self._scope.text, offset)

    def _null_test(self, test: NullTest) -> Fragment:
        term = self._term(test.operand)
        if term.value is not None:
            return TRUE if (term.type is Type.NULL) is not test.negated else FALSE
        return formatted("{} IS NOT NULL" if test.negated else "{} IS NULL", term.sql)

    def _truth(self, truth: Truth) -> Fragment:
        term = self._term(truth.operand)
        if term.type not in (Type.BOOLEAN, Type.NULL):
            raise self._scope.invalid("expected a condition, found a value", truth.offset)
        return term.sql


def _property(matched: Matched, key: str) -> _Term:
    attribute = matched.attribute(key)
    return _Term(attribute.type, Fragment(matched.sql(key)), attribute, matched.alias, None)


def _unequal(*terms: _Term) -> Fragment:
    """Return the SQL for: null if one of the terms is, else false."""
    nullable = [term.sql.sql for term in terms if not term.is_never_null]
    if not nullable:
        return FALSE
    return Fragment(f"CASE WHEN {' OR '.join(f'{sql} IS NULL' for sql in nullable)} THEN NULL ELSE 0 END")


def _among(term: _Term, values: Sequence[Value]) -> Fragment:
    """Return the condition that a term, which is neither list nor map, equals one of the values."""
    otherwise = "NULL" if any(value.type is Type.NULL for value in values) else ""
    same = [value.raw for value in values if value.type is term.type]
    lookup = term.attribute.lookup if term.attribute is not None else None
    if lookup is not None:
        same = [key for raw in same if (key := lookup.key(str(raw))) is not None]
    if not same:
        return NULL if otherwise else _unequal(term)
    marks = ", ".join("?" * len(same))
    if lookup is not None:
        candidates = lookup.candidates(marks, otherwise)
        return Fragment(f"{lookup.column.format(v=term.alias)} IN {candidates}", tuple(same))
    listed = ", ".join(filter(None, (marks, otherwise)))
    return formatted("{} IN ({})", term.sql, Fragment(listed, tuple(same)))


# ------------------------------------------------------------------------------------------------ texts
# Not LIKE: there %, _ and the case of letters have a meaning. Not substr on texts: it stops at a NUL character.


def _text_test(operator: str, left: _Term, right: _Term) -> Fragment:
    if left.type is not Type.TEXT or right.type is not Type.TEXT:
        return NULL
    if operator == "CONTAINS":
        return formatted("instr({}, {}) > 0", left.sql, right.sql)
    if operator == "ENDS WITH":
        return _ends_with(left.sql, right.sql)
    if right.value is not None:
        return _starts_with(left.sql, str(right.value.raw))
    return formatted("instr({}, {}) = 1", left.sql, right.sql)


def _starts_with(text: Fragment, prefix: str) -> Fragment:
    """Return the condition as a range, for which SQLite can use an index."""
    conditions = [formatted("{} >= {}", text, Fragment("?", (prefix,)))]
    behind = _behind(prefix)
    if behind:
        conditions.append(formatted("{} < {}", text, Fragment("?", (behind,))))
    return joined("AND", conditions)


def _behind(prefix: str) -> str:
    """Return the least text behind all texts with this prefix; empty if there is none."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return ""
    code = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if code == 0xD800 else code)  # surrogates are not characters


def _ends_with(text: Fragment, suffix: Fragment) -> Fragment:
    size = formatted("length(CAST({} AS BLOB))", suffix)
    tail = formatted("substr(CAST({} AS BLOB), -{}) = CAST({} AS BLOB)", text, size, suffix)
    # A null on either side leaves null of the first part, and null or true of the second: the whole is null.
    known = formatted("instr({}, {}) > 0", text, suffix)
    return joined("AND", [known, joined("OR", [formatted("{} = 0", size), tail])])
