"""
What a tracked group is called and how it describes itself: the rule of Infrahub's SDK, to the letter.

Scripts that are run by either client must find the group that the other one wrote, so the name is part of the contract.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_IDENTIFIER = "python-sdk"
_WITHOUT_IDENTIFIER = "sdk"
# A description that is too long is cut to its limit less five characters, and these follow.
_CUT_FOR_ELLIPSIS = 5
_ELLIPSIS = "..."


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


def check_params(params: object) -> None:
    """
    Refuse parameters that are not a JSON object.

    :raises InvalidInputError: they are something else, or hold what JSON cannot; the text names where
    """
    if not isinstance(params, dict):
        raise InvalidInputError(
            f"params is a {type(params).__name__}, it must be an object (a dict)",
            field="params",
            rule="object",
        )
    _check(params, "params")
    _spelled(params)


def description(params: Mapping[str, Any] | None, *, limit: int | None = None) -> str:
    """Return the parameters as ``key: value, key: value`` in the caller's order, cut when over ``limit`` characters."""
    told = ", ".join(f"{key}: {value}" for key, value in (params or {}).items())
    if limit is None or len(told) <= limit:
        return told
    return told[: max(limit - _CUT_FOR_ELLIPSIS, 0)] + _ELLIPSIS


def _spelled(params: Mapping[str, Any]) -> str:
    try:
        spelled = json.dumps(params, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"params cannot be written as JSON: {error}", field="params", rule="json"
        ) from error
    return spelled.replace("/", "\\/")


def _check(value: object, path: str) -> None:
    if value is None or isinstance(value, str | int | float | bool):
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidInputError(
                    f"{path} has the key {key!r}, keys must be texts", field=path, rule="json"
                )
            _check(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]")
    else:
        raise InvalidInputError(
            f"{path} is a {type(value).__name__}, which JSON cannot hold; write it as a text or a number",
            field=path,
            rule="json",
        )
