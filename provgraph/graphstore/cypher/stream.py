"""Reading tokens one after the other, and the errors that name the one where reading stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provgraph.graphstore.cypher import refusals
from provgraph.graphstore.cypher.lexer import Kind, Token, scan

if TYPE_CHECKING:
    from provgraph.errors import InvalidInputError, UnsupportedQueryError

# Words that begin a clause, or change what the whole query does, in Cypher and not in the subset.
OTHER_CLAUSES: Final = {
    **{
        word: f"{word}, which writes"
        for word in ("CREATE", "MERGE", "SET", "DELETE", "REMOVE", "INSERT", "DROP")
    },
    "DETACH": "DETACH DELETE, which writes",
    "NODETACH": "NODETACH DELETE, which writes",
    "FOREACH": "FOREACH, which writes",
    "LOAD": "LOAD CSV",
    "CALL": "CALL",
    "MATCH": "more than one MATCH",
    "OPTIONAL": "OPTIONAL MATCH",
    "FILTER": "FILTER",
    "LET": "LET",
    "WHEN": "WHEN",
    **{
        word: word
        for word in (
            *("WITH", "UNWIND", "UNION", "USE", "USING", "FINISH", "YIELD", "OFFSET"),
            *(
                "EXPLAIN",
                "PROFILE",
                "CYPHER",
                "SHOW",
                "ALTER",
                "GRANT",
                "DENY",
                "REVOKE",
                "RENAME",
                "TERMINATE",
            ),
            *("START", "STOP", "ENABLE", "DEALLOCATE", "REALLOCATE", "DRYRUN", "XOR", "CASE"),
        )
    },
}
_OTHER_SYMBOLS: Final = {
    **dict.fromkeys(("+", "-", "*", "/", "%", "^"), "arithmetic"),
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), "a comparison in this place"),
    "=~": "matching regular expressions (=~)",
    "||": "joining texts (||)",
    "+=": "+=, which writes",
    "::": "a type test (::)",
    ":": "a label test",
    "[": "taking elements out of lists",
    "{": "maps and subqueries in braces",
    ".": "a property of a property",
    "|": "alternatives (|)",
    "&": "label expressions (&)",
    "..": "ranges (..)",
}


class Tokens:
    """The tokens of a query and the place where reading is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = scan(text)
        self._next = 0

    @property
    def here(self) -> Token:
        """The next token."""
        return self.all[self._next]

    @property
    def before(self) -> Token:
        """The token that was taken last."""
        return self.all[self._next - 1]

    @property
    def behind(self) -> Token:
        """The token behind the next one."""
        return self.all[min(self._next + 1, len(self.all) - 1)]

    def take(self) -> Token:
        """Return the next token and go on behind it."""
        token = self.here
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def at(self, *symbols: str) -> bool:
        """Tell whether one of these symbols comes next."""
        return self.here.kind is Kind.SYMBOL and self.here.text in symbols

    def accept(self, *symbols: str) -> Token | None:
        """Take the next token if it is one of these symbols."""
        return self.take() if self.at(*symbols) else None

    def accept_words(self, *words: str) -> bool:
        """Take these keywords if they come next, one after the other."""
        following = self.all[self._next : self._next + len(words)]
        if tuple(token.word for token in following) != words:
            return False
        self._next += len(words)
        return True

    def expect(self, symbol: str) -> Token:
        """Take a symbol that has to come next."""
        if not self.at(symbol):
            raise self.unexpected(f"{symbol!r}")
        return self.take()

    def name(self, what: str) -> Token:
        """Take a name that has to come next; ``what`` says of which thing."""
        if self.here.kind is not Kind.NAME:
            raise self.unexpected(what)
        return self.take()

    def unexpected(self, expected: str) -> InvalidInputError:
        """Return the error for the next token: Cypher outside the subset, or not Cypher at all."""
        token = self.here
        if token.kind is Kind.BAD:
            return self.invalid(str(token.value))
        if token.word in OTHER_CLAUSES:
            return self.unsupported(OTHER_CLAUSES[token.word])
        if token.kind is Kind.SYMBOL and token.text in _OTHER_SYMBOLS:
            return self.unsupported(_OTHER_SYMBOLS[token.text])
        found = "the query ends" if token.kind is Kind.END else f"found {refusals.shown(token.text)}"
        return self.invalid(f"expected {expected}, {found}")

    def invalid(self, message: str, token: Token | None = None) -> InvalidInputError:
        """Return the error for a mistake at a token, by default the next one."""
        return refusals.invalid(message, self.text, (token or self.here).start)

    def unsupported(self, what: str, token: Token | None = None) -> UnsupportedQueryError:
        """Return the error for what the subset leaves out, at a token, by default the next one."""
        return refusals.unsupported(what, self.text, (token or self.here).start)
