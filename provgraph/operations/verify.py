"""
Verify that the graph is what the log says.

The quick way compares the catalog (written in the log's own transactions) with the graph, item by item. The deep way
trusts neither: it recomputes the digest chain, replays the log into a fresh graph and a fresh catalog, and compares
everything the served ones hold with those.

Events may arrive meanwhile. Both ways wait for the graph first and leave out PEMs behind the checkpoint they began
at. What else differs while something arrived is searched for again at a later checkpoint, and counts only when the
very same facts differ again. That tells events on their way from damage: what the graph said ahead of the first
checkpoint lies behind the second one, and a late event moves a use onwards, never back.
"""

from __future__ import annotations

from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import orjson

from provgraph.catalog import ListQuery
from provgraph.errors import ConflictError, NewerEventError, OverloadedError, StoreError
from provgraph.eventlog.witnesses import heed
from provgraph.events.clock import rfc3339
from provgraph.graphstore.base import PemFacts
from provgraph.joined import joined
from provgraph.merging import side_by_side
from provgraph.operations.findings import Difference, Findings, Sense
from provgraph.operations.flush import flush
from provgraph.operations.progress import Meter, unreported
from provgraph.operations.replica import Replica
from provgraph.operations.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from provgraph.catalog import Catalog, CatalogArtifact, CatalogPem
    from provgraph.eventlog import ChainReport, EventLog, WrongPlace
    from provgraph.graphstore.base import ArtifactFacts, Checkpoint, GraphStore
    from provgraph.operations.progress import Report

_Item = TypeVar("_Item")

NOTHING_EXPECTED: Final[Mapping[int, str]] = MappingProxyType({})
_BY_ID = ListQuery(sort_field="ID")
_BY_NAME = ListQuery(sort_field="Name")
_EVERYTHING = ListQuery()
_PLAIN_FACTS = ("type", "emitter", "properties", "timestamp_client", "position", "outcome", "error")
_PLAIN = attrgetter(*_PLAIN_FACTS)
# While events keep arriving, a difference must be found so many times running to count: twice is proof, but for a
# tag that goes to and fro.
_PASSES = 5
_NOT_IN_GRAPH = "in the catalog, not in the graph"
_NOT_IN_CATALOG = "in the graph, not in the catalog"
_NOT_IN_SERVED = "in the log, not in the graph"
_NOT_IN_LOG = "in the graph, not in the log"


class Verification(NamedTuple):
    """The result of a verification."""

    in_sync: bool
    position: int  # the log position that was compared
    total: int  # how many differences there are
    differences: list[Difference]  # the first of them
    # a line with ``in sync`` or ``out of sync``, then one for each listed difference, and for each accepted change
    message: str


class _Scope(NamedTuple):
    """What a verification looks at."""

    log: EventLog
    catalog: Catalog
    graph: GraphStore
    pems: bool
    artifacts: bool
    timeout_seconds: float


def verify(
    log: EventLog,
    catalog: Catalog,
    graph: GraphStore,
    *,
    pems: bool = True,
    artifacts: bool = True,
    deep: bool = False,
    expected: Mapping[int, str] = NOTHING_EXPECTED,
    timeout_seconds: float = 60.0,
    report: Report = unreported,
) -> Verification:
    """
    Compare the graph with what the log says.

    :param pems: compare PEMs (deep: with their edges, tags and placeholders)
    :param artifacts: compare artifacts
    :param deep: replay the log and check the digest chain, instead of trusting the catalog
    :param expected: digests that the log has to have, hex, by position: of a head that was noted elsewhere, say. With
        the chain, each of them vouches for everything before it, so it means ``deep``
    :param timeout_seconds: how long to wait for the graph to follow the log first
    :param report: called with how many items of how many were looked at
    :raises OverloadedError: the graph did not follow in time
    :raises ConflictError: the log was cleaned meanwhile
    """
    scope = _Scope(log, catalog, graph, pems, artifacts, timeout_seconds)
    if deep or expected:
        return _deep(scope, expected, report)
    meter = Meter(report, total=_catalog_size(scope))

    def compare(checkpoint: Checkpoint, findings: Findings) -> None:
        _compare_stores(scope, checkpoint, meter, findings)

    findings, position = _settled(scope, compare)
    findings.add_all(_wrong_witness(scope))
    meter.finish()
    return _verification(findings, position, _Compared(_counts(scope)))


