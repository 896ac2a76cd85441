"""
Writing batches into one generation of the graph in Neo4j.

A batch is one transaction, with the checkpoint locked first and moved last. Within a step: artifacts and emitters, so
that it is known what is there; then events; then what late productions take over of older uses; then the edges. What
versions mean is decided here, in memory, so the statements only look up and create.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.events.clock import rfc3339
from provgraph.graphstore.neo4j import keys, statements
from provgraph.graphstore.neo4j.versions import (
    NONE,
    Artifact,
    Neighbours,
    TakeOver,
    producer,
    seen,
    stated,
    stated_end,
    taken_over,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.events import Pem, Sighting
    from provgraph.graphstore.base import Checkpoint
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.statements import Statement
    from provgraph.graphstore.neo4j.work import Work
    from provgraph.graphstore.projection import GraphBatch, GraphStep


def write(work: Work, batch: GraphBatch, *, to: Checkpoint) -> None:
    """Write a batch, and set the checkpoint."""
    writer = _Writer(work)
    changed = [writer.write(step) for step in batch]
    work.run(
        statements.SET_CHECKPOINT,
        epoch=to.epoch,
        position=to.position,
        batch=work.token,
        changed_at=to.position if any(changed) else None,
    )


class _Use(NamedTuple):
    """A use of this batch, resolved."""

    pem_id: str
    artifact: Artifact
    at: str
    label: str | None
    version: str | None  # moment of the production whose version was used


class _Production(NamedTuple):
    """A production of this batch."""

    pem_id: str
    artifact: Artifact
    at: str
    label: str | None
    digest: str | None
    kind: str | None


class _Content(NamedTuple):
    """What the events of a step say, with artifacts shared between them."""

    artifacts: dict[str, Artifact]
    uses: list[_Use]  # not resolved yet
    productions: list[_Production]


class _Writer:
    """Writes the steps of one batch, inside its transaction."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def write(self, step: GraphStep) -> bool:
        """Write a step, and tell whether it changed what the graph said of older events."""
        changed = self._write_pems(step) if step.pems else False
        if step.tags:
            rows = [
                [keys.tag_key(namespace, tag), namespace, tag, pem_id]
                for (namespace, tag), pem_id in sorted(step.tags.items())
            ]
            self._work.do(statements.SET_TAGS, rows)
        if step.removed:
            removed = sorted({keys.key_of(name) for name in step.removed})
            self._work.run(statements.REMOVE_UNCONNECTED, keys=removed)
        return changed

    def _write_pems(self, step: GraphStep) -> bool:
        content = _content(step.pems)
        self._learn_artifacts(step, content)
        uses = self._resolved(content)
        taken = self._taken_over(content)
        nodes, is_any_filled = self._write_nodes(step.pems, uses)
        self._write_productions(content.productions, nodes)
        moved = self._move_uses(taken, nodes) + self._move_named_uses(content, nodes)
        self._write_uses(uses, nodes)
        predecessors = [
            [nodes[pem.id], nodes[id_]]
            for pem, _ in step.pems
            if pem.predecessors
            for id_ in pem.predecessors
        ]
        self._work.do(statements.CREATE_PREDECESSORS, predecessors)
        self._note_productions(content.artifacts.values())
        return is_any_filled or moved > 0

    # -------------------------------------------------------------------------------------------- nodes

    def _learn_artifacts(self, step: GraphStep, content: _Content) -> None:
        """Learn about the artifacts that are there, and make the others."""
        by_key = {artifact.key: artifact for artifact in content.artifacts.values()}
        fill = []
        for key, *noted in self._work.ask_of(statements.KNOWN_ARTIFACTS, sorted(by_key)):
            artifact = by_key.pop(key)
            artifact.is_new = False
            artifact.node, artifact.first, artifact.last, artifact.used, artifact.named = noted
            properties = step.artifacts[artifact.name].properties
            if properties != "{}":
                fill.append([artifact.node, properties])
        self._work.do(statements.FILL_PROPERTIES, fill)
        rows = [_artifact_row(by_key[key], step.artifacts[by_key[key].name]) for key in sorted(by_key)]
        for key, node in self._work.ask_of(statements.CREATE_ARTIFACTS, rows):
            by_key[key].node = node

    def _write_nodes(
        self, pems: Sequence[tuple[Pem, int]], uses: Sequence[_Use]
    ) -> tuple[dict[str, int], bool]:
        """
        Make the events and the placeholders for their predecessors.

        :returns: the nodes of all events that edges lead to or from, by id; and whether a placeholder was filled
        """
        emitters = self._merge_emitters({pem.emitter for pem, _ in pems})
        own = {pem.id for pem, _ in pems}
        named = {id_ for pem, _ in pems for id_ in pem.predecessors}
        used = {use.version[-32:] for use in uses if use.version is not None}
        nodes: dict[str, int] = dict(self._work.ask_of(statements.KNOWN_PEMS, sorted((named | used) - own)))
        missing = sorted(named - own - nodes.keys())
        filled = self._known_placeholders(own)
        rows = [_pem_row(pem, position, emitters[pem.emitter]) for pem, position in pems]
        rows.sort(key=_id_in)
        new = [row for row in rows if row[2] not in filled]
        for index, row in enumerate(new):
            row[0] = index
        nodes.update((new[index][2], node) for index, node in self._work.ask_of(statements.CREATE_PEMS, new))
        if filled:
            to_fill = [[filled[row[2]], *row[1:]] for row in rows if row[2] in filled]
            self._work.do(statements.FILL_PLACEHOLDERS, to_fill)
            nodes.update(filled)
        nodes.update(self._work.ask_of(statements.CREATE_PLACEHOLDERS, missing))
        return nodes, bool(filled)

    def _known_placeholders(self, ids: set[str]) -> dict[str, int]:
        if not self._work.ask(statements.HAS_PLACEHOLDERS):
            return {}
        return dict(self._work.ask_of(statements.KNOWN_PLACEHOLDERS, sorted(ids)))

    def _merge_emitters(self, names: set[str]) -> dict[str, int]:
        ordered = sorted(names)
        rows = [[index, keys.key_of(name), name] for index, name in enumerate(ordered)]
        return {ordered[index]: node for index, node in self._work.ask_of(statements.MERGE_EMITTERS, rows)}

    def _note_productions(self, artifacts: Iterable[Artifact]) -> None:
        """Note with artifacts that were there before what changed in them."""
        rows = []
        for artifact in artifacts:
            if artifact.is_new or not (artifact.made or artifact.first or artifact.uses_named_now):
                continue
            noted = artifact.noted()
            if noted != (artifact.first, artifact.last, artifact.used, artifact.named):
                rows.append([artifact.node, *noted])
        self._work.do(statements.NOTE_PRODUCTIONS, rows)

    # -------------------------------------------------------------------------------------------- versions

    def _resolved(self, content: _Content) -> list[_Use]:
        """Return a step's uses with the versions they mean."""
        resolved = []
        open_: list[_Use] = []
        labelled: list[_Use] = []
        for use in content.uses:
            artifact = use.artifact
            if use.label is not None:
                labelled.append(use)
                continue
            there = artifact.neighbours(use.at)
            if there is None:
                open_.append(use)
            elif artifact.made:
                resolved.append(use._replace(version=seen(use.at, there, artifact.made)))
            else:
                before, behind = there
                resolved.append(use._replace(version=before or behind))
        neighbours = self._neighbours([(use.artifact, use.at) for use in open_])
        resolved += [
            use._replace(version=seen(use.at, there, use.artifact.made))
            for use, there in zip(open_, neighbours, strict=True)
        ]
        return resolved + self._resolved_labelled(labelled)

    def _resolved_labelled(self, uses: Sequence[_Use]) -> list[_Use]:
        older = [use for use in uses if use.artifact.last is not None]
        there = dict(
            zip(
                older,
                self._named_neighbours([(use.artifact, use.label or "", use.at) for use in older]),
                strict=True,
            )
        )
        by_event = [use for use in older if keys.is_event_id(use.label or "")]
        rows = [[index, use.label, use.artifact.node] for index, use in enumerate(by_event)]
        produced_at = {
            by_event[index]: keys.moment(keys.microseconds(occurred_at), by_event[index].label or "")
            for index, occurred_at in self._work.ask_of(statements.PRODUCED_BY, rows)
        }
        return [
            use._replace(version=_named_version(use, there.get(use, NONE), produced_at.get(use)))
            for use in uses
        ]

    def _neighbours(self, wanted: Sequence[tuple[Artifact, str]]) -> list[Neighbours]:
        """Return the productions in the graph next to moments."""
        entries = [(keys.artifact_entry(artifact.name), at) for artifact, at in wanted]
        return self._next_to(statements.NEIGHBOURS, entries)

    def _named_neighbours(self, wanted: Sequence[tuple[Artifact, str, str]]) -> list[Neighbours]:
        """Return the productions in the graph with a label next to moments."""
        entries = [(keys.label_entry(artifact.name, label), at) for artifact, label, at in wanted]
        return self._next_to(statements.NAMED_NEIGHBOURS, entries)

    def _next_to(self, statement: Statement, entries: Sequence[tuple[str, str]]) -> list[Neighbours]:
        rows = [[index, begin, begin + at, begin + keys.END] for index, (begin, at) in enumerate(entries)]
        found: list[Neighbours] = [NONE] * len(rows)
        for index, before, behind in self._work.ask_of(statement, rows):
            found[index] = (before and before[-_MOMENT:], behind and behind[-_MOMENT:])
        return found

    def _taken_over(self, content: _Content) -> list[TakeOver]:
        """Return what the step's productions take over of uses that name no version."""
        artifacts = [
            artifact for artifact in content.artifacts.values() if artifact.made and not artifact.is_new
        ]
        self._learn_latest_uses([artifact for artifact in artifacts if artifact.first is None])
        entries: list[tuple[str, str]] = []
        found: dict[tuple[str, str], Neighbours | None] = {}
        for artifact in artifacts:
            for at in artifact.made:
                there = artifact.neighbours(at)
                found[artifact.name, at] = there
                if there is None:
                    entries.append((artifact.name, at))
        asked = [(keys.artifact_entry(name), at) for name, at in entries]
        found.update(zip(entries, self._next_to(statements.NEIGHBOURS, asked), strict=True))
        return [
            taken
            for artifact in artifacts
            for taken in taken_over(artifact, [found[artifact.name, at] or NONE for at in artifact.made])
        ]

    def _learn_latest_uses(self, artifacts: Sequence[Artifact]) -> None:
        """Learn until when artifacts with one production were used; with several, that is kept with them."""
        wanted = {artifact.node: artifact for artifact in artifacts if artifact.has_several()}
        for node, latest in self._work.ask_of(statements.LATEST_USES, sorted(wanted)):
            wanted[node].used = None if latest is None else keys.moment_of_stated(latest)

    # -------------------------------------------------------------------------------------------- edges

    def _write_productions(self, productions: Sequence[_Production], nodes: dict[str, int]) -> None:
        plain, with_facts = [], []
        only: dict[str, Artifact] = {}  # had one production so far, which is not in the index
        for pem_id, artifact, at, label, digest, kind in productions:
            if not artifact.is_new and artifact.last is not None and artifact.first is None:
                only[artifact.name] = artifact
            several = artifact.has_several()
            if several or label is not None or digest is not None or kind is not None:
                entry = keys.artifact_entry(artifact.name) + at if several else None
                named = None if label is None else keys.label_entry(artifact.name, label) + at
                with_facts.append([nodes[pem_id], artifact.node, label, digest, kind, entry, named])
            else:
                plain.append([nodes[pem_id], artifact.node])
        self._work.do(
            statements.ENTER_ONLY_PRODUCTION,
            [
                [artifact.node, keys.artifact_entry(artifact.name) + (artifact.last or "")]
                for artifact in only.values()
            ],
        )
        plain.sort()
        self._work.do(statements.CREATE_PRODUCTIONS, plain)
        self._work.do(statements.CREATE_STATED_PRODUCTIONS, with_facts)

    def _write_uses(self, uses: Sequence[_Use], nodes: dict[str, int]) -> None:
        plain, outside, with_facts = [], [], []
        for pem_id, artifact, at, label, version in uses:
            named = None if label is None else keys.label_entry(artifact.name, label) + at
            cause = None if version is None else nodes.get(version[-32:])
            if version is None or cause is None:
                outside.append([nodes[pem_id], artifact.node, label, named])
            elif label is None and version < at:
                plain.append([nodes[pem_id], artifact.node, cause])
            else:
                label_key = None if label is None else keys.key_of(label)
                out_of_order = True if version > at else None
                with_facts.append(
                    [nodes[pem_id], artifact.node, cause, label, label_key, named, out_of_order]
                )
        plain.sort()
        self._work.do(statements.CREATE_USES, plain)
        self._work.do(statements.CREATE_USES_FROM_OUTSIDE, outside)
        self._work.do(statements.CREATE_STATED_USES, with_facts)

    def _move_uses(self, taken: Sequence[TakeOver], nodes: dict[str, int]) -> int:
        """Move older uses to late productions, and return how many there were."""
        rows = [_take_over_row(each, nodes) for each in taken]
        held = [row for row in rows if row[4] is not None]
        from_artifact = [row for row in rows if row[4] is None]
        from_version: list[Row] = []
        for row, users in zip(
            held, self._work.ask_of(statements.USERS_OF, [[row[0], row[4]] for row in held]), strict=True
        ):
            uses_of_artifact, uses_of_version = users
            (from_artifact if uses_of_artifact <= uses_of_version else from_version).append(row)
        own = [row for row in from_version if not row[2][0][0]]
        return (
            self._work.count(statements.TAKE_OVER_OWN, own)
            + self._work.count(statements.TAKE_OVER_FROM_VERSION, from_version)
            + self._work.count(statements.TAKE_OVER_FROM_ARTIFACT, from_artifact)
        )

    def _move_named_uses(self, content: _Content, nodes: dict[str, int]) -> int:
        """Move older uses that name a version to productions that are that version now."""
        made = [each for each in content.productions if not each.artifact.is_new and each.artifact.named]
        with_label = [each for each in made if each.label is not None]
        there = self._named_neighbours([(each.artifact, each.label or "", each.at) for each in with_label])
        by_label = [
            _named_window(each, neighbours, nodes) for each, neighbours in zip(with_label, there, strict=True)
        ]
        by_event = []
        for each in made:
            begin = keys.label_entry(each.artifact.name, each.pem_id)
            by_event.append([begin, begin + keys.END, nodes[each.pem_id], each.pem_id, None])
        taken = self._work.count(statements.TAKE_OVER_NAMED, by_label)
        return taken + self._work.count(statements.TAKE_OVER_NAMED, by_event)


