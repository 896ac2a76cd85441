"""
What a tracked group is called and how it describes itself: the rule of Infrahub's SDK, to the letter.

Scripts that are run by either client must find the group that the other one wrote, so the name is part of the contract.
"""

from __future__ import annotations

import hashlib
import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

from provgraph.errors import InvalidInputError
from provgraph.events.canonical import MAX_INTEGER, MAX_LEVELS, MIN_INTEGER

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_IDENTIFIER = "python-sdk"
_WITHOUT_IDENTIFIER = "sdk"
# A description that is too long is cut to its limit less five characters, and these follow.
_CUT_FOR_ELLIPSIS = 5
_ELLIPSIS = "..."
# Python pads exponents to two digits, the other encoder does not: 1e-07 and 1e-7.
_EXPONENT = re.compile(r"e([+-])0+(\d)$")
# Runs, groups and answers put some levels around the parameters.
_DEEPEST = MAX_LEVELS - 14


def group_name(
    identifier: str | None, params: Mapping[str, Any] | None = None, *, suffix: str | None = None
) -> str:
    """
    Return the name of the group of a script and its parameters.

    The order of the parameters does not count, their types do: ``1`` and ``"1"`` name two groups.

    :raises InvalidInputError: ``params`` cannot be written as JSON
    """
    parts = [identifier or _WITHOUT_IDENTIFIER]
    if suffix:
        parts.append(suffix)
    if params:
        parts.append(params_digest(params))
    return "-".join(parts)


def params_digest(params: Mapping[str, Any]) -> str:
    """
    Return the MD5 of parameters in their one spelling, as hex: it tells groups apart and guards nothing.

    :raises InvalidInputError: they cannot be written as JSON
    """
    return hashlib.md5(_spelled(params).encode(), usedforsecurity=False).hexdigest()


def check_params(params: object) -> dict[str, Any]:
    """
    Return parameters as they are.

    :raises InvalidInputError: they are not a JSON object, or hold what JSON or the stores cannot, as at the door
        (`provgraph.events.canonical`); the text names where
    """
    if not isinstance(params, dict):
        _refuse("params", f"is a {type(params).__name__}, it must be an object (a dict)", "object")
    _check(params, "params")
    return params


def description(params: Mapping[str, Any] | None, *, limit: int | None = None) -> str:
    """Return the parameters as ``key: value, key: value`` in the caller's order, cut when over ``limit`` characters."""
    told = ", ".join(f"{key}: {value}" for key, value in (params or {}).items())
    if limit is None or len(told) <= limit:
        return told
    return told[: max(limit - _CUT_FOR_ELLIPSIS, 0)] + _ELLIPSIS


def _spelled(params: Mapping[str, Any]) -> str:
    """Return parameters as the encoder of Infrahub's SDK (ujson, its defaults, keys sorted) writes them."""
    check_params(params)
    return _written(params)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_quoted(key)}:{_written(value[key])}" for key in sorted(value))
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return _EXPONENT.sub(r"e\1\2", float.__repr__(value))
    return json.dumps(value)


def _quoted(value: str) -> str:
    # Python's encoder escapes DEL and leaves the slash; the other one does it the other way round.
    written = "\x7f".join(json.dumps(part)[1:-1] for part in value.split("\x7f"))
    return f'"{written}"'.replace("/", "\\/")


def _check(value: object, path: str, depth: int = 0) -> None:
    if depth > _DEEPEST:
        _refuse("params", f"is nested deeper than {_DEEPEST} levels", "depth")
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int | float):  # True and False among them
        _check_number(value, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                _refuse(path, f"has the key {key!r}, keys must be texts", "json")
            _check_text(key, path)
            _check(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]", depth + 1)
    elif value is not None:
        kind = type(value).__name__
        _refuse(path, f"is a {kind}, which JSON cannot hold; write it as a text or a number", "json")


def _check_number(value: float, path: str) -> None:
    if not isinstance(value, int):
        if not isfinite(value):
            _refuse(path, f"is {float(value)!r}, which JSON does not have", "json")
    elif not MIN_INTEGER <= value <= MAX_INTEGER:
        _refuse(path, "is an integer that does not fit into 64 bits", "integer-64-bit")


def _check_text(value: str, path: str) -> None:
    if "\0" in value:
        _refuse(path, "holds the character NUL", "no-nul")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(path, "holds a lone surrogate", "no-lone-surrogate")


def _refuse(path: str, reason: str, rule: str) -> NoReturn:
    raise InvalidInputError(f"{path} {reason}", field=path, rule=rule)
