"""
What a query's text shows before any server sees it.

The server says what a query would do (`provgraph.graphstore.neo4j.plans`); nothing here decides whether it writes. This
is about what plans do not show: options before a query, texts that the server's parser is lost in, and loops inside one
expression, which no time limit of the server's can stop. Nobody can tell from a text how long an expression takes, so
that is for the plain cases; the others are cut off in the end (`provgraph.graphstore.neo4j.gate`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from provgraph.errors import InvalidInputError, UnsupportedQueryError
from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.lexer import Kind, Token, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH: Final = 100_000  # characters
MAX_VALUES: Final = 100_000  # in parameters
MAX_PARAMETERS_LENGTH: Final = 1_000_000  # characters of all texts in parameters
MAX_ELEMENTS: Final = 10_000_000  # that an expression may run over: about a second
_DEEPEST = 60  # brackets and CASEs in one another; in two hundred the server's parser may get lost for hours
_DEEPEST_BRACES = 10  # each level of subqueries takes its planner three times as long
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_LARGEST_INTEGER = 2**63 - 1

_NOT_FIRST = frozenset({"EXPLAIN", "PROFILE", "CYPHER", "USE"})
# What an escape may stand for only if it is a letter to the server, too: it reads escapes before all else, so that one
# may end a text or a comment. These are the characters that mean something in Cypher, also inside quotes.
_MEANS_SOMETHING = frozenset("'\"`\\")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_LENGTHS = frozenset({"size", "length"})
_SUMS = frozenset({"+", "||"})
_LITERALS = frozenset({Kind.NUMBER, Kind.STRING})
_LOOPS = frozenset({"any", "all", "none", "single", "reduce"})
_SHORT_LISTS = frozenset({"nodes", "relationships", "labels", "keys"})
_UNKNOWN_LENGTH = 10_000
_ASSUMED_LENGTH = 100  # of a list whose size() or length() bounds a range: a path's, mostly


def read(query: str, parameters: Mapping[str, object]) -> list[Token]:
    """
    Return a query's tokens, if its text and its parameters may be sent to a server.

    :raises InvalidInputError: too long, too deep, or not a text or a value that Cypher has
    :raises UnsupportedQueryError: it has what users' queries may not have
    """
    if len(query) > MAX_LENGTH:
        raise refusals.over_limit(
            f"The query has {len(query)} characters, at most {MAX_LENGTH} are allowed", "length"
        )
    _check_encodable(query, "query")
    _check_parameters(parameters)
    tokens = scan(query)
    _check_ends(tokens, query)
    _check_escapes(tokens, query)
    _check_beginning(tokens, query)
    _check_depth(tokens, query)
    _check_words(tokens, query)
    _check_loops(tokens, query, parameters)
    _check_nesting(tokens, query, parameters)
    return tokens


def refuse(what: str, query: str, token: Token) -> UnsupportedQueryError:
    """Return the error for something that users' queries may not have: ``what`` is a sentence without its end."""
    return UnsupportedQueryError(
        f"{what} (at {refusals.place(query, token.start)})", field="query", rule="unsupported"
    )


def called_functions(tokens: list[Token]) -> dict[str, Token]:
    """Return what may be names of functions that a query calls, in small letters."""
    called = {}
    for index, token in enumerate(tokens[:-1]):
        if token.kind is not Kind.NAME or tokens[index + 1].text != "(":
            continue
        name, first = str(token.value), index
        while first > 1 and tokens[first - 1].text == "." and tokens[first - 2].kind is Kind.NAME:
            first -= 2
            name = f"{tokens[first].value}.{name}"
        called[name.lower()] = tokens[first]
    return called


# ------------------------------------------------------------------------------------------------ parameters


