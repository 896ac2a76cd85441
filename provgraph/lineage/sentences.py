"""An answer to why, as a text that can be read aloud."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from provgraph import telling
from provgraph.events.recorder import CHANGED, RECORDED_BY, called
from provgraph.lineage.kinds import UNKNOWN
from provgraph.lineage.told import ARRIVAL, CONTRADICTED, STATED
from provgraph.telling import listed, name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provgraph.lineage.told import Json

# A text that is longer than this is not read. What is left out can be had otherwise, and the text says how.
_MOST_LINES = 200
_MOST_KINDS = 20
_MOST_NAMES = 12
_NODES = {"pem": "event", "artifact": "artifact", "tag": "tag"}


def aloud(found: Json, *, is_known_at: bool = False) -> str:
    """
    Return an answer of `provgraph.lineage.why` as a text: the steps, nearest first, and a summary.

    Each step is a line and, below it, what it made, what it made it from, and the evidence. Names with blanks or
    punctuation that could pass for more than a name stand in quotation marks. It has about 200 lines at most; of more
    steps it says how many there are, and how to get them.

    :param is_known_at: it was asked what was known at the answer's log position
    """
    steps = [step for step in found["steps"] if not step.get("placeholder")]
    unseen = {step["event"] for step in found["steps"] if step.get("placeholder")}
    summary = list(_summary(found, unseen))
    told: list[list[str]] = []
    left = _MOST_LINES - len(summary) - 3
    for number, step in enumerate(steps, 1):
        lines = list(_step(number, step, unseen))
        left -= len(lines)
        if left < 0:
            break
        told.append(lines)
    lines = [_headline(found, steps, is_known_at=is_known_at), *([""] if steps else []), *chain(*told)]
    if len(told) < len(steps):
        lines.append(
            f"... and {len(steps) - len(told):,} steps before those: the answer as JSON has all of them (format=json, "
            "on the command line --json); depth asks for fewer."
        )
    lines += ["", *summary]
    return "\n".join(map(_one_line, lines)).rstrip() + "\n"


def _one_line(text: str) -> str:
    """Return a text whose names cannot begin a line of their own, or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _headline(found: Json, steps: list[Json], *, is_known_at: bool) -> str:
    node = found["node"]
    what = f"{_NODES[node['kind']]} {name(node['id'])}"
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


def _step(number: int, step: Json, unseen: set[str]) -> Iterator[str]:
    ended = telling.ended(step)
    what = f"{name(step['emitter'])} reported {name(step['type'])}" + (f", which {ended}" if ended else "")
    yield f"{number}. {step['occurred_at']}: {what}"
    yield from _below("producing", map(_produced, step["produced"]))
    yield from _below("from", map(_used, step["used"]))
    followed = (f"event {id_}" + (" (never reported)" if id_ in unseen else "") for id_ in step["after"])
    yield from _below("after", followed)
    if said := telling.described(step["properties"]):
        yield from _below("saying", [said])
    if late := telling.reported_after(step):
        yield from _below("late", [late])
    proof = f"event {step['event']}, position {step['position']}, recorded {step['recorded_at']}"
    if RECORDED_BY in step:
        proof += f" by {name(called(step[RECORDED_BY]))}"
    if CHANGED in step:
        proof += f", CHANGED after it was recorded, which was accepted: {step[CHANGED]['reason']}"
    yield from _below("evidence", [proof])


def _below(label: str, items: Iterable[str]) -> Iterator[str]:
    """Yield what stands below a step, an item a line; of many the first, and how many more there are."""
    found = list(items)
    shown = found if len(found) <= _MOST_NAMES else found[: _MOST_NAMES - 1]
    for item in shown:
        yield f"   {label:<9}  {item}"
    if len(shown) < len(found):
        yield f"   {label:<9}  and {len(found) - len(shown):,} more"


def version_parts(part: Json) -> tuple[list[str], str]:
    """
    Return what there is to say of a version beside its label: kind and digest, and its properties.

    Of what came from outside that is what the use stated.

    :param part: what a step used or produced
    """
    version, kind = part["version"], part["kind"]
    if version is None:
        version = part.get(STATED, {})
        kind = version.get("kind", UNKNOWN)
    parts = [] if kind == UNKNOWN else [telling.short(kind)]
    if "digest" in version:
        parts.append(f"digest {telling.short(version['digest'])}")
    return parts, telling.described(version.get("properties", {}))


