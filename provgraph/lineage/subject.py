"""
What a question is about: an event, an artifact or a tag, as a view shows it.

Written ``pem:ID``, ``artifact:NAME`` or ``tag:NAMESPACE/TAG``; or bare, an event id if one is known under it, else an
artifact's name, which may end in ``@VERSION`` when no artifact is named so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import InvalidEventError, InvalidInputError, NotFoundError
from provgraph.events import event_id, version_label
from provgraph.lineage import told, versions

if TYPE_CHECKING:
    from provgraph.graphstore import HistoryReader, PemFacts, View


class Subject(NamedTuple):
    """A node that a question is about."""

    kind: str  # "pem", "artifact" or "tag"
    id: str  # of an event its id, of an artifact its name, of a tag NAMESPACE/TAG
    event_id: (
        str | None
    )  # the event; of an artifact the one that produced the version; of a tag the one it marks
    artifact: str | None = None
    tag_order: str | None = None  # of a tag which of its moves is the last: see `told.tag_order`

    def told(self) -> dict[str, str | None]:
        """Return it as answers show it."""
        node: dict[str, str | None] = {"kind": self.kind, "id": self.id}
        if self.kind == "artifact":
            node["version"] = self.event_id
        elif self.kind == "tag":
            node |= {"event": self.event_id, "tag_order": self.tag_order}
        return node


def find(
    graph: HistoryReader, view: View, node: str, *, version: str | None = None, at_latest: bool = True
) -> Subject:
    """
    Return what a question is about.

    :param version: of an artifact: a label, or the id of the event that produced it
    :param at_latest: an artifact without version means its latest one; else all of them
    :raises NotFoundError: the view knows nothing under that name
    :raises InvalidInputError: it cannot be read
    """
    if not node:
        raise InvalidInputError(
            "node is missing: artifact:NAME, pem:ID, tag:NAMESPACE/TAG, or bare",
            field="node",
            rule="required",
        )
    kind, colon, rest = node.partition(":")
    if colon and kind == "tag":
        return _tag(graph, view, rest)
    if colon and kind == "artifact":
        return _artifact(graph, view, rest, version, at_latest=at_latest)
    if colon and kind == "pem":
        pem_id = _as_id(rest)
        if pem_id is None:
            raise InvalidInputError(
                f"node names no event: {rest[:40]!r} is not a UUID", field="node", rule="uuid"
            )
        return _pem(graph, view, pem_id, version)
    pem_id = _as_id(node)
    if pem_id is not None and _is_known(graph, view, pem_id):
        return _pem(graph, view, pem_id, version)
    return _artifact(graph, view, node, version, at_latest=at_latest)


def _pem(graph: HistoryReader, view: View, pem_id: str, version: str | None) -> Subject:
    if version is not None:
        raise InvalidInputError(
            "version goes with an artifact, not with an event", field="version", rule="artifact"
        )
    if not _is_known(graph, view, pem_id):
        raise NotFoundError(f"No event {pem_id} is known {_when(view)}")
    return Subject("pem", pem_id, pem_id)


def _artifact(
    graph: HistoryReader, view: View, name: str, version: str | None, *, at_latest: bool
) -> Subject:
    if version is not None:
        made = _version(graph, view, name, version)
        if made is not None:
            return Subject("artifact", name, made, name)
        if graph.names(view, name):
            raise NotFoundError(f"Artifact {name!r} has no version {version!r} {_when(view)}")
    else:
        latest = versions.latest(graph, view, name)
        if latest is not None:
            return Subject("artifact", name, latest.event_id if at_latest else None, name)
        if graph.names(view, name):
            return Subject("artifact", name, None, name)
        bare, at, label = name.rpartition("@")
        if at and bare and label:
            return _artifact(graph, view, bare, label, at_latest=at_latest)
    raise NotFoundError(f"No artifact {name!r} is known {_when(view)}")


def _version(graph: HistoryReader, view: View, name: str, version: str) -> str | None:
    """Return the event that produced a version: the latest with that label, or the one with that id."""
    label = version_label(version)
    labelled = versions.latest(graph, view, name, version=label)
    found = [] if labelled is None else [labelled.moment]
    pem_id = _as_id(label)
    if pem_id is not None:
        found += [
            versions.moment_of(facts)
            for facts in graph.events([pem_id])
            if _holds(view, facts) and any(made.artifact == name for made in facts.produces)
        ]
    return max(found).event_id if found else None


def _tag(graph: HistoryReader, view: View, text: str) -> Subject:
    namespace, slash, tag = text.rpartition("/")
    before = (namespace, tag[:-1]) if len(tag) > 1 else (namespace, "")
    if slash or tag:
        while found := graph.tag_states(view, after=before, limit=100):
            for state in found:
                if (state.namespace, state.tag) == (namespace, tag):
                    return Subject("tag", text, state.pem_id, tag_order=told.tag_order(view))
            before = found[-1][:2]
            if before > (namespace, tag):
                break
    raise NotFoundError(f"No tag {tag!r} in namespace {namespace!r} is set {_when(view)}")


def _is_known(graph: HistoryReader, view: View, pem_id: str) -> bool:
    """Tell whether an event is in a view, or is named there as a predecessor."""
    if any(_holds(view, facts) for facts in graph.events([pem_id])):
        return True
    return bool(graph.effects([pem_id], view=view, named=True, limit=1))


def _holds(view: View, facts: PemFacts) -> bool:
    return view.holds(facts.occurred_us, facts.position)


def _when(view: View) -> str:
    return "in the graph" if view.as_of_us is None else "at that time"


def _as_id(text: str) -> str | None:
    try:
        return event_id(text)
    except InvalidEventError:
        return None
