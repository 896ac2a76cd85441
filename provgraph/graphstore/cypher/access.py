"""
Telling queries that write from queries that read, in full Cypher, not in the subset alone.

Permission follows what a query does, so this must not miss a write whatever the query is dressed up as; where Cypher
is ambiguous the answer is "it writes". Calling a procedure and LOAD CSV count as writing: a procedure can do anything,
and LOAD CSV makes the server read files and addresses.
"""

from __future__ import annotations

import re
from typing import Final

from provgraph.errors import InvalidInputError
from provgraph.graphstore.cypher.lexer import Kind, Token, scan
from provgraph.graphstore.cypher.parser import MAX_LENGTH, parse

_WRITE_WORDS: Final = frozenset(
    {
        *("CREATE", "MERGE", "SET", "DELETE", "DETACH", "NODETACH", "REMOVE", "INSERT", "FOREACH", "LOAD"),
        *("DROP", "ALTER", "GRANT", "DENY", "REVOKE", "RENAME", "TERMINATE"),
        *("ENABLE", "DEALLOCATE", "REALLOCATE", "DRYRUN"),
    }
)
# These words begin a clause that writes only where a query begins; anywhere else they are names.
_FIRST_WRITE_WORDS: Final = frozenset({"START", "STOP"})
_ANY_WRITE_WORD = re.compile(
    rf"(?<![A-Za-z_])(?:{'|'.join(sorted(_WRITE_WORDS | _FIRST_WRITE_WORDS | {'CALL'}))})(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
# No clause that writes goes on with one of these, so the word before is a name: `RETURN a.x AS set, ...`, `{set: 1}`.
_BEHIND_A_NAME: Final = frozenset({":", ")", ",", ".", "=", "<>", "<=", ">=", "<", ">", "]", "}", ";"})
# Neo4j 5 reads these escapes before anything else, even in the middle of a keyword or as the end of a text.
_UNICODE_ESCAPE = re.compile(r"\\u+([0-9A-Fa-f]{4})")


def is_write(query: str) -> bool:
    """Tell whether a Cypher query may change the graph. Never raises; a query that makes no sense may give either."""
    if _UNICODE_ESCAPE.search(query) or len(query) > MAX_LENGTH:
        # Texts and comments cannot be told apart for certain, or not for free: look for the words everywhere.
        return _has_write_word(_UNICODE_ESCAPE.sub(lambda found: chr(int(found[1], 16)), query))
    if is_in_subset(query):
        return False
    tokens = scan(query)
    if any(token.kind is Kind.BAD for token in tokens):
        return _has_write_word(query)
    return any(_writes(tokens, index) for index in range(len(tokens)))


def is_in_subset(query: str) -> bool:
    """Tell whether a query is one of the subset that every store answers, and everybody who reads may send."""
    try:
        parse(query)
    except InvalidInputError:
        return False
    return True


def _has_write_word(text: str) -> bool:
    return _ANY_WRITE_WORD.search(text) is not None


def _writes(tokens: list[Token], index: int) -> bool:
    word = tokens[index].word
    if word == "CALL":
        return tokens[index + 1].kind is Kind.NAME and not _is_name(tokens, index)
    if word in _FIRST_WRITE_WORDS:
        return index == 0
    return word in _WRITE_WORDS and not _is_name(tokens, index)


def _is_name(tokens: list[Token], index: int) -> bool:
    """Tell whether a word is certainly a name (of a variable, a property, a label) and not a keyword."""
    behind = tokens[index + 1]
    if behind.kind is Kind.END or (behind.kind is Kind.SYMBOL and behind.text in _BEHIND_A_NAME):
        return True
    before = tokens[index - 1] if index else None
    if before is None or before.kind is not Kind.SYMBOL:
        return False
    # A point behind a number may be the end of that number.
    return before.text == ":" or (
        before.text == "." and index > 1 and tokens[index - 2].kind is not Kind.NUMBER
    )