def also_stated(used: Json) -> str:
    """Return what a use states of a known version beyond what that says, see `telling.also_stated`."""
    version = used["version"]
    return "" if version is None else telling.also_stated(used, {**version, "kind": used["kind"]})


def _produced(made: Json) -> str:
    label = made["version"].get("label")
    return _version(made, [] if label is None else [name(label)])


def _used(used: Json) -> str:
    version = used["version"]
    if version is None:
        return _version(used, [_origin(used)])
    order = ", by its clock only later" if used.get("out_of_order") else ""
    ended = telling.ended(version)
    by = f" by a step that {ended}" if ended else ""
    if CHANGED in version:
        by += f", CHANGED after it was recorded, which was accepted: {version[CHANGED]['reason']}"
    label = [name(version["label"])] if "label" in version else []
    return _version(used, [*label, f"made at position {version['position']}{order}{by}"])


def _version(part: Json, said: list[str]) -> str:
    parts, properties = version_parts(part)
    about = ", ".join([*said, *parts])
    if but := telling.contradicted(part):
        about += f"; but {but}"
    if more := also_stated(part):
        about += f"; {more}"
    return (
        name(part["artifact"]) + (f" ({about})" if about else "") + (f" {properties}" if properties else "")
    )


def _origin(used: Json) -> str:
    """Return why what was used has no version that is known."""
    named = used.get("named_version")
    return (
        "from outside"
        if named is None
        else f"version {name(named)}, which no other event is known to have made"
    )


def _summary(found: Json, unseen: set[str]) -> Iterator[str]:
    emitters = listed(f"{name(each['emitter'])} ({each['events']})" for each in found["emitters"])
    if emitters:
        yield f"Who took part (with events): {emitters}."
    kinds = found["artifacts"]
    for kind, entries in list(kinds.items())[:_MOST_KINDS]:
        yield f"{_heading(kind)}: {_artifacts(entries)}."
    if len(kinds) > _MOST_KINDS:
        yield f"... and {len(kinds) - _MOST_KINDS:,} kinds more."
    without = [
        entry for entries in found["artifacts"].values() for entry in entries if entry["version"] is None
    ]
    if outside := [entry for entry in without if "named_version" not in entry]:
        yield f"From outside, with no event that made it: {_artifacts(outside)}."
    if unknown := [entry for entry in without if "named_version" in entry]:
        names = listed(
            f"{name(each['artifact'])} (version {name(each['named_version'])})" for each in unknown
        )
        yield f"Used in a version that no other event is known to have made: {names}."
    if doubtful := [
        f"{name(used['artifact'])} (event {step['event']})"
        for step in found["steps"]
        for used in step.get("used", ())
        if CONTRADICTED in used
    ]:
        yield f"Used with another digest than the version has: {listed(doubtful)}."
    if ended := [step for step in found["steps"] if step.get("outcome")]:
        told = listed(f"{name(step['type'])} (event {step['event']}, {step['outcome']})" for step in ended)
        yield f"Did not end well: {told}."
    if unseen:
        placeholders = (step for step in found["steps"] if step["event"] in unseen)
        yield f"Never reported: {listed(f'event {_unseen(step)}' for step in placeholders)}."
    if found["complete"]:
        everything = "everything that was reported" if unseen else "everything"
        yield f"That is {everything}, by the log up to position {found['position']}."
    else:
        truth = f"it is true for the log up to position {found['position']}"
        yield f"There is more than this ({found['reason']}); {truth}."


def _unseen(step: Json) -> str:
    """Return the id of an event that was never reported; and that who named it was changed since."""
    is_changed = any(CHANGED in named for named in step["named_by"])
    return (
        f"{step['event']} (named by an event CHANGED after it was recorded)" if is_changed else step["event"]
    )


def _heading(kind: str) -> str:
    """Return a kind as the beginning of a line; one that is more than a word stays as it is written."""
    return kind[:1].upper() + kind[1:] if kind.isalpha() else f"Kind {name(kind)}"


def _artifacts(entries: Iterable[Json]) -> str:
    return listed(map(name, dict.fromkeys(entry["artifact"] for entry in entries)))
