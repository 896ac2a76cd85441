"""
What the changed events name that operators accepted.

Some lists say of nothing which event it comes from: Record Keeper's of artifacts and tags, and kinds. What they hold is
marked by what the accepted events say themselves. That may mark too much (an artifact that was first seen in the same
second, or described in the same words, by another event that is as it was recorded). What an event named when it was
recorded, and does not name any more, is listed until the catalog is built anew, as it was recorded.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from provgraph.events.clock import second_text
from provgraph.families.artifact.events import Sighting, note
from provgraph.families.pem.events import Pem
from provgraph.families.tag.events import TagSet
from provgraph.families.tracking.events import FROM_FILE, Tracked

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from provgraph.catalog import CatalogArtifact, CatalogTag
    from provgraph.events import RecordedEvent
    from provgraph.lineage.told import Json


class _Kind(NamedTuple):
    sequence: int  # of the step that defined it
    change: Json


class ChangedNames:
    """What accepted events name, each with its change as answers tell it."""

    def __init__(self, events: Iterable[tuple[RecordedEvent, Json]] = ()) -> None:
        """Take the events as they are now, each with its change."""
        self._artifacts: dict[str, list[tuple[Sighting, Json]]] = defaultdict(list)
        self._tags: dict[tuple[str, str, str], Json] = {}  # namespace, tag, updated_at
        self._kinds: dict[tuple[str, bool], _Kind] = {}  # by name, and whether a schema file defined it
        for event, change in events:
            self._take(event, change)

    def artifact(self, artifact: CatalogArtifact) -> Json | None:
        """Return the change of an event that made an artifact in a list what it is, None where there is none."""
        for seen, change in self._artifacts.get(artifact.name, ()):
            is_described = seen.properties not in ("{}", "") and seen.properties == artifact.properties
            if is_described or seen.created_at == artifact.created_at:
                return change
        return None

    @property
    def artifacts(self) -> Container[str]:
        """The names of the artifacts that an accepted event uses or produces."""
        return self._artifacts.keys()

    def tag(self, tag: CatalogTag) -> Json | None:
        """Return the change of the event that moved a tag to where it is, None where there is none."""
        return self._tags.get((tag.namespace, tag.tag, tag.updated_at))

    def kind(self, name: str, *, since: int, from_file: bool) -> Json | None:
        """
        Return the change of the event that defined a kind as it is, None where there is none.

        :param since: number of the step that defined it last
        :param from_file: whether that recorded what a schema file says
        """
        found = self._kinds.get((name, from_file))
        return None if found is None or found.sequence != since else found.change

    @property
    def kinds(self) -> set[str]:
        """The kinds that an accepted event defined; another one may have since."""
        return {name for name, _ in self._kinds}

    def _take(self, event: RecordedEvent, change: Json) -> None:
        content = event.content
        if content is None:
            return  # set aside: it counts nowhere
        recorded_at = second_text(event.recorded_us)
        if isinstance(content, Tracked):
            for kind in content.step.kinds:
                self._take_kind(kind, _Kind(content.step.sequence, change))
            content = content.pem
        if isinstance(content, TagSet):
            self._tags[content.namespace, content.tag, recorded_at] = change
        if isinstance(content, Pem):
            if content.tag:
                self._tags[content.tag_namespace or "", content.tag, recorded_at] = change
            for statement in (*content.uses, *content.produces):
                seen: dict[str, Sighting] = {}
                note(
                    seen,
                    [statement],
                    recorded_us=event.recorded_us,
                    recorded_at=recorded_at,
                    occurred_us=content.occurred_us,
                    position=event.position,
                )
                for name, sighting in seen.items():
                    self._artifacts[name].append((sighting, change))

    def _take_kind(self, definition: Json, found: _Kind) -> None:
        """Note who defined a kind, unless a later one did: changes are accepted in any order."""
        key = definition["namespace"] + definition["name"], FROM_FILE in definition
        known = self._kinds.get(key)
        if known is None or known.sequence < found.sequence:
            self._kinds[key] = found
