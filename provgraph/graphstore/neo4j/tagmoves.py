"""
Where tags were before: their moves, kept in runs.

Record Keeper's emitters move a tag with each event. A node for each move would make writing a graph a third slower, so
a node holds the moves of one tag in one batch. Runs of a tag do not overlap: their order is that of the moves.
"""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING

from provgraph.graphstore.base import TagFacts
from provgraph.graphstore.neo4j import keys
from provgraph.graphstore.neo4j.statements import mends, writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore.base import Corrections
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.work import Work

# Who looks for one move reads its run, and a page of a scan holds many of them.
_MOST_IN_RUN = 500

Name = tuple[str, str]  # namespace, tag

# What can be wrong with tags beside what facts tell: see `Flaw.what`.
TAG, MOVES, LABELS_OF_MOVES = "tag", "moves of a tag", "labels of a tag's moves"


def rows(moves: Iterable[TagFacts]) -> list[Row]:
    """Return moves, in the order of the log, as `CREATE_TAG_MOVES` wants them: in runs."""
    by_tag: dict[Name, list[TagFacts]] = defaultdict(list)
    for move in moves:
        by_tag[move.namespace, move.tag].append(move)
    return [
        _row(together[start : start + _MOST_IN_RUN])
        for together in by_tag.values()
        for start in range(0, len(together), _MOST_IN_RUN)
    ]


def _row(moves: Sequence[TagFacts]) -> Row:
    namespace, tag, _, _, first = moves[0]
    of = keys.tag_key(namespace, tag)
    return [
        *(keys.moves_key(of, first), of, namespace, tag),
        [move.position for move in moves],
        [move.pem_id for move in moves],
        [move.moved_us for move in moves],
    ]


def moves_in(run: Row) -> list[TagFacts]:
    """Return the moves of a run, as a row of `SCAN_TAG_MOVES` has it; of one that somebody made unreadable, none."""
    key, of, namespace, tag, positions, pem_ids, times = run
    if not (_are_texts([of, namespace, tag]) and of == keys.tag_key(namespace, tag)):
        return []
    if not (_are_texts(pem_ids) and _are_numbers(positions) and _are_numbers(times)):
        return []
    if not len(positions) == len(pem_ids) == len(times) or key != keys.moves_key(of, positions[0]):
        return []
    if positions != sorted(set(positions)) or not all(map(keys.is_time, times)):
        return []
    return [
        TagFacts(namespace, tag, pem_id, moved_us, position)
        for position, pem_id, moved_us in zip(positions, pem_ids, times, strict=True)
    ]


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(type(value) is int for value in values)


def name_of(key: str, namespace: object, tag: object) -> Name | None:
    """Return the name of the tag with a key, as that has it or else as its node does; None when neither can be read."""
    if isinstance(namespace, str) and isinstance(tag, str) and keys.tag_key(namespace, tag) == key:
        return namespace, tag
    begun, _, ended = key.partition("\0")
    return (begun, ended) if ended and not keys.is_shortened(key) else None


# ------------------------------------------------------------------------------------------------ mending


def mend(work: Work, corrections: Corrections) -> None:
    """Put the moves of tags right, and then what the tags mark: each where its last move put it."""
    changes: dict[tuple[Name, int], TagFacts | None] = {}
    changes.update({_place(move): None for move in corrections.surplus_tags})
    changes.update({_place(move): move for move in corrections.tags})
    flaws = corrections.flaws
    work.do(mends.RELABEL_TAG_MOVES, [flaw.key for flaw in flaws if flaw.what == LABELS_OF_MOVES])
    work.do(mends.DELETE_TAG_MOVES, [flaw.key for flaw in flaws if flaw.what == MOVES])
    _rewrite(work, changes)
    _mark(
        work, {keys.tag_key(*name) for name, _ in changes} | {flaw.key for flaw in flaws if flaw.what == TAG}
    )
    work.run(mends.MARK_AGAIN)


def _place(move: TagFacts) -> tuple[Name, int]:
    return (move.namespace, move.tag), move.position


def _rewrite(work: Work, changes: dict[tuple[Name, int], TagFacts | None]) -> None:
    """Write the runs anew that changes fall into: the runs behind which they come."""
    places = sorted(changes)
    at, found = _runs_up_to(work, [(keys.tag_key(*name), position) for name, position in places])
    runs: dict[tuple[Name, str], dict[int, TagFacts]] = {}
    for index, (name, position) in enumerate(places):
        key = at.get(index, "")  # none: the move comes before all others
        if (name, key) not in runs:
            together = found[key] if key else ()
            runs[name, key] = {move.position: move for move in together}
        move = changes[name, position]
        if move is None:
            runs[name, key].pop(position, None)
        else:
            runs[name, key][position] = move
    work.do(mends.DELETE_TAG_MOVES, [key for _, key in runs if key])
    work.do(
        writes.CREATE_TAG_MOVES,
        [row for run in runs.values() for row in rows(sorted(run.values(), key=attrgetter("position")))],
    )


def _runs_up_to(
    work: Work, places: Sequence[tuple[str, int | None]]
) -> tuple[dict[int, str], dict[str, list[TagFacts]]]:
    """Return the key of the last run of a tag that begins up to each place (None: of all), and what those runs hold."""
    asked: list[Row] = []
    for index, (of, position) in enumerate(places):
        begin = keys.moves_begin(of)
        asked.append([index, begin, begin + keys.END if position is None else keys.moves_key(of, position)])
    if not asked:
        return {}, {}
    at, found = work.ask_of(mends.TAG_MOVES_UP_TO, asked)
    return dict(at), {run[0]: moves_in(run) for run in found}


def _mark(work: Work, tags: set[str]) -> None:
    """Make tags mark what their last moves say; a tag that never moved is none."""
    of = sorted(tags)
    at, found = _runs_up_to(work, [(key, None) for key in of])
    work.do(mends.DELETE_TAGS, of)
    last = [found[key][-1] for key in at.values() if found[key]]
    work.do(writes.SET_TAGS, [[keys.tag_key(*move[:2]), *move[:2], move.pem_id] for move in last])
