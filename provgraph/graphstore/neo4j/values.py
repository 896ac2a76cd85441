"""The driver's values as plain Python: what answers of graph queries are made of, whatever store gave them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import time
from typing import TYPE_CHECKING

from neo4j.graph import Node, Path, Relationship
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Deeper lists cannot be read back from a Python literal, the form that Record Keeper's client takes.
DEEPEST = 100
# Properties that begin so are the store's own. They are left out where a whole node or relationship is returned.
_OWN = "_"
# The labels of generations, which every node has beside the public one.
_OWN_LABEL = re.compile("_(?:PEM|Artifact|Emitter|Tag|TagMoves|Placeholder|Late)_[a-z]").fullmatch
_POINTS = {
    4326: ("wgs-84", ("longitude", "latitude")),
    4979: ("wgs-84-3d", ("longitude", "latitude", "height")),
    7203: ("cartesian", ("x", "y")),
    9157: ("cartesian-3d", ("x", "y", "z")),
}


class Values:
    """
    Makes plain values of those in an answer, up to a number of them.

    An empty list takes one byte on its way here, and 64 then.
    """

    def __init__(self, *, at_most: int, with_labels: bool = False) -> None:
        """
        Begin an answer.

        :param with_labels: whether lists may be lists of labels, so that the store's own labels are left out of them
        """
        self._at_most = at_most
        self._left = at_most
        self._with_labels = with_labels

    def row(self, values: Sequence[object]) -> list[object]:
        """
        Return the values of a row as plain ones.

        Nodes and relationships become maps of their properties, paths lists of those, alternating; times become
        Python's with what is finer than a microsecond cut off; durations, and times of day with a zone, ISO texts;
        points maps; bytes base64 text.

        :raises InvalidInputError: too many values so far, or nested too deep
        """
        return [self._plain(value, DEEPEST) for value in values]

    def _plain(self, value: object, levels: int) -> object:
        self._left -= 1
        if self._left < 0:
            raise _beyond(f"The answer has more than {self._at_most} values: ask for less", "values")
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if not levels:
            raise _beyond(f"The answer is nested deeper than {DEEPEST} levels", "depth")
        if isinstance(value, list):
            return [self._plain(item, levels - 1) for item in value if not self._is_own_label(item)]
        if isinstance(value, Node | Relationship):  # both are mappings, too
            return {
                key: self._plain(item, levels - 1) for key, item in value.items() if not key.startswith(_OWN)
            }
        if isinstance(value, Mapping):
            return {str(key): self._plain(item, levels - 1) for key, item in value.items()}
        if isinstance(value, Path):
            return [self._plain(step, levels - 1) for step in steps(value)]
        return scalar(value)

    def _is_own_label(self, value: object) -> bool:
        return self._with_labels and isinstance(value, str) and _OWN_LABEL(value) is not None


def steps(path: Path) -> list[Node | Relationship]:
    """Return a path's nodes and relationships in turn."""
    walked: list[Node | Relationship] = [path.start_node] if path.start_node is not None else []
    for relationship, node in zip(path.relationships, path.nodes[1:], strict=True):
        walked += (relationship, node)
    return walked


def scalar(value: object) -> object:
    """Return a value that is neither a list nor a map nor JSON's own, as described at `Values.row`."""
    if isinstance(value, DateTime | Date):
        return value.to_native()
    if isinstance(value, Time):
        # The driver's own conversion fails in the last half of a microsecond.
        stated = time(value.hour, value.minute, value.second, value.nanosecond // 1_000, tzinfo=value.tzinfo)
        return stated if value.tzinfo is None else stated.isoformat()
    if isinstance(value, Duration):
        return value.iso_format()
    if isinstance(value, Point):
        return point(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return str(value)


def point(value: Point) -> dict[str, object]:
    """Return a point with its coordinates under the names that Cypher has for them."""
    crs, names = _POINTS.get(value.srid or 0, ("", ("x", "y", "z")))
    return {"crs": crs, "srid": value.srid, **dict(zip(names, value, strict=False))}


def _beyond(message: str, rule: str) -> InvalidInputError:
    return InvalidInputError(message, field="query", rule=rule)
