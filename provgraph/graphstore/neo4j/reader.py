"""Reading one generation of the graph in Neo4j: look-ups and scans."""

from __future__ import annotations

from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import CorruptStoreError, OverloadedError, StoreError
from provgraph.events import version_label
from provgraph.graphstore.base import (
    ArtifactFacts,
    Checkpoint,
    GraphCounts,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
)
from provgraph.graphstore.neo4j import keys, statements, tagmoves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from neo4j import Transaction

    from provgraph.graphstore.neo4j.generations import Generation, Generations
    from provgraph.graphstore.neo4j.server import Row, Server
    from provgraph.graphstore.neo4j.statements import Statement

_ALL = 2**31 - 1
_MOST_GENERATIONS = 10
_FIRST_PAGE = 200
_LARGEST_PAGE = 1_000
# Pages shrink when what is read is large, so that a page stays in this order of magnitude.
_PAGE_CHARACTERS = 4_000_000
_ITEM_CHARACTERS = 40  # of an item in a list, more or less
_NO_MOVE = TagFacts("", "", "", 0, 0)


class GraphFacts(NamedTuple):
    """What a graph says of itself."""

    checkpoint: Checkpoint
    resolutions_changed_at: int
    covers: int


class Asker:
    """
    Asks one generation of the graph: the one that is served at the moment, or always the same one.

    Which one is served is remembered; every statement says by having no row that it is another one by now.
    """

    def __init__(self, server: Server, generations: Generations, fixed: Generation | None = None) -> None:
        """
        Note whom to ask.

        :param fixed: this generation and no other; None: the one that is served
        """
        self._server = server
        self._generations = generations
        self._fixed = fixed
        self._served: Generation | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it is always the same generation."""
        return self._fixed is not None

    def current(self) -> Generation:
        """Return the generation to ask."""
        if self._fixed is not None:
            return self._fixed
        served = self._served
        if served is None:
            served = self._served = self._generations.state().served
        return served

    def is_other_than(self, generation: Generation) -> None:
        """
        Note that a generation did not answer.

        :raises StoreError: there is no other to ask
        """
        if self._fixed is not None:
            raise StoreError("This generation of the graph was dropped")
        if self._served == generation:
            self._served = None

    def ask(self, statement: Statement, **parameters: Any) -> Row:
        """Return the one row of a statement."""
        for generation in self.generations():
            row = self.ask_of(generation, statement, parameters)
            if row is not None:
                return row
        raise AssertionError("unreachable")

    def generations(self) -> Iterator[Generation]:
        """
        Yield the generation to ask, and when it turned out to be another one by now, that one.

        :raises StoreError: the one that was always to be asked is no more
        :raises OverloadedError: they follow each other too quickly
        """
        for _ in range(_MOST_GENERATIONS):
            generation = self.current()
            yield generation
            self.is_other_than(generation)
        raise OverloadedError("One graph after the other is being served; ask again in a moment")

    def ask_of(self, generation: Generation, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the one row of a statement, or None when this generation is not the one to ask."""
        return self._server.read(
            statement.of(generation.letter), token=generation.token, any=self.is_fixed, **parameters
        )

    def pages(self, statement: Statement) -> Iterator[list[Row]]:
        """
        Yield the rows of a scan, page by page, all of them of one generation. The first column is the key.

        :raises StoreError: the generation was dropped meanwhile
        """
        for generation in self.generations():
            with self._generations.kept(generation):
                page = self._page(generation, statement, "", _FIRST_PAGE)
                if page is not None:
                    yield from self._pages(generation, statement, page)
                    return

    def _pages(self, generation: Generation, statement: Statement, page: list[Row]) -> Iterator[list[Row]]:
        size = _FIRST_PAGE
        while page:
            yield page
            if len(page) < size:
                return
            after, size = page[-1][0], _next_size(page)
            following = self._page(generation, statement, after, size)
            if following is None:
                raise StoreError("The graph was replaced by another one while it was being read")
            page = following

    def _page(self, generation: Generation, statement: Statement, after: str, size: int) -> list[Row] | None:
        def is_there(tx: Transaction, *, served: bool) -> bool:
            checkpoint = statements.CHECKPOINT.of(generation.letter)
            return tx.run(checkpoint, token=generation.token, any=not served).single() is not None

        def read(tx: Transaction) -> list[Row] | None:
            # A scan goes on in the generation it began in, also when another one is served by now.
            if not is_there(tx, served=not (self.is_fixed or after)):
                return None
            rows = tx.run(statement.of(generation.letter), after=after, size=size)
            page = [list(row.values()) for row in rows]
            # Of a generation that goes, the checkpoint goes first: while it is there, nothing is missing.
            return page if is_there(tx, served=False) else None

        return self._server.read_together(read)


