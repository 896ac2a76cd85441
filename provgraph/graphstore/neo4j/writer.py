"""
Writing batches into one generation of the graph in Neo4j.

Within a step: artifacts, so that it is known what is there; then events and emitters; then what late productions take
over of older uses; then the edges. What versions mean is decided in memory, so the statements only look up and create.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events.clock import rfc3339
from provgraph.graphstore.groups import placed
from provgraph.graphstore.neo4j import keys, tagmoves
from provgraph.graphstore.neo4j.content import content_of
from provgraph.graphstore.neo4j.moments import put_in_order
from provgraph.graphstore.neo4j.resolver import Resolver
from provgraph.graphstore.neo4j.statements import graphs, writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.families.artifact.events import Sighting
    from provgraph.families.pem.events import Pem
    from provgraph.graphstore.base import Checkpoint
    from provgraph.graphstore.groups import Place
    from provgraph.graphstore.neo4j.content import Artifact, Content, Production, Use
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.versions import NamedTakeOver, TakeOver
    from provgraph.graphstore.neo4j.work import Work
    from provgraph.graphstore.projection import GraphBatch, GraphStep

_NOTHING = (None, None, None)
# Nodes by the ids of their events; inside one transaction the server's own ids will do.
Nodes = dict[str, int]


def write(work: Work, batch: GraphBatch, *, to: Checkpoint, digest: str) -> None:
    """Write a batch, and set the checkpoint."""
    changed = [_Writer(work).write(step) for step in batch]
    work.run(
        graphs.SET_CHECKPOINT,
        epoch=to.epoch,
        position=to.position,
        digest=digest,
        batch=work.token,
        changed_at=to.position if any(changed) else None,
    )


class _Writer:
    """Writes a step of a batch."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._resolver = Resolver(work)

    def write(self, step: GraphStep) -> bool:
        """Write a step, and tell whether it changed what the graph said of older events."""
        changed = self._write_pems(step) if step.pems else False
        self._write_tags(step)
        self._work.do(writes.REMOVE_UNCONNECTED, sorted({keys.key_of(name) for name in step.removed}))
        return changed

    def _write_tags(self, step: GraphStep) -> None:
        now = {(move.namespace, move.tag): move.pem_id for move in step.tags}
        rows = [[keys.tag_key(*name), *name, pem_id] for name, pem_id in sorted(now.items())]
        self._work.do(writes.SET_TAGS, rows)
        self._work.do(writes.CREATE_TAG_MOVES, tagmoves.rows(step.tags))

    def _write_pems(self, step: GraphStep) -> bool:
        known, places = self._known(step.pems)
        content = content_of(step.pems, places)
        self._learn_artifacts(step, content)
        versions = self._resolver.versions_of(content.uses)
        taken = self._resolver.taken_over(content)
        named = self._resolver.named_taken_over(content.productions)
        used = {keys.pem_of(version) for version in versions if version is not None}
        nodes, filled = self._write_nodes(step.pems, used, known, places)
        self._write_productions(content.productions, nodes)
        moved = self._move_uses(taken, nodes)
        moved += sum(self._move_named_uses(each, nodes) for each in named)
        self._write_uses(content.uses, versions, nodes)
        self._write_predecessors(step.pems, nodes)
        self._note_productions(content.artifacts.values())
        put_in_order(self._work, sorted(filled))
        return bool(filled) or moved > 0

    # -------------------------------------------------------------------------------------------- nodes

    def _learn_artifacts(self, step: GraphStep, content: Content) -> None:
        """Learn about the artifacts that are there, and make the others."""
        by_key = {artifact.key: artifact for artifact in content.artifacts.values()}
        fill = []
        earlier = []
        for key, node, since_us, *noted in self._work.ask_of(writes.KNOWN_ARTIFACTS, sorted(by_key)):
            artifact = by_key.pop(key)
            artifact.is_new = False
            artifact.node = node
            artifact.first, artifact.last, artifact.used, artifact.named, artifact.told = noted
            sighting = step.artifacts[artifact.name]
            if sighting.described:
                fill.append([node, sighting.properties, sighting.described])
            if sighting.since_us < since_us:
                earlier.append([node, sighting.since_us])
        self._work.do(writes.FILL_PROPERTIES, fill)
        self._work.do(writes.SET_SINCE, earlier)
        rows = [_artifact_row(by_key[key], step.artifacts[by_key[key].name]) for key in sorted(by_key)]
        for key, node in self._work.ask_of(writes.CREATE_ARTIFACTS, rows):
            by_key[key].node = node

    def _known(self, pems: Sequence[tuple[Pem, int, int]]) -> tuple[Nodes, dict[str, Place]]:
        """Return the nodes of older events that new ones name as predecessors, and the new ones' places."""
        own = {pem.id for pem, *_ in pems}
        named = {id_ for pem, *_ in pems for id_ in pem.predecessors}
        found = self._work.ask_of(writes.KNOWN_PLACES, sorted(named - own))
        older = {
            id_: (keys.microseconds(occurred_at), keys.rank_in(rank))
            for id_, _, occurred_at, rank in found
            if occurred_at is not None
        }
        return {id_: node for id_, node, *_ in found}, placed(pems, older)

    def _write_nodes(
        self, pems: Sequence[tuple[Pem, int, int]], used: set[str], known: Nodes, places: Mapping[str, Place]
    ) -> tuple[Nodes, Nodes]:
        """
        Make the events, and placeholders for their predecessors.

        :param used: events whose versions were used
        :param known: older events that are named as predecessors
        :param places: of the events in their moments
        :returns: the nodes of all events that edges lead to or from; and of the placeholders that were filled
        """
        own = {pem.id for pem, *_ in pems}
        named = {id_ for pem, *_ in pems for id_ in pem.predecessors}
        nodes = {**known, **dict(self._work.ask_of(writes.KNOWN_PEMS, sorted(used - own - known.keys())))}
        missing = sorted(named - own - nodes.keys())
        filled = self._placeholders_among(own)
        emitters = self._merge_emitters({pem.emitter for pem, *_ in pems})
        rows = [_pem_row(*event, emitters[event[0].emitter], places) for event in pems]
        if filled:
            to_fill = [[filled[row[0]], *row] for row in rows if row[0] in filled]
            self._work.do(writes.FILL_PLACEHOLDERS, to_fill)
            nodes.update(filled)
            rows = [row for row in rows if row[0] not in filled]
        rows.sort(key=_first)
        nodes.update(self._work.ask_of(writes.CREATE_PEMS, rows))
        nodes.update(self._work.ask_of(writes.CREATE_PLACEHOLDERS, missing))
        late = [[nodes[id_], place.late] for id_, place in sorted(places.items()) if place.late]
        self._work.do(writes.MARK_LATE, late)
        return nodes, filled

    def _placeholders_among(self, ids: set[str]) -> Nodes:
        if not self._work.ask(writes.HAS_PLACEHOLDERS):
            return {}
        return dict(self._work.ask_of(writes.KNOWN_PLACEHOLDERS, sorted(ids)))

    def _merge_emitters(self, names: set[str]) -> dict[str, int]:
        by_key = {keys.key_of(name): name for name in names}
        rows = sorted(by_key.items())
        return {by_key[key]: node for key, node in self._work.ask_of(writes.MERGE_EMITTERS, rows)}

    def _note_productions(self, artifacts: Iterable[Artifact]) -> None:
        """Note with artifacts that were there before what changed in them."""
        rows = []
        for artifact in artifacts:
            now = artifact.made or artifact.first or artifact.uses_named_now or artifact.told_now
            if now and not artifact.is_new:
                noted = artifact.noted()
                if noted != artifact.noted_before():
                    rows.append([artifact.node, *noted])
        self._work.do(writes.NOTE_PRODUCTIONS, rows)

    # -------------------------------------------------------------------------------------------- edges

    def _write_productions(self, productions: Sequence[Production], nodes: Nodes) -> None:
        plain: list[Row] = []
        stated: list[Row] = []
        entering: dict[str, Row] = {}
        for pem_id, artifact, at, label, digest, kind, properties in productions:
            several = artifact.has_several()
            said = (label, digest, kind)
            if several or said != _NOTHING:
                entry = keys.artifact_entry(artifact.name) + at if several else None
                named = None if label is None else keys.label_entry(artifact.name, label) + at
                stated.append([nodes[pem_id], artifact.node, *said, properties, entry, named])
            else:
                plain.append([nodes[pem_id], artifact.node, properties])
            if several and artifact.first is None and artifact.last is not None:
                entering[artifact.name] = [artifact.node, keys.artifact_entry(artifact.name) + artifact.last]
        self._work.do(writes.ENTER_ONLY_PRODUCTION, list(entering.values()))
        self._work.do(writes.CREATE_PRODUCTIONS, sorted(plain, key=_ends))
        self._work.do(writes.CREATE_STATED_PRODUCTIONS, stated)

    def _write_uses(self, uses: Sequence[Use], versions: Sequence[str | None], nodes: Nodes) -> None:
        plain: list[Row] = []
        outside: list[Row] = []
        stated: list[Row] = []
        for (pem_id, artifact, at, label, said), version in zip(uses, versions, strict=True):
            # An event that is not there was taken out of the graph by somebody: that is for verify to tell.
            cause = None if version is None else nodes.get(keys.pem_of(version))
            if version is not None and cause is not None and label is None and said is None and version < at:
                plain.append([nodes[pem_id], artifact.node, cause])
                continue
            named = None if label is None else keys.label_entry(artifact.name, label) + at
            if version is None or cause is None:
                outside.append([nodes[pem_id], artifact.node, label, named, *(said or _NOTHING)])
            else:
                label_key = None if label is None else keys.key_of(label)
                out_of_order = True if version > at else None
                edge = (cause, label, label_key, named, out_of_order)
                stated.append([nodes[pem_id], artifact.node, *edge, *(said or _NOTHING)])
        self._work.do(writes.CREATE_USES, sorted(plain))
        self._work.do(writes.CREATE_USES_FROM_OUTSIDE, outside)
        self._work.do(writes.CREATE_STATED_USES, stated)

    def _write_predecessors(self, pems: Sequence[tuple[Pem, int, int]], nodes: Nodes) -> None:
        rows = [[nodes[pem.id], nodes[id_]] for pem, *_ in pems for id_ in pem.predecessors]
        self._work.do(writes.CREATE_PREDECESSORS, sorted(rows))

    # -------------------------------------------------------------------------------------------- late productions

    def _move_uses(self, taken: Sequence[TakeOver], nodes: Nodes) -> int:
        """Move older uses to late productions, and return how many there were."""
        if not taken:
            return 0
        rows = [_take_over_row(each, nodes) for each in taken]
        held = [row for row in rows if row[4] is not None]
        from_artifact = [row for row in rows if row[4] is None]
        from_version: list[Row] = []
        # Whichever is the shorter way to them.
        users = self._work.ask_of(writes.USERS_OF, [[row[0], row[4]] for row in held])
        for row, (uses_of_artifact, uses_of_version) in zip(held, users, strict=True):
            (from_artifact if uses_of_artifact <= uses_of_version else from_version).append(row)
        own = [row for row in from_version if not row[2][0][0]]
        return (
            self._work.count(writes.TAKE_OVER_OWN, own)
            + self._work.count(writes.TAKE_OVER_FROM_VERSION, from_version)
            + self._work.count(writes.TAKE_OVER_FROM_ARTIFACT, from_artifact)
        )

    def _move_named_uses(self, taken: Sequence[NamedTakeOver], nodes: Nodes) -> int:
        """Move older uses that name a version to productions that are that version now, and return how many."""
        return self._work.count(
            writes.TAKE_OVER_NAMED,
            [
                [
                    *(begin, end, nodes[production.pem_id], keys.key_of(label)),
                    label if keys.is_event_id(label) else None,
                ]
                for begin, end, production, label in taken
            ],
        )


