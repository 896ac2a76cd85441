"""
What the walks through all that is stored have in common: a change is planted, and deep verification has to notice it.

Each walk takes what there is to change from the store itself, so that what is added one day is walked as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import provgraph
from provgraph.errors import ProvgraphError
from provgraph.operations.verify import verify
from tests.effort import quick_or_long
from tests.unit.operations.stores import chain_of_pems, pem, pem_id, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore import GraphStore

# With these after those of the log of format 1, nearly every table has rows.
EVENTS = (
    *chain_of_pems(3),
    pem(9, uses=["a1", "outside"], produces=["b"], Predecessors=[pem_id(3), pem_id(2), pem_id(77)]),
    pem(10, uses=["b"], Outcome="failed", Error="no rows"),
    pem(
        11,
        UsesArtifacts=[{"Name": "outside", "Properties": {"x": 1}, "Digest": "d", "Kind": "k"}],
        Predecessor=pem_id(12),
    ),
    pem(12),
    tag("t", 1),
    tag("t", 2),
)
# Nothing follows the log here: a graph that is not there yet will never be.
_TIMEOUT_SECONDS = 0.3


class Opened(Protocol):
    """Stores that are open."""

    @property
    def log(self) -> EventLog: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def graph(self) -> GraphStore: ...


def finding(opening: Callable[[], AbstractContextManager[Opened]]) -> str | None:
    """Return what deep verification says of stores that are opened anew, None for nothing; an error says something."""
    try:
        with opening() as stores:
            found = verify(
                stores.log, stores.catalog, stores.graph, deep=True, timeout_seconds=_TIMEOUT_SECONDS
            )
    except ProvgraphError as error:
        return str(error)
    return None if found.in_sync else found.message


def others(value: object) -> list[object]:
    """Return other values of the same type: of a number a larger one, and in the long set a smaller one too."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1_000_003, *quick_or_long([], [value - 1])]
    if isinstance(value, bytes):
        return [bytes([*value[:-1], value[-1] ^ 1]) if value else b"\x01"]
    if isinstance(value, datetime):
        return [value + timedelta(days=7)]
    if isinstance(value, list):
        return [[*value[:-1], *others(value[-1])[:1]]] if value else [["7"]]
    return [f"{value}x"]


def undocumented(names: Iterable[str]) -> list[str]:
    """Return those names that docs/howto/operate.md does not have among what cannot be proved."""
    page = (Path(provgraph.__file__).parents[1] / "docs" / "howto" / "operate.md").read_text()
    return [name for name in names if f"`{name}`" not in page]