def _next_size(page: Sequence[Row]) -> int:
    characters = sum(_characters(value) for row in page for value in row)
    return max(1, min(_LARGEST_PAGE, 2 * len(page), len(page) * _PAGE_CHARACTERS // max(1, characters)))


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return len(value) * _ITEM_CHARACTERS if isinstance(value, list) else 0


# ------------------------------------------------------------------------------------------------ looking up


def facts(graph: Asker) -> GraphFacts:
    """Return what the graph says of itself."""
    epoch, position, changed_at, covers = graph.ask(statements.CHECKPOINT)
    return GraphFacts(Checkpoint(epoch, position), changed_at, covers)


def counts(graph: Asker) -> GraphCounts:
    """See `GraphStore.counts`."""
    return GraphCounts(*graph.ask(statements.COUNTS))


def has_pem(graph: Asker, pem_id: str) -> bool:
    """See `GraphStore.has_pem`."""
    return bool(graph.ask(statements.HAS_PEM, rk_id=pem_id)[0])


def has_artifact(graph: Asker, name: str) -> bool:
    """See `GraphStore.has_artifact`."""
    return bool(graph.ask(statements.HAS_ARTIFACT, key=keys.key_of(name))[0])


def versions(graph: Asker, artifact: str, version: str | None, limit: int | None) -> list[str]:
    """See `GraphStore.versions`."""
    most = _ALL if limit is None else limit
    if version is None:
        return _latest_versions(graph, artifact, most)
    label = version_label(version)
    begin = keys.label_entry(artifact, label)
    entries = graph.ask(statements.NAMED_VERSIONS, begin=begin, end=begin + keys.END, most=most)[0]
    moments = {keys.moment_in(entry) for entry in entries}
    if keys.is_event_id(label):
        (occurred_at,) = graph.ask(statements.VERSION_BY, rk_id=label, key=keys.key_of(artifact))
        if occurred_at is not None:
            moments.add(keys.moment(keys.microseconds(occurred_at), label))
    return [keys.pem_of(moment) for moment in sorted(moments, reverse=True)[:most]]


def _latest_versions(graph: Asker, artifact: str, most: int) -> list[str]:
    first, last = graph.ask(statements.LATEST_VERSION, key=keys.key_of(artifact))
    if last is None:
        return []
    if first is None or most == 1:
        return [keys.pem_of(last)][:most]
    begin = keys.artifact_entry(artifact)
    entries = graph.ask(statements.VERSIONS, begin=begin, end=begin + keys.END, most=most)[0]
    return [keys.pem_of(entry) for entry in entries]


# ------------------------------------------------------------------------------------------------ scanning


def pems(graph: Asker) -> Iterator[PemFacts]:
    """See `GraphStore.pems`."""
    for page in graph.pages(statements.SCAN_PEMS):
        for row in page:
            yield pem_facts(*row)


def pem_facts(
    id_: str,
    type_: str,
    emitter: str,
    properties: str,
    stated_at: str,
    occurred_at: str,
    position: int,
    recorded_at: str,
    predecessors: list[str],
    uses: list[Row],
    causes: list[Row],
    productions: list[Row],
) -> PemFacts:
    """Return an event, from a row of `SCAN_PEMS` or `EVENTS`."""
    return PemFacts(
        id_,
        type_,
        emitter,
        properties,
        stated_at,
        keys.microseconds(occurred_at),
        position,
        keys.microseconds(recorded_at),
        tuple(sorted(predecessors)),
        tuple(
            sorted(_uses(uses, causes), key=lambda use: (use.artifact, use.version or "", use.producer or ""))
        ),
        tuple(sorted((ProductionFacts(*row) for row in productions), key=lambda made: made.artifact)),
    )


def _uses(uses: list[Row], causes: list[Row]) -> Iterator[UseFacts]:
    """
    Yield an event's uses with what the edges to other events say of them.

    Should the two disagree, somebody meddled with the graph: that is for verify to tell, so it shows.
    """
    producers = {(artifact, version): producer for artifact, version, producer in causes}
    for artifact, version, stated in uses:
        key = (keys.key_of(artifact), None if version is None else keys.key_of(version))
        producer = producers.pop(key, None)
        yield UseFacts(artifact, version, producer if producer == stated else "")
    for (artifact, version), producer in producers.items():
        yield UseFacts(artifact, version, producer)


def artifacts(graph: Asker) -> Iterator[ArtifactFacts]:
    """See `GraphStore.artifacts`."""
    for row in _by_name(graph.pages(statements.SCAN_ARTIFACTS), name=lambda row: row[1]):
        if keys.key_of(row[1]) != row[0]:
            raise CorruptStoreError(
                f"The graph's artifact {row[1]!r} was changed by hand: its key is {row[0]!r}; rebuild the graph"
            )
        yield ArtifactFacts(*row[1:])


def unconnected_artifacts(graph: Asker) -> list[str]:
    """See `GraphStore.unconnected_artifacts`."""
    return [row[1] for row in _by_name(graph.pages(statements.SCAN_UNCONNECTED), name=lambda row: row[1])]


def tags(graph: Asker) -> Iterator[TagFacts]:
    """See `GraphStore.tags`."""
    runs = _by_name(
        graph.pages(statements.SCAN_TAG_MOVES), key=lambda row: row[1], name=lambda row: (*row[2:4], row[0])
    )
    moves = ((move, run[-1]) for run in runs for move in tagmoves.moves_of(*run[2:-1]))
    for (move, marked), (following, _) in pairwise(chain(moves, [(_NO_MOVE, "")])):
        # Should a tag mark something else than its last move says, somebody meddled with the graph: so it shows.
        is_last = move[:2] != following[:2]
        yield move._replace(pem_id=marked) if is_last else move


def placeholders(graph: Asker) -> Iterator[str]:
    """See `GraphStore.placeholders`."""
    for page in graph.pages(statements.SCAN_PLACEHOLDERS):
        yield from (row[0] for row in page)


def _by_name(
    pages: Iterator[list[Row]], *, name: Callable[[Row], Any], key: Callable[[Row], str] = lambda row: row[0]
) -> Iterator[Row]:
    """Yield rows in the order of names: that of keys, but for long names that begin alike."""
    rows = (row for page in pages for row in page)
    for beginning, together in groupby(rows, lambda row: _beginning(key(row))):
        if beginning is None:
            yield from together
        else:
            yield from sorted(together, key=name)


def _beginning(key: str) -> str | None:
    return keys.beginning(key) if keys.is_shortened(key) else None