_MOMENT = 48


def _pem_row(pem: Pem, position: int, emitter: int) -> Row:
    """Return an event as `CREATE_PEMS` wants it, but for the index."""
    id_, type_, emitter_name, _, stated_at, occurred_us, properties, *_ = pem
    return [0, emitter, id_, type_, emitter_name, properties, stated_at, rfc3339(occurred_us), position]


def _id_in(row: Row) -> str:
    id_: str = row[2]
    return id_


def _content(pems: Sequence[tuple[Pem, int]]) -> _Content:
    """Return what events say, with the productions of each artifact in order."""
    artifacts: dict[str, Artifact] = {}
    uses: list[_Use] = []
    productions: list[_Production] = []

    def artifact_of(name: str) -> Artifact:
        artifact = artifacts.get(name)
        if artifact is None:
            artifact = artifacts[name] = Artifact(name, keys.key_of(name))
        return artifact

    for pem, _ in pems:
        at = keys.moment(pem.occurred_us, pem.id)
        for name, _properties, _created_at, label, _digest, _kind in pem.uses:
            artifact = artifact_of(name)
            uses.append(_Use(pem.id, artifact, at, label, None))
            if label is not None:
                artifact.uses_named_now = True
            elif artifact.used_now < at:
                artifact.used_now = at
        for name, _properties, _created_at, label, digest, kind in pem.produces:
            artifact = artifact_of(name)
            productions.append(_Production(pem.id, artifact, at, label, digest, kind))
            artifact.made.append(at)
            if label is not None:
                artifact.made_named.setdefault(label, []).append(at)
    for artifact in artifacts.values():
        artifact.made.sort()
        for moments in artifact.made_named.values():
            moments.sort()
    return _Content(artifacts, uses, productions)


