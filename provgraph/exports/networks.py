"""Lineage as a networkx graph, and the formats that networkx writes. Needs networkx."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import networkx as nx

from provgraph.exports import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

# What XML cannot hold, a carriage return (readers turn it into a line feed), and what looks like an escape.
_ESCAPED_IN_XML = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_(?=x[0-9A-Fa-f]{4})",
)


def to_networkx(answer: Mapping[str, Any], *, versions: bool) -> nx.MultiDiGraph:
    """See `provgraph.exports.to_networkx`."""
    content = parts.read(answer)
    graph = nx.MultiDiGraph()
    graph.graph.update(content.about)
    apart = _versions(content) if versions else {}
    for node in content.nodes.values():
        facts = {"kind": node.kind, "name": node.id, **node.facts}
        keys = apart.get(node.key, {node.key: {}})
        graph.add_nodes_from((key, {**facts, **version}) for key, version in keys.items())
    for place, edge in enumerate(content.edges):
        source = edge.source.key
        target = edge.target.key if not versions or edge.version is None else _key(edge.version)
        ends = (source, target) if edge.flows else (target, source)
        graph.add_edges_from([(*ends, place, {"type": edge.type, **edge.facts})])
    return graph


def to_node_link(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as node-link JSON: `networkx.node_link_graph` reads it."""
    return parts.to_json(nx.node_link_data(to_networkx(answer, versions=False), edges="edges"))


def to_graphml(answer: Mapping[str, Any]) -> bytes:
    """
    Return an answer as GraphML.

    What is null is left out, lists and objects become JSON texts, and characters that XML cannot hold are written as
    ``_xHHHH_``, their code in hexadecimal.
    """
    graph = to_networkx(answer, versions=False)
    flat = nx.MultiDiGraph()
    flat.graph.update(_scalars(graph.graph))
    flat.add_nodes_from((_xml_text(key), _scalars(facts)) for key, facts in graph.nodes(data=True))
    flat.add_edges_from(
        (_xml_text(source), _xml_text(target), key, _scalars(facts))
        for source, target, key, facts in graph.edges(keys=True, data=True)
    )
    stream = BytesIO()
    # Not `write_graphml`: that takes lxml where it is installed, and answers would differ from machine to machine.
    nx.write_graphml_xml(flat, stream)
    return stream.getvalue()


def _versions(content: parts.Parts) -> dict[str, dict[str, dict[str, Any]]]:
    """Return for each artifact that has versions in an answer their keys, and what they are."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for version, said in parts.said_of_versions(content.edges).items():
        of_artifact = found.setdefault(f"artifact:{version.artifact}", {})
        of_artifact[_key(version)] = {"version": version.producer, **said}
    return found


def _key(version: parts.Version) -> str:
    return f"artifact:{version.artifact}@{version.suffix}"


def _scalars(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what GraphML can say of some facts."""
    return {_xml_text(name): _scalar(value) for name, value in facts.items() if value is not None}


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    # By its type networkx tells what it is, so a text is made a plain one.
    return _xml_text(str(value) if isinstance(value, str) else parts.to_json(value).decode())


def _xml_text(text: str) -> str:
    return _ESCAPED_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
