"""A lineage answer taken apart: what every format but plain JSON begins with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import orjson

from provgraph.errors import InvalidInputError
from provgraph.events.recorder import CHANGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# For each type of edge: what its source and its target are, and whether data flows from the source to the target.
# The edges of an answer point from the event; data flows into it from what it used and what it followed.
_EDGES = {
    "USES": ("pem", "artifact", False),
    "PRODUCES": ("pem", "artifact", True),
    "PREDECESSOR": ("pem", "pem", False),
}
_KINDS = ("artifact", "pem")
# Of an edge: what it says of the version, not of the use or the production. How the work ended of the event that made
# it, and that this was changed since, stands there where the event is no node.
OF_VERSION = (
    *("label", "digest", "artifact_kind", "properties", "properties_left_out"),
    *("outcome", "error", CHANGED),
)


class Node(NamedTuple):
    """An event or an artifact."""

    key: str  # artifact:NAME or pem:ID, as the API spells it in a question
    kind: str  # "artifact" or "pem"
    id: str
    facts: dict[str, Any]  # what else the answer says; empty: only edges name it


class Version(NamedTuple):
    """One version of an artifact, as far as an answer tells them apart."""

    artifact: str
    producer: str | None  # id of the event that produced it; None: it came from outside
    named: str | None = None  # how the using event called a version that nobody produced

    @property
    def suffix(self) -> str:
        """What tells this version from the artifact's others; it never holds an ``@``."""
        if self.producer is not None:
            return encode(self.producer)
        return "outside" if self.named is None else f"outside/{encode(self.named)}"


class Edge(NamedTuple):
    """An edge of an answer."""

    type: str
    source: Node  # as the answer has it: the event
    target: Node
    flows: bool  # data flows from the source to the target, and not the other way round
    facts: dict[str, Any]

    @property
    def version(self) -> Version | None:
        """The version that was used or produced; None between two events."""
        if self.type == "PRODUCES":
            return Version(self.target.id, self.source.id)
        if self.type == "USES":
            producer = self.facts.get("version")
            named = self.facts.get("named_version") if producer is None else None
            return Version(self.target.id, producer, named)
        return None

    @property
    def said_of_version(self) -> dict[str, Any]:
        """What it says of the version and of the event that made it, as far as the answer tells; see `OF_VERSION`."""
        return {name: self.facts[name] for name in OF_VERSION if name in self.facts}


class Parts(NamedTuple):
    """The parts of an answer."""

    about: dict[str, Any]  # all but nodes and edges: node, direction, position, complete, ...
    nodes: dict[str, Node]  # by key, in the answer's order, then those that only edges name
    edges: list[Edge]


def said_of_versions(edges: Iterable[Edge]) -> dict[Version, dict[str, Any]]:
    """
    Return what edges say of each version.

    What came from outside may be another thing each time that it was used. So of that only those facts count that no
    use states otherwise; what each states stands on its own edge.
    """
    found: dict[Version, dict[str, Any]] = {}
    disputed: set[tuple[Version, str]] = set()
    for edge in edges:
        version = edge.version
        if version is None:
            continue
        said = found.setdefault(version, {})
        for name, value in edge.said_of_version.items():
            if version.producer is None and not same(said.get(name, value), value):
                disputed.add((version, name))
            said[name] = value
    for version, name in disputed:
        del found[version][name]
    return found


def read(answer: Mapping[str, Any]) -> Parts:
    """
    Take a lineage answer apart.

    :raises InvalidInputError: it is none
    """
    try:
        nodes = {node.key: node for node in map(_node, answer["nodes"])}
        edges = [_edge(stated, nodes) for stated in answer["edges"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"This is no lineage answer: {error!r}") from error
    return Parts(about(answer), nodes, edges)


def about(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of an answer but its nodes and edges."""
    return {name: value for name, value in answer.items() if name not in {"nodes", "edges"}}


def to_json(value: object) -> bytes:
    """Return a value as JSON in UTF-8."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or half of a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def same(one: object, other: object) -> bool:
    """
    Tell whether two facts are one.

    To Python 1, 1.0 and true are equal, and so are lists and objects that hold them.
    """
    return one is other or _in_order(one) == _in_order(other)


def encode(text: str, *, safe: str = "") -> str:
    """Percent-encode a text so that it can stand in any name; `urllib.parse.unquote` takes it back."""
    return quote(text, safe=safe, errors="surrogatepass")


def _in_order(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # as in `to_json`
        return json.dumps(value, sort_keys=True).encode()


def _node(stated: Mapping[str, Any]) -> Node:
    kind, id_ = stated["kind"], stated["id"]
    if kind not in _KINDS:
        raise InvalidInputError(f"An export cannot show a node of the kind {kind!r}", field="kind")
    return Node(f"{kind}:{id_}", kind, id_, _without(stated, "kind", "id"))


def _edge(stated: Mapping[str, Any], nodes: dict[str, Node]) -> Edge:
    type_ = stated["type"]
    if type_ not in _EDGES:
        raise InvalidInputError(f"An export cannot show an edge of the type {type_!r}", field="type")
    source_kind, target_kind, flows = _EDGES[type_]
    source = _end(source_kind, stated["source"], nodes)
    target = _end(target_kind, stated["target"], nodes)
    return Edge(type_, source, target, flows, _without(stated, "type", "source", "target"))


def _end(kind: str, id_: str, nodes: dict[str, Node]) -> Node:
    # A page of an answer has edges whose other end is on the page before.
    key = f"{kind}:{id_}"
    return nodes.setdefault(key, Node(key, kind, id_, {}))


def _without(stated: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name not in names}