def _artifact_row(artifact: Artifact, sighting: Sighting) -> Row:
    """Return a new artifact as `CREATE_ARTIFACTS` wants it."""
    name = None if artifact.key == artifact.name else artifact.name
    _, properties, _, created_at, since_us, since, described = sighting
    return [artifact.key, name, properties, created_at, since_us, since, described or None, *artifact.noted()]


def _pem_row(pem: Pem, position: int, recorded_us: int, emitter: int, places: Mapping[str, Place]) -> Row:
    """Return an event as `CREATE_PEMS` wants it."""
    id_, type_, emitter_name, _, stated_at, occurred_us, properties, *_, outcome, error = pem
    times = (rfc3339(occurred_us), position, rfc3339(recorded_us))
    rank = keys.rank_text(places[id_].rank) if id_ in places else ""
    return [id_, emitter, type_, emitter_name, properties, stated_at, *times, outcome, error, rank or None]


def _first(row: Row) -> str:
    id_: str = row[0]
    return id_


def _ends(row: Row) -> list[int]:
    return row[:2]


def _take_over_row(taken: TakeOver, nodes: Nodes) -> Row:
    """Return what late productions take over as the statements want it."""
    return [
        taken.artifact.node,
        taken.artifact.key,
        [
            [keys.stated_moment(begin) if begin else "", nodes[keys.pem_of(made)]]
            for begin, made in taken.windows
        ],
        taken.end if taken.end == keys.END else keys.stated_moment(taken.end),
        None if taken.held_by is None else keys.pem_of(taken.held_by),
    ]
