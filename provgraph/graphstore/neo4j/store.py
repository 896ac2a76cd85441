"""The graph store on a Neo4j server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from provgraph.errors import OverloadedError, StoreError, UnsupportedQueryError
from provgraph.graphstore.base import Followed
from provgraph.graphstore.digest import digest
from provgraph.graphstore.neo4j import flaws, history, mending, reader, walking, writer
from provgraph.graphstore.neo4j.gate import Gate
from provgraph.graphstore.neo4j.generations import GRAPH, Family, Generation, Generations
from provgraph.graphstore.neo4j.reader import Asker
from provgraph.graphstore.neo4j.server import Server
from provgraph.graphstore.neo4j.statements import checks
from provgraph.graphstore.neo4j.statements.statement import PUBLIC_LABELS
from provgraph.graphstore.neo4j.work import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provgraph.graphstore.base import (
        ArtifactFacts,
        ArtifactState,
        Checkpoint,
        Corrections,
        CypherResult,
        Effect,
        EmitterState,
        Flaw,
        GraphCounts,
        GraphDigest,
        GraphReader,
        GraphStore,
        Link,
        Mismatch,
        Moment,
        PemFacts,
        Production,
        TagFacts,
        Unseen,
        View,
        Walk,
        WalkQuery,
    )
    from provgraph.graphstore.neo4j.work import Work
    from provgraph.graphstore.projection import GraphBatch


# Users' queries go by the public labels, which take a moment to move after a switch.
_PUBLISHING_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_CYPHER_SECONDS, _CYPHER_ROWS = 30.0, 100_000
# So many nodes that were made by hand are told by their names.
_MOST_TOLD = 100


class _Graph:
    """What can be asked of a generation of the graph, and written to it."""

    def __init__(self, server: Server, generations: Generations, fixed: Generation | None = None) -> None:
        self._server = server
        self._generations = generations
        self._asker = Asker(server, generations, fixed)
        self._memory = walking.WalkMemory()

    # -------------------------------------------------------------------------------------------- writing

    def checkpoint(self) -> Checkpoint:
        """See `GraphStore.checkpoint`."""
        return reader.facts(self._asker).checkpoint

    def apply(self, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str = "") -> None:
        """See `GraphStore.apply`."""
        self._write(lambda work: writer.write(work, batch, to=to, digest=digest), expected)

    def followed(self) -> Followed:
        """See `GraphStore.followed`."""
        return Followed(*reader.facts(self._asker)[:2])

    def end_other_writers(self) -> None:
        """See `GraphStore.end_other_writers`."""
        self._generations.end_other_writers()

    def _write(self, work: Callable[[Work], None], expected: Checkpoint) -> None:
        must_be_served = not self._asker.is_fixed
        for generation in self._asker.generations():
            if guarded(self._server, generation, work, expected=expected, must_be_served=must_be_served):
                return

    def mend(self, corrections: Corrections, *, expected: Checkpoint) -> None:
        """See `GraphStore.mend`."""
        self._write(lambda work: mending.mend(work, corrections), expected)

    def covers(self) -> int:
        """See `GraphStore.covers`."""
        return reader.facts(self._asker).covers

    # -------------------------------------------------------------------------------------------- reading

    def counts(self) -> GraphCounts:
        """See `GraphStore.counts`."""
        return reader.counts(self._asker)

    def has_pem(self, pem_id: str) -> bool:
        """See `GraphStore.has_pem`."""
        return reader.has_pem(self._asker, pem_id)

    def has_artifact(self, name: str) -> bool:
        """See `GraphStore.has_artifact`."""
        return reader.has_artifact(self._asker, name)

    def versions(self, artifact: str, *, version: str | None = None, limit: int | None = None) -> list[str]:
        """See `GraphStore.versions`."""
        return reader.versions(self._asker, artifact, version, limit)

    def walk(self, query: WalkQuery) -> Walk:
        """See `GraphStore.walk`."""
        return walking.walk(self._asker, query, self._memory)

    def resolutions_changed_at(self) -> int:
        """See `GraphStore.resolutions_changed_at`."""
        return reader.facts(self._asker).resolutions_changed_at

    def brief(self) -> None:
        """See `GraphStore.brief`: a server is waited for."""

    # -------------------------------------------------------------------------------------------- looking back

    def events(self, ids: Sequence[str]) -> list[PemFacts]:
        """See `HistoryReader.events`."""
        return history.events(self._asker, ids)

    def effects(
        self,
        ids: Sequence[str],
        *,
        view: View,
        artifact: str | None = None,
        named: bool = False,
        limit: int,
    ) -> list[Effect]:
        """See `HistoryReader.effects`."""
        return history.effects(self._asker, ids, view, artifact=artifact, named=named, limit=limit)

    def users(self, artifact: str, *, view: View, limit: int) -> list[Effect]:
        """See `HistoryReader.users`."""
        return history.users(self._asker, artifact, view, limit)

    def taken(self, ids: Sequence[str], *, view: View, artifact: str | None = None) -> list[Effect]:
        """See `HistoryReader.taken`."""
        return history.taken(self._asker, ids, view, artifact)

    def names(self, view: View, artifact: str) -> bool:
        """See `HistoryReader.names`."""
        return history.names(self._asker, view, artifact)

    def productions(
        self,
        artifact: str,
        *,
        version: str | None = None,
        before: Moment | None = None,
        after: Moment | None = None,
        newest_first: bool = True,
        limit: int,
    ) -> list[Production]:
        """See `HistoryReader.productions`."""
        return history.productions(
            self._asker,
            artifact,
            version=version,
            before=before,
            after=after,
            newest_first=newest_first,
            limit=limit,
        )

    def artifact_states(self, view: View, *, after: str, limit: int) -> list[ArtifactState]:
        """See `HistoryReader.artifact_states`."""
        return history.artifact_states(self._asker, view, after, limit)

    def tag_states(self, view: View, *, after: tuple[str, str], limit: int) -> list[TagFacts]:
        """See `HistoryReader.tag_states`."""
        return history.tag_states(self._asker, view, after, limit)

    def emitter_states(self, view: View) -> list[EmitterState]:
        """See `HistoryReader.emitter_states`."""
        return history.emitter_states(self._asker, view)

    def unseen(self, view: View, *, after: str, limit: int) -> list[Unseen]:
        """See `HistoryReader.unseen`."""
        return history.unseen(self._asker, view, after, limit)

    def mismatches(
        self, view: View, *, after: tuple[str, str, str], limit: int, unsettled: Sequence[str] = ()
    ) -> list[Mismatch]:
        """See `HistoryReader.mismatches`."""
        return history.mismatches(self._asker, view, after, limit, unsettled)

    def doubtful_digests(
        self, view: View, *, after: tuple[str, str, str], limit: int, is_unsettled: bool = False
    ) -> list[tuple[str, str, str]]:
        """See `HistoryReader.doubtful_digests`."""
        return history.doubtful_digests(self._asker, view, after, limit, is_unsettled=is_unsettled)

    def unsettled(self, view: View) -> list[str]:
        """See `HistoryReader.unsettled`."""
        return history.unsettled(self._asker, view)

    def links(self, ids: Sequence[str], view: View) -> list[Link]:
        """See `HistoryReader.links`."""
        return history.links(self._asker, ids, view)

    # -------------------------------------------------------------------------------------------- scanning

    def pems(self) -> Iterator[PemFacts]:
        """See `GraphStore.pems`."""
        return reader.pems(self._asker)

    def artifacts(self) -> Iterator[ArtifactFacts]:
        """See `GraphStore.artifacts`."""
        return reader.artifacts(self._asker)

    def tags(self) -> Iterator[TagFacts]:
        """See `GraphStore.tags`."""
        return reader.tags(self._asker)

    def placeholders(self) -> Iterator[str]:
        """See `GraphStore.placeholders`."""
        return reader.placeholders(self._asker)

    def flaws(self, *, like: GraphReader | None = None) -> Iterator[Flaw]:  # noqa: ARG002 - its own rules say it all
        """See `GraphStore.flaws`."""
        return flaws.flaws(self._asker)

    def unconnected_artifacts(self) -> list[str]:
        """See `GraphStore.unconnected_artifacts`."""
        return reader.unconnected_artifacts(self._asker)

    def stored_bytes(self) -> None:
        """See `GraphStore.stored_bytes`: a server does not tell, and the database may hold more than the graph."""

    def probe(self) -> None:
        """See `GraphStore.probe`."""
        self.checkpoint()


class Neo4jGraphStore(_Graph):
    """
    A `GraphStore` on a Neo4j server, for any number of processes that read and one that writes at a time.

    Nothing is connected before the first call, and a server that was away is there again with the next call that finds
    it. A walk is told in `provgraph.graphstore.neo4j.walker`, how generations follow each other in `generations`.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str = "neo4j",
        password: str | None = None,
        database: str = "neo4j",
        cypher_timeout_seconds: float = _CYPHER_SECONDS,
        cypher_row_limit: int = _CYPHER_ROWS,
    ) -> None:
        """
        Note where the server is.

        :param url: ``neo4j://host:port`` or ``bolt://host:port``, with ``+s`` for TLS
        :param password: None asks the server without credentials
        :param cypher_timeout_seconds: how long a user's query may run
        :param cypher_row_limit: how many rows a user's query may return
        :raises SettingsError: the address cannot be one
        """
        self._open(Server(url, user=user, password=password, database=database), GRAPH)
        # Connections of their own: a query that is cut off takes its connection with it.
        self._gate = _gate(self._server, cypher_timeout_seconds, cypher_row_limit)

    @classmethod
    def on(cls, server: Server, *, family: Family = GRAPH) -> Neo4jGraphStore:
        """
        Return a store on a server that is opened already; closing the store closes it.

        :param family: which of the graphs in the database
        """
        store = cls.__new__(cls)
        store._open(server, family)  # noqa: SLF001 - the same class
        store._gate = _gate(server, _CYPHER_SECONDS, _CYPHER_ROWS)  # noqa: SLF001 - the same class
        return store

    def _open(self, server: Server, family: Family) -> None:
        super().__init__(server, Generations(server, family))
        self._family = family
        self._next: tuple[Generation, _NextGeneration] | None = None

    def clear(self, *, covers: int = 0) -> None:
        """See `GraphStore.clear`. The nodes go in the background; nobody sees them any more."""
        self._generations.serve_empty(covers=covers)

    def digest(self) -> GraphDigest:
        """See `GraphStore.digest`."""
        return digest(self)

    def made_by_hand(self) -> list[str]:
        """See `GraphStore.made_by_hand`."""
        row = self._server.read(checks.FIND_MADE_BY_HAND, most=_MOST_TOLD, labels=sorted(PUBLIC_LABELS))
        return [f"{label} {name or ''}".rstrip() for label, name in (row[0] if row else [])]

    def remove_made_by_hand(self) -> list[str]:
        """See `GraphStore.remove_made_by_hand`."""
        found = self.made_by_hand()
        if found:
            self._server.write(
                lambda transaction: transaction.run(checks.DELETE_MADE_BY_HAND).consume(),
                graph=self._family.graph,
            )
        return found

    reads_all_of_cypher = True

    def cypher(self, query: str, parameters: Mapping[str, object]) -> CypherResult:
        """
        See `GraphStore.cypher`: all of reading Cypher that the gate lets through.

        :raises OverloadedError: the graph is being switched to another generation; ask again in a moment
        """
        give_up_at = time.monotonic() + _PUBLISHING_SECONDS
        while self.is_publishing():
            if time.monotonic() > give_up_at:
                raise OverloadedError("The graph is being switched to the one that was rebuilt; ask again")
            time.sleep(_LOOK_SECONDS)
        return self._gate.run(query, parameters)

    def is_publishing(self) -> bool:
        """
        Tell whether the public labels are on their way from one generation to the next.

        Meanwhile users' queries, which go by them, see a mixture; what the store itself answers does not.
        """
        return self._generations.state().publishing

    # -------------------------------------------------------------------------------------------- generations

    def next_generation(self) -> GraphStore:
        """See `GraphStore.next_generation`."""
        generation = self._generations.begin_next()
        if self._next is None or self._next[0] != generation:
            self._next = (generation, _NextGeneration(self._server, self._generations, generation))
        return self._next[1]

    def has_next_generation(self) -> bool:
        """See `GraphStore.has_next_generation`."""
        return self._generations.state().next is not None

    def next_checkpoint(self) -> Checkpoint | None:
        """See `GraphStore.next_checkpoint`."""
        following = self._generations.state().next
        if following is None:
            return None
        return reader.facts(Asker(self._server, self._generations, following)).checkpoint

    def switch(self, *, covers: int = 0) -> None:
        """See `GraphStore.switch`. The graph before is removed in the background."""
        self._generations.serve_next(covers=covers)
        self._next = None

    def drop_next_generation(self) -> None:
        """See `GraphStore.drop_next_generation`."""
        self._generations.drop_next()
        self._next = None

    def close(self) -> None:
        """See `GraphStore.close`."""
        self._generations.close()
        self._gate.close()
        self._server.close()


