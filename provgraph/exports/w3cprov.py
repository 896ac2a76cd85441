"""
Lineage as W3C PROV. Needs prov.

Events are Activities, versions of artifacts are Entities (each a specialization of the artifact's own Entity), emitters
are Agents. Every name is percent-encoded into the local part of a qualified name, so that any name is valid, and
`urllib.parse.unquote` takes it back.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prov.identifier import Namespace
from prov.model import PROV, ProvDocument

from provgraph.errors import InvalidInputError
from provgraph.exports import parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from prov.identifier import QualifiedName

_ANSWER, _ARTIFACT, _VERSION, _EVENT, _EMITTER = (
    Namespace(name, f"urn:provgraph:{name}:")
    for name in ("answer", "artifact", "version", "event", "emitter")
)
_TERM = Namespace("provgraph", "urn:provgraph:term:")
_TYPE, _LABEL = PROV["type"], PROV["label"]
# Of nodes: said by times, agents and types; the depth belongs to the question, and differs from answer to answer.
_SAID_OTHERWISE = frozenset({"occurred_at", "emitter", "placeholder", "depth"})

_Attributes = dict["QualifiedName", Any]


def to_prov(answer: Mapping[str, Any]) -> ProvDocument:
    """See `provgraph.exports.to_prov`."""
    content = parts.read(answer)
    document = ProvDocument(namespaces=[_ANSWER, _ARTIFACT, _VERSION, _EVENT, _EMITTER, _TERM])
    _state_answer(document, content.about)
    for node in content.nodes.values():
        if node.kind == "pem":
            _state_event(document, node)
        else:
            attributes: _Attributes = {_TYPE: _TERM["Artifact"], _LABEL: node.id, _TERM["name"]: node.id}
            document.entity(_artifact(node.id), _attributes(node.facts, _SAID_OTHERWISE) | attributes)
    _state_agents(document, content)
    _state_versions(document, content)
    for edge in content.edges:
        _state_edge(document, edge)
    for produced, used, event_id in _derivations(content.edges):
        document.derivation(
            _version(produced),
            _version(used),
            activity=_event(event_id),
            other_attributes={_TYPE: _TERM["PossibleDerivation"]},
        )
    return document


def _state_answer(document: ProvDocument, about: dict[str, Any]) -> None:
    """State what was asked and how far the answer goes: what is left out must show wherever the document goes."""
    asked = about.get("node") or {}
    name = [about.get("direction"), asked.get("kind"), asked.get("id"), about.get("position")]
    attributes = _attributes(about, {"node", "cursor"})
    if asked:
        attributes[_TERM["node"]] = _asked(asked)
    attributes[_TYPE] = _TERM["Answer"]
    document.entity(_ANSWER["/".join(parts.encode(str(part)) for part in name)], attributes)


def _asked(node: Mapping[str, Any]) -> QualifiedName:
    if node["kind"] == "pem":
        return _event(node["id"])
    if node["kind"] == "tag":
        return _event(node["event"])
    if node.get("version") is None:
        return _artifact(node["id"])
    return _version(parts.Version(node["id"], node["version"]))


def _state_event(document: ProvDocument, node: parts.Node) -> None:
    kind = "Placeholder" if node.facts.get("placeholder") else "Event"
    attributes: _Attributes = {_TYPE: _TERM[kind], **_attributes(node.facts, _SAID_OTHERWISE)}
    if node.facts.get("type") is not None:
        attributes[_LABEL] = node.facts["type"]
    occurred = _time(node.facts.get("occurred_at"))
    document.activity(_event(node.id), occurred, occurred, attributes)


def _state_agents(document: ProvDocument, content: parts.Parts) -> None:
    emitters: set[str] = set()
    for node in content.nodes.values():
        emitter = node.facts.get("emitter")
        if node.kind != "pem" or emitter is None:
            continue
        if emitter not in emitters:
            emitters.add(emitter)
            attributes = {_TYPE: PROV["SoftwareAgent"], _LABEL: emitter, _TERM["name"]: emitter}
            document.agent(_emitter(emitter), attributes)
        document.association(_event(node.id), _emitter(emitter))


def _state_versions(document: ProvDocument, content: parts.Parts) -> None:
    facts = {version: _attributes(said) for version, said in parts.said_of_versions(content.edges).items()}
    for edge in content.edges:
        if edge.version is not None and edge.type == "PRODUCES":
            facts[edge.version].update(_attributes(edge.facts))
    for version, said in facts.items():
        attributes: _Attributes = {_TYPE: _TERM["Version"], _LABEL: version.artifact, **said}
        attributes[_TERM["name"]] = version.artifact
        if version.producer is None:
            attributes[_TYPE] = _TERM["VersionFromOutside"]
        else:
            attributes[_TERM["event"]] = _event(version.producer)
        document.entity(_version(version), attributes)
        document.specialization(_version(version), _artifact(version.artifact))


def _state_edge(document: ProvDocument, edge: parts.Edge) -> None:
    event = _event(edge.source.id)
    version = edge.version
    if version is None:
        document.communication(event, _event(edge.target.id))
    elif edge.type == "USES":
        # What came from outside may be another thing each time: what this use states of it is said here, too.
        of_version = () if version.producer is None else parts.OF_VERSION
        said = _attributes(edge.facts, {"version", *of_version})
        document.usage(event, _version(version), other_attributes=said)
    else:
        document.generation(_version(version), event)
        if edge.source.facts.get("emitter") is not None:
            document.attribution(_version(version), _emitter(edge.source.facts["emitter"]))


def _derivations(edges: list[parts.Edge]) -> Iterator[tuple[parts.Version, parts.Version, str]]:
    """
    Yield what may have been derived from what, and by which event.

    An event says what it used and what it produced, not which of them belong together. Where it has one input or one
    output here there is nothing to tell apart; elsewhere every pair would be a guess, and there would be a great many.
    """
    used: dict[str, dict[parts.Version, None]] = {}
    produced: dict[str, dict[parts.Version, None]] = {}
    for edge in edges:
        if edge.version is not None:
            beside = used if edge.type == "USES" else produced
            beside.setdefault(edge.source.id, {})[edge.version] = None
    for event_id, outputs in produced.items():
        inputs = used.get(event_id, {})
        if len(inputs) == 1 or len(outputs) == 1:
            yield from (
                (output, input_, event_id) for output in outputs for input_ in inputs if output != input_
            )


def _attributes(facts: Mapping[str, Any], but: Collection[str] = ()) -> _Attributes:
    """Return facts as attributes: texts, numbers and truth values as they are, lists and objects as JSON texts."""
    return {
        _TERM[parts.encode(name)]: value
        if isinstance(value, str | bool | int | float)
        else parts.to_json(value).decode()
        for name, value in facts.items()
        if value is not None and name not in but
    }


def _time(stated: str | None) -> datetime | None:
    if stated is None:
        return None
    try:
        return datetime.fromisoformat(stated)
    except ValueError as error:
        raise InvalidInputError(
            f"This is no lineage answer: occurred_at is no time: {stated[:40]!r}", field="occurred_at"
        ) from error


def _artifact(name: str) -> QualifiedName:
    return _ARTIFACT[parts.encode(name, safe="/")]


def _version(version: parts.Version) -> QualifiedName:
    return _VERSION[f"{parts.encode(version.artifact, safe='/')}@{version.suffix}"]


def _event(event_id: str) -> QualifiedName:
    return _EVENT[parts.encode(event_id)]


def _emitter(name: str) -> QualifiedName:
    return _EMITTER[parts.encode(name, safe="/")]
