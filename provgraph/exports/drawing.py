"""A lineage answer as boxes and arrows: what is to be drawn, before any language of drawings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph import telling
from provgraph.events.recorder import CHANGED, RECORDED_BY, called
from provgraph.exports import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

# Control characters, and what an SVG made of the drawing could not hold.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LONGEST_IN_A_BOX = 150  # of a label, kind or digest


class Box(NamedTuple):
    """An event or an artifact."""

    id: str  # n0, n1, ...
    kind: str  # artifact, event, or placeholder
    lines: tuple[str, ...]  # what is written in it, without control characters
    is_asked: bool  # the node that the question was about


class Arrow(NamedTuple):
    """An edge, in the direction of the data."""

    tail: str  # id of a box
    head: str
    type: str
    label: str | None
    is_dubious: bool  # a use out of order, or with another digest than its version has


class Drawing(NamedTuple):
    """What is to be drawn."""

    boxes: list[Box]
    arrows: list[Arrow]
    note: str | None  # what the viewer must know


def draw(answer: Mapping[str, Any]) -> Drawing:
    """
    Return what is to be drawn of an answer.

    :raises InvalidInputError: it is no lineage answer
    """
    content = parts.read(answer)
    asked = content.about.get("node") or {}
    marked = asked.get("event")  # by the tag that was asked about
    asked_key = f"{asked.get('kind')}:{asked.get('id')}" if marked is None else f"pem:{marked}"
    ids = {key: f"n{place}" for place, key in enumerate(content.nodes)}
    changing = _with_several_versions(content.edges)
    of_versions = parts.said_of_versions(content.edges)
    versions = {f"artifact:{version.artifact}": said for version, said in of_versions.items()}
    versions = {key: said for key, said in versions.items() if key not in changing}
    boxes = [
        Box(
            ids[key], _kind(node), tuple(map(_visible, _lines(node, versions.get(key, {})))), key == asked_key
        )
        for key, node in content.nodes.items()
    ]
    arrows = []
    for edge in content.edges:
        source, target = ids[edge.source.key], ids[edge.target.key]
        tail, head = (source, target) if edge.flows else (target, source)
        of_version = of_versions.get(edge.version, {}) if edge.version is not None else {}
        label = _label(
            edge,
            tell_version=edge.target.key in changing,
            in_box=versions.get(edge.target.key, {}),
            of_version=of_version,
        )
        is_dubious = any(edge.facts.get(doubt) for doubt in ("out_of_order", "contradicted"))
        arrows.append(Arrow(tail, head, edge.type, label, is_dubious))
    return Drawing(boxes, arrows, _note(content.about))


def _kind(node: parts.Node) -> str:
    if node.kind == "artifact":
        return "artifact"
    return "placeholder" if node.facts.get("placeholder") else "event"


def _lines(node: parts.Node, version: Mapping[str, Any]) -> list[str]:
    """
    Return what is written in a box.

    :param version: what is said of an artifact's only version
    """
    if node.kind == "artifact":
        return [node.id, *_of_version(version)]
    get = node.facts.get
    said = [get(name) for name in ("type", "emitter", "occurred_at")]
    lines = [_time(str(line)) for line in said if line]
    lines.append(f"event {node.id[:8]}")
    if recorded_at := get("recorded_at"):
        lines.append(f"recorded {_time(recorded_at)}")
    if recorder := get(RECORDED_BY):
        lines.append(f"recorded by {called(recorder)}")
    if get(CHANGED):
        lines.append("CHANGED after it was recorded")
    lines += filter(None, (telling.ended(node.facts), telling.reported_after(node.facts)))
    return lines + _properties(node.facts)


def _of_version(said: Mapping[str, Any]) -> list[str]:
    labels = (("label", "version"), ("artifact_kind", "kind"), ("digest", "digest"))
    told = [f"{label} {_cut(str(said[name]))}" for name, label in labels if name in said]
    return told + _of_maker(said) + _properties(said)


def _of_maker(said: Mapping[str, Any]) -> list[str]:
    """Return how the work ended that made a version, and that its event was changed, where no box says so."""
    lines = [f"made by work that {ended}"] if (ended := telling.ended(said)) else []
    return [*lines, "made by an event CHANGED after it was recorded"] if said.get(CHANGED) else lines


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_IN_A_BOX else f"{text[:_LONGEST_IN_A_BOX]}\u2026"


def _properties(said: Mapping[str, Any]) -> list[str]:
    stated = said.get("properties") or {}
    lines = telling.described_in_lines(stated if isinstance(stated, dict) else {"properties": stated})
    left_out = said.get("properties_left_out")
    return [*lines, f"and {left_out:,} long ones"] if left_out else lines


def _time(stated: str) -> str:
    return stated.replace(".000000Z", "Z")


def _with_several_versions(edges: list[parts.Edge]) -> set[str]:
    """Return the keys of the artifacts of which an answer has more than one version."""
    first: dict[str, parts.Version] = {}
    return {
        edge.target.key
        for edge in edges
        if edge.version is not None and first.setdefault(edge.target.key, edge.version) != edge.version
    }


def _label(
    edge: parts.Edge, *, tell_version: bool, in_box: Mapping[str, Any], of_version: Mapping[str, Any]
) -> str | None:
    """
    Return what is written beside an arrow: the version, where the picture does not show it otherwise.

    :param in_box: what the artifact's box says of its only version
    :param of_version: what all edges say of the version that was used
    """
    version = edge.version
    if version is None:
        return None
    if edge.type != "USES":
        return _visible(", ".join(_of_version(edge.said_of_version))) or None if tell_version else None
    said = []
    if version.named is not None:
        said.append(f"unknown version {_visible(version.named)}")
    elif tell_version:
        said.append("from outside" if version.producer is None else f"version {version.producer[:8]}")
        said += map(_visible, _of_maker(edge.said_of_version))
    if version.producer is None:
        # Each use may state something else of what came from outside.
        own = {
            name: value
            for name, value in edge.said_of_version.items()
            if not parts.same(in_box.get(name), value)
        }
        said += map(_visible, _of_version(own))
    told = (telling.contradicted(edge.facts), telling.also_stated(edge.facts, of_version))
    said += map(_visible, filter(None, told))
    if edge.facts.get("out_of_order"):
        said.append("out of order")
    return ", ".join(said) or None


def _note(about: Mapping[str, Any]) -> str | None:
    notes = []
    if about.get("complete") is False:
        notes.append(f"Not complete: cut off by {about.get('reason')}")
    if unreadable := about.get("unreadable"):
        sentence = telling.unreadable(unreadable).rstrip(".")
        notes.append(sentence[0].upper() + sentence[1:])
    return _visible(". ".join(notes)) if notes else None


def _visible(text: str) -> str:
    """Return a text on one line, with a symbol for each control character."""
    return _UNSHOWABLE.sub(_symbol, text)


def _symbol(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
