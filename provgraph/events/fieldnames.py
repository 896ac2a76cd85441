"""
Names of fields that were most likely meant: ``type`` for ``Type``, ``uses_artifacts`` for ``UsesArtifacts``.

An event may have fields of its own, so such a field is taken and kept, and says nothing to the service.
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


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


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
        if (meant := known.get(_plain(name))) is not None and meant != name and meant not in stated
    ]
