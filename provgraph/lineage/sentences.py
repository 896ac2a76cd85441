"""An answer to why, as a text that can be read aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.lineage.told import Json

_MOST_STEPS = 40
_MOST_NAMES = 12


def aloud(found: Json) -> str:
    """Return an answer of `provgraph.lineage.why` as a text: one step a line, nearest first, and a summary."""
    steps = [step for step in found["steps"] if not step.get("placeholder")]
    lines = [_headline(found, steps), ""]
    lines += [_step(number, step) for number, step in enumerate(steps[:_MOST_STEPS], 1)]
    if len(steps) > _MOST_STEPS:
        lines.append(f"... and {len(steps) - _MOST_STEPS} steps before those.")
    lines += ["", *_summary(found)]
    return "\n".join(map(_one_line, lines)).rstrip() + "\n"


def _one_line(text: str) -> str:
    """Return a text whose names cannot begin a line of their own, or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _headline(found: Json, steps: list[Json]) -> str:
    node = found["node"]
    what = {"pem": "event", "artifact": "artifact", "tag": "tag"}[node["kind"]]
    when = "" if found["as_of"] is None else f", as of {found['as_of']}"
    if not steps:
        return f"Nothing is known of what led to {what} {node['id']}{when}: it came from outside."
    return f"Why {what} {node['id']}{when}:"


def _step(number: int, step: Json) -> str:
    made = _names(each["artifact"] for each in step["produced"])
    used = _names(_used(each) for each in step["used"])
    parts = [f"{number}. {step['occurred_at']}: {step['emitter']} reported {step['type']}"]
    if made:
        parts.append(f"producing {made}")
    if used:
        parts.append(f"from {used}")
    return ", ".join(parts) + f" [event {step['event']}, position {step['position']}]."


def _used(used: Json) -> str:
    version = used["version"]
    if version is None:
        return f"{used['artifact']} (from outside)"
    label = version.get("label") or f"made by {version['event'][:8]}"
    return f"{used['artifact']} ({label})"


def _summary(found: Json) -> Iterable[str]:
    emitters = _names(f"{each['emitter']} ({each['events']})" for each in found["emitters"])
    if emitters:
        yield f"Who took part (with events): {emitters}."
    for kind, entries in found["artifacts"].items():
        names = _names(dict.fromkeys(entry["artifact"] for entry in entries))
        yield f"{kind.capitalize()}: {names}."
    outside = [
        entry["artifact"]
        for entries in found["artifacts"].values()
        for entry in entries
        if entry["version"] is None
    ]
    if outside:
        yield f"From outside, with no event that made it: {_names(dict.fromkeys(outside))}."
    if unseen := [step["event"] for step in found["steps"] if step.get("placeholder")]:
        yield f"Named, but never reported: {_names(unseen)}."
    if found["complete"]:
        yield f"That is everything, by the log up to position {found['position']}."
    else:
        truth = f"it is true for the log up to position {found['position']}"
        yield f"There is more behind this ({found['reason']}); {truth}."


def _names(names: Iterable[str]) -> str:
    found = list(names)
    shown = ", ".join(found[:_MOST_NAMES])
    return shown if len(found) <= _MOST_NAMES else f"{shown} and {len(found) - _MOST_NAMES} more"