def _check_parameters(parameters: Mapping[str, object]) -> None:
    count = length = 0
    pending: list[tuple[str, object]] = list(parameters.items())
    for name in parameters:
        _check_encodable(name, "parameters")
    while pending:
        name, value = pending.pop()
        count += 1
        if isinstance(value, str):
            length += len(value)
            _check_encodable(value, "parameters")
        elif isinstance(value, list | tuple):
            pending.extend((name, item) for item in value)
        elif isinstance(value, dict):
            for key in value:
                _check_key(name, key)
                length += len(key)
            pending.extend((name, item) for item in value.values())
        else:
            _check_scalar(name, value)
        if count + len(pending) > MAX_VALUES or length > MAX_PARAMETERS_LENGTH:
            raise InvalidInputError(
                f"The parameters hold more than {MAX_VALUES} values or {MAX_PARAMETERS_LENGTH} characters",
                field="parameters",
                rule="size",
            )


def _check_key(name: str, key: object) -> None:
    if not isinstance(key, str):
        raise refusals.bad_parameter(name, "holds a map with a key that is no text")
    _check_encodable(key, "parameters")


def _check_scalar(name: str, value: object) -> None:
    if isinstance(value, int):  # a bool is one
        if not -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
            raise refusals.bad_parameter(name, "is beyond the integers of 64 bits")
    elif not (value is None or isinstance(value, float)):
        raise refusals.bad_parameter(name, f"is a {type(value).__name__}, which cannot be sent")


