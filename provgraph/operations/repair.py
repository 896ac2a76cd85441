"""
Repair: put right what a graph says wrongly, and nothing else.

The log is replayed into a fresh graph, item by item compared with the served one, and what differs is written as the
log says. Each round of corrections is one transaction that holds only if the graph stood still since it was compared.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from provgraph.errors import CheckpointMismatchError, ConflictError, CorruptStoreError, OverloadedError
from provgraph.graphstore.base import Corrections
from provgraph.merging import side_by_side
from provgraph.operations.flush import flush
from provgraph.operations.progress import Meter, unreported
from provgraph.operations.replica import Replica
from provgraph.operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import Checkpoint, GraphStore
    from provgraph.operations.progress import Report

_Item = TypeVar("_Item")

# Beyond it a rebuild is quicker, and does not have to fit into memory and one transaction.
MOST_CORRECTIONS = 20_000
# While events keep arriving the graph moves between comparing and repairing: then compare again.
_ATTEMPTS = 5


class Repaired(NamedTuple):
    """The result of a repair."""

    corrected: int  # how many items of the graph were put right
    rebuilt_catalog: bool
    position: int  # the log position that was compared
    message: str


def repair(
    log: EventLog,
    catalog: Catalog,
    graph: GraphStore,
    *,
    timeout_seconds: float = 60.0,
    report: Report = unreported,
) -> Repaired:
    """
    Repair what differs from the log: in the graph item by item, and the catalog as a whole if its digest is wrong.

    :param timeout_seconds: how long to wait for the graph to follow the log first
    :param report: called with how many items of how many were looked at
    :raises CorruptStoreError: the log itself was changed; nothing can be repaired from it
    :raises ConflictError: too much differs, rebuild instead; or the log was cleaned meanwhile
    :raises OverloadedError: the graph did not follow in time, or events kept arriving
    """
    chain = log.verify_chain()
    if not chain.intact:
        raise CorruptStoreError(f"Nothing can be repaired from a log that was changed: {chain.message}")
    meter = Meter(report, total=2 * log.count())
    with Replica(log) as replica:
        for _ in range(_ATTEMPTS):
            flush(log, graph, timeout_seconds=timeout_seconds)
            checkpoint = graph.checkpoint()
            replica.advance(to=checkpoint.position, replayed=meter.add)
            corrections = _corrections(replica.graph, graph, meter)
            if not corrections.count or _mended(graph, corrections, checkpoint):
                break
        else:
            raise OverloadedError(
                "Events keep arriving between comparing and repairing; ask again when fewer do"
            )
        rebuilt = _mend_catalog(log, catalog, replica, meter)
    meter.finish()
    return Repaired(
        corrections.count, rebuilt, checkpoint.position, _told(corrections.count, rebuilt, checkpoint)
    )


def _mended(graph: GraphStore, corrections: Corrections, checkpoint: Checkpoint) -> bool:
    try:
        graph.mend(corrections, expected=checkpoint)
    except CheckpointMismatchError:
        return False
    return True


def _corrections(right: GraphStore, served: GraphStore, meter: Meter) -> Corrections:
    """Return what differs; what is on its way meanwhile shows when the checkpoint is compared."""
    found = Corrections()
    flawed = _flawed(right, served, found)
    _compare(right.pems(), served.pems(), "id", found.pems, found.surplus_pems, flawed.pems, meter)
    _compare(
        right.artifacts(),
        served.artifacts(),
        "name",
        found.artifacts,
        found.surplus_artifacts,
        flawed.artifacts,
        meter,
    )
    _compare_ids(right.placeholders(), served.placeholders(), found, flawed.pems)
    # What nothing right was found for should not be there.
    known = {*found.placeholders, *found.surplus_placeholders, *found.surplus_pems}
    found.surplus_pems.extend(sorted(flawed.pems - known - {pem.id for pem in found.pems}))
    expected, there = set(right.tags()), set(served.tags())
    found.tags.extend(sorted(expected - there))
    found.surplus_tags.extend(sorted(there - expected))
    return _bounded(found)


class _Flawed(NamedTuple):
    """What has flaws and is to be put as it should be: ids of PEMs and placeholders, names of artifacts."""

    pems: set[str]
    artifacts: set[str]


def _flawed(right: GraphStore, served: GraphStore, found: Corrections) -> _Flawed:
    """Return what has flaws, and note among corrections those that the store mends by itself."""
    flawed = _Flawed(set(), set())
    for flaw in served.flaws(like=right):
        if flaw.what in {"PEM", "placeholder"}:
            flawed.pems.add(flaw.name)
        elif flaw.what == "artifact":
            flawed.artifacts.add(flaw.name)
        else:
            found.flaws.append(flaw)
        if len(flawed.pems) + len(flawed.artifacts) + len(found.flaws) > MOST_CORRECTIONS:
            raise _too_many()
    return flawed


def _compare(
    right: Iterable[_Item],
    served: Iterable[_Item],
    key: str,
    wrong: list[_Item],
    surplus: list[str],
    flawed: set[str],
    meter: Meter,
) -> None:
    by_key = attrgetter(key)
    for expected, there in side_by_side(right, served, left_key=by_key, right_key=by_key):
        meter.add()
        if expected is None:
            surplus.append(by_key(there))
        elif expected != there or by_key(expected) in flawed:
            wrong.append(expected)
        if len(wrong) + len(surplus) > MOST_CORRECTIONS:
            raise _too_many()


def _compare_ids(right: Iterable[str], served: Iterable[str], found: Corrections, flawed: set[str]) -> None:
    for expected, there in side_by_side(right, served, left_key=str, right_key=str):
        if expected is None and there is not None:
            found.surplus_placeholders.append(there)
        elif expected is not None and (there is None or expected in flawed):
            found.placeholders.append(expected)


def _bounded(found: Corrections) -> Corrections:
    if found.count > MOST_CORRECTIONS:
        raise _too_many()
    return found


def _too_many() -> ConflictError:
    return ConflictError(f"More than {MOST_CORRECTIONS:,} items differ: rebuild the graph instead")


def _mend_catalog(log: EventLog, catalog: Catalog, replica: Replica, meter: Meter) -> bool:
    """Rebuild the catalog if it is not what the log says; a digest while events arrive proves nothing."""
    for _ in range(_ATTEMPTS):
        before = log.head()
        served = catalog.digest()
        if log.head() != before:
            continue
        replica.advance(to=before.position, replayed=meter.add)
        if served == replica.catalog.digest():
            return False
        catalog.rebuild(log)
        return True
    return False


def _told(corrected: int, rebuilt: bool, checkpoint: Checkpoint) -> str:
    done = [f"{counted(corrected, 'item')} of the graph corrected"] if corrected else []
    if rebuilt:
        done.append("the catalog built anew")
    what = " and ".join(done) or "nothing to repair"
    return (
        f"repaired: {what}, at position {checkpoint.position}"
        if done
        else f"{what}, at position {checkpoint.position}"
    )
