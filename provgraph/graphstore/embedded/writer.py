"""
Writing a batch into the embedded graph.

The order within a step matters: nodes, then productions, then what older uses see now, then the new uses, which
find every production there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provgraph.errors import CheckpointMismatchError, StoreError
from provgraph.events import canonical
from provgraph.events.clock import moment, split_moment
from provgraph.graphstore.embedded import schema
from provgraph.graphstore.embedded.mending import Mending
from provgraph.graphstore.embedded.state import note_late_event, set_checkpoint, set_covers, state
from provgraph.graphstore.embedded.walker import key_list
from provgraph.graphstore.groups import FIRST, Member, Place, placed, replaced
from provgraph.sqlite import insert_rows, select_in, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore.base import Checkpoint, Corrections
    from provgraph.graphstore.projection import GraphBatch, GraphStep

_EVENT_ID = re.compile("[0-9a-f]{32}").fullmatch

_OF_PLACEHOLDER = (None,) * 11

Production = tuple[int, bytes, int, str | None, str | None, str | None, str | None]
Cause = tuple[int, int, str, int]
Use = tuple[int, int, str, bytes]
Described = tuple[int, int, str, str | None, str | None, str | None]
Affected = tuple[
    int, int, str, int, int, bytes
]  # key of a row in `cause`; occurred_us, rank and id of its event


class GraphWriter:
    """Applies batches over one connection. Not for several threads at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._first_pem = 1
        self._load_keys()

    def apply(self, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str = "") -> None:
        """See `GraphStore.apply`."""
        try:
            with transaction(self._connection):
                self._require(expected)
                for step in batch:
                    self._write(step, at=to.position)
                set_checkpoint(self._connection, to, digest)
        except BaseException:
            self._load_keys()  # the keys given out in this batch were not used
            raise

    def clear(self, *, covers: int) -> None:
        """See `GraphStore.clear`."""
        with transaction(self._connection):
            for table in schema.TABLES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            set_covers(self._connection, covers)
        # No key comes back with another event behind it: readers remember events by key.
        self._first_pem = self._next_pem
        self._load_keys()

    def mend(self, corrections: Corrections, *, expected: Checkpoint) -> None:
        """See `GraphStore.mend`."""
        mending = Mending(self._connection, first_pem=self._next_pem)
        try:
            with transaction(self._connection):
                self._require(expected)
                mending.mend(corrections)
        finally:
            # Keys of events that went are not given out again: readers remember events by key.
            self._first_pem = mending.next_pem
            self._load_keys()

    def set_covers(self, position: int) -> None:
        """Note what `GraphStore.covers` is to say."""
        with transaction(self._connection):
            set_covers(self._connection, position)

    def _require(self, expected: Checkpoint) -> None:
        found = state(self._connection).checkpoint
        if found != expected:
            raise CheckpointMismatchError(f"The graph is at {found}, not at {expected}")

    def _load_keys(self) -> None:
        highest = self._connection.execute(schema.HIGHEST_KEYS).fetchone()
        self._next_pem, self._next_artifact, self._next_emitter = ((key or 0) + 1 for key in highest)
        self._next_pem = max(self._next_pem, self._first_pem)
        self._has_labels = bool(self._connection.execute(schema.HAS_LABELS).fetchone()[0])

    def _write(self, step: GraphStep, *, at: int) -> None:
        if step.pems:
            self._write_pems(step, at=at)
        now = {(move.namespace, move.tag): move.pem_id for move in step.tags}
        insert_rows(self._connection, schema.INSERT_TAGS, [(*name, pem_id) for name, pem_id in now.items()])
        insert_rows(self._connection, schema.INSERT_TAG_MOVES, step.tags)
        if step.removed:
            names = canonical.text(list(step.removed))
            self._connection.execute(schema.REMOVE_UNCONNECTED, (names,))

    def _write_pems(self, step: GraphStep, *, at: int) -> None:
        artifacts, older_artifacts = self._artifact_keys(step)
        emitters = self._emitter_keys({pem.emitter for pem, *_ in step.pems})
        keys, places, filled = self._pem_keys(step, emitters, at=at)
        productions, predecessors, uses, labelled, described = _edges(step, keys, places, artifacts)
        insert_rows(self._connection, schema.INSERT_PRODUCTIONS, productions)
        late = [production for production in productions if production[0] in older_artifacts]
        if late and self._resolve_again(late):
            note_late_event(self._connection, at)
        insert_rows(self._connection, schema.INSERT_CAUSES, predecessors)
        insert_rows(self._connection, schema.INSERT_DESCRIBED, described)
        insert_rows(self._connection, schema.USES_VALUES, uses, on_conflict=schema.INSERT_RESOLVED)
        if labelled:
            self._has_labels = True
            insert_rows(
                self._connection,
                schema.LABELLED_USES_VALUES,
                [(*use, event_id_in(use[2])) for use in labelled],
                on_conflict=schema.INSERT_RESOLVED_LABELLED,
            )
        if filled:
            self._put_in_order(filled)

    # -------------------------------------------------------------------------------------------- nodes

    def _artifact_keys(self, step: GraphStep) -> tuple[dict[str, int], set[int]]:
        """Return the keys of a step's artifacts, those not there yet made, and which were there before."""
        keys: dict[str, int] = {}
        fill = []
        earlier = []
        for name, key, empty, since_us in select_in(
            self._connection, schema.KNOWN_ARTIFACTS, list(step.artifacts)
        ):
            keys[name] = key
            sighting = step.artifacts[name]
            if empty and sighting.described:
                fill.append((sighting.properties, sighting.described, key))
            if sighting.since_us < since_us:
                earlier.append((sighting.since_us, key))
        if fill:
            self._connection.executemany(schema.FILL_PROPERTIES, fill)
        if earlier:
            self._connection.executemany(schema.SET_SINCE, earlier)
        older = set(keys.values())
        new = [
            (key, name, properties, created_at, since_us, since, described)
            for key, (name, properties, _, created_at, since_us, since, described) in enumerate(
                (sighting for name, sighting in step.artifacts.items() if name not in keys),
                self._next_artifact,
            )
        ]
        insert_rows(self._connection, schema.INSERT_ARTIFACTS, new)
        keys.update((row[1], row[0]) for row in new)
        self._next_artifact += len(new)
        return keys, older

    def _emitter_keys(self, names: set[str]) -> dict[str, int]:
        keys: dict[str, int] = dict(select_in(self._connection, schema.KNOWN_EMITTERS, sorted(names)))
        new = list(enumerate(sorted(names - keys.keys()), self._next_emitter))
        insert_rows(self._connection, schema.INSERT_EMITTERS, new)
        keys.update((name, key) for key, name in new)
        self._next_emitter += len(new)
        return keys

    def _pem_keys(
        self, step: GraphStep, emitters: dict[str, int], *, at: int
    ) -> tuple[dict[str, int], dict[str, Place], list[int]]:
        """
        Return the keys of a step's events and their predecessors, those not there yet made or filled.

        Also return the places of those that are not the first in their moments, and the keys of those that were filled.
        """
        wanted = dict.fromkeys([pem.id for pem, *_ in step.pems])
        for pem, *_ in step.pems:
            wanted.update(dict.fromkeys(pem.predecessors))
        raw_ids = [bytes.fromhex(id_) for id_ in wanted]
        keys: dict[str, int] = {}
        known: dict[str, tuple[int, int]] = {}
        times = {pem.occurred_us for pem, *_ in step.pems}
        there: set[str] = set()  # those that are no placeholders
        for raw, key, known_us, rank in select_in(self._connection, schema.KNOWN_PEMS, raw_ids):
            keys[raw.hex()] = key
            if known_us is not None:
                there.add(raw.hex())
            if known_us in times:
                known[raw.hex()] = known_us, rank
        # Mostly each event has a moment of its own.
        places = placed(step.pems, known) if known or len(times) < len(step.pems) else {}
        raws = dict(zip(wanted, raw_ids, strict=True))
        rows: list[tuple[Any, ...]] = []
        filled: list[tuple[Any, ...]] = []
        next_key = self._next_pem
        for pem, position, recorded_us in step.pems:
            id_, type_, emitter, _, stated_at, occurred_us, properties, *_, outcome, error = pem
            if id_ in there:
                raise StoreError(
                    f"The graph has the event {id_} already: position {position} is a second one"
                )
            there.add(id_)
            rank, late = places.get(id_, FIRST) if places else FIRST
            facts = (
                *(position, occurred_us, type_, emitters[emitter], properties, stated_at, recorded_us),
                *(outcome, error, rank, late or None),
            )
            placeholder = keys.get(id_)
            if placeholder is None:
                keys[id_] = next_key
                rows.append((next_key, raws[id_], *facts))
                next_key += 1
            else:
                filled.append((placeholder, *facts))
        for key, id_ in enumerate([id_ for id_ in wanted if id_ not in keys], next_key):
            keys[id_] = key
            rows.append((key, raws[id_], *_OF_PLACEHOLDER))
        self._next_pem += len(rows)
        insert_rows(self._connection, schema.INSERT_PEMS, rows)
        if filled:
            self._connection.executemany(schema.FILL_PLACEHOLDER, filled)
            note_late_event(self._connection, at)
        return keys, places, [row[0] for row in filled]

    # -------------------------------------------------------------------------------------------- versions

    def _resolve_again(self, productions: Sequence[Production]) -> bool:
        """Resolve older uses anew that may see one of ``productions`` now; tell whether one of them does."""
        made_now = {(production[0], production[2]) for production in productions}
        affected: dict[Affected, None] = {}
        for production in productions:
            affected.update(dict.fromkeys(self._affected(production, made_now)))
        return self._resolve(affected) > 0

    def _resolve(self, affected: Iterable[Affected]) -> int:
        """Resolve uses, and return how many come out different."""
        changed = 0
        for pem_key, artifact_key, label, occurred_us, rank, raw_id in affected:
            use = (pem_key, artifact_key, label, moment(occurred_us, raw_id.hex(), rank))
            if label:
                done = self._connection.execute(schema.RESOLVE_LABEL_AGAIN, (*use, event_id_in(label)))
            else:
                done = self._connection.execute(schema.RESOLVE_AGAIN, use)
            changed += done.rowcount
        return changed

    def _put_in_order(self, late: Sequence[int]) -> None:
        """Give events that came late, and those that come after them in their moments, their places in these."""
        members: dict[int, Member[int]] = {}
        moments: dict[int, tuple[int, str]] = {}
        rows = self._connection.execute(schema.GROUPS_AFTER, (key_list(late),)).fetchall()
        for key, raw_id, occurred_us, position, rank, its_late, named, *named_place in rows:
            if key not in members:
                members[key] = Member(position, Place(rank, its_late or 0), {})
                moments[key] = occurred_us, raw_id.hex()
            if named is not None:
                members[key].named[named] = (named_place[0], named_place[1])
        places = replaced(members)
        self._connection.executemany(
            schema.SET_PLACE, [(place.rank, place.late or None, key) for key, place in places.items()]
        )
        self._move(
            {
                key: moment(*moments[key], place.rank)
                for key, place in places.items()
                if place.rank != members[key].place.rank
            }
        )

    def _move(self, moved: dict[int, bytes]) -> None:
        """Resolve uses anew that see other versions now that events stand elsewhere in their moments."""
        run, keys = self._connection.execute, key_list(moved)
        self._connection.executemany(schema.MOVE_PRODUCTIONS, [(at, key) for key, at in moved.items()])
        affected: dict[Affected, None] = dict.fromkeys(run(schema.USES_OF_MOVED, (keys,)))
        productions = run(schema.MOVED_PRODUCTIONS, (keys,)).fetchall()
        made_now = {(production[0], production[2]) for production in productions}
        for *production, before in productions:
            # What sees a version just before is among those already when that one stands elsewhere, too.
            if before not in moved or production[3] is not None:
                affected.update(dict.fromkeys(self._affected(tuple(production), made_now)))
        self._resolve(affected)

    def _affected(self, production: Production, made_now: set[tuple[int, int]]) -> Iterable[Affected]:
        artifact_key, at, _, label, *_ = production
        occurred_us, own_id, _ = split_moment(at)
        run = self._connection.execute
        yield from run(schema.USES_OF_VERSION_BEFORE, (artifact_key, at, occurred_us))
        if run(schema.IS_EARLIEST, (artifact_key, at)).fetchone()[0]:
            yield from run(schema.USES_FROM_OUTSIDE, (artifact_key,))
            for key, its_us in run(schema.VERSIONS_BEHIND, (artifact_key, at)):
                if (artifact_key, key) not in made_now:  # this one was the earliest before
                    yield from run(schema.USES_OUT_OF_ORDER, (artifact_key, key, its_us))
                    break
        if self._has_labels:
            yield from run(schema.USES_BY_ID, (artifact_key, own_id))
            if label is not None:
                yield from run(schema.USES_BY_LABEL, (artifact_key, label, occurred_us))


