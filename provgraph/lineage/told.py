"""How answers tell of events and versions, as JSON. Every part carries its evidence: event id and log position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from provgraph.events.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.graphstore import PemFacts, Production, ProductionFacts, UseFacts, View
    from provgraph.lineage.past import Past

Json = dict[str, Any]

# How the work ended that an event tells of; they stand only where the event states them.
OUTCOME, ERROR = "outcome", "error"
# What an event stated of what it used, and that its digest is not that of the version that it used.
STATED, CONTRADICTED = "stated", "contradicted"


def event(facts: PemFacts) -> Json:
    """Return what is known of an event, without its edges."""
    return {
        "event": facts.id,
        "type": facts.type,
        "emitter": facts.emitter,
        "occurred_at": rfc3339(facts.occurred_us),
        "recorded_at": rfc3339(facts.recorded_us),
        "position": facts.position,
        "properties": orjson.loads(facts.properties),
        **ending(facts),
    }


def ending(said: PemFacts | Production) -> Json:
    """Return how the work ended that an event tells of, if it says so."""
    told: Json = {}
    if said.outcome is not None:
        told[OUTCOME] = said.outcome
    if said.error is not None:
        told[ERROR] = said.error
    return told


def version(made: Production) -> Json:
    """Return a version of an artifact: the event that produced it, what that said of it, and how it ended."""
    return _version(made.event_id, made.position, made.occurred_us, made) | ending(made)


def version_of(facts: PemFacts, artifact: str) -> Json:
    """Return the version of an artifact that an event produced."""
    for made in facts.produces:
        if made.artifact == artifact:
            return _version(facts.id, facts.position, facts.occurred_us, made) | ending(facts)
    produced_at = rfc3339(facts.occurred_us)
    return {"event": facts.id, "position": facts.position, "produced_at": produced_at} | ending(facts)


def _version(event_id: str, position: int, occurred_us: int, made: Production | ProductionFacts) -> Json:
    told: Json = {"event": event_id, "position": position, "produced_at": rfc3339(occurred_us)}
    if made.version is not None:
        told["label"] = made.version
    if made.digest is not None:
        told["digest"] = made.digest
    if made.kind is not None:
        told["kind"] = made.kind
    if made.properties != "{}":
        told["properties"] = orjson.loads(made.properties)
    return told


def use_of(facts: PemFacts, artifact: str, named: str | None) -> UseFacts | None:
    """Return what an event said of a use, or None where it did not use that."""
    of_it = (use for use in facts.uses if use.artifact == artifact and (use.version or "") == (named or ""))
    return next(of_it, None)


def said_of(use: UseFacts | None) -> Json:
    """Return what an event stated of what it used: digest, kind, properties, as far as it did."""
    told: Json = {}
    if use is None:
        return told
    if use.digest is not None:
        told["digest"] = use.digest
    if use.kind is not None:
        told["kind"] = use.kind
    if use.properties != "{}":
        told["properties"] = orjson.loads(use.properties)
    return told


def contradiction(use: UseFacts | None, version: Mapping[str, Any] | None) -> Json:
    """
    Return that a use states another digest than the version has that it means, nothing where it does not.

    :param version: as `version` returns it; None: what was used came from outside
    """
    if use is None or version is None or use.digest is None or "digest" not in version:
        return {}
    if use.digest == version["digest"]:
        return {}
    return {CONTRADICTED: {"stated": use.digest, "version": version["digest"]}}


def named(facts: PemFacts) -> Json:
    """Return an event that is only named: where it stands in the log, and how its work ended."""
    return {"event": facts.id, "position": facts.position, **ending(facts)}


ARRIVAL, TIME = "arrival", "time"


def tag_order(view: View) -> str:
    """
    Return which move of a tag is its last one in a view.

    ``arrival``: the last in the log, as wherever a tag's present place is asked for. ``time``: the latest on the
    emitters' clocks up to the view's time, and among equals the last in the log.
    """
    return ARRIVAL if view.as_of_us is None else TIME


def truth(past: Past) -> Json:
    """Return what an answer is true for."""
    return view(past.view)


def view(of: View) -> Json:
    """Return a view as answers show it."""
    return {"position": of.position, "as_of": None if of.as_of_us is None else rfc3339(of.as_of_us)}
