"""
What is wrong in the graph in Neo4j although its facts do not tell: see `GraphStore.flaws`.

Users' own queries go by public labels and by edges that say again what a property says; later events are resolved by
what is kept with artifacts and edges. None of it is a fact of its own, so none of it is in a digest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from provgraph.events.clock import rfc3339
from provgraph.graphstore.base import Flaw
from provgraph.graphstore.neo4j import keys, tagmoves
from provgraph.graphstore.neo4j.statements import checks
from provgraph.graphstore.neo4j.statements.statement import PUBLIC_LABELS
from provgraph.joined import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.statements.statement import Statement

# See `Flaw.what`: what this store mends by itself; the others are in `tagmoves`.
EMITTER, UNREACHABLE = "emitter", "nodes"
# See `checks.COUNT_UNREACHABLE`.
BY_HAND = "by hand"
# Edges that lead to nodes with these labels from none of the generation's nodes.
FROM_OUTSIDE: Final = {
    "edges to a PEM": "PEM",
    "edges to an artifact": "Artifact",
    "edges to an emitter": "Emitter",
}

_PUBLISHING_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_LABELS = "labels"


def flaws(graph: Asker) -> Iterator[Flaw]:
    """See `GraphStore.flaws`."""
    yield from _unreachable(graph)
    yield from _scan(graph, checks.PEMS, _pem_labels, _of_pem)
    yield from _scan(graph, checks.ARTIFACTS, _labels_of("Artifact"), _of_artifact)
    yield from _scan(graph, checks.EMITTERS, _labels_of("Emitter"), _of_emitter)
    yield from _scan(graph, checks.TAGS, _labels_of("Tag"), _of_tag)
    yield from _scan(graph, checks.TAG_MOVES, lambda _: ["TagMoves"], _of_moves)


def _unreachable(graph: Asker) -> Iterator[Flaw]:
    for label, statement in checks.COUNT_UNREACHABLE.items():
        (found,) = graph.ask(statement)
        if found:
            told = "that nobody reported" if label == BY_HAND else "that nothing finds by a key"
            yield Flaw(UNREACHABLE, label, f"{found} {told}", label)


# ------------------------------------------------------------------------------------------------ labels


def _scan(
    graph: Asker,
    statement: Statement,
    expected: Callable[[Row], list[str]],
    look: Callable[[Row, list[str]], Iterator[Flaw]],
) -> Iterator[Flaw]:
    """
    Yield what ``look`` finds in the rows of a scan.

    :param expected: which kinds of labels a row's node should have; those that are public are called so, too
    :param look: is given each row, and what was found to be wrong with it already
    """
    before = _are_labels_public(graph)
    for page in graph.pages(statement):
        after = graph.are_labels_public()
        for row in page:
            # While labels are on their way, they say nothing.
            is_known = before is not None and before is after
            wrong = [_LABELS] if is_known and not _has_labels(row, expected(row), is_public=after) else []
            yield from look(row, wrong)
        before = after


def _are_labels_public(graph: Asker) -> bool | None:
    """Tell whether nodes have public labels; wait a while when these are on their way."""
    give_up_at = time.monotonic() + _PUBLISHING_SECONDS
    while (found := graph.are_labels_public()) is None and time.monotonic() < give_up_at:
        time.sleep(_LOOK_SECONDS)
    return found


def _has_labels(row: Row, kinds: list[str], *, is_public: bool | None) -> bool:
    _, labels, letter, *_ = row
    own = {
        f"_{kind}_{letter}"
        for kind in ("PEM", "Placeholder", "Late", "Artifact", "Emitter", "Tag", "TagMoves")
    }
    expected = {f"_{kind}_{letter}" for kind in kinds}
    if is_public:
        # One that was only named so far is not reported, and no PEM.
        public = ["Unreported"] if "Placeholder" in kinds else kinds
        expected.update(kind for kind in public if kind in PUBLIC_LABELS)
    return {label for label in labels if label in own or label in PUBLIC_LABELS} == expected


def _labels_of(kind: str) -> Callable[[Row], list[str]]:
    return lambda _: [kind]


def _pem_labels(row: Row) -> list[str]:
    is_placeholder, is_late = row[3:5]
    return ["PEM", *(["Placeholder"] if is_placeholder else []), *(["Late"] if is_late else [])]


# ------------------------------------------------------------------------------------------------ nodes


def _of_pem(row: Row, wrong: list[str]) -> Iterator[Flaw]:
    id_, _, _, is_placeholder, _, says_anything, *facts, lead_out, has_others = row
    wrong += lead_out
    if is_placeholder:
        wrong += ["it says something"] if says_anything else []
        wrong += ["edges"] if any(facts[4:]) else []
    else:
        try:
            wrong += _wrong_in_event(*facts)
        except (TypeError, ValueError):
            wrong.append("unreadable")
    if wrong:
        yield Flaw("placeholder" if is_placeholder else "PEM", id_, ", ".join(dict.fromkeys(wrong)))
    if has_others:
        yield _from_outside("edges to a PEM", id_, id_)


def _wrong_in_event(
    emitter: str,
    occurred_at: str,
    recorded_at: str,
    moment: str,
    emitted_by: list[str],
    uses: list[Row],
    causes: list[Row],
    productions: list[Row],
) -> Iterator[str]:
    """Yield what is wrong; a value that cannot be read ends it with `TypeError` or `ValueError`."""
    if emitted_by != [keys.key_of(_text(emitter))]:
        yield "EMITTED_BY"
    for stated in (occurred_at, recorded_at):
        if rfc3339(keys.microseconds(stated)) != stated:
            yield "times"
    at = keys.moment_of_stated(moment)
    late = {}
    for key, label_key, is_late, cause_moment in causes:
        late[key, label_key] = True if moment < cause_moment else None
        if is_late is not late[key, label_key]:
            yield "INFORMED_BY"
    for key, name, label, named, is_late in uses:
        label_key = None if label is None else keys.key_of(_text(label))
        is_right = _is_key(key, name) and named == _named(name, label, at)
        if not is_right or is_late is not late.get((key, label_key)):
            yield "USES"
    for key, name, label, named, entry, is_needed in productions:
        # One that was among several once may still have its entry: nothing looks for it there.
        is_entered = entry == keys.artifact_entry(_text(name)) + at or (entry is None and not is_needed)
        if not (is_entered and _is_key(key, name) and named == _named(name, label, at)):
            yield "PRODUCES"


def _named(name: str, label: object, at: str) -> str | None:
    return None if label is None else keys.label_entry(name, _text(label)) + at


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"not a text: {value!r}")


def _is_key(key: object, name: object) -> bool:
    return isinstance(name, str) and keys.key_of(name) == key


def _of_artifact(row: Row, wrong: list[str]) -> Iterator[Flaw]:
    key, _, _, name, noted, productions, *edges, has_others = row
    if not _is_key(key, name):
        wrong.append("name")
        name = key
    try:
        if noted != _noted(productions, *edges):
            wrong.append("what is kept of its versions")
    except (TypeError, ValueError):
        wrong.append("versions")
    if wrong:
        yield Flaw("artifact", name, ", ".join(wrong))
    if has_others:
        yield _from_outside("edges to an artifact", name, key)


def _noted(
    productions: int, first: str | None, last: str | None, used: str | None, named: bool, told: bool
) -> list[str | bool | None]:
    """Return what should be kept with an artifact."""
    several = productions > 1
    return [
        keys.moment_of_stated(first) if several and first is not None else None,
        None if last is None else keys.moment_of_stated(last),
        keys.moment_of_stated(used) if several and used is not None else None,
        named or None,
        told or None,
    ]


def _of_emitter(row: Row, wrong: list[str]) -> Iterator[Flaw]:
    key, _, _, name, has_events, has_others = row
    if not _is_key(key, name):
        wrong.append("name")
    if not has_events:
        wrong.append("it emitted nothing")
    if wrong:
        yield Flaw(EMITTER, key, ", ".join(wrong), key)
    if has_others:
        yield _from_outside("edges to an emitter", key, key)


def _from_outside(what: str, name: str, key: str) -> Flaw:
    return Flaw(what, name, "some come from nodes that are not of this graph", key)


def _of_tag(row: Row, wrong: list[str]) -> Iterator[Flaw]:
    key, _, _, namespace, tag, pem_id, has_pem, marked = row
    name = tagmoves.name_of(key, namespace, tag)
    if name != (namespace, tag):
        wrong.append("name")
    if marked != ([pem_id] if has_pem else []):
        wrong.append("MARKS")
    if wrong:
        yield Flaw(tagmoves.TAG, _tag_named(name, key), ", ".join(wrong), key)


def _tag_moved_in(run: str) -> str:
    """Return the tag of a run of moves, for people."""
    key = keys.tag_of_moves(run)
    return _tag_named(tagmoves.name_of(key, None, None), key or run)


def _tag_named(name: tagmoves.Name | None, key: str) -> str:
    """Return the name of a tag as it is written everywhere, or its key where that has no readable name."""
    return joined(name) if name else key


def _of_moves(row: Row, wrong: list[str]) -> Iterator[Flaw]:
    key, _, _, *run = row
    if not tagmoves.moves_in([key, *run]):
        yield Flaw(tagmoves.MOVES, _tag_moved_in(key), "unreadable", key)
    elif wrong:
        yield Flaw(tagmoves.LABELS_OF_MOVES, _tag_moved_in(key), _LABELS, key)
