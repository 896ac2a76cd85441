"""Reading one generation of the graph in Neo4j: look-ups and scans."""

from __future__ import annotations

import time
from heapq import merge
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from provgraph.errors import CorruptStoreError, OverloadedError, StoreError
from provgraph.families.pem.events import version_label
from provgraph.graphstore.base import (
    ArtifactFacts,
    Checkpoint,
    GraphCounts,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
)
from provgraph.graphstore.neo4j import keys, readable, tagmoves
from provgraph.graphstore.neo4j.statements import graphs, reads, scans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from neo4j import Transaction

    from provgraph.graphstore.neo4j.generations import Generation, Generations
    from provgraph.graphstore.neo4j.server import Row, Server
    from provgraph.graphstore.neo4j.statements.statement import Statement

_T = TypeVar("_T")

_ALL = 2**31 - 1
_MOST_GENERATIONS = 10
_FIRST_PAGE = 200
_LARGEST_PAGE = 1_000
# Pages shrink when what is read is large, so that a page stays in this order of magnitude.
_PAGE_CHARACTERS = 4_000_000
_ITEM_CHARACTERS = 40  # of an item in a list, more or less
# Between reads of what does not fit together: a commit is applied within milliseconds, or Java collects garbage.
_SETTLING_SECONDS = (0.0, 0.001, 0.01, 0.1, 0.5, 1.0)
_NO_MOVE = TagFacts("", "", "", 0, 0)