def _edges(
    step: GraphStep, keys: dict[str, int], places: dict[str, Place], artifacts: dict[str, int]
) -> tuple[list[Production], list[Cause], list[Use], list[Use], list[Described]]:
    """Return a step's edges as rows: productions, predecessors, uses, uses that name a version, and what uses say."""
    productions: list[Production] = []
    predecessors: list[Cause] = []
    uses: list[Use] = []
    labelled: list[Use] = []
    described: list[Described] = []
    for pem, *_ in step.pems:
        key = keys[pem.id]
        at = moment(pem.occurred_us, pem.id, places[pem.id].rank if pem.id in places else 0)
        for name, properties, _created, version, digest, kind in pem.produces:
            said = None if properties == "{}" else properties
            productions.append((artifacts[name], at, key, version, digest, kind, said))
        for index, id_ in enumerate(pem.predecessors):
            predecessors.append((key, schema.PREDECESSOR, str(index or ""), keys[id_]))
        for name, properties, _created, version, digest, kind in pem.uses:
            if properties != "{}" or digest is not None or kind is not None:
                said = None if properties == "{}" else properties
                described.append((artifacts[name], key, version or "", said, digest, kind))
            if version is None:
                uses.append((key, artifacts[name], "", at))
            else:
                labelled.append((key, artifacts[name], version, at))
    return productions, predecessors, uses, labelled, described


def event_id_in(label: str) -> bytes | None:
    """Return the event id that a version's label is, if it is one."""
    return bytes.fromhex(label) if _EVENT_ID(label) else None
