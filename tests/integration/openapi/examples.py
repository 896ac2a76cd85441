"""
Writes the services' files of examples anew, from answers that the services really give.

``python -m tests.integration.openapi.examples``, after answers changed. Lists are cut, and tokens are made up.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from provgraph.cli.parts import PARTS
from provgraph.http import front_door
from provgraph.http.openapi import RawRoute, operation_id
from tests.integration.openapi.exchanges import NDJSON, exchanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.integration.openapi.exchanges import Exchange

_MOST_ITEMS = 3
_MOST_LINES = 40
_TOKENS = frozenset({"token", "access_token", "refresh_token"})
_PROBES = "provgraph.http"


def main() -> None:
    """Write them."""
    with tempfile.TemporaryDirectory() as folder, exchanged(Path(folder)) as (served, exchanges):
        owners = {
            operation_id(method, route.path_format): part
            for part in PARTS
            for route in front_door(part).routes(served.services)
            if isinstance(route, RawRoute)
            for method, _ in route.operations()
        }
        write(exchanges, owners)


def write(exchanges: Iterable[Exchange], owners: dict[str, str]) -> None:
    """
    Write the first answer of each operation and media type.

    :param owners: the packages that have the operations, by their ids
    """
    files: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for exchange in exchanges:
        name = operation_id(exchange.method.lower(), exchange.path)
        package = "admin" if exchange.path.startswith("/admin/") else owners.get(name, _PROBES)
        examples = files[package].setdefault(name, {})
        if exchange.media_type not in examples:
            examples[exchange.media_type] = _example(exchange)
    for package, found in files.items():
        with resources.as_file(resources.files(package)) as folder:
            dumped = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
            (folder / "examples.json").write_bytes(dumped + b"\n")


def _example(exchange: Exchange) -> Any:
    values = exchange.values()
    # Of lines: the second one, for the first and the last are about all of them.
    return _short(values[1] if exchange.media_type == NDJSON and len(values) > 1 else values[0])


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "pg_made-up" if name in _TOKENS else _short(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value[:_MOST_ITEMS]]
    return "\n".join(value.split("\n")[:_MOST_LINES]) if isinstance(value, str) else value


if __name__ == "__main__":
    main()
