"""Digests of a graph's content, computed the same way for every store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from provgraph.events import canonical
from provgraph.graphstore.base import GraphDigest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore.base import ArtifactFacts, PemFacts, TagFacts, UseFacts

_MODULUS = 2**256


class Content(Protocol):
    """What digests are computed of: see `GraphStore`."""

    def pems(self) -> Iterator[PemFacts]:
        """See `GraphStore.pems`."""

    def artifacts(self) -> Iterator[ArtifactFacts]:
        """See `GraphStore.artifacts`."""

    def tags(self) -> Iterator[TagFacts]:
        """See `GraphStore.tags`."""

    def placeholders(self) -> Iterator[str]:
        """See `GraphStore.placeholders`."""


class _SetDigest:
    """A digest of a set of items that does not depend on their order: the sum of their SHA-256, modulo 2^256."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, item: object) -> None:
        hashed = hashlib.sha256(canonical.dumps(item)).digest()
        self._sum = (self._sum + int.from_bytes(hashed, "big")) % _MODULUS

    def hex(self) -> str:
        return f"{self._sum:064x}"


def _use(use: UseFacts) -> list[str | None]:
    # What a use does not say is left out, so that the digests of before hold.
    *facts, properties, digest, kind = use
    if digest is not None or kind is not None:
        return [*facts, properties, digest, kind]
    return facts if properties == "{}" else [*facts, properties]


def digest(store: Content) -> GraphDigest:
    """Return the digests of everything that ``store`` holds."""
    lineage, content = _SetDigest(), _SetDigest()
    for pem in store.pems():
        *facts, position, recorded_us, predecessors, uses, produces, outcome, error, rank, late = pem
        # What most events do not say, and that they are the first in their moment, is left out: so a graph without
        # any of it has the digest that it always had.
        if outcome is not None or error is not None:
            facts += [outcome, error]
        edges = [predecessors, [_use(use) for use in uses], [list(production) for production in produces]]
        lineage.add(["PEM", facts, edges, *([rank] if rank else [])])
        content.add(["PEM", facts, edges, position, recorded_us, *([rank, late] if rank or late else [])])
    for artifact in store.artifacts():
        # Which properties came first, and when, depends on the order of arrival.
        lineage.add(["Artifact", artifact.name, artifact.since_us])
        content.add(["Artifact", *artifact])
    for placeholder in store.placeholders():
        lineage.add(["Placeholder", placeholder])
        content.add(["Placeholder", placeholder])
    for tag in store.tags():
        content.add(["Tag", *tag])
    return GraphDigest(lineage.hex(), content.hex())
