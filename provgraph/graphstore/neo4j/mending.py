"""
Putting single items of the graph in Neo4j right.

What is right was worked out elsewhere, versions of uses included, so it is written as it is stated. What the graph
keeps with artifacts to resolve later uses is worked out anew from their edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events.clock import rfc3339
from provgraph.graphstore.neo4j import flaws, keys, tagmoves
from provgraph.graphstore.neo4j.statements import checks, mends, writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore.base import Corrections, PemFacts
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.work import Work


def mend(work: Work, corrections: Corrections) -> None:
    """See `GraphStore.mend`."""
    for flaw in corrections.flaws:
        if flaw.what == flaws.UNREACHABLE:
            work.run(checks.DELETE_UNREACHABLE[flaw.key])
    for what, label in flaws.FROM_OUTSIDE.items():
        led_to_from_outside = [flaw.key for flaw in corrections.flaws if flaw.what == what]
        work.do(checks.DELETE_FROM_OUTSIDE[label], led_to_from_outside)
    work.do(mends.DELETE_ARTIFACTS, _keys_of_surplus(work, corrections.surplus_artifacts))
    touched = _put_artifacts(work, corrections)
    led_to = work.ask_of(mends.EMPTY_PEMS, corrections.surplus_pems)
    led_to += _put_pems(work, corrections.pems, corrections.placeholders)
    # Last: by now nothing that is right leads to them.
    kept = {*corrections.placeholders, *(pem.id for pem in corrections.pems)}
    surplus = {*corrections.surplus_pems, *corrections.surplus_placeholders} - kept
    work.do(mends.DELETE_PEMS, sorted(surplus))
    _mend_emitters(
        work,
        {node for node, is_emitter in led_to if is_emitter},
        sorted(flaw.key for flaw in corrections.flaws if flaw.what == flaws.EMITTER),
    )
    tagmoves.mend(work, corrections)
    note_anew(work, touched | {node for node, is_emitter in led_to if not is_emitter})
    work.run(mends.NOTE_MENDING, batch=work.token)


def _keys_of_surplus(work: Work, names: Sequence[str]) -> list[str]:
    """Return by which keys to find artifacts that should not be there."""
    # Where name and key disagree, the key is what stands for the name: see `reader.artifacts`.
    as_keys = [name for name in names if keys.is_shortened(name)]
    astray = [
        key
        for key, name in work.ask_of(mends.NAMES_AT, as_keys)
        if not isinstance(name, str) or keys.key_of(name) != key
    ]
    return [*map(keys.key_of, names), *astray]


def _put_artifacts(work: Work, corrections: Corrections) -> set[int]:
    rows = [
        [keys.key_of(name), name, *facts, described or None]
        for name, *facts, described in corrections.artifacts
    ]
    return set(work.ask_of(mends.PUT_ARTIFACTS, rows))


def _put_pems(work: Work, pems: Sequence[PemFacts], placeholders: Sequence[str]) -> list[tuple[int, bool]]:
    """Make or replace events with their edges. Returns the artifacts and emitters that they lead or led to."""
    ids = {*placeholders, *(pem.id for pem in pems)}
    own = sorted(ids)
    for pem in pems:
        ids.update(pem.predecessors)
        ids.update(use.producer for use in pem.uses if use.producer is not None)
    work.do(mends.PUT_PLACEHOLDERS, sorted(ids))
    led_to = work.ask_of(mends.EMPTY_PEMS, own)
    nodes = dict(work.ask_of(writes.KNOWN_PEMS, [pem.id for pem in pems]))
    names = sorted({pem.emitter for pem in pems})
    rows = [[keys.key_of(name), name] for name in names]
    found = dict(work.ask_of(mends.PUT_EMITTERS, rows))
    emitters = {name: found[key] for key, name in rows}
    work.do(
        writes.FILL_PLACEHOLDERS,
        [
            [
                *(nodes[pem.id], pem.id, emitters[pem.emitter], pem.type, pem.emitter, pem.properties),
                *(pem.timestamp_client, rfc3339(pem.occurred_us), pem.position, rfc3339(pem.recorded_us)),
                *(pem.outcome, pem.error, keys.rank_text(pem.rank) or None),
            ]
            for pem in pems
        ],
    )
    work.do(writes.MARK_LATE, [[nodes[pem.id], pem.late] for pem in pems if pem.late])
    produced = work.ask_of(mends.PUT_PRODUCTIONS, [row for pem in pems for row in _productions(pem)])
    used = work.ask_of(mends.PUT_USES, [row for pem in pems for row in _uses(pem)])
    work.do(mends.PUT_PREDECESSORS, [[pem.id, id_] for pem in pems for id_ in pem.predecessors])
    return [*map(tuple, led_to), *((node, False) for node in (*produced, *used))]


def _mend_emitters(work: Work, left: set[int], flawed: Sequence[str]) -> None:
    """
    Remove emitters that emitted nothing, and give the others their labels and names.

    :param left: which of them events were taken away from
    :param flawed: keys of those that are wrong themselves
    """
    work.do(mends.DELETE_IDLE_EMITTERS, sorted(left))
    work.do(mends.DELETE_IDLE_EMITTERS_AT, flawed)
    work.do(mends.PUT_EMITTERS, work.ask_of(mends.NAMES_OF_EMITTERS, flawed))


def _productions(pem: PemFacts) -> Iterable[Row]:
    at = keys.moment(pem.occurred_us, pem.id, pem.rank)
    for name, version, digest, kind, properties in pem.produces:
        said = None if properties == "{}" else properties
        named = None if version is None else keys.label_entry(name, version) + at
        yield [pem.id, name, keys.key_of(name), version, digest, kind, said, named]


def _uses(pem: PemFacts) -> Iterable[Row]:
    at = keys.moment(pem.occurred_us, pem.id, pem.rank)
    for name, version, producer, properties, digest, kind in pem.uses:
        named = None if version is None else keys.label_entry(name, version) + at
        label_key = None if version is None else keys.key_of(version)
        said = None if properties == "{}" else properties
        yield [pem.id, name, keys.key_of(name), version, label_key, named, producer, said, digest, kind]


def note_anew(work: Work, artifacts: set[int]) -> None:
    """Work out what is kept with artifacts from their edges."""
    found = work.ask_of(mends.NOTED_OF, sorted(artifacts))
    rows = []
    several: dict[int, str] = {}
    for node, name, productions, first, last, used, named, told in found:
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
                told or None,
            ]
        )
    work.do(writes.NOTE_PRODUCTIONS, rows)
    work.do(
        mends.ENTER_PRODUCTIONS,
        [
            [production, keys.artifact_entry(several[node]) + keys.moment_of_stated(stated)]
            for production, node, stated in work.ask_of(mends.NOT_ENTERED, sorted(several))
        ],
    )
