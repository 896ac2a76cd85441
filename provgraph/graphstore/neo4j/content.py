"""What the events of a step say, arranged by artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.neo4j import keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provgraph.families.pem.events import Pem
    from provgraph.graphstore.groups import Place

# Of an artifact: earliest production if there are several, latest one, latest use that names no version if there are
# several productions, whether uses name versions, and whether they say something of it. (Moments are texts of
# `keys.moment`.)
Noted = tuple[str | None, str | None, str | None, bool | None, bool | None]
# What a use says of what it uses: properties (None: none), digest, kind.
Said = tuple[str | None, str | None, str | None]


class Artifact:
    """What a batch knows of one artifact: from the graph, and from its own events."""

    __slots__ = (
        *("first", "is_new", "key", "last", "made", "made_named", "name", "named", "node"),
        *("told", "told_now", "used", "used_now", "uses_named_now"),
    )

    def __init__(self, name: str, key: str) -> None:
        """Begin with an artifact that nothing is known of."""
        self.name = name
        self.key = key
        # Of the graph:
        self.node = -1
        self.is_new = True
        self.first: str | None = None  # as in `Noted`
        self.last: str | None = None
        self.used: str | None = None
        self.named: bool | None = None
        self.told: bool | None = None
        # Of this batch:
        self.made: list[str] | tuple[()] = ()  # productions, in order
        self.made_named: dict[str, list[str]] | None = None  # those that name their version, by label
        self.used_now = ""  # latest use that names no version
        self.uses_named_now = False  # whether a use names a version
        self.told_now = False  # whether a use says something of it

    def add(self, at: str, label: str | None) -> None:
        """Add a production of this batch."""
        if self.made:
            self.made.append(at)
        else:
            self.made = [at]
        if label is not None:
            if self.made_named is None:
                self.made_named = {}
            self.made_named.setdefault(label, []).append(at)

    def made_with(self, label: str) -> Sequence[str]:
        """Return the productions of this batch with a label, in order."""
        return () if self.made_named is None else self.made_named.get(label, ())

    def sort(self) -> None:
        """Put the productions of this batch in order."""
        if len(self.made) > 1:
            self.made = sorted(self.made)
            for moments in (self.made_named or {}).values():
                moments.sort()

    def has_several(self) -> bool:
        """Tell whether there are several productions by the end of the batch."""
        return self.first is not None or (self.last is not None) + len(self.made) > 1

    def noted_before(self) -> Noted:
        """Return what the graph keeps with the artifact."""
        return self.first, self.last, self.used, self.named, self.told

    def noted(self) -> Noted:
        """Return what the graph is to keep with the artifact by the end of the batch."""
        named = self.named or self.uses_named_now or None
        told = self.told or self.told_now or None
        made = self.made
        if not self.has_several():
            return None, made[0] if made else self.last, None, named, told
        ends = [at for at in (self.first, self.last, *made[:1], *made[-1:]) if at is not None]
        return min(ends), max(ends), max(self.used or "", self.used_now) or None, named, told


# A use: event, artifact, moment, version named, what it says (None: nothing).
Use = tuple[str, Artifact, str, str | None, Said | None]


class Production(NamedTuple):
    """A production."""

    pem_id: str
    artifact: Artifact
    at: str
    label: str | None
    digest: str | None
    kind: str | None
    properties: str | None  # None: none


class Content(NamedTuple):
    """What events say; artifacts are shared between uses and productions."""

    artifacts: dict[str, Artifact]
    uses: list[Use]
    productions: list[Production]


def content_of(pems: Sequence[tuple[Pem, int, int]], places: Mapping[str, Place]) -> Content:
    """
    Return what events say.

    :param places: in their moments, of those that are not the first
    """
    artifacts: dict[str, Artifact] = {}
    uses: list[Use] = []
    productions: list[Production] = []
    for pem, *_ in pems:
        id_ = pem.id
        at = keys.moment(pem.occurred_us, id_, places[id_].rank if id_ in places else 0)
        for name, properties, _created_at, label, digest, kind in pem.uses:
            artifact = artifacts.get(name)
            if artifact is None:
                artifact = artifacts[name] = Artifact(name, keys.key_of(name))
            told: Said | None = None
            if properties != "{}" or digest is not None or kind is not None:
                told = (None if properties == "{}" else properties, digest, kind)
                artifact.told_now = True
            uses.append((id_, artifact, at, label, told))
            if label is not None:
                artifact.uses_named_now = True
            elif artifact.used_now < at:
                artifact.used_now = at
        for name, properties, _created_at, label, digest, kind in pem.produces:
            artifact = artifacts.get(name)
            if artifact is None:
                artifact = artifacts[name] = Artifact(name, keys.key_of(name))
            artifact.add(at, label)
            said = None if properties == "{}" else properties
            productions.append(Production(id_, artifact, at, label, digest, kind, said))
    for artifact in artifacts.values():
        artifact.sort()
    return Content(artifacts, uses, productions)