class _NextGeneration(_Graph):
    """The generation that is being built: a store like any other, but without a next one of its own."""

    def __init__(self, server: Server, generations: Generations, generation: Generation) -> None:
        super().__init__(server, generations, generation)
        self._generation = generation

    def clear(self, *, covers: int = 0) -> None:
        """See `GraphStore.clear`."""
        if covers:
            _refuse()
        self._generation = self._generations.replace_next(self._generation)
        self._asker = Asker(self._server, self._generations, self._generation)

    def digest(self) -> GraphDigest:
        """See `GraphStore.digest`."""
        return digest(self)

    def made_by_hand(self) -> list[str]:
        """See `GraphStore.made_by_hand`: the served graph tells."""
        return []

    def remove_made_by_hand(self) -> list[str]:
        """See `GraphStore.remove_made_by_hand`."""
        return []

    reads_all_of_cypher = False

    def cypher(self, query: str, parameters: Mapping[str, object]) -> CypherResult:  # noqa: ARG002 - the protocol's
        """See `GraphStore.cypher`: users' queries see what is served."""
        raise UnsupportedQueryError("A generation of the graph that is being built answers no queries")

    def next_generation(self) -> NoReturn:
        """See `GraphStore.next_generation`: there is none beside this one."""
        _refuse()

    def has_next_generation(self) -> bool:
        """See `GraphStore.has_next_generation`."""
        return False

    def next_checkpoint(self) -> None:
        """See `GraphStore.next_checkpoint`."""

    def switch(self, *, covers: int = 0) -> NoReturn:  # noqa: ARG002 - the protocol's
        """See `GraphStore.switch`: there is nothing to switch to."""
        _refuse()

    def drop_next_generation(self) -> None:
        """See `GraphStore.drop_next_generation`: there is none."""

    def close(self) -> None:
        """See `GraphStore.close`: the served store closes what both use."""


def _gate(server: Server, timeout_seconds: float, row_limit: int) -> Gate:
    return Gate(
        server.async_driver, database=server.database, timeout_seconds=timeout_seconds, row_limit=row_limit
    )


def _refuse() -> NoReturn:
    raise StoreError("A generation of the graph that is being built has no next one of its own")
