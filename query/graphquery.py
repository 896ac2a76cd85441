"""
Record Keeper's graph queries, as its client sends them.

It pastes the query into ``{"query": "...", "type": "..."}`` without escaping, so the body is JSON only as long as the
query has no double quote and no line end.
"""

from __future__ import annotations

import re

import orjson

from provgraph.errors import InvalidInputError

_TYPES = frozenset({"r", "rw", "w"})
_PASTED = re.compile(rb'\s*\{"query": "(.*)", "type": "([^"]*)"\s*\}\s*', re.DOTALL)


def read(body: bytes) -> str:
    """
    Return the query in a request's body: as JSON if it is, else as pasted, with nothing unescaped.

    Its type says nothing of what it does, and does not count.

    :raises InvalidInputError: neither, not UTF-8, or of an unknown type
    """
    query, kind = _from_json(body) or _pasted(body)
    if kind not in _TYPES:
        raise InvalidInputError(f"type must be r, rw or w: {kind[:40]!r}", field="type", rule="r-rw-w")
    return query


def _from_json(body: bytes) -> tuple[str, str] | None:
    try:
        fields = orjson.loads(body)  # of two equal keys the last one counts, here as everywhere below
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict):
        raise _unreadable()
    query, kind = fields.get("query"), fields.get("type", "rw")
    if not isinstance(query, str) or not isinstance(kind, str):
        raise _unreadable()
    return query, kind


def _pasted(body: bytes) -> tuple[str, str]:
    found = _PASTED.fullmatch(body)  # greedy: cut at the last '", "type": "'
    if found is None:
        raise _unreadable()
    try:
        return found[1].decode(), found[2].decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError("The query is not UTF-8 text", field="query", rule="utf-8") from error


def _unreadable() -> InvalidInputError:
    return InvalidInputError(
        'The body is not {"query": "...", "type": "r" or "rw"}', field="query", rule="query-and-type"
    )
