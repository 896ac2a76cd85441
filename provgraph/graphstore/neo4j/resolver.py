"""Resolving the uses of a step, and finding what its productions take over: asks the graph where it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.graphstore.neo4j import keys, versions
from provgraph.graphstore.neo4j.statements import writes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore.neo4j.content import Artifact, Content, Production, Use
    from provgraph.graphstore.neo4j.statements.statement import Statement
    from provgraph.graphstore.neo4j.versions import NamedTakeOver, Neighbours, TakeOver
    from provgraph.graphstore.neo4j.work import Work


class Resolver:
    """Resolves against the graph as it is before the step is written."""

    def __init__(self, work: Work) -> None:
        """Note whom to ask."""
        self._work = work

    def versions_of(self, uses: Sequence[Use]) -> list[str | None]:
        """Return for each use the moment of the version that it means; None: it came from outside."""
        found: list[str | None] = [None] * len(uses)
        between: list[int] = []
        labelled: list[int] = []
        for index, (_, artifact, at, label, _said) in enumerate(uses):
            if label is not None:
                labelled.append(index)
                continue
            there = versions.neighbours(artifact, at)
            if there is None:
                between.append(index)
            else:
                found[index] = versions.seen(at, there, artifact.made)
        if between:
            entries = [(keys.artifact_entry(uses[index][1].name), uses[index][2]) for index in between]
            for index, there in zip(between, self._next_to(writes.NEIGHBOURS, entries), strict=True):
                found[index] = versions.seen(uses[index][2], there, uses[index][1].made)
        if labelled:
            for index, version in zip(
                labelled, self._named([uses[index] for index in labelled]), strict=True
            ):
                found[index] = version
        return found

    def _named(self, uses: Sequence[Use]) -> list[str | None]:
        """Return the versions that uses mean by a label."""
        there = self._next_to_named([(artifact, label or "", at) for _, artifact, at, label, _ in uses])
        produced_at: list[str | None] = [None] * len(uses)
        rows = [
            [index, label, artifact.node]
            for index, (_, artifact, _, label, _) in enumerate(uses)
            if label is not None and artifact.last is not None and keys.is_event_id(label)
        ]
        for index, stated in self._work.ask_of(writes.PRODUCED_BY, rows):
            produced_at[index] = keys.moment_of_stated(stated)
        return [versions.named(*each) for each in zip(uses, there, produced_at, strict=True)]

    def taken_over(self, content: Content) -> list[TakeOver]:
        """Return what productions take over of uses that name no version."""
        artifacts = [each for each in content.artifacts.values() if each.made and not each.is_new]
        self._learn_latest_uses([each for each in artifacts if each.first is None and each.has_several()])
        beside = [[versions.neighbours(each, at) for at in each.made] for each in artifacts]
        entries = [
            (keys.artifact_entry(each.name), at)
            for each, found in zip(artifacts, beside, strict=True)
            for at, there in zip(each.made, found, strict=True)
            if there is None
        ]
        asked = iter(self._next_to(writes.NEIGHBOURS, entries))
        return [
            taken
            for each, found in zip(artifacts, beside, strict=True)
            for taken in versions.taken_over(each, [there or next(asked) for there in found])
        ]

    def named_taken_over(
        self, productions: Sequence[Production]
    ) -> tuple[list[NamedTakeOver], list[NamedTakeOver]]:
        """Return what productions take over of uses that name a version: first by label, then by event."""
        made = [each for each in productions if not each.artifact.is_new and each.artifact.named]
        labelled = [each for each in made if each.label is not None]
        there = self._next_to_named([(each.artifact, each.label or "", each.at) for each in labelled])
        by_label = [versions.taken_over_by_label(*each) for each in zip(labelled, there, strict=True)]
        return by_label, [versions.taken_over_by_id(each) for each in made]

    def _learn_latest_uses(self, artifacts: Sequence[Artifact]) -> None:
        """Learn until when artifacts with one production were used; with several, that is kept with them."""
        wanted = {artifact.node: artifact for artifact in artifacts}
        for node, latest in self._work.ask_of(writes.LATEST_USES, sorted(wanted)):
            wanted[node].used = None if latest is None else keys.moment_of_stated(latest)

    def _next_to_named(self, wanted: Sequence[tuple[Artifact, str, str]]) -> list[Neighbours]:
        """Return the productions in the graph with a label next to moments."""
        found = [versions.NONE] * len(wanted)
        asked = [index for index, (artifact, _, _) in enumerate(wanted) if artifact.last is not None]
        entries = [
            (keys.label_entry(wanted[index][0].name, wanted[index][1]), wanted[index][2]) for index in asked
        ]
        for index, there in zip(asked, self._next_to(writes.NAMED_NEIGHBOURS, entries), strict=True):
            found[index] = there
        return found

    def _next_to(self, statement: Statement, entries: Sequence[tuple[str, str]]) -> list[Neighbours]:
        """Return the productions in the graph next to moments, each with the beginning of its entries."""
        rows = [[index, begin, begin + at, begin + keys.END] for index, (begin, at) in enumerate(entries)]
        found = [versions.NONE] * len(rows)
        for index, before, behind in self._work.ask_of(statement, rows):
            begin = entries[index][0]
            found[index] = (
                before and keys.moment_in(before, begin),
                behind and keys.moment_in(behind, begin),
            )
        return found
