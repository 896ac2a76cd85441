"""
Putting single items of the graph in Neo4j right.

What is right was worked out elsewhere, versions of uses included, so it is written as it is stated. What the graph
keeps with artifacts to resolve later uses is worked out anew from their edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events.clock import rfc3339
from provgraph.graphstore.neo4j import keys, statements, tagmoves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore.base import Corrections, PemFacts
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.work import Work


def mend(work: Work, corrections: Corrections) -> None:
    """See `GraphStore.mend`."""
    work.do(statements.DELETE_ARTIFACTS, [keys.key_of(name) for name in corrections.surplus_artifacts])
    work.do(
        statements.PUT_ARTIFACTS,
        [
            [keys.key_of(name), name, *facts, described or None]
            for name, *facts, described in corrections.artifacts
        ],
    )
    touched = set(work.ask_of(statements.EMPTY_PEMS, corrections.surplus_pems))
    touched |= _put_pems(work, corrections.pems, corrections.placeholders)
    # Last: by now nothing that is right leads to them.
    kept = {*corrections.placeholders, *(pem.id for pem in corrections.pems)}
    surplus = {*corrections.surplus_pems, *corrections.surplus_placeholders} - kept
    work.do(statements.DELETE_PEMS, sorted(surplus))
    tagmoves.mend(work, corrections)
    _note_anew(work, touched)
    work.run(statements.NOTE_MENDING, batch=work.token)


def _put_pems(work: Work, pems: Sequence[PemFacts], placeholders: Iterable[str]) -> set[int]:
    """Make or replace events with their edges, and return the artifacts that they touch or touched."""
    ids = {*placeholders, *(pem.id for pem in pems)}
    for pem in pems:
        ids.update(pem.predecessors)
        ids.update(use.producer for use in pem.uses if use.producer is not None)
    work.do(statements.PUT_PLACEHOLDERS, sorted(ids))
    touched = set(work.ask_of(statements.EMPTY_PEMS, [pem.id for pem in pems]))
    nodes = dict(work.ask_of(statements.KNOWN_PEMS, [pem.id for pem in pems]))
    names = sorted({pem.emitter for pem in pems})
    rows = [[keys.key_of(name), name] for name in names]
    found = dict(work.ask_of(statements.MERGE_EMITTERS, rows))
    emitters = {name: found[key] for key, name in rows}
    work.do(
        statements.FILL_PLACEHOLDERS,
        [
            [
                *(nodes[pem.id], pem.id, emitters[pem.emitter], pem.type, pem.emitter, pem.properties),
                *(pem.timestamp_client, rfc3339(pem.occurred_us), pem.position, rfc3339(pem.recorded_us)),
            ]
            for pem in pems
        ],
    )
    touched.update(
        work.ask_of(statements.PUT_PRODUCTIONS, [row for pem in pems for row in _productions(pem)])
    )
    touched.update(work.ask_of(statements.PUT_USES, [row for pem in pems for row in _uses(pem)]))
    work.do(statements.PUT_PREDECESSORS, [[pem.id, id_] for pem in pems for id_ in pem.predecessors])
    return touched


def _productions(pem: PemFacts) -> Iterable[Row]:
    at = keys.moment(pem.occurred_us, pem.id)
    for name, version, digest, kind, properties in pem.produces:
        said = None if properties == "{}" else properties
        named = None if version is None else keys.label_entry(name, version) + at
        yield [pem.id, name, keys.key_of(name), version, digest, kind, said, named]


def _uses(pem: PemFacts) -> Iterable[Row]:
    at = keys.moment(pem.occurred_us, pem.id)
    for name, version, producer in pem.uses:
        named = None if version is None else keys.label_entry(name, version) + at
        label_key = None if version is None else keys.key_of(version)
        yield [pem.id, name, keys.key_of(name), version, label_key, named, producer]


def _note_anew(work: Work, artifacts: set[int]) -> None:
    """Work out what is kept with artifacts from their edges."""
    found = work.ask_of(statements.NOTED_OF, sorted(artifacts))
    rows = []
    several: dict[int, str] = {}
    for node, name, productions, first, last, used, named in found:
        is_several = productions > 1
        if is_several:
            several[node] = name
        rows.append(
            [
                node,
                keys.moment_of_stated(first) if is_several else None,
                None if last is None else keys.moment_of_stated(last),
                keys.moment_of_stated(used) if is_several and used is not None else None,
                named or None,
            ]
        )
    work.do(statements.NOTE_PRODUCTIONS, rows)
    work.do(
        statements.ENTER_PRODUCTIONS,
        [
            [production, keys.artifact_entry(several[node]) + keys.moment_of_stated(stated)]
            for production, node, stated in work.ask_of(statements.NOT_ENTERED, sorted(several))
        ],
    )