def _deep(scope: _Scope, expected: Mapping[int, str], report: Report) -> Verification:
    meter = Meter(report, total=2 * scope.log.count() + _catalog_size(scope))
    faults = [*_faults(scope), *_unexpected(scope, expected)]
    chain = scope.log.verify_chain(_steps(meter))
    heed(scope.log, chain)
    if not chain.intact:
        return _broken(scope, chain, meter, faults)
    try:
        findings, position = _replayed(scope, meter)
        compared = _Compared(_counts(scope), f"All of it was replayed from the log; {chain.message}")
    except NewerEventError as error:
        findings, position = Findings(), scope.graph.checkpoint().position
        findings.add(Difference(Sense.DIFFERENT, "log position", str(error.position), str(error)))
        compared = _Compared("nothing", f"This version cannot replay the log; {chain.message}")
    findings.add_all(faults)
    findings.add_all(_wrong_witness(scope))
    meter.finish()
    return _verification(findings, position, compared, chain.accepted)


def _replayed(scope: _Scope, meter: Meter) -> tuple[Findings, int]:
    """
    Compare the served graph and catalog with what the log makes; also return the position compared.

    :raises NewerEventError: the log holds an event that this version does not know
    """
    with Replica(scope.log) as replica:

        def compare(checkpoint: Checkpoint, findings: Findings) -> None:
            replica.advance(to=checkpoint.position, replayed=meter.add)
            _compare_facts(scope, replica.graph, checkpoint, meter, findings)

        findings, position = _settled(scope, compare)
        findings.add_all(_compare_catalog(scope, replica, meter))
    return findings, position


def _faults(scope: _Scope) -> Iterator[Difference]:
    """Yield what the log's database finds wrong with its own files; the index of the events' ids is made anew."""
    faults = scope.log.faults()
    if faults:
        scope.log.mend_ids()
        left = set(scope.log.faults())
        for fault in faults:
            done = "" if fault in left else "; the index was made anew"
            yield Difference(Sense.DIFFERENT, "log database", "integrity", f"{fault}{done}")


def _unexpected(scope: _Scope, expected: Mapping[int, str]) -> Iterator[Difference]:
    for position, digest in sorted(expected.items()):
        found = scope.log.read(after=position - 1, limit=1, unparsed=True)
        if not found or found[0].position != position:
            details = f"there is no event, but one with the digest {digest} is expected"
        elif found[0].digest.hex() != digest.lower():
            details = f"the event there has the digest {found[0].digest.hex()}, but {digest} is expected"
        else:
            continue
        yield Difference(Sense.DIFFERENT, "log position", str(position), details)


def _broken(scope: _Scope, chain: ChainReport, meter: Meter, faults: Iterable[Difference]) -> Verification:
    """Return what is left to say of a log that was changed: replaying it would prove nothing."""
    findings = Findings()
    findings.add_all(faults)
    for place in chain.wrong:
        findings.add(Difference(Sense.DIFFERENT, "log position", str(place.position), place.sentence))

    def compare(checkpoint: Checkpoint, found: Findings) -> None:
        _compare_stores(scope, checkpoint, meter, found)

    compared = _Compared(
        _counts(scope), f"Nothing was replayed from the log, for it is not sound: {chain.message}"
    )
    try:
        differing, position = _settled(scope, compare)
        findings.extend(differing)
    except (StoreError, OverloadedError) as error:  # most likely it stops at what is wrong
        position = scope.graph.checkpoint().position
        compared = _Compared("nothing", f"The graph does not follow the log ({error}); {chain.message}")
    meter.finish()
    return _verification(findings, position, compared, chain.accepted)


def _settled(scope: _Scope, search: Callable[[Checkpoint, Findings], None]) -> tuple[Findings, int]:
    """Search until nothing arrived meanwhile, or what differs is certain; also return the position compared."""
    earlier: Findings | None = None
    for _ in range(_PASSES):
        flush(scope.log, scope.graph, timeout_seconds=scope.timeout_seconds)
        head, checkpoint = scope.log.head(), scope.graph.checkpoint()
        found = Findings(earlier=earlier)
        search(checkpoint, found)
        if scope.log.head().epoch != head.epoch:
            raise ConflictError("The log was cleaned meanwhile: verify again")
        if scope.log.head().position == head.position == checkpoint.position:
            return found, checkpoint.position
        earlier = found.confirmed
        if not earlier.total:
            break
    return earlier or Findings(), checkpoint.position


# ------------------------------------------------------------------------------------------- catalog and graph


def _compare_stores(scope: _Scope, checkpoint: Checkpoint, meter: Meter, findings: Findings) -> None:
    if scope.pems:
        known = (pem for pem in scope.catalog.pems(_BY_ID) if pem.position <= checkpoint.position)
        findings.add_all(_pem_differences(_metered(known, meter), _until(scope.graph, checkpoint)))
    if scope.artifacts:
        listed = _metered(scope.catalog.artifacts(_BY_NAME), meter)
        findings.add_all(
            _artifact_differences(listed, scope.graph.artifacts(), _NOT_IN_GRAPH, _NOT_IN_CATALOG)
        )


