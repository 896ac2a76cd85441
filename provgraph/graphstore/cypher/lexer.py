"""
From the text of a query to tokens.

Scanning never fails: what cannot be read becomes a `Kind.BAD` token that carries the complaint. The parser refuses it;
the question whether a query writes (`provgraph.graphstore.cypher.access`) has to look past it.
"""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is."""

    NAME = "name"  # also every keyword: which names are keywords depends on where they stand
    STRING = "text"
    NUMBER = "number"
    PARAMETER = "parameter"
    SYMBOL = "symbol"
    END = "end"
    BAD = "bad"


class Token(NamedTuple):
    """A piece of a query."""

    kind: Kind
    text: str  # as written
    value: str | int | float  # name without back-quotes, text without escapes, number; of BAD the complaint
    start: int

    @property
    def end(self) -> int:
        """The offset behind the token."""
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """The token in capitals if it can be a keyword, else an empty text."""
        return self.text.upper() if self.kind is Kind.NAME and self.text[0] != "`" else ""


# The unrolled forms (no repetition inside a repetition) keep the time linear in hostile input. A line comment ends at
# either line-end character, as in Neo4j: otherwise a clause could hide behind a carriage return.
_TOKEN = re.compile(
    r"""
      (?P<blank>    \s+ | //[^\r\n]* | /\*[\s\S]*?\*/ )
    | (?P<string>   '[^'\\]*(?:\\[\s\S][^'\\]*)*' | "[^"\\]*(?:\\[\s\S][^"\\]*)*" )
    | (?P<quoted>   `[^`]*(?:``[^`]*)*` )
    | (?P<name>     [^\W\d]\w* )
    | (?P<parameter>\$(?: [^\W\d]\w* | [0-9]+ | `[^`]*(?:``[^`]*)*` ) )
    | (?P<number>   (?: [0-9]+\.[0-9]+ | \.[0-9]+ | [0-9]+ ) (?:[eE][+-]?[0-9]+)? )
    | (?P<symbol>   /(?!\*) | <> | <= | >= | =~ | != | \.\. | \|\| | \+= | :: | [-+*%^=<>(){}\[\],.:;|&!?] )
    """,
    re.VERBOSE,
)
_BROKEN_NUMBER = re.compile(r"[\w.]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([\s\S]))")
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", "'": "'", '"': '"', "`": "`", "\\": "\\"}
_OPENERS = {"'": "a text that does not end", '"': "a text that does not end", "`": "a name that does not end"}
# 2**63 has so many digits; the parser, which knows the sign, checks the exact range.
_INTEGER_DIGITS = 19


def scan(text: str) -> list[Token]:
    """Return the tokens of a query, without blanks and comments; the last one is `Kind.END`."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        token = _bad(text, at) if found is None else _token(found, text)
        if token is not None:
            tokens.append(token)
        at = token.end if token is not None else found.end()  # type: ignore[union-attr] # only a match can be blank
    tokens.append(Token(Kind.END, "", "", len(text)))
    return tokens


def _token(found: re.Match[str], text: str) -> Token | None:
    piece, start = found.group(), found.start()
    match found.lastgroup:
        case "name":
            return Token(Kind.NAME, piece, piece, start)
        case "quoted":
            return Token(Kind.NAME, piece, _unquoted(piece), start)
        case "parameter":
            return Token(Kind.PARAMETER, piece, _unquoted(piece[1:]), start)
        case "string":
            return _string(piece, start)
        case "number":
            return _number(piece, start, text)
        case "symbol":
            return Token(Kind.SYMBOL, piece, piece, start)
        case _:
            return None


def _bad(text: str, start: int) -> Token:
    """Return a token for what cannot be read: the rest of the text when it lacks its end, else one character."""
    first = text[start]
    if first in _OPENERS:
        return Token(Kind.BAD, text[start:], _OPENERS[first], start)
    if text.startswith("/*", start):
        return Token(Kind.BAD, text[start:], "a comment that does not end", start)
    return Token(Kind.BAD, first, f"the character {first!r} has no meaning here", start)


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name[0] == "`" else name


def _string(piece: str, start: int) -> Token:
    try:
        return Token(Kind.STRING, piece, _unescaped(piece[1:-1]), start)
    except ValueError as error:
        return Token(Kind.BAD, piece, str(error), start)


def _unescaped(inner: str) -> str:
    if "\\" not in inner:
        return inner
    plain = _ESCAPE.sub(_escape, inner)
    try:
        # Two \u escapes may stand for one character beyond U+FFFF.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("the text holds half of a surrogate pair") from None


def _escape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code is not None:
        if int(code, 16) > 0x10FFFF:
            raise ValueError(f"there is no character {found[0]}")
        return chr(int(code, 16))
    if found[3] not in _ESCAPED:
        raise ValueError(f"the escape {found[0]!r} is not known")
    return _ESCAPED[found[3]]


def _number(piece: str, start: int, text: str) -> Token:
    end = start + len(piece)
    if text[end : end + 1].isalnum() or text[end : end + 1] == "_":
        broken = _BROKEN_NUMBER.match(text, start)
        return Token(Kind.BAD, broken[0] if broken else piece, "this is not a decimal number", start)
    if piece.isdigit():
        digits = piece.lstrip("0") or "0"
        if len(digits) > _INTEGER_DIGITS:
            return Token(Kind.BAD, piece, "the integer is too large", start)
        return Token(Kind.NUMBER, piece, int(digits), start)
    value = float(piece)
    if math.isinf(value):
        return Token(Kind.BAD, piece, "the number is too large", start)
    return Token(Kind.NUMBER, piece, value, start)
