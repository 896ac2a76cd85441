"""Lineage as a Mermaid flowchart, for Markdown pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provgraph.exports.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.exports.drawing import Arrow, Box

# What is written as it is: words of letters and digits with single marks inside, times of day, blanks, slashes, commas,
# apostrophes, a point before a word, brackets around words. Everything else may mean something to some version of
# Mermaid (the end of the label, an entity, a directive, a comment, a list or link in Markdown, an icon, a formula), so
# it is written as its code. Not all is: a page that has HTML labels switched off shows codes as they stand.
_WORD = r"[^\W_]+(?:(?:[._-]|(?<=[0-9]):(?=[0-9]))[^\W_]+)*"
_PLAIN_OR_CODED = re.compile(
    rf"(?P<plain>{_WORD}|[ /,']|[.(](?=[^\W_])|(?<=[^\W\d_])\))|(?P<coded>.)", re.DOTALL
)
_BOXES = {
    "artifact": ("([", "])"),
    "event": ("[", "]"),
    "placeholder": ("[", "]"),
}
_ARROWS = {"USES": "-->", "PRODUCES": "-->", "PREDECESSOR": "-.->"}
_CLASSES = (
    "classDef artifact fill:#fff4c2,stroke:#8a6d00,color:#000",
    "classDef event fill:#d6e4ff,stroke:#1f4e9e,color:#000",
    "classDef placeholder fill:#fff,stroke:#888,color:#000,stroke-dasharray:4",
    "classDef note fill:#fff,stroke:#c00,color:#c00",
    "classDef asked stroke-width:4px",
)


def to_mermaid(answer: Mapping[str, Any]) -> str:
    """See `provgraph.exports.to_mermaid`."""
    drawing = draw(answer)
    lines = ["flowchart LR"]
    lines += [f"  {statement}" for statement in map(_box, drawing.boxes)]
    lines += [f"  {statement}" for statement in map(_arrow, drawing.arrows)]
    lines += [f"  class {box.id} asked" for box in drawing.boxes if box.is_asked]
    if drawing.note is not None:
        lines.append(f"  note[{quoted([drawing.note])}]:::note")
    lines += [f"  {statement}" for statement in _CLASSES]
    return "\n".join([*lines, ""])


def quoted(lines: Iterable[str]) -> str:
    """Return lines of text as a label."""
    return '"' + "<br/>".join(_PLAIN_OR_CODED.sub(_code, line) or "#160;" for line in lines) + '"'


def _code(found: re.Match[str]) -> str:
    return found["plain"] or f"#{ord(found['coded'])};"


def _box(box: Box) -> str:
    opening, closing = _BOXES[box.kind]
    return f"{box.id}{opening}{quoted(box.lines)}{closing}:::{box.kind}"


def _arrow(arrow: Arrow) -> str:
    label = "" if arrow.label is None else f"|{quoted([arrow.label])}|"
    return f"{arrow.tail} {_ARROWS[arrow.type]}{label} {arrow.head}"
