"""
Parsing a whole query of the subset, clause by clause.

The grammar::

    MATCH pattern [WHERE condition] RETURN [DISTINCT] items [ORDER BY keys] [SKIP n] [LIMIT n] [;]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import (
    Bound,
    Count,
    Hop,
    LabelsOf,
    Literal,
    NodePattern,
    Parameter,
    Query,
    RelationshipPattern,
    ReturnItem,
    SortKey,
    TypeOf,
    Variable,
)
from provgraph.graphstore.cypher.conditions import ConditionParser
from provgraph.graphstore.cypher.lexer import Kind
from provgraph.graphstore.cypher.stream import Tokens

if TYPE_CHECKING:
    from provgraph.graphstore.cypher.ast import Pattern, Properties, Property, Result
    from provgraph.graphstore.cypher.lexer import Token

MAX_LENGTH: Final = 100_000  # characters
MAX_ITEMS: Final = 100  # in RETURN, and in ORDER BY


def parse(text: str) -> Query:
    """
    Return the syntax tree of a query.

    :raises InvalidInputError: it is not Cypher, or exceeds a limit
    :raises UnsupportedQueryError: it is Cypher that the subset leaves out
    """
    check_text(text)
    return _Parser(text).query()


def check_text(text: str) -> None:
    """Refuse a text that is too long, or that no database could hold."""
    if len(text) > MAX_LENGTH:
        raise refusals.over_limit(f"The query is longer than {MAX_LENGTH} characters", "length")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refusals.invalid("half of a surrogate pair", text, error.start) from None


class _Parser:
    """Takes one query apart."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self._conditions = ConditionParser(self._tokens)

    def query(self) -> Query:
        tokens = self._tokens
        if tokens.here.word == "RETURN":
            raise tokens.unsupported("a query without MATCH")
        if not tokens.accept_words("MATCH"):
            raise tokens.unexpected("MATCH")
        pattern = self._pattern()
        where = self._conditions.condition() if tokens.accept_words("WHERE") else None
        if not tokens.accept_words("RETURN"):
            raise tokens.unexpected("WHERE or RETURN" if where is None else "AND, OR or RETURN")
        distinct = tokens.accept_words("DISTINCT")
        items = self._items()
        order = self._order()
        skip, limit = self._bound("SKIP"), self._bound("LIMIT")
        self._end()
        return Query(tokens.text, pattern, where, distinct, items, order, skip, limit)

    def _end(self) -> None:
        tokens = self._tokens
        if tokens.accept(";") and tokens.here.kind is not Kind.END:
            raise tokens.unsupported("more than one statement")
        if tokens.here.kind is not Kind.END:
            raise tokens.unexpected("the end of the query")

    # -------------------------------------------------------------------------------------------- MATCH

    def _pattern(self) -> Pattern:
        tokens = self._tokens
        if tokens.here.kind is Kind.NAME:
            raise self._named_path()
        start = self._node()
        if not tokens.at("-", "<"):
            return self._single(start)
        hop = self._hop(start)
        if tokens.at("-", "<"):
            raise tokens.unsupported("a path of more than one hop")
        self._no_second_pattern()
        return hop

    def _single(self, node: NodePattern) -> NodePattern:
        self._no_second_pattern()
        if node.label is None:
            raise refusals.unsupported("a node without a label", self._tokens.text, node.offset)
        return node

    def _no_second_pattern(self) -> None:
        if self._tokens.at(","):
            raise self._tokens.unsupported("more than one pattern in MATCH")

    def _named_path(self) -> Exception:
        tokens = self._tokens
        if tokens.behind.text == "=":
            return tokens.unsupported("a variable for a whole path")
        return tokens.unsupported(f"{refusals.shown(tokens.here.text)} in a pattern")

    def _node(self) -> NodePattern:
        tokens = self._tokens
        start = tokens.expect("(")
        if tokens.at("("):
            raise tokens.unsupported("quantified path patterns")
        variable = self._variable()
        label = self._label("label") if tokens.accept(":") else None
        properties = self._properties()
        if tokens.here.word == "WHERE":
            raise tokens.unsupported("WHERE inside a pattern")
        tokens.expect(")")
        return NodePattern(variable, label, properties, start.start)

    def _label(self, what: str) -> str:
        tokens = self._tokens
        if tokens.at("!", "%", "(") or tokens.here.kind is Kind.PARAMETER:
            raise tokens.unsupported("label expressions")
        label = str(tokens.name(f"a {what}").value)
        if tokens.at(":", "&", "|"):
            raise tokens.unsupported(f"more than one {what}")
        return label

    def _hop(self, start: NodePattern) -> Hop:
        tokens = self._tokens
        backwards = tokens.accept("<") is not None
        tokens.expect("-")
        if not tokens.at("["):
            raise tokens.unsupported("a hop without a relationship type")
        relationship = self._relationship()
        tokens.expect("-")
        forwards = tokens.accept(">") is not None
        if forwards == backwards:
            raise tokens.unsupported("a hop without one direction", tokens.before)
        end = self._node()
        return Hop(end, relationship, start) if backwards else Hop(start, relationship, end)

    def _relationship(self) -> RelationshipPattern:
        tokens = self._tokens
        start = tokens.expect("[")
        variable = self._variable()
        if tokens.at("]", "{"):
            raise tokens.unsupported("a hop without a relationship type")
        self._no_variable_length()
        tokens.expect(":")
        type_ = self._label("relationship type")
        self._no_variable_length()
        properties = self._properties()
        if tokens.here.word == "WHERE":
            raise tokens.unsupported("WHERE inside a pattern")
        tokens.expect("]")
        return RelationshipPattern(variable, type_, properties, start.start)

    def _no_variable_length(self) -> None:
        if self._tokens.at("*"):
            raise self._tokens.unsupported("a hop of variable length")

    def _variable(self) -> Variable | None:
        tokens = self._tokens
        if tokens.here.kind is not Kind.NAME or tokens.here.word == "WHERE":
            return None
        name = tokens.take()
        return Variable(str(name.value), name.start)

    def _properties(self) -> Properties:
        tokens = self._tokens
        if tokens.here.kind is Kind.PARAMETER:
            raise tokens.unsupported("a parameter for all properties of a pattern")
        if tokens.accept("{") is None:
            return ()
        found = []
        while not tokens.at("}"):
            key = str(tokens.name("the name of a property").value)
            tokens.expect(":")
            found.append((key, self._conditions.constant()))
            self._conditions.count_condition()
            if tokens.accept(",") is None:
                break
            if tokens.at("}"):
                raise tokens.unexpected("another property")
        tokens.expect("}")
        return tuple(found)

    # -------------------------------------------------------------------------------------------- RETURN

    def _items(self) -> tuple[ReturnItem, ...]:
        items = [self._item()]
        while self._tokens.accept(","):
            items.append(self._item())
            if len(items) > MAX_ITEMS:
                raise refusals.over_limit(f"The query returns more than {MAX_ITEMS} columns", "columns")
        self._no_condition()
        return tuple(items)

    def _no_condition(self) -> None:
        words = ("AND", "OR", "XOR", "IN", "IS", "STARTS", "ENDS", "CONTAINS")
        if self._tokens.here.word in words:
            raise self._tokens.unsupported("conditions outside WHERE")

    def _item(self) -> ReturnItem:
        tokens = self._tokens
        start = tokens.here.start
        result = self._result()
        # Neo4j names a column after the text of its expression; a variable loses its back-quotes.
        name = result.name if isinstance(result, Variable) else tokens.text[start : tokens.before.end]
        if tokens.accept_words("AS"):
            name = str(tokens.name("a name for the column").value)
        return ReturnItem(result, name, start)

    def _result(self) -> Result:
        tokens = self._tokens
        if tokens.at("*"):
            raise tokens.unsupported("RETURN *")
        if tokens.here.kind in (Kind.STRING, Kind.NUMBER, Kind.PARAMETER) or tokens.at("(", "["):
            raise tokens.unsupported("returning anything but properties, variables and counts")
        if tokens.here.word in ("CASE", "NOT") and tokens.behind.kind is Kind.NAME:
            raise tokens.unsupported(f"{tokens.here.word} in RETURN")
        name = tokens.name("a property, a variable or a count")
        if tokens.at("("):
            return self._function(name)
        if tokens.at("."):
            return self._conditions.property(name)
        return Variable(str(name.value), name.start)

    def _function(self, name: Token) -> Result:
        if name.word == "COUNT":
            return self._count()
        if name.word not in ("TYPE", "LABELS"):
            raise self._tokens.unsupported(f"the function {refusals.shown(str(name.value))}", name)
        tokens = self._tokens
        tokens.expect("(")
        argument = tokens.name("a variable")
        variable = Variable(str(argument.value), argument.start)
        tokens.expect(")")
        return TypeOf(variable) if name.word == "TYPE" else LabelsOf(variable)

    def _count(self) -> Count:
        tokens = self._tokens
        tokens.expect("(")
        if tokens.accept("*"):
            tokens.expect(")")
            return Count(None, distinct=False)
        distinct = tokens.here.word == "DISTINCT" and tokens.behind.kind is Kind.NAME
        if distinct:
            tokens.take()
        operand = self._count_operand()
        tokens.expect(")")
        return Count(operand, distinct)

    def _count_operand(self) -> Variable | Property:
        tokens = self._tokens
        if tokens.here.kind in (Kind.STRING, Kind.NUMBER, Kind.PARAMETER):
            raise tokens.unsupported("counting anything but variables and properties")
        name = tokens.name("a variable or a property")
        if tokens.at(".", "("):
            return self._conditions.property(name)
        return Variable(str(name.value), name.start)

    # -------------------------------------------------------------------------------------------- ORDER BY, SKIP, LIMIT

    def _order(self) -> tuple[SortKey, ...]:
        if not self._tokens.accept_words("ORDER", "BY"):
            return ()
        keys = [self._sort_key()]
        while self._tokens.accept(","):
            keys.append(self._sort_key())
            if len(keys) > MAX_ITEMS:
                raise refusals.over_limit(f"The query sorts by more than {MAX_ITEMS} expressions", "columns")
        self._no_condition()
        return tuple(keys)

    def _sort_key(self) -> SortKey:
        tokens = self._tokens
        start = tokens.here.start
        result = self._result()
        descending = tokens.accept_words("DESC") or tokens.accept_words("DESCENDING")
        if not descending and not tokens.accept_words("ASC"):
            tokens.accept_words("ASCENDING")
        return SortKey(result, descending, start)

    def _bound(self, word: str) -> Bound | None:
        tokens = self._tokens
        if not tokens.accept_words(word):
            return None
        start = tokens.here
        value = self._conditions.constant()
        if isinstance(value, Parameter):
            return Bound(value, word)
        if isinstance(value, Literal) and type(value.value) is int and value.value >= 0:
            return Bound(value, word)
        raise tokens.invalid(f"{word} takes an integer of 0 or more", start)