class GraphFacts(NamedTuple):
    """What a graph says of itself."""

    checkpoint: Checkpoint
    digest: str  # see `GraphStore.followed`
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

    def are_labels_public(self) -> bool | None:
        """Tell whether the nodes have public labels, or None while these are on their way."""
        state, generation = self._generations.state(), self.current()
        if not state.publishing and generation in (state.served, state.next):
            return generation == state.served
        return None

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
        :raises CorruptStoreError: the one that is served says that it is not
        """
        asked = set()
        for _ in range(_MOST_GENERATIONS):
            generation = self.current()
            asked.add(generation)
            yield generation
            self.is_other_than(generation)
        if len(asked) == 1:
            raise _changed_by_hand("not served, which it is")
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
            checkpoint = graphs.CHECKPOINT.of(generation.letter)
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


def settled(read: Callable[[], _T], is_whole: Callable[[_T], bool]) -> _T:
    """
    Return what is read, once it is whole, or as it is when it stays otherwise.

    Reads are not isolated from a commit that is being applied: a node that it changes shows old values beside new ones,
    and may lack one for a moment. So what does not fit together is read again before it is taken for damage.
    """
    found = read()
    for pause_seconds in _SETTLING_SECONDS:
        if is_whole(found):
            break
        time.sleep(pause_seconds)
        found = read()
    return found


def facts(graph: Asker) -> GraphFacts:
    """Return what the graph says of itself."""
    said, _ = settled(
        lambda: graph.ask(graphs.CHECKPOINT), lambda row: row[0] == row[1] and _is_whole(row[0])
    )
    if not _is_whole(said):
        raise _changed_by_hand(said)
    epoch, digest, position, changed_at, covers, _ = said
    return GraphFacts(Checkpoint(epoch, position), digest, changed_at, covers)


def _is_whole(said: Row) -> bool:
    epoch, digest, *numbers = said
    is_text = isinstance(epoch, str) and isinstance(digest, str)
    return is_text and all(type(number) is int for number in numbers)


def _changed_by_hand(to: object) -> CorruptStoreError:
    return CorruptStoreError(
        f"The checkpoint of the graph was changed by hand, to {to}. Delete its node, (:Checkpoint), and the graph is "
        "filled anew from the log"
    )


def counts(graph: Asker) -> GraphCounts:
    """See `GraphStore.counts`."""
    return GraphCounts(*graph.ask(reads.COUNTS))


def has_pem(graph: Asker, pem_id: str) -> bool:
    """See `GraphStore.has_pem`."""
    return bool(graph.ask(reads.HAS_PEM, rk_id=pem_id)[0])


def has_artifact(graph: Asker, name: str) -> bool:
    """See `GraphStore.has_artifact`."""
    return bool(graph.ask(reads.HAS_ARTIFACT, key=keys.key_of(name))[0])


def versions(graph: Asker, artifact: str, version: str | None, limit: int | None) -> list[str]:
    """See `GraphStore.versions`."""
    most = _ALL if limit is None else limit
    if version is None:
        return _latest_versions(graph, artifact, most)
    label = version_label(version)
    begin = keys.label_entry(artifact, label)
    entries = graph.ask(reads.NAMED_VERSIONS, begin=begin, end=begin + keys.END, most=most)[0]
    moments = {keys.moment_in(entry, begin) for entry in entries}
    if keys.is_event_id(label):
        (stated,) = graph.ask(reads.VERSION_BY, rk_id=label, key=keys.key_of(artifact))
        if stated is not None:
            moments.add(keys.moment_of_stated(stated))
    return [keys.pem_of(moment) for moment in sorted(moments, reverse=True)[:most]]


def _latest_versions(graph: Asker, artifact: str, most: int) -> list[str]:
    first, last = graph.ask(reads.LATEST_VERSION, key=keys.key_of(artifact))
    if last is None:
        return []
    if first is None or most == 1:
        return [keys.pem_of(last)][:most]
    begin = keys.artifact_entry(artifact)
    entries = graph.ask(reads.VERSIONS, begin=begin, end=begin + keys.END, most=most)[0]
    return [keys.pem_of(entry) for entry in entries]


# ------------------------------------------------------------------------------------------------ scanning


def pems(graph: Asker) -> Iterator[PemFacts]:
    """See `GraphStore.pems`."""
    for page in graph.pages(scans.SCAN_PEMS):
        for row in page:
            yield pem_facts(row)


def pem_facts(row: Row) -> PemFacts:
    """Return an event, from a row of `SCAN_PEMS` or `EVENTS`. What cannot be read comes as `readable` says."""
    id_, type_, emitter, properties, stated_at, occurred_at, position, recorded_at, *rest = row
    predecessors, uses, causes, productions, outcome, error, rank, late = rest
    return PemFacts(
        id_,
        readable.text(type_),
        readable.text(emitter),
        readable.text(properties),
        readable.text(stated_at),
        readable.time_us(occurred_at),
        readable.number(position),
        readable.time_us(recorded_at),
        tuple(sorted(map(readable.text, predecessors))),
        tuple(
            sorted(_uses(uses, causes), key=lambda use: (use.artifact, use.version or "", use.producer or ""))
        ),
        tuple(sorted((_production(*row) for row in productions), key=lambda made: made.artifact)),
        readable.optional(outcome),
        readable.optional(error),
        readable.rank(rank),
        readable.number(late),
    )


def _production(
    artifact: object, version: object, digest: object, kind: object, properties: object
) -> ProductionFacts:
    return ProductionFacts(
        readable.text(artifact),
        readable.optional(version),
        readable.optional(digest),
        readable.optional(kind),
        readable.text(properties),
    )


def _uses(uses: list[Row], causes: list[Row]) -> Iterator[UseFacts]:
    """
    Yield an event's uses with what the edges to other events say of them.

    Should the two disagree, somebody meddled with the graph: that is for verify to tell, so it shows.
    """
    producers: dict[tuple[str, str | None], list[str]] = {}
    for artifact, version, producer in causes:
        named = (readable.text(artifact), readable.optional(version))
        producers.setdefault(named, []).append(readable.text(producer))
    for name, label, stated, properties, *said in uses:
        artifact, version, producer = readable.text(name), readable.optional(label), readable.optional(stated)
        told = producers.get((keys.key_of(artifact), None if version is None else keys.key_of(version)), [])
        if producer in told:
            told.remove(producer)
        elif told or producer is not None:
            producer = ""
        yield UseFacts(artifact, version, producer, readable.text(properties), *map(readable.optional, said))
    for (artifact, version), left in producers.items():
        yield from (UseFacts(artifact, version, producer) for producer in left)


def artifacts(graph: Asker) -> Iterator[ArtifactFacts]:
    """See `GraphStore.artifacts`."""
    for key, name, properties, created_at, since_us, since, described in _by_name(
        graph.pages(scans.SCAN_ARTIFACTS), name=_artifact_name
    ):
        yield ArtifactFacts(
            _artifact_name([key, name]),
            # Whatever the name is now, it is the key that uses find the artifact by.
            readable.text(properties if _is_named(key, name) else None),
            readable.text(created_at),
            readable.number(since_us),
            readable.number(since),
            readable.number(described),
        )


def _artifact_name(row: Row) -> str:
    key, name = row[:2]
    return str(name if _is_named(key, name) else key)


def _is_named(key: str, name: object) -> bool:
    return isinstance(name, str) and keys.key_of(name) == key


def unconnected_artifacts(graph: Asker) -> list[str]:
    """See `GraphStore.unconnected_artifacts`."""
    return [_artifact_name(row) for row in _by_name(graph.pages(scans.SCAN_UNCONNECTED), name=_artifact_name)]


def tags(graph: Asker) -> Iterator[TagFacts]:
    """
    See `GraphStore.tags`.

    Should where a tag is now and its last move disagree, somebody meddled with the graph: that is for verify to tell.
    """
    return merge(_moves(graph), _made_up(graph), key=lambda move: (move.namespace, move.tag, move.position))


def _moves(graph: Asker) -> Iterator[TagFacts]:
    """
    Yield the moves of tags.

    The last one of each puts it where the tag itself says that it is, or on no event where the two do not agree.
    """
    runs = _by_name(
        graph.pages(scans.SCAN_TAG_MOVES), key=lambda row: keys.tag_of_moves(row[0]), name=_run_place
    )
    moves = ((move, run[-1]) for run in runs for move in tagmoves.moves_in(run[:-1]))
    for (move, marked), (following, _) in pairwise(chain(moves, [(_NO_MOVE, None)])):
        if move[:2] == following[:2]:
            yield move
        elif marked is not None:
            yield move if marked == move.pem_id else move._replace(pem_id="")


def _run_place(row: Row) -> tuple[str, str, str]:
    return readable.text(row[2]), readable.text(row[3]), row[0]


def _made_up(graph: Asker) -> Iterator[TagFacts]:
    """Yield the tags that never moved."""
    rows = _by_name(graph.pages(scans.SCAN_TAGS), name=_tag_place)
    for key, namespace, tag, marked, has_moves in rows:
        named = tagmoves.name_of(key, namespace, tag)
        if named is not None and not has_moves:
            yield TagFacts(*named, readable.text(marked), 0, 0)


def _tag_place(row: Row) -> tuple[str, str]:
    return readable.text(row[1]), readable.text(row[2])


def placeholders(graph: Asker) -> Iterator[str]:
    """See `GraphStore.placeholders`."""
    for page in graph.pages(scans.SCAN_PLACEHOLDERS):
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
