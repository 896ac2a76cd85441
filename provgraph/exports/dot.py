"""Lineage in DOT, the language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.exports.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provgraph.exports.drawing import Arrow, Box

_BOXES = {
    "artifact": 'shape=ellipse, fillcolor="#fff4c2"',
    "event": 'shape=box, fillcolor="#d6e4ff"',
    "placeholder": 'shape=box, fillcolor="#ffffff", style="dashed"',
}
_ARROWS = {"USES": "", "PRODUCES": "", "PREDECESSOR": "style=dashed"}


def to_dot(answer: Mapping[str, Any]) -> str:
    """See `provgraph.exports.to_dot`."""
    drawing = draw(answer)
    lines = [
        "digraph lineage {",
        "  rankdir=LR;",
        '  node [fontname="sans-serif", style="filled"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    if drawing.note is not None:
        lines.append(f"  label={quoted([drawing.note])};")
    lines += [f"  {statement};" for statement in map(_box, drawing.boxes)]
    lines += [f"  {statement};" for statement in map(_arrow, drawing.arrows)]
    return "\n".join([*lines, "}", ""])


def quoted(lines: Iterable[str]) -> str:
    """
    Return lines of text, without control characters, as a label.

    Within quotes only the quote must be escaped, but in a label a backslash begins an escape and an ampersand an HTML
    entity.
    """
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _box(box: Box) -> str:
    emphasis = ", penwidth=3" if box.is_asked else ""
    return f"{box.id} [label={quoted(box.lines)}, {_BOXES[box.kind]}{emphasis}]"


def _arrow(arrow: Arrow) -> str:
    attributes = ", ".join(_arrow_attributes(arrow))
    return f"{arrow.tail} -> {arrow.head}" + (f" [{attributes}]" if attributes else "")


def _arrow_attributes(arrow: Arrow) -> Iterator[str]:
    if _ARROWS[arrow.type]:
        yield _ARROWS[arrow.type]
    if arrow.label is not None:
        yield f"label={quoted([arrow.label])}"
    if arrow.is_dubious:
        yield 'color="#c00000"'