def _pem_differences(listed: Iterable[CatalogPem], in_graph: Iterable[PemFacts]) -> Iterator[Difference]:
    by_id = attrgetter("id")
    for pem, facts in side_by_side(listed, in_graph, left_key=by_id, right_key=by_id):
        if facts is None:
            if pem is not None:
                yield Difference(Sense.MISSING, "PEM", pem.id, _NOT_IN_GRAPH)
        elif pem is None:
            yield Difference(Sense.SURPLUS, "PEM", facts.id, _NOT_IN_CATALOG)
        elif differing := _differing_in_pem(pem, facts):
            yield Difference(Sense.DIFFERENT, "PEM", pem.id, ", ".join(differing))


def _differing_in_pem(pem: CatalogPem, facts: PemFacts) -> list[str]:
    differing = []
    if _PLAIN(pem) != _PLAIN(facts):
        differing = [name for name in _PLAIN_FACTS if getattr(pem, name) != getattr(facts, name)]
    if not _agree_on_predecessor(pem.predecessor, facts.predecessors):
        differing.append("predecessors")
    if set(orjson.loads(pem.uses)) != {use.artifact for use in facts.uses}:
        differing.append("uses")
    if set(orjson.loads(pem.produces)) != {production.artifact for production in facts.produces}:
        differing.append("produces")
    return differing


def _agree_on_predecessor(first: str | None, all_: tuple[str, ...]) -> bool:
    # The catalog lists the first predecessor only.
    return not all_ if first is None else first in all_


def _artifact_differences(
    expected: Iterable[CatalogArtifact | ArtifactFacts],
    in_graph: Iterable[ArtifactFacts],
    missing: str,
    surplus: str,
) -> Iterator[Difference]:
    by_name = attrgetter("name")
    for artifact, facts in side_by_side(expected, in_graph, left_key=by_name, right_key=by_name):
        if facts is None:
            if artifact is not None:
                yield Difference(Sense.MISSING, "artifact", artifact.name, missing)
        elif artifact is None:
            yield Difference(Sense.SURPLUS, "artifact", facts.name, surplus)
        else:
            # The catalog does not list all that the graph holds.
            names = [name for name in artifact._fields if name != "name"]
            differing = [name for name in names if getattr(artifact, name) != getattr(facts, name)]
            if differing:
                yield Difference(Sense.DIFFERENT, "artifact", facts.name, ", ".join(differing))


# ------------------------------------------------------------------------------------------- replay and graph


def _compare_facts(
    scope: _Scope, replayed: GraphStore, checkpoint: Checkpoint, meter: Meter, findings: Findings
) -> None:
    if scope.pems:
        expected = _metered(replayed.pems(), meter)
        for difference, evidence in _fact_differences(expected, _until(scope.graph, checkpoint)):
            findings.add(difference, evidence=evidence)
        findings.add_all(
            _text_differences("placeholder", replayed.placeholders(), scope.graph.placeholders())
        )
        findings.add_all(_text_differences("tag", _tag_texts(replayed), _tag_texts(scope.graph)))
    for flaw in scope.graph.flaws(like=replayed):
        if scope.artifacts if flaw.what == "artifact" else scope.pems:
            difference = Difference(Sense.DIFFERENT, flaw.what, flaw.name, flaw.details)
            findings.add(difference, evidence=[flaw.details])
    if scope.artifacts:
        expected_artifacts = _metered(replayed.artifacts(), meter)
        findings.add_all(
            _artifact_differences(expected_artifacts, scope.graph.artifacts(), _NOT_IN_SERVED, _NOT_IN_LOG)
        )


def _wrong_witness(scope: _Scope) -> Iterator[Difference]:
    """Yield what is wrong with what the graph says of the log at its checkpoint."""
    (epoch, position), digest = scope.graph.followed()
    if position == 0 or epoch != scope.log.head().epoch:
        return
    there = scope.log.read(after=position - 1, limit=1, unparsed=True)
    if not there or there[0].position != position:
        details = "the log has no event there"
    elif digest and there[0].digest.hex() != digest:
        details = "the log has an event with another digest there"
    else:
        return
    if epoch == scope.log.head().epoch:  # else it was cleaned meanwhile
        yield Difference(Sense.DIFFERENT, "graph checkpoint", str(position), details)


