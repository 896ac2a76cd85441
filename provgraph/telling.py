"""
Facts as part of a text that people read: names, properties, lengths of time, how work ended.

Whatever emitters wrote takes a bounded place, and the rest is counted. Nothing of it can pass for more than it is: what
is not a plain word stands in quotation marks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# A name made of these alone can pass for nothing but a name.
_PLAIN = re.compile(r"[\w./:@+=#%~&?*-]+").fullmatch
_MOST_NAMES = 10
_MOST_PROPERTIES = 8
_MOST_LINES = 5
_LONGEST_VALUE = 60  # characters
_LONGEST_ERROR = 200
_LONGEST_NAME = 150  # two digests long
_MOST_KEPT = 20
_LONGEST_KEPT = 500
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_ENDED = {"failed": "failed", "aborted": "was aborted", "unknown": "ended in a way that is not known here"}


def printable(value: object) -> str:
    """Return a value as one line; characters that would steer the terminal are written as escapes."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def unreadable(positions: Sequence[int]) -> str:
    """Return the sentence about events that no answer counts."""
    places = listed(str(position) for position in positions)
    what = "1 event of the log is" if len(positions) == 1 else f"{len(positions)} events of the log are"
    return f"{what} left out, for nobody can read what it says and that was accepted: log position {places}."


def counted(number: int, what: str) -> str:
    """Return ``1 event``, ``2 events``, ``1234 events``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def artifacts_and_tags(artifacts: int, tags: int, *, are_tags_left: bool) -> str:
    """
    Return how much a state shows: ``50 artifacts, 2 tags``.

    :param are_tags_left: it was cut where tags, which come after the artifacts, may follow
    """
    shown = "tags not shown yet" if are_tags_left and not tags else counted(tags, "tag")
    return f"{counted(artifacts, 'artifact')}, {shown}"


def name(stated: str) -> str:
    """Return a name as it stands in a sentence: in quotation marks unless it is a plain word."""
    return stated if _PLAIN(stated) else json.dumps(stated, ensure_ascii=False)


def short(stated: str) -> str:
    """Return a name as it stands in a sentence; of a very long one its beginning, and how long it is."""
    return _short(stated, longest=_LONGEST_NAME)


def listed(items: Iterable[str], *, most: int = _MOST_NAMES) -> str:
    """Return items with commas between them; of many the first, and how many more there are."""
    found = list(items)
    shown = ", ".join(found[:most])
    return shown if len(found) <= most else f"{shown} and {len(found) - most:,} more"


def described(properties: Mapping[str, Any]) -> str:
    """
    Return properties as ``{auc: 0.91, note: "two words"}``, an empty text when there are none.

    Of many, these are the first; of a long value, its beginning, and how long it is.
    """
    if not properties:
        return ""
    told = [f"{_short(key)}: {_value(properties[key])}" for key in list(properties)[:_MOST_PROPERTIES]]
    left = len(properties) - len(told)
    return "{" + ", ".join(told) + (f" and {left:,} more" if left else "") + "}"


def described_in_lines(properties: Mapping[str, Any]) -> list[str]:
    """Return properties a line each, ``auc: 0.91``; of many, the first, and how many more there are."""
    told = [f"{_short(key)}: {_value(properties[key])}" for key in list(properties)[:_MOST_LINES]]
    left = len(properties) - len(told)
    return [*told, f"and {left:,} more"] if left else told


def bounded(properties: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """
    Return the first of some properties for a program to read, and how many were left out.

    A value that is long as JSON is left out whole: a part of it would be another value.
    """
    kept: dict[str, Any] = {}
    for key, value in properties.items():
        if len(kept) == _MOST_KEPT:
            break
        if len(key) + len(_json(value)) <= _LONGEST_KEPT:
            kept[key] = value
    return kept, len(properties) - len(kept)


def length(seconds: float) -> str:
    """Return a length of time in the unit that a person would choose: ``2 h``, ``1.4 d``; below a second ``""``."""
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return ""


def ended(told: Mapping[str, Any]) -> str:
    """
    Return how the work ended that an event tells of: ``failed: "ValueError: no rows"``; ``""`` where it does not say.

    :param told: an event or a version of an answer
    """
    outcome, error = told.get("outcome"), told.get("error")
    said = "" if outcome is None else _ENDED.get(str(outcome), f"ended as {_value(outcome)}")
    if error is None:
        return said
    return f"{said or 'told of an error'}: {_short(str(error), longest=_LONGEST_ERROR)}"


def reported_after(told: Mapping[str, Any]) -> str:
    """
    Return that an event was reported later than what it led to, an empty text when it was not.

    :param told: an event of an answer, marked as ``reported_after``
    """
    after = told.get("reported_after")
    if after is None:
        return ""
    late = length(after["seconds"])
    what = f"{name(after['type'])} (position {after['position']}), which it led to"
    return f"reported {late + ' ' if late else ''}after {what}"


def contradicted(told: Mapping[str, Any]) -> str:
    """
    Return that a use states another digest than its version has, an empty text where it does not.

    :param told: a use of an answer, marked as ``contradicted``
    """
    digests = told.get("contradicted")
    if digests is None:
        return ""
    stated, version = (short(str(digests.get(side))) for side in ("stated", "version"))
    return f"the use stated digest {stated}, the version has {version}"


def also_stated(told: Mapping[str, Any], version: Mapping[str, Any]) -> str:
    """
    Return what a use states of a version beyond what that says itself, an empty text where it states no more.

    Another digest than the version has is not told here, see `contradicted`.

    :param told: a use of an answer, with what it ``stated``
    :param version: what the version says
    """
    stated = told.get("stated") or {}
    parts = [
        f"{label} {short(str(stated[key]))}"
        for key, label in (("kind", "kind"), ("artifact_kind", "kind"), ("digest", "digest"))
        if key in stated
        and (version.get(key) is None if key == "digest" else version.get(key) != stated[key])
    ]
    known = version.get("properties") or {}
    more = {
        key: value
        for key, value in (stated.get("properties") or {}).items()
        if key not in known or _json(known[key]) != _json(value)
    }
    parts += filter(None, [described(more)])
    return f"the use stated {', '.join(parts)}" if parts else ""


def _short(text: str, *, longest: int = _LONGEST_VALUE) -> str:
    if len(text) <= longest:
        return name(text)
    return f"{json.dumps(text[:longest], ensure_ascii=False)}\u2026 ({len(text):,} characters)"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _short(value)
    text = _json(value)
    return (
        text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}\u2026 ({len(text):,} characters)"
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")