def _artifact_row(artifact: Artifact, sighting: Sighting) -> Row:
    """Return a new artifact as `CREATE_ARTIFACTS` wants it."""
    name = None if artifact.key == artifact.name else artifact.name
    return [artifact.key, name, sighting.properties, sighting.created_at, *artifact.noted()]


def _take_over_row(taken: TakeOver, nodes: dict[str, int]) -> Row:
    """Return what late productions take over as the statements want it."""
    return [
        taken.artifact.node,
        taken.artifact.key,
        [[stated(window), nodes[producer(window)]] for window in taken.windows],
        stated_end(taken),
        None if taken.held_by is None else keys.pem_of(taken.held_by),
    ]


def _named_version(use: _Use, there: Neighbours, produced_at: str | None) -> str | None:
    """Return the moment of the version that a use means by its label: an event that produced it, else by its name."""
    label = use.label or ""
    own_id = use.pem_id
    if label != own_id:
        if produced_at is not None:
            return produced_at
        for at in use.artifact.made:
            if at[-32:] == label:
                return at
    return seen(use.at, there, use.artifact.made_named.get(label, ()))


def _named_window(made: _Production, there: Neighbours, nodes: dict[str, int]) -> Row:
    """Return which uses a production takes over of those that name its label, as `TAKE_OVER_NAMED` wants it."""
    label = made.label or ""
    before, behind = there
    together = made.artifact.made_named[label]
    index = together.index(made.at)
    is_earliest = before is None and index == 0
    following = [at for at in (behind, *together[index + 1 : index + 2]) if at is not None]
    begin = keys.label_entry(made.artifact.name, label)
    return [
        begin + ("" if is_earliest else made.at),
        begin + min(following, default=keys.END),
        nodes[made.pem_id],
        keys.key_of(label),
        label if keys.is_event_id(label) else None,
    ]
