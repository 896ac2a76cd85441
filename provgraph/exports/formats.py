"""
Every format that a lineage answer can be had in.

The libraries that some of them need are loaded only when such a format is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from provgraph.exports import dot, mermaid, plain
from provgraph.exports.errors import MissingLibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from networkx import MultiDiGraph
    from prov.model import ProvDocument

Answer = Mapping[str, Any]  # the JSON answer of `GET /api/v1/lineage`


@dataclass(frozen=True, slots=True)
class Format:
    """A format that a lineage answer can be had in."""

    name: str
    media_type: str
    suffix: str  # of a file, with the dot
    render: Callable[[Answer], bytes]  # texts in UTF-8; raises InvalidInputError, MissingLibraryError


def to_networkx(answer: Answer, *, versions: bool = False) -> MultiDiGraph:
    """
    Return a lineage answer as a networkx graph.

    Edges point the way the data went: from what an event used to the event, from the event to what it produced, from
    the event before to the event after. So `networkx.ancestors` gives what is upstream, `networkx.descendants` what is
    downstream, and layouts run from left to right.

    Nodes are named as the API names them, ``artifact:NAME`` and ``pem:ID``. They have ``kind``, ``name`` (the
    artifact's name or the event's id) and all else that the answer says of them; a node that lies beyond the answer,
    where only an edge names it, has nothing else. Edges have ``type`` (``USES``, ``PRODUCES``, ``PREDECESSOR``) and all
    else that the answer says; their key is their place in the answer. The graph's own attributes are the answer's:
    ``position``, ``complete`` and so on.

    An artifact is one node whatever its versions, so a path may lead through one version into an event that used
    another. With ``versions`` each version is a node of its own, ``artifact:NAME@EVENT_ID`` (``@outside`` when nobody
    produced it), and paths are exact.

    :raises InvalidInputError: it is no lineage answer
    :raises MissingLibraryError: networkx is not installed
    """
    with _library("networkx"):
        from provgraph.exports import networks
    return networks.to_networkx(answer, versions=versions)


def to_node_link(answer: Answer) -> bytes:
    """
    Return a lineage answer as node-link JSON: the graph of `to_networkx`, for `networkx.node_link_graph` and D3.

    :raises InvalidInputError: it is no lineage answer
    :raises MissingLibraryError: networkx is not installed
    """
    with _library("networkx"):
        from provgraph.exports import networks
    return networks.to_node_link(answer)


def to_graphml(answer: Answer) -> bytes:
    """
    Return a lineage answer as GraphML: the graph of `to_networkx`, for Gephi, yEd, igraph and networkx.

    What is null is left out, lists and objects become JSON texts, and characters that XML cannot hold are written as
    ``_xHHHH_``, their code in hexadecimal.

    :raises InvalidInputError: it is no lineage answer
    :raises MissingLibraryError: networkx is not installed
    """
    with _library("networkx"):
        from provgraph.exports import networks
    return networks.to_graphml(answer)


def to_prov(answer: Answer) -> ProvDocument:
    """
    Return a lineage answer as a W3C PROV document.

    Events are Activities, versions of artifacts Entities, emitters SoftwareAgents; the whole mapping stands in
    ``docs/reference/exports.md``. ``wasDerivedFrom`` is marked ``provgraph:PossibleDerivation``: an event says what it
    used and what it produced, not which of them belong together.

    :raises InvalidInputError: it is no lineage answer
    :raises MissingLibraryError: prov is not installed
    """
    with _library("prov"):
        from provgraph.exports import w3cprov
    return w3cprov.to_prov(answer)


def to_prov_json(answer: Answer) -> str:
    """Return a lineage answer as PROV-JSON; see `to_prov`."""
    stream = StringIO()
    to_prov(answer).serialize(stream, format="json")
    return stream.getvalue()


def to_prov_n(answer: Answer) -> str:
    """Return a lineage answer in PROV-N, the notation for people; see `to_prov`."""
    return to_prov(answer).get_provn()


def to_dot(answer: Answer) -> str:
    """
    Return a lineage answer in DOT, for Graphviz; arrows point the way the data went.

    :raises InvalidInputError: it is no lineage answer
    """
    return dot.to_dot(answer)


def to_mermaid(answer: Answer) -> str:
    """
    Return a lineage answer as a Mermaid flowchart, for Markdown pages; arrows point the way the data went.

    :raises InvalidInputError: it is no lineage answer
    """
    return mermaid.to_mermaid(answer)


def _in_utf8(render: Callable[[Answer], str]) -> Callable[[Answer], bytes]:
    # A half of a surrogate pair has no UTF-8 form.
    return lambda answer: render(answer).encode("utf-8", "backslashreplace")


@contextmanager
def _library(name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise MissingLibraryError(name) from error


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        name: Format(name, media_type, suffix, render)
        for name, media_type, suffix, render in (
            ("json", "application/json", ".json", plain.to_json),
            ("ndjson", "application/x-ndjson", ".ndjson", plain.to_ndjson),
            ("prov-json", "application/json", ".prov.json", _in_utf8(to_prov_json)),
            ("prov-n", "text/provenance-notation", ".provn", _in_utf8(to_prov_n)),
            ("graphml", "application/graphml+xml", ".graphml", to_graphml),
            ("node-link", "application/json", ".node-link.json", to_node_link),
            ("dot", "text/vnd.graphviz", ".gv", _in_utf8(to_dot)),
            ("mermaid", "text/vnd.mermaid", ".mmd", _in_utf8(to_mermaid)),
        )
    }
)
