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
from provgraph.graphstore.neo4j import keys, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.graphstore.base import Corrections
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.work import Work

# Who looks for one move reads its run, and a page of a scan holds many of them.
_MOST_IN_RUN = 500

Name = tuple[str, str]  # namespace, tag


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


def moves_of(
    namespace: str, tag: str, positions: Sequence[int], pem_ids: Sequence[str], times: Sequence[int]
) -> Iterator[TagFacts]:
    """Yield the moves of a run."""
    for position, pem_id, moved_us in zip(positions, pem_ids, times, strict=True):
        yield TagFacts(namespace, tag, pem_id, moved_us, position)


# ------------------------------------------------------------------------------------------------ mending


def mend(work: Work, corrections: Corrections) -> None:
    """Put the moves of tags right, and then what the tags mark: each where its last move put it."""
    changes: dict[tuple[Name, int], TagFacts | None] = {}
    changes.update({_place(move): None for move in corrections.surplus_tags})
    changes.update({_place(move): move for move in corrections.tags})
    _rewrite(work, changes)
    _mark(work, sorted({name for name, _ in changes}))


def _place(move: TagFacts) -> tuple[Name, int]:
    return (move.namespace, move.tag), move.position


def _rewrite(work: Work, changes: dict[tuple[Name, int], TagFacts | None]) -> None:
    """Write the runs anew that changes fall into: the runs behind which they come."""
    places = sorted(changes)
    at, found = _runs_up_to(work, [(*name, position) for name, position in places])
    runs: dict[tuple[Name, str], dict[int, TagFacts]] = {}
    for index, (name, position) in enumerate(places):
        key = at.get(index, "")  # none: the move comes before all others
        if (name, key) not in runs:
            together = moves_of(*name, *found[key]) if key else ()
            runs[name, key] = {move.position: move for move in together}
        move = changes[name, position]
        if move is None:
            runs[name, key].pop(position, None)
        else:
            runs[name, key][position] = move
    work.do(statements.DELETE_TAG_MOVES, [key for _, key in runs if key])
    work.do(
        statements.CREATE_TAG_MOVES,
        [row for run in runs.values() for row in rows(sorted(run.values(), key=attrgetter("position")))],
    )


def _runs_up_to(
    work: Work, places: Sequence[tuple[str, str, int | None]]
) -> tuple[dict[int, str], dict[str, Row]]:
    """Return the key of the last run that begins up to each place (None: the last of all), and those runs."""
    asked: list[Row] = []
    for index, (namespace, tag, position) in enumerate(places):
        of = keys.tag_key(namespace, tag)
        begin = keys.moves_begin(of)
        asked.append([index, begin, begin + keys.END if position is None else keys.moves_key(of, position)])
    if not asked:
        return {}, {}
    at, found = work.ask_of(statements.TAG_MOVES_UP_TO, asked)
    return dict(at), {key: run for key, *run in found}


def _mark(work: Work, names: Sequence[Name]) -> None:
    """Make tags mark what their last moves say; a tag that never moved is none."""
    at, found = _runs_up_to(work, [(*name, None) for name in names])
    work.do(statements.DELETE_TAGS, [keys.tag_key(*name) for name in names])
    last = [(names[index], found[key][1][-1]) for index, key in at.items()]
    work.do(statements.SET_TAGS, [[keys.tag_key(*name), *name, pem_id] for name, pem_id in last])