def _check_encodable(text: str, field: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(
            f"There is half of a surrogate pair in the {field}", field=field, rule="no-lone-surrogate"
        ) from None


# ------------------------------------------------------------------------------------------------ the text


def _check_ends(tokens: list[Token], query: str) -> None:
    for token in tokens:
        # Other pieces that cannot be read here, such as hexadecimal numbers, are the server's to judge.
        if token.kind is Kind.BAD and token.end == len(query) and str(token.value).endswith("does not end"):
            raise refusals.invalid(str(token.value), query, token.start)


def _check_escapes(tokens: list[Token], query: str) -> None:
    if "\\u" not in query:
        return
    seen = 0
    for token in tokens:
        for start in _escapes(token.text):
            seen += 1
            if token.kind is not Kind.STRING or not _is_plain_escape(token.text, start):
                raise refuse("Write this character itself, not as a \\u escape", query, token)
    if seen != len(_escapes(query)):
        raise UnsupportedQueryError("A comment may hold no \\u escape", field="query", rule="unsupported")


def _escapes(text: str) -> list[int]:
    """Return where something begins that may be an escape."""
    found, at = [], text.find("\\u")
    while at >= 0:
        found.append(at)
        at = text.find("\\u", at + 2)
    return found


def _is_plain_escape(text: str, start: int) -> bool:
    digits = text[start + 2 : start + 6]
    if len(digits) < 4 or not _HEX_DIGITS.issuperset(digits):
        return False
    character = chr(int(digits, 16))
    return character not in _MEANS_SOMETHING and (
        character.isprintable() or 0xD800 <= ord(character) <= 0xDFFF
    )


def _check_beginning(tokens: list[Token], query: str) -> None:
    first = tokens[0]
    if first.kind is Kind.END:
        raise refusals.invalid("there is no query", query, 0)
    if first.word in _NOT_FIRST:
        raise refuse(f"A query may not begin with {first.word}", query, first)


def _check_depth(tokens: list[Token], query: str) -> None:
    open_: list[str] = []
    for token in tokens:
        if token.text in _OPENING or token.word == "CASE":
            open_.append(token.text)
            if len(open_) > _DEEPEST or open_.count("{") > _DEEPEST_BRACES:
                raise refusals.over_limit(
                    f"The query is nested too deep at {refusals.place(query, token.start)}: at most {_DEEPEST} "
                    f"levels of brackets and CASE, {_DEEPEST_BRACES} of them braces",
                    "depth",
                )
        elif token.word == "END" and open_ and open_[-1] not in _OPENING:
            open_.pop()
        elif token.text in _CLOSING:
            # Whatever was opened inside ends, too: it was a name.
            while open_ and open_.pop() not in _OPENING:
                pass


def _check_words(tokens: list[Token], query: str) -> None:
    # Plans show these, too, except inside expressions; there `plans` does not let them pass for other reasons.
    for index, token in enumerate(tokens[:-1]):
        if token.word == "LOAD" and tokens[index + 1].word == "CSV":
            raise refuse("LOAD CSV is not allowed: it reads files and addresses", query, token)
        if (
            token.word == "CALL"
            and tokens[index + 1].kind is Kind.NAME
            and index + 2 < len(tokens)
            and tokens[index + 2].text == "."
        ):
            raise refuse("Procedures are not allowed", query, token)
        if token.text == "=~" and token.kind is Kind.SYMBOL:
            raise refuse(
                "Regular expressions (=~) are not allowed, for one of them may take the server days; use STARTS WITH, "
                "ENDS WITH or CONTAINS, with toLower() where capitals do not matter",
                query,
                token,
            )


# ------------------------------------------------------------------------------------------------ loops


def _check_loops(tokens: list[Token], query: str, parameters: Mapping[str, object]) -> None:
    """
    Refuse expressions that may run over too many elements.

    Counted as if all ranges were inside each other, and as if every sum that may be one of lists doubled a list.
    """
    elements = 1.0
    for index, token in enumerate(tokens):
        if _calls(tokens, index, "range"):
            elements *= max(1, _range_elements(tokens, index, parameters))
        elif _calls(tokens, index, "reduce"):
            _check_accumulator(tokens[index + 1 : _closing(tokens, index + 1)], query)
        elif token.text in _SUMS and not _adds_literal(tokens, index):
            elements *= 2
        if elements > MAX_ELEMENTS:
            raise refuse(
                f"An expression may run over {MAX_ELEMENTS} elements at most, and that must be evident: name numbers "
                "or parameters as the bounds of range(), or size() and length() of something, and do not add up list "
                "after list; UNWIND range(...) AS x may run over any number",
                query,
                token,
            )


def _check_nesting(tokens: list[Token], query: str, parameters: Mapping[str, object]) -> None:
    """Refuse loops inside loops that may take too many steps together; `_check_loops` counts no lists but ranges."""
    open_: list[tuple[int, float]] = []  # where each loop that is open ends, and how many steps it has
    for index, token in enumerate(tokens[:-1]):
        while open_ and open_[-1][0] <= index:
            open_.pop()
        source = _loop_source(tokens, index)
        if source is None:
            continue
        open_.append((_closing(tokens, index), _steps(tokens, source, parameters)))
        if len(open_) > 1 and math.prod(steps for _, steps in open_) > MAX_ELEMENTS:
            raise refuse(
                f"Loops inside each other may take {MAX_ELEMENTS} steps together at most, and that must be evident: a "
                f"list that is not a parameter counts as {_UNKNOWN_LENGTH:,}; use UNWIND for the outer one",
                query,
                token,
            )


def _loop_source(tokens: list[Token], index: int) -> int | None:
    """Return where the list begins that the loop opened by a bracket runs over, or None: it opens no loop."""
    if tokens[index].text == "[":
        at = index + 1
    elif tokens[index].text == "(" and index and str(tokens[index - 1].value).lower() in _LOOPS:
        at = index + 1
        if str(tokens[index - 1].value).lower() == "reduce":
            # Behind the accumulator: reduce(sum = 0, x IN list | ...).
            closing = _closing(tokens, index)
            at = next((each for each in range(at, closing) if tokens[each].word == "IN"), closing) - 1
    else:
        return None
    is_loop = at + 1 < len(tokens) and tokens[at].kind is Kind.NAME and tokens[at + 1].word == "IN"
    return min(at + 2, len(tokens) - 1) if is_loop else None


def _steps(tokens: list[Token], source: int, parameters: Mapping[str, object]) -> float:
    """Return how many elements a list has, or counts as having."""
    token = tokens[source]
    if token.kind is Kind.PARAMETER:
        value = parameters.get(str(token.value))
        return max(1, len(value)) if isinstance(value, list | tuple) else 1
    if token.text == "[":
        return max(1, len(_arguments(tokens[source + 1 : _closing(tokens, source)])))
    if token.kind is Kind.NAME and tokens[min(source + 1, len(tokens) - 1)].text == "(":
        name = str(token.value).lower()
        if name == "range":
            return max(1, _range_elements(tokens, source, parameters))
        if name in _SHORT_LISTS:
            return _ASSUMED_LENGTH
    return _UNKNOWN_LENGTH


def _calls(tokens: list[Token], index: int, function: str) -> bool:
    token = tokens[index]
    return token.kind is Kind.NAME and str(token.value).lower() == function and tokens[index + 1].text == "("


def _range_elements(tokens: list[Token], index: int, parameters: Mapping[str, object]) -> float:
    closing = _closing(tokens, index + 1)
    before, behind = tokens[index - 1], tokens[min(closing + 1, len(tokens) - 1)]
    if before.word == "UNWIND" and behind.word == "AS":
        return 1  # rows, between which the server looks at the time
    return _elements(tokens[index + 2 : closing], parameters)


def _adds_literal(tokens: list[Token], index: int) -> bool:
    return any(
        tokens[beside].kind in _LITERALS for beside in (index - 1, index + 1) if 0 <= beside < len(tokens)
    )


def _check_accumulator(tokens: list[Token], query: str) -> None:
    """Refuse a reduce() that adds its accumulator to itself, doubling it with every step."""
    name = tokens[1].value if len(tokens) > 1 and tokens[1].kind is Kind.NAME else None
    bar = next((index for index, token in enumerate(tokens) if token.text == "|"), len(tokens))
    added = False
    met = False
    for token in tokens[bar:]:
        if token.kind is Kind.NAME and token.value == name:
            if met and added:
                raise refuse("reduce() may not add its accumulator to itself", query, token)
            met, added = True, False
        elif token.text in _SUMS:
            added = True


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind is Kind.SYMBOL:
            depth += (tokens[index].text in _OPENING) - (tokens[index].text in _CLOSING)
            if not depth:
                return index
    return len(tokens) - 1


def _elements(tokens: list[Token], parameters: Mapping[str, object]) -> float:
    """Return how many elements a range has by what its parentheses hold; infinity when that is not evident."""
    bounds = [_number(argument, parameters) for argument in _arguments(tokens)]
    stated = [bound for bound in bounds if bound is not None]
    if len(stated) < len(bounds):
        return _ASSUMED_LENGTH if _is_bounded_by_lengths(tokens) else math.inf
    if len(stated) < 2:
        return 1
    step = stated[2] if len(stated) > 2 else 1
    return 1 + abs(stated[1] - stated[0]) // max(1, abs(step))


def _arguments(tokens: list[Token]) -> list[list[Token]]:
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "," and not depth:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _number(argument: list[Token], parameters: Mapping[str, object]) -> int | None:
    sign = 1
    if argument and argument[0].text == "-":
        sign, argument = -1, argument[1:]
    if len(argument) != 1:
        return None
    token = argument[0]
    value: object = None
    if token.kind is Kind.NUMBER:
        value = token.value
    elif token.kind is Kind.PARAMETER:
        value = parameters.get(str(token.value))
    return sign * value if isinstance(value, int) else None


def _is_bounded_by_lengths(tokens: list[Token]) -> bool:
    """Tell whether nothing but small numbers and lengths of something make up the bounds of a range."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind is Kind.NAME:
            if (
                str(token.value).lower() not in _LENGTHS
                or tokens[min(index + 1, len(tokens) - 1)].text != "("
            ):
                return False
            index = _closing(tokens, index + 1)
        elif token.kind is Kind.NUMBER:
            if not isinstance(token.value, int) or token.value > _ASSUMED_LENGTH:
                return False
        elif token.text not in {"+", "-", ",", "/", "(", ")"}:
            return False
        index += 1
    return True
