"""
What a question is about: an event, an artifact or a tag, as a view shows it.

Written ``pem:ID``, ``artifact:NAME`` or ``tag:NAMESPACE/TAG``; or bare, an event id if one is known under it, else an
artifact's name, which may end in ``@VERSION`` when no artifact is named so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.families.pem.events import version_label
from provgraph.lineage import node, told, versions
from provgraph.lineage.node import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.graphstore import HistoryReader, PemFacts
    from provgraph.lineage.past import Past
    from provgraph.lineage.told import Json

_NODE = Asked()
# Tags that a refusal names.
_MOST_TOLD = 3
# A bare name that ends in a version is looked up as often as it has an ``@``, at most.
_MOST_SPLITS = 30


class Subject(NamedTuple):
    """A node that a question is about."""

    kind: str  # "pem", "artifact" or "tag"
    id: str  # of an event its id, of an artifact its name, of a tag NAMESPACE/TAG
    event_id: (
        str | None
    )  # the event; of an artifact the one that produced the version; of a tag the one it marks
    artifact: str | None = None
    tag_order: str | None = None  # of a tag which of its moves is the last: see `told.tag_order`

    def told(self, known: Mapping[str, PemFacts]) -> Json:
        """
        Return it as answers show it, with how the work ended that its event tells of.

        :param known: events by id; its own is missing where it was never reported
        """
        shown: Json = {"kind": self.kind, "id": self.id}
        if self.kind == "artifact":
            shown["version"] = self.event_id
        elif self.kind == "tag":
            shown |= {"event": self.event_id, "tag_order": self.tag_order}
        facts = self._facts(known)
        return shown if facts is None else shown | told.ending(facts)

    def placed(self, shown: Json, known: Mapping[str, PemFacts]) -> list[tuple[int, Json]]:
        """Return what `told` returned with the position of its event, for `provgraph.lineage.recorders.add_to`."""
        facts = self._facts(known)
        return [] if facts is None else [(facts.position, shown)]

    def _facts(self, known: Mapping[str, PemFacts]) -> PemFacts | None:
        return None if self.event_id is None else known.get(self.event_id)


def find(
    graph: HistoryReader,
    past: Past,
    named: str,
    *,
    version: str | None = None,
    at_latest: bool = True,
    asked: Asked = _NODE,
) -> Subject:
    """
    Return what a question is about.

    :param version: of an artifact: a label, or the id of the event that produced it
    :param at_latest: an artifact without version means its latest one; else all of them
    :param asked: the parameters that say so
    :raises NotFoundError: the view knows nothing under that name
    :raises InvalidInputError: it cannot be read
    """
    kind, name, pem_id = node.read(named, asked)
    look_up = _LookUp(graph, past, asked)
    if kind == "tag":
        return look_up.tag(name)
    if pem_id is not None and (kind == "pem" or look_up.is_known(pem_id)):
        return look_up.pem(pem_id, version)
    return look_up.artifact(name, version, at_latest=at_latest)


class _LookUp:
    """Looks up one node."""

    def __init__(self, graph: HistoryReader, past: Past, asked: Asked) -> None:
        self._graph = graph
        self._past = past
        self._view = past.view
        self._asked = asked

    def pem(self, pem_id: str, version: str | None) -> Subject:
        """Return an event."""
        if version is not None:
            raise self._asked.no_artifact()
        if not self.is_known(pem_id):
            raise self._asked.no_such(f"event {pem_id}", self._past.when)
        return Subject("pem", pem_id, pem_id)

    def is_known(self, pem_id: str) -> bool:
        """Tell whether an event is in the view, or is named there as a predecessor."""
        if any(self._holds(facts) for facts in self._graph.events([pem_id])):
            return True
        return bool(self._graph.effects([pem_id], view=self._view, named=True, limit=1))

    def artifact(self, name: str, version: str | None, *, at_latest: bool) -> Subject:
        """Return an artifact, or a version of it."""
        graph, view = self._graph, self._view
        if version is not None:
            made = self._version(name, version)
            if made is not None:
                return Subject("artifact", name, made, name)
            if graph.names(view, name):
                raise self._asked.no_version(name, version, self._past.when)
        else:
            latest = versions.latest(graph, self._past, name)
            if latest is not None:
                return Subject("artifact", name, latest.event_id if at_latest else None, name)
            if graph.names(view, name):
                return Subject("artifact", name, None, name)
            return self._bare(name, at_latest=at_latest)
        raise self._asked.no_such(f"artifact {node.shown(name)}", self._past.when)

    def _bare(self, name: str, *, at_latest: bool) -> Subject:
        """Return the version that ``NAME@VERSION`` is: of the longest name that has it."""
        splits = [(name[:at], name[at + 1 :]) for at, char in enumerate(name) if char == "@"]
        splits = [split for split in splits[-_MOST_SPLITS:] if all(split)]
        for bare, label in reversed(splits):
            made = self._version(bare, label)
            if made is not None:
                return Subject("artifact", bare, made, bare)
        if splits:
            return self.artifact(*splits[-1], at_latest=at_latest)
        raise self._asked.no_such(f"artifact {node.shown(name)}", self._past.when)

    def _version(self, name: str, version: str) -> str | None:
        """Return the event that produced a version: the latest with that label, or the one with that id."""
        label = version_label(version)
        labelled = versions.latest(self._graph, self._past, name, version=label)
        found = [] if labelled is None else [labelled.moment]
        pem_id = node.as_id(label)
        if pem_id is not None:
            found += [
                self._past.order.moment_of(facts)
                for facts in self._graph.events([pem_id])
                if self._holds(facts) and any(made.artifact == name for made in facts.produces)
            ]
        return max(found).event_id if found else None

    def tag(self, text: str) -> Subject:
        """Return a tag, where it is in the view."""
        written = node.as_written(text)
        found = None if written is None else self._tag(*written)
        if found is not None:
            return found
        typed = node.as_typed(text, self._asked)
        tags = [tag for namespace, name in typed if (tag := self._tag(namespace, name)) is not None]
        if len(tags) > 1:
            told_ = " or ".join(f"tag:{tag.id}" for tag in tags[:_MOST_TOLD])
            raise InvalidInputError(
                f"{self._asked.node} could be more than one tag: {told_}",
                field=self._asked.node,
                rule="one-tag",
            )
        if tags:
            return tags[0]
        namespace, name = written or typed[-1]
        what = f"tag {node.shown(name)} in namespace {node.shown(namespace)}"
        raise self._asked.no_such(what, self._past.when)

    def _tag(self, namespace: str, tag: str) -> Subject | None:
        before = (namespace, tag[:-1]) if len(tag) > 1 else (namespace, "")
        if not (namespace or tag):
            return None
        while found := self._graph.tag_states(self._view, after=before, limit=100):
            for state in found:
                if (state.namespace, state.tag) == (namespace, tag):
                    id_ = node.tag_name(namespace, tag)
                    return Subject("tag", id_, state.pem_id, tag_order=told.tag_order(self._view))
            before = found[-1][:2]
            if before > (namespace, tag):
                break
        return None

    def _holds(self, facts: PemFacts) -> bool:
        return self._view.holds(facts.occurred_us, facts.position)
