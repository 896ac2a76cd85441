"""An answer to why, as a text that can be read aloud."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from provgraph.lineage.recorders import CHANGED, RECORDED_BY
from provgraph.lineage.told import ARRIVAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provgraph.lineage.told import Json

_MOST_STEPS = 40
_MOST_NAMES = 12
# A name made of these alone can pass for nothing but a name.
_PLAIN = re.compile(r"[\w./:@+=#%~&?*-]+").fullmatch
_NODES = {"pem": "event", "artifact": "artifact", "tag": "tag"}


def aloud(found: Json, *, is_known_at: bool = False) -> str:
    """
    Return an answer of `provgraph.lineage.why` as a text: one step a line, nearest first, and a summary.

    Names with blanks or punctuation that could pass for more than a name stand in quotation marks.

    :param is_known_at: it was asked what was known at the answer's log position
    """
    steps = [step for step in found["steps"] if not step.get("placeholder")]
    unseen = {step["event"] for step in found["steps"] if step.get("placeholder")}
    lines = [_headline(found, steps, is_known_at=is_known_at), *([""] if steps else [])]
    lines += [_step(number, step, unseen) for number, step in enumerate(steps[:_MOST_STEPS], 1)]
    if len(steps) > _MOST_STEPS:
        lines.append(f"... and {len(steps) - _MOST_STEPS} steps before those.")
    lines += ["", *_summary(found, unseen)]
    return "\n".join(map(_one_line, lines)).rstrip() + "\n"


def _one_line(text: str) -> str:
    """Return a text whose names cannot begin a line of their own, or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _name(name: str) -> str:
    return name if _PLAIN(name) else json.dumps(name, ensure_ascii=False)


def _headline(found: Json, steps: list[Json], *, is_known_at: bool) -> str:
    node = found["node"]
    what = f"{_NODES[node['kind']]} {_name(node['id'])}"
    if node["kind"] == "tag":
        last = "as it came last in the log" if node["tag_order"] == ARRIVAL else "as it was last set by then"
        what = f"{what} ({last})"
    when = "" if found["as_of"] is None else f", as of {found['as_of']}"
    if is_known_at:
        when += f", as it was known at log position {found['position']}"
    if steps:
        return f"Why {what}{when}:"
    why = "it came from outside" if node["kind"] == "artifact" else "it was never reported"
    if node["kind"] == "tag":
        why = f"event {node['event']}, which it marks, was never reported"
    return f"Nothing is known of what led to {what}{when}: {why}."


def _step(number: int, step: Json, unseen: set[str]) -> str:
    made = _listed(_produced(each) for each in step["produced"])
    used = _listed(_used(each) for each in step["used"])
    after = _listed(f"event {id_}" + (" (never reported)" if id_ in unseen else "") for id_ in step["after"])
    parts = [f"{number}. {step['occurred_at']}: {_name(step['emitter'])} reported {_name(step['type'])}"]
    if made:
        parts.append(f"producing {made}")
    if used:
        parts.append(f"from {used}")
    if after:
        parts.append(f"after {after}")
    proof = f"event {step['event']}, position {step['position']}"
    if RECORDED_BY in step:
        proof += f", recorded by {_name(step[RECORDED_BY]['name'] or step[RECORDED_BY]['id'])}"
    if CHANGED in step:
        proof += f", CHANGED after it was recorded, which was accepted: {step[CHANGED]['reason']}"
    return ", ".join(parts) + f" [{proof}]."


def _produced(made: Json) -> str:
    label = made["version"].get("label")
    return _name(made["artifact"]) + ("" if label is None else f" ({_name(label)})")


def _used(used: Json) -> str:
    name, version = _name(used["artifact"]), used["version"]
    if version is None:
        return f"{name} ({_origin(used)})"
    label = f"{_name(version['label'])}, " if "label" in version else ""
    order = ", by its clock only later" if used.get("out_of_order") else ""
    return f"{name} ({label}made at position {version['position']}{order})"


def _origin(used: Json) -> str:
    """Return why what was used has no version that is known."""
    named = used.get("named_version")
    return (
        "from outside"
        if named is None
        else f"version {_name(named)}, which no other event is known to have made"
    )


def _summary(found: Json, unseen: set[str]) -> Iterator[str]:
    emitters = _listed(f"{_name(each['emitter'])} ({each['events']})" for each in found["emitters"])
    if emitters:
        yield f"Who took part (with events): {emitters}."
    for kind, entries in found["artifacts"].items():
        yield f"{_heading(kind)}: {_artifacts(entries)}."
    without = [
        entry for entries in found["artifacts"].values() for entry in entries if entry["version"] is None
    ]
    if outside := [entry for entry in without if "named_version" not in entry]:
        yield f"From outside, with no event that made it: {_artifacts(outside)}."
    if unknown := [entry for entry in without if "named_version" in entry]:
        names = _listed(
            f"{_name(each['artifact'])} (version {_name(each['named_version'])})" for each in unknown
        )
        yield f"Used in a version that no other event is known to have made: {names}."
    if unseen:
        placeholders = (step["event"] for step in found["steps"] if step["event"] in unseen)
        yield f"Never reported: {_listed(f'event {id_}' for id_ in placeholders)}."
    if found["complete"]:
        everything = "everything that was reported" if unseen else "everything"
        yield f"That is {everything}, by the log up to position {found['position']}."
    else:
        truth = f"it is true for the log up to position {found['position']}"
        yield f"There is more behind this ({found['reason']}); {truth}."


def _heading(kind: str) -> str:
    """Return a kind as the beginning of a line; one that is more than a word stays as it is written."""
    return kind[:1].upper() + kind[1:] if kind.isalpha() else f"Kind {_name(kind)}"


def _artifacts(entries: Iterable[Json]) -> str:
    return _listed(_name(name) for name in dict.fromkeys(entry["artifact"] for entry in entries))


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    shown = ", ".join(found[:_MOST_NAMES])
    return shown if len(found) <= _MOST_NAMES else f"{shown} and {len(found) - _MOST_NAMES} more"
