"""
Putting single items of the embedded graph right.

What is right was worked out elsewhere, versions of uses included, so it is written as it is stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events.clock import moment
from provgraph.graphstore.embedded import flaws, schema
from provgraph.graphstore.embedded.state import note_mending

if TYPE_CHECKING:
    import sqlite3

    from provgraph.graphstore.base import Corrections, PemFacts


class Mending:
    """One mending, inside the writer's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, first_pem: int) -> None:
        """
        Prepare it.

        :param first_pem: the first key for events that are not there yet
        """
        self._run = connection.execute
        self._connection = connection
        self.next_pem = first_pem

    def mend(self, corrections: Corrections) -> None:
        """See `GraphStore.mend`."""
        for name in corrections.surplus_artifacts:
            self._run(schema.DELETE_ARTIFACT, (name,))
        for artifact in corrections.artifacts:
            self._run(schema.PUT_ARTIFACT, artifact)
        for id_ in corrections.surplus_pems:
            self._empty(id_)
        for id_ in corrections.placeholders:
            self._empty(id_)
        for pem in corrections.pems:
            self._put(pem)
        # Last: by now nothing that is right leads to them.
        kept = {*corrections.placeholders, *(pem.id for pem in corrections.pems)}
        for id_ in (*corrections.surplus_pems, *corrections.surplus_placeholders):
            if id_ not in kept:
                self._run(schema.DELETE_PEM, (bytes.fromhex(id_),))
        self._put_tags(corrections)
        self._mend_flaws(corrections)
        note_mending(self._connection)

    def _mend_flaws(self, corrections: Corrections) -> None:
        for flaw in corrections.flaws:
            if flaw.what == flaws.STATE:
                self._run(schema.DELETE_STATE, (flaw.key,))
            elif flaw.what == flaws.FILE:
                self._run(schema.REINDEX)
        self._run(schema.DELETE_UNUSED_EMITTERS)
        self._run(schema.DELETE_DESCRIBED_ASTRAY)

    def _put_tags(self, corrections: Corrections) -> None:
        for move in corrections.surplus_tags:
            self._run(schema.DELETE_TAG_MOVE, (move.namespace, move.tag, move.position))
        for move in corrections.tags:
            self._run(schema.PUT_TAG_MOVE, move)
        for name in {move[:2] for move in (*corrections.surplus_tags, *corrections.tags)}:
            self._run(schema.DELETE_TAG, name)
            self._run(schema.PUT_TAG_AGAIN, name)

    def _put(self, pem: PemFacts) -> None:
        key = self._empty(pem.id)
        self._run(
            schema.FILL_PLACEHOLDER,
            (
                *(key, pem.position, pem.occurred_us, pem.type),
                *(self._emitter_key(pem.emitter), pem.properties, pem.timestamp_client, pem.recorded_us),
                *(pem.outcome, pem.error),
                *(pem.rank, pem.late or None),
            ),
        )
        at = moment(pem.occurred_us, pem.id, pem.rank)
        for artifact, version, digest, kind, properties in pem.produces:
            made = (self._artifact_key(artifact), at, key, version, digest, kind)
            self._run(schema.PUT_PRODUCTION, (*made, None if properties == "{}" else properties))
        for index, id_ in enumerate(pem.predecessors):
            self._run(schema.PUT_CAUSE, (key, schema.PREDECESSOR, str(index or ""), self._pem_key(id_)))
        for use in pem.uses:
            artifact, version, producer, properties, digest, kind = use
            cause = None if producer is None else self._pem_key(producer)
            artifact_key, label = self._artifact_key(artifact), version or ""
            self._run(schema.PUT_CAUSE, (key, artifact_key, label, cause))
            if use.says:
                said = (None if properties == "{}" else properties, digest, kind)
                self._run(schema.PUT_DESCRIBED, (artifact_key, key, label, *said))

    def _empty(self, id_: str) -> int:
        """Make an event a placeholder, whatever it was, and return its key."""
        key = self._pem_key(id_)
        self._run(schema.DELETE_PRODUCTIONS_OF, (key,))
        self._run(schema.DELETE_CAUSES_OF, (key,))
        self._run(schema.DELETE_DESCRIBED_OF, (key,))
        self._run(schema.FILL_PLACEHOLDER, (key, *(None,) * 11))
        return key

    def _pem_key(self, id_: str) -> int:
        raw_id = bytes.fromhex(id_)
        row = self._run(schema.PEM_KEY, (raw_id,)).fetchone()
        if row is not None:
            return int(row[0])
        key = self.next_pem
        self.next_pem += 1
        self._run(schema.PUT_PLACEHOLDER, (key, raw_id))
        return key

    def _artifact_key(self, name: str) -> int:
        # Every artifact of a right event is right by now, or was corrected above.
        return int(self._run(schema.ARTIFACT_KEY, (name,)).fetchone()[0])

    def _emitter_key(self, name: str) -> int:
        self._run(schema.PUT_EMITTER, (name,))
        return int(self._run(schema.EMITTER_KEY, (name,)).fetchone()[0])
