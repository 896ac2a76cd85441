"""Parsing values and conditions: what stands in WHERE and between the braces of a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.ast import (
    Comparison,
    Condition,
    Junction,
    ListLiteral,
    Literal,
    Not,
    NullTest,
    Operand,
    Parameter,
    Property,
    Truth,
    Variable,
    depth,
)
from provgraph.graphstore.cypher.lexer import Kind, Token

if TYPE_CHECKING:
    from provgraph.graphstore.cypher.ast import Constant
    from provgraph.graphstore.cypher.stream import Tokens

# SQLite's parser and its expression trees are bounded, Python's stack is: both bounds are far from these.
MAX_PARENTHESES: Final = 40
MAX_DEPTH: Final = 20
MAX_CONDITIONS: Final = 500

_LARGEST_INTEGER = 2**63 - 1
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_WORD_COMPARISONS = (("IN",), ("STARTS", "WITH"), ("ENDS", "WITH"), ("CONTAINS",))
_WORD_LITERALS: Final[dict[str, bool | None]] = {"TRUE": True, "FALSE": False, "NULL": None}

_Expression = Operand | Condition


class ConditionParser:
    """Parses the conditions of one query; it counts them, so one parser serves the whole query."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._parentheses = 0
        self._conditions = 0

    def condition(self) -> Condition:
        """Parse what follows WHERE."""
        start = self._tokens.here
        condition = self._as_condition(self._any_of(), start)
        if depth(condition) > MAX_DEPTH:
            raise refusals.over_limit(
                f"The query's AND, OR and NOT are nested more than {MAX_DEPTH} levels deep", "depth"
            )
        return condition

    def constant(self) -> Constant:
        """Parse a literal, a list of literals or a parameter."""
        tokens = self._tokens
        if tokens.at("["):
            return self._list()
        found = self._scalar()
        if found is None:
            raise tokens.unexpected("a literal or a parameter")
        return found

    def count_condition(self) -> None:
        """Note one more condition, and refuse the query when there are too many."""
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise refusals.over_limit(f"The query has more than {MAX_CONDITIONS} conditions", "conditions")

    # -------------------------------------------------------------------------------------------- AND, OR, NOT

    def _any_of(self) -> _Expression:
        return self._joined("OR")

    def _all_of(self) -> _Expression:
        return self._joined("AND")

    def _joined(self, word: str) -> _Expression:
        part = self._all_of if word == "OR" else self._negation
        start = self._tokens.here
        first = part()
        if self._tokens.here.word != word:
            return first
        parts = [self._as_condition(first, start)]
        while self._tokens.accept_words(word):
            start = self._tokens.here
            parts.append(self._as_condition(part(), start))
        flat = [inner for one in parts for inner in _parts(one, word)]
        return Junction(word, tuple(flat))

    def _negation(self) -> _Expression:
        negations = 0
        while self._tokens.here.word == "NOT" and not self._names_something():
            self._tokens.take()
            negations += 1
        start = self._tokens.here
        found = self._comparison()
        if not negations:
            return found
        condition = self._as_condition(found, start)
        return Not(condition) if negations % 2 else condition

    def _names_something(self) -> bool:
        """Tell whether the next word is a variable although it looks like a keyword."""
        behind = self._tokens.behind
        return behind.kind is Kind.SYMBOL and behind.text == "."

    def _as_condition(self, found: _Expression, start: Token) -> Condition:
        if isinstance(found, Comparison | NullTest | Truth | Not | Junction):
            return found
        if isinstance(found, Parameter) or (
            isinstance(found, Literal) and isinstance(found.value, bool | None)
        ):
            self.count_condition()
            return Truth(found, start.start)
        if self._tokens.here.kind in (Kind.SYMBOL, Kind.BAD) and not self._tokens.at(")", ";"):
            raise self._tokens.unexpected("a comparison")
        raise self._tokens.invalid("expected a condition, found a value", start)

    # -------------------------------------------------------------------------------------------- comparisons

    def _comparison(self) -> _Expression:
        start = self._tokens.here
        left = self._primary()
        operator = self._operator()
        if operator is None:
            return self._null_test(left, start)
        right_start = self._tokens.here
        right = self._as_operand(self._primary(), right_start)
        self.count_condition()
        compared = Comparison(operator, self._as_operand(left, start), right, right_start.start)
        if self._tokens.at(*_COMPARISONS):
            raise self._tokens.unsupported("chained comparisons")
        return compared

    def _operator(self) -> str | None:
        symbol = self._tokens.accept(*_COMPARISONS)
        if symbol is not None:
            return symbol.text
        for words in _WORD_COMPARISONS:
            if self._tokens.accept_words(*words):
                return " ".join(words)
        return None

    def _null_test(self, left: _Expression, start: Token) -> _Expression:
        if self._tokens.here.word != "IS":
            return left
        is_not = self._tokens.accept_words("IS", "NOT", "NULL")
        if not is_not and not self._tokens.accept_words("IS", "NULL"):
            raise self._tokens.unsupported("a type test (IS)")
        self.count_condition()
        return NullTest(self._as_operand(left, start), is_not)

    def _as_operand(self, found: _Expression, start: Token) -> Operand:
        if isinstance(found, Literal | ListLiteral | Parameter | Property):
            return found
        raise self._tokens.unsupported("comparing conditions with each other", start)

    # -------------------------------------------------------------------------------------------- values

    def _primary(self) -> _Expression:
        tokens = self._tokens
        if tokens.at("("):
            return self._group()
        if tokens.at("["):
            return self._list()
        scalar = self._scalar()
        if scalar is not None:
            return scalar
        if tokens.here.word in ("CASE", "EXISTS") and tokens.behind.text != ".":
            raise tokens.unsupported(tokens.here.word)
        return self.property(self._tokens.name("a property, a literal or a parameter"))

    def _group(self) -> _Expression:
        if self._parentheses == MAX_PARENTHESES:
            raise refusals.over_limit(f"The query nests more than {MAX_PARENTHESES} parentheses", "depth")
        self._tokens.expect("(")
        self._parentheses += 1
        inner = self._any_of()
        self._parentheses -= 1
        self._tokens.expect(")")
        return inner

    def property(self, name: Token) -> Property:
        """Parse the rest of a property whose variable was taken, and refuse what only looks like one."""
        tokens = self._tokens
        variable = Variable(str(name.value), name.start)
        if tokens.at("("):
            raise tokens.unsupported(f"the function {refusals.shown(str(name.value))} in this place", name)
        if tokens.accept(".") is None:
            raise tokens.unexpected("'.' and a property")
        key = str(tokens.name("the name of a property").value)
        if tokens.at("("):
            raise tokens.unsupported(f"the function {refusals.shown(f'{name.value}.{key}')}", name)
        return Property(variable, key)

    def _list(self) -> ListLiteral:
        tokens = self._tokens
        start = tokens.expect("[")
        items: list[Literal | Parameter] = []
        while not tokens.at("]"):
            if tokens.at("["):
                raise tokens.unsupported("lists inside lists")
            item = self._scalar()
            if item is None and tokens.here.kind is Kind.NAME:
                raise tokens.unsupported("lists of anything but literals and parameters")
            if item is None:
                raise tokens.unexpected("a literal, a parameter or ']'")
            items.append(item)
            if tokens.accept(",") is None:
                break
            if tokens.at("]"):
                raise tokens.unexpected("another element")
        tokens.expect("]")
        return ListLiteral(tuple(items), start.start)

    def _scalar(self) -> Literal | Parameter | None:
        tokens = self._tokens
        token = tokens.here
        if token.kind is Kind.STRING:
            return Literal(tokens.take().value)
        if token.kind is Kind.PARAMETER:
            return Parameter(str(tokens.take().value), token.start)
        if token.word in _WORD_LITERALS and not self._names_something():
            tokens.take()
            return Literal(_WORD_LITERALS[token.word])
        return self._number()

    def _number(self) -> Literal | None:
        tokens = self._tokens
        sign = tokens.here if tokens.at("+", "-") else None
        number = tokens.behind if sign is not None else tokens.here
        if number.kind is not Kind.NUMBER or isinstance(number.value, str):
            return None
        value = -number.value if sign is not None and sign.text == "-" else number.value
        if isinstance(value, int) and not -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
            raise tokens.invalid("the integer is too large", number)
        if sign is not None:
            tokens.take()
        tokens.take()
        return Literal(value)


def _parts(condition: Condition, word: str) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, Junction) and condition.word == word else (condition,)