def _fact_differences(
    expected: Iterable[PemFacts], in_graph: Iterable[PemFacts]
) -> Iterator[tuple[Difference, tuple[object, ...]]]:
    """Yield differences with their evidence."""
    by_id = attrgetter("id")
    for right, facts in side_by_side(expected, in_graph, left_key=by_id, right_key=by_id):
        if facts is None:
            if right is not None:
                yield Difference(Sense.MISSING, "PEM", right.id, _NOT_IN_SERVED), ()
        elif right is None:
            yield Difference(Sense.SURPLUS, "PEM", facts.id, _NOT_IN_LOG), ()
        elif right != facts:
            differing = [name for name in PemFacts._fields if getattr(right, name) != getattr(facts, name)]
            difference = Difference(Sense.DIFFERENT, "PEM", facts.id, ", ".join(differing))
            yield difference, tuple(_evidence(right, facts, differing))


def _evidence(right: PemFacts, facts: PemFacts, differing: Iterable[str]) -> Iterator[object]:
    """Yield each fact that is in one of both only: a late event may move one use of a PEM while another is wrong."""
    for name in differing:
        expected, found = getattr(right, name), getattr(facts, name)
        if isinstance(found, tuple) and (either := set(expected) ^ set(found)):
            yield from ((name, item, item in found) for item in either)
        else:
            yield name, found


def _text_differences(what: str, expected: Iterable[str], in_graph: Iterable[str]) -> Iterator[Difference]:
    for right, found in side_by_side(expected, in_graph, left_key=str, right_key=str):
        if found is None and right is not None:
            yield Difference(Sense.MISSING, what, right, _NOT_IN_SERVED)
        elif right is None and found is not None:
            yield Difference(Sense.SURPLUS, what, found, _NOT_IN_LOG)


def _tag_texts(graph: GraphStore) -> list[str]:
    """Return each move of a tag: one to another PEM, or at another time, is another text."""
    return sorted(
        f"{joined((move.namespace, move.tag))} on {move.pem_id} at position {move.position}, {_told(move.moved_us)}"
        for move in graph.tags()
    )


def _told(us: int) -> str:
    try:
        return rfc3339(us)
    except OverflowError:  # somebody changed it by hand
        return f"{us} microseconds"


def _compare_catalog(scope: _Scope, replica: Replica, meter: Meter) -> Iterator[Difference]:
    """Compare the catalogs' digests at a moment when nothing arrives; while something does, there is none."""
    for _ in range(_PASSES):
        before = scope.log.head()
        served = scope.catalog.digest()
        if scope.log.head() != before:
            continue
        replica.advance(to=before.position, replayed=meter.add)
        if served != replica.catalog.digest():
            details = "its content is not what the log says; rebuild it"
            yield Difference(Sense.DIFFERENT, "catalog", "digest", details)
        return


# ------------------------------------------------------------------------------------------- shared


def _until(graph: GraphStore, checkpoint: Checkpoint) -> Iterator[PemFacts]:
    return (facts for facts in graph.pems() if facts.position <= checkpoint.position)


def _metered(items: Iterable[_Item], meter: Meter) -> Iterator[_Item]:
    for item in items:
        meter.add()
        yield item


def _steps(meter: Meter) -> Callable[[int], None]:
    """Return a function that takes a running total and adds its steps to ``meter``."""
    seen = 0

    def take(done: int) -> None:
        nonlocal seen
        meter.add(done - seen)
        seen = done

    return take


def _catalog_size(scope: _Scope) -> int:
    pems = scope.catalog.pems_count(_EVERYTHING) if scope.pems else 0
    return pems + (scope.catalog.artifacts_count(_EVERYTHING) if scope.artifacts else 0)


class _Compared(NamedTuple):
    """What was compared, and how: a sentence without its full stop."""

    what: str
    how: str = ""


def _counts(scope: _Scope) -> str:
    counts = scope.graph.counts()
    parts = [counted(counts.pems, "PEM")] if scope.pems else []
    if scope.artifacts:
        parts.append(counted(counts.artifacts, "artifact"))
    return " and ".join(parts) or "nothing"


def _verification(
    findings: Findings, position: int, compared: _Compared, accepted: Iterable[WrongPlace] = ()
) -> Verification:
    in_sync = not findings.total
    state = "in sync:" if in_sync else f"out of sync: {counted(findings.total, 'difference')},"
    first = f"{state} {compared.what} compared, at position {position}"
    if compared.how:
        first = f"{first}. {compared.how}"
    told = [f"accepted log position {place.position}: {one_line(place.sentence)}" for place in accepted]
    message = "\n".join([first, *findings.lines(), *told])
    return Verification(in_sync, position, findings.total, findings.listed, message)
