"""
Names of fields that were most likely meant: ``type`` for ``Type``, ``uses_artifacts`` for ``UsesArtifacts``.

An event may have fields of its own, so such a field is taken and kept, and says nothing to the service.

Upper and lower case, ``_`` and ``-`` do not count. A slip counts as well: one letter too many, too few or another one,
or two neighbours that changed places (``UseArtifacts``, ``Outcmoe``). Three rules keep ordinary names out of it:

- A name of three or four letters is close to many words (``Tax``, ``Tape``): there, only letters that changed places
  count, and ``ID`` has no slips.
- The plural of a single word is a name of its own (``Tags``, ``Emitters``), and so is a name with a digit
  (``Version2``).
- So are a few words that are one letter away (`_WORDS`).
"""

from __future__ import annotations

from typing import Any

from provgraph.events.unkept import Unkept

RULE = "field-name"

OF_AN_EVENT = frozenset(
    {
        *("ID", "Type", "Emitter", "Predecessor", "Predecessors", "TimestampClient", "TimestampReceived"),
        *("OccurredAt", "Properties", "Outcome", "Error", "Version", "Tag", "TagNamespace"),
        *("UsesArtifacts", "ProducesArtifacts"),
    }
)
OF_AN_ARTIFACT = frozenset({"Name", "Properties", "CreatedAt", "Version", "Digest", "Kind", "TaxonomyFiles"})
_STATEMENTS = ("UsesArtifacts", "ProducesArtifacts")
_MOST = 10
_SHORT = 4  # letters
_WORDS = frozenset({"aversion", "emitted", "remitter", "terror"})


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _is_slip(stated: str, known: str) -> bool:
    """Tell whether a plain name is another one with a slip; the module says which slips count."""
    if abs(len(stated) - len(known)) > 1 or len(known) < 3 or stated in _WORDS:
        return False
    start = _common(stated, known)
    stated, known, whole = stated[start:], known[start:], known
    end = _common(stated[::-1], known[::-1])
    wrong, right = stated[: len(stated) - end], known[: len(known) - end]
    if len(wrong) == len(right) == 2:
        return wrong == right[::-1]
    if len(whole) <= _SHORT or wrong.isdigit():
        return False
    is_plural = wrong == "s" and not right and not end and whole in _SINGLE_WORDS
    return len(wrong) <= 1 and len(right) <= 1 and not is_plural


def _common(one: str, other: str) -> int:
    """Return how many letters two names begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


_SINGLE_WORDS = frozenset({"emitter", "outcome", "error", "version", "digest"})
_EVENTS = {_plain(name): name for name in OF_AN_EVENT}
_ARTIFACTS = {_plain(name): name for name in OF_AN_ARTIFACT}


def mistaken(fields: object) -> tuple[Unkept, ...]:
    """Return what in an event looks like a field that has another spelling; the first ten."""
    return tuple(
        Unkept(
            place,
            RULE,
            f"{place} is no field that the service knows, and is kept without a meaning: did you mean {meant}?",
        )
        for place, meant in _found(fields)
    )


def hint(fields: object) -> str:
    """Return what may follow the reason of a refusal, an empty text where there is nothing to say."""
    found = _found(fields)
    if not found:
        return ""
    return "; did you mean " + ", ".join(f"{meant} for {place}" for place, meant in found) + "?"


def _found(fields: object) -> list[tuple[str, str]]:
    """Return places in an event, each with the field that was most likely meant."""
    if type(fields) is not dict:
        return []
    found = [] if OF_AN_EVENT.issuperset(fields) else _of(fields, _EVENTS, "")
    for field in _STATEMENTS:
        stated = fields.get(field)
        for index, artifact in enumerate(stated if type(stated) is list else ()):
            if type(artifact) is dict and not OF_AN_ARTIFACT.issuperset(artifact):
                found += _of(artifact, _ARTIFACTS, f"{field}[{index}].")
    return found[:_MOST]


def _of(stated: dict[str, Any], known: dict[str, str], within: str) -> list[tuple[str, str]]:
    return [
        (f"{within}{name}", meant)
        for name in stated
        if name not in known.values()
        and (meant := _meant(_plain(name), known)) is not None
        and meant not in stated
    ]


def _meant(plain: str, known: dict[str, str]) -> str | None:
    """Return the known field that a plain name was most likely meant for."""
    return known.get(plain) or next((known[name] for name in known if _is_slip(plain, name)), None)
