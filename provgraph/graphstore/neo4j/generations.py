"""
Generations of the graph in one database: which one is served, which one is being built, and what is left of others.

There are letters for three of them. A switch changes the state in one transaction, and from then on every question of
ours is answered from the new graph. What then takes time happens behind it, in a thread: the public labels, which only
users' own queries go by, are moved over, and the nodes of the graph before are removed. Both are done piece by piece
and may be interrupted at any time; whoever opens the store next goes on with them.

A generation is known by a token as well as by its letter, because letters are used again.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from provgraph.errors import ProvgraphError, StoreError
from provgraph.graphstore.neo4j.schema import make_schema
from provgraph.graphstore.neo4j.statements import graphs
from provgraph.graphstore.neo4j.statements.statement import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from neo4j import Transaction

    from provgraph.graphstore.neo4j.server import Row, Server

logger = logging.getLogger(__name__)

_PUBLISHED_AT_ONCE = 10_000
_REMOVED_AT_ONCE = 2_000
# How long a generation that is read somewhere in this process is kept when its letter is wanted again.
_KEPT_FOR_READERS_SECONDS = 10.0
_NAP_SECONDS = 0.05
_PAUSE_AFTER_ERROR_SECONDS = 2.0


class Family(NamedTuple):
    """The names that the generations of one graph go by. Graphs that share a database share neither of them."""

    graph: str
    letters: tuple[str, ...]


GRAPH = Family("graph", ("a", "b", "c"))


class Generation(NamedTuple):
    """One generation of the graph."""

    letter: str
    token: str


class State(NamedTuple):
    """Which generations there are."""

    served: Generation
    next: Generation | None
    publishing: bool  # the public labels are not where they belong yet


def new_token() -> str:
    """Return a token that no generation had before."""
    return uuid.uuid4().hex


class Generations:
    """The generations of one graph, as all processes that use the database see them."""

    def __init__(self, server: Server, family: Family) -> None:
        """Note where the graph is; nothing is asked yet."""
        self._server = server
        self._family = family
        self._lock = threading.Lock()
        self._prepared = False
        self._reading: Counter[str] = (
            Counter()
        )  # tokens of generations that are being read from beginning to end
        self._tidying: threading.Thread | None = None
        self._is_untidy = False
        self._closing = threading.Event()

    # -------------------------------------------------------------------------------------------- looking

    def state(self) -> State:
        """
        Return which generations there are, making the first one in an empty database.

        :raises StoreError: the server is not there, or cannot be trusted to refuse writes in READ access mode
        """
        if not self._prepared:
            self._prepare()
        found = self._find()
        if found is None:
            self._prepare()  # somebody emptied the database
            found = self._find()
        if found is None:
            raise self._lost()
        return found

    def _lost(self) -> StoreError:
        return StoreError(f"The graph at {self._server.address} has lost its state")

    def _find(self) -> State | None:
        row = self._server.read(graphs.STATE, graph=self._family.graph, format=FORMAT)
        state = None if row is None else _state(row)
        return state if state is not None and state.served.token else None

    def _prepare(self) -> None:
        with self._lock:
            self._server.once("version", self._server.require_version)
            self._server.once("trust", self._require_trust)
            letters = self._family.letters
            self._server.once(f"schema {letters}", lambda: make_schema(self._server, letters))
            if self._find() is None:
                while not self._server.write(self._make_state, graph=self._family.graph):
                    self._make_room()
            self._prepared = True
        self.tidy_in_background()

    def _make_state(self, tx: Transaction) -> bool:
        """
        Make the state in an empty database, and tell whether there was a letter free for it.

        Where somebody removed a checkpoint by hand, or an earlier version wrote another format, begin with nothing.
        """
        names = {"graph": self._family.graph, "letter": self._family.letters[0]}
        tx.run(graphs.MAKE_STATE, names).consume()
        state = self._locked(tx)
        if state.served.token:
            return True
        left = {letter: self._left_in(tx, letter) for letter in self._family.letters}
        if left.get(state.served.letter, (0, None))[1] is not None:
            logger.warning(
                "the graph at %s has another format: it is filled anew from the log", self._server.address
            )
        for letter, found in left.items():
            if found == (0, None):
                empty = Generation(letter, new_token())
                self._make(tx, empty, served=True, covers=0)
                self._serve(tx, empty, 0)
                if letter == state.served.letter:  # nothing was served before, so nothing is to be published
                    tx.run(graphs.PUBLISHED, graph=self._family.graph, letter=letter).consume()
                return True
        return False

    def _left_in(self, tx: Transaction, letter: str) -> tuple[int, str | None]:
        nodes, token = tx.run(graphs.LEFT_OF.of(letter)).single(strict=True).values()
        return nodes, token

    def _make_room(self) -> None:
        """Remove what no generation owns, for one that is to begin."""
        row = self._server.read(graphs.STATE, graph=self._family.graph, format=FORMAT)
        for letter in () if row is None else self._unused(_state(row)):
            if self._remove(letter, 0):
                return
        raise self._lost()

    def _require_trust(self) -> None:
        if self._server.accepts_in_read_mode(graphs.WRITE_IN_READ_MODE):
            raise StoreError(
                f"The graph server at {self._server.address} writes in READ access mode: "
                "users' queries could change the graph, so it is not used"
            )

    # -------------------------------------------------------------------------------------------- changing

    def begin_next(self) -> Generation:
        """Return the generation that is being built, beginning it when there is none."""
        token = new_token()

        def begin(tx: Transaction, free: str | None) -> Generation | None:
            state = self._locked(tx)
            if state.next is not None:
                return state.next
            if not self._is_free(free, state):
                return None
            self._make(tx, Generation(free, token), served=False, covers=0)
            tx.run(graphs.SET_NEXT, graph=self._family.graph, letter=free).consume()
            return Generation(free, token)

        return self._with_free_letter(begin)

    def replace_next(self, old: Generation) -> Generation:
        """Put an empty generation in the place of the one that is being built."""
        token = new_token()

        def replace(tx: Transaction, free: str | None) -> Generation | None:
            state = self._locked(tx)
            if state.next is not None and state.next.token == token:
                return state.next  # the acknowledgement of the attempt before was lost
            if state.next != old:
                raise StoreError("This generation of the graph was dropped")
            if not self._is_free(free, state):
                return None
            self._make(tx, Generation(free, token), served=False, covers=0)
            tx.run(graphs.DROP_CHECKPOINT.of(old.letter)).consume()
            tx.run(graphs.SET_NEXT, graph=self._family.graph, letter=free).consume()
            return Generation(free, token)

        following = self._with_free_letter(replace)
        self.tidy_in_background()
        return following

    def drop_next(self) -> None:
        """Give up the generation that is being built, if there is one."""

        def drop(tx: Transaction) -> None:
            state = self._locked(tx)
            if state.next is not None:
                tx.run(graphs.DROP_CHECKPOINT.of(state.next.letter)).consume()
                tx.run(graphs.SET_NEXT, graph=self._family.graph, letter=None).consume()

        self.state()
        self._server.write(drop, graph=self._family.graph)
        self.tidy_in_background()

    def serve_next(self, *, covers: int) -> None:
        """
        Serve the generation that is being built.

        :raises StoreError: there is none
        """
        following = self.state().next
        if following is None:
            raise StoreError("The graph has no next generation to switch to")

        def serve(tx: Transaction) -> None:
            state = self._locked(tx)
            if state.served == following:
                return  # the acknowledgement of the attempt before was lost
            if state.next != following:
                raise StoreError("The next generation of the graph was dropped meanwhile")
            self._serve(tx, following, covers)

        self._server.write(serve, graph=self._family.graph)
        self.tidy_in_background()

    def serve_empty(self, *, covers: int) -> None:
        """Serve a generation with nothing in it: to whoever reads, all at once everything is gone."""
        token = new_token()

        def serve(tx: Transaction, free: str | None) -> Generation | None:
            state = self._locked(tx)
            if state.served.token == token:
                return state.served  # the acknowledgement of the attempt before was lost
            if not self._is_free(free, state):
                return None
            empty = Generation(free, token)
            self._make(tx, empty, served=True, covers=covers)
            self._serve(tx, empty, covers)
            return empty

        self._with_free_letter(serve)
        self.tidy_in_background()

    def _locked(self, tx: Transaction) -> State:
        """Return the state, kept as it is until the end of the transaction."""
        tx.run(graphs.LOCK_STATE, graph=self._family.graph, token=new_token()).consume()
        record = tx.run(graphs.STATE, graph=self._family.graph, format=FORMAT).single()
        if record is None:
            raise self._lost()
        return _state(list(record.values()))

    def _make(self, tx: Transaction, generation: Generation, *, served: bool, covers: int) -> None:
        tx.run(
            graphs.MAKE_CHECKPOINT.of(generation.letter),
            token=generation.token,
            served=served,
            covers=covers,
            format=FORMAT,
        ).consume()

    def _serve(self, tx: Transaction, generation: Generation, covers: int) -> None:
        tx.run(graphs.SERVE.of(generation.letter), graph=self._family.graph, covers=covers).consume()

    def end_other_writers(self) -> None:
        """See `GraphStore.end_other_writers`."""
        ended = self._server.end_others((self._family.graph, *self._family.letters))
        if ended:
            logger.warning("%d transactions of another graph builder were ended", ended)

    # -------------------------------------------------------------------------------------------- free letters

    def _with_free_letter(self, change: Callable[[Transaction, str | None], Generation | None]) -> Generation:
        """Run a change of the state that may need a letter; None from it says that it does and there was none."""
        while True:
            free = self._free_letter(self.state())

            def attempt(tx: Transaction, free: str | None = free) -> Generation | None:
                return change(tx, free)

            done = self._server.write(attempt, graph=self._family.graph)
            if done is not None:
                return done
            self._tidy(kept_seconds=_KEPT_FOR_READERS_SECONDS)
            if self._closing.is_set():
                raise StoreError("The graph store is closed")

    def _is_free(self, letter: str | None, state: State) -> TypeGuard[str]:
        return letter is not None and letter in self._unused(state)

    def _free_letter(self, state: State) -> str | None:
        for letter in self._unused(state):
            nodes, token = self._left_of(letter)
            if not nodes and token is None:
                return letter
        return None

    def _unused(self, state: State) -> list[str]:
        used = {state.served.letter, *(() if state.next is None else (state.next.letter,))}
        return [letter for letter in self._family.letters if letter not in used]

    def _left_of(self, letter: str) -> tuple[int, str | None]:
        row = self._server.read(graphs.LEFT_OF.of(letter))
        return (0, None) if row is None else (row[0], row[1])

    # -------------------------------------------------------------------------------------------- tidying

    @contextmanager
    def kept(self, generation: Generation) -> Iterator[None]:
        """Keep a generation for the length of a block, if it is dropped by this process meanwhile."""
        with self._lock:
            self._reading[generation.token] += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading[generation.token] -= 1
                if not self._reading[generation.token]:
                    del self._reading[generation.token]

    def tidy_in_background(self) -> None:
        """Move the public labels to where they belong and remove what no generation owns, in a thread."""
        with self._lock:
            self._is_untidy = True
            if self._tidying is None and not self._closing.is_set():
                self._tidying = threading.Thread(target=self._keep_tidying, name="graph-tidying", daemon=True)
                self._tidying.start()

    def close(self) -> None:
        """Stop tidying; whoever opens the store next goes on with it."""
        self._closing.set()
        tidying = self._tidying
        if tidying is not None:
            tidying.join()

    def _keep_tidying(self) -> None:
        while not self._is_tidy():
            try:
                if not self._tidy(kept_seconds=None):
                    self._is_untidy = True
                    self._closing.wait(_NAP_SECONDS)
            except ProvgraphError as error:
                self._is_untidy = True
                logger.warning("the graph could not be tidied, trying again: %s", error)
                self._closing.wait(_PAUSE_AFTER_ERROR_SECONDS)

    def _is_tidy(self) -> bool:
        """Tell whether nothing is left to do; then the next one who leaves something starts another thread."""
        with self._lock:
            is_over = self._closing.is_set() or not self._is_untidy
            self._is_untidy = False
            if is_over:
                self._tidying = None
            return is_over

    def _tidy(self, *, kept_seconds: float | None) -> bool:
        """
        Tidy, and tell whether nothing is left to do.

        :param kept_seconds: how long to wait for those who read a generation that is to go; None: leave it for now
        """
        state = self.state()
        if state.publishing and not self._publish(state.served.letter):
            return False
        removed = [self._remove(letter, kept_seconds) for letter in self._unused(state)]
        return all(removed)

    def _publish(self, served: str) -> bool:
        for letter in self._family.letters:
            change = graphs.PUBLISH if letter == served else graphs.UNPUBLISH
            for statement in change.values():
                if not self._relabel(statement.of(letter), served):
                    return False

        def note(tx: Transaction) -> bool:
            if self._locked(tx).served.letter != served:
                return False
            tx.run(graphs.PUBLISHED, graph=self._family.graph, letter=served).consume()
            return True

        return self._server.write(note, graph=self._family.graph)

    def _relabel(self, statement: str, served: str) -> bool:
        """Run a statement over all nodes, piece by piece, and tell whether that generation was served throughout."""
        after: str | None = ""
        while after is not None:
            if self._closing.is_set():
                return False

            def change(tx: Transaction, after: str = after) -> str | None:
                if self._locked(tx).served.letter != served:
                    return _STOP
                found: str | None = tx.run(statement, after=after, size=_PUBLISHED_AT_ONCE).single(
                    strict=True
                )[0]
                return found

            after = self._server.write(change, graph=self._family.graph)
            if after is _STOP:
                return False
        return True

    def _remove(self, letter: str, kept_seconds: float | None) -> bool:
        """Remove all nodes of an unused letter, and tell whether none is left."""
        nodes, token = self._left_of(letter)
        if not nodes and token is None:
            return True
        if token is not None and not self._is_free_to_go(token, kept_seconds):
            return False
        for statement in (graphs.DROP_CHECKPOINT, *graphs.REMOVE_NODES):
            if not self._remove_all(statement.of(letter), letter):
                return False
        return True

    def _is_free_to_go(self, token: str, kept_seconds: float | None) -> bool:
        until = time.monotonic() + (kept_seconds or 0)
        while self._reading[token]:
            if time.monotonic() >= until:
                return kept_seconds is not None
            self._closing.wait(_NAP_SECONDS)
        return True

    def _remove_all(self, statement: str, letter: str) -> bool:
        """Run a statement until nothing is left to remove, and tell whether the letter was unused throughout."""

        def remove(tx: Transaction) -> int | None:
            if letter not in self._unused(self._locked(tx)):
                return None
            record = tx.run(statement, size=_REMOVED_AT_ONCE).single()
            return 0 if record is None else int(record[0])

        while not self._closing.is_set():
            removed = self._server.write(remove, graph=self._family.graph)
            if removed is None:
                return False
            if removed < _REMOVED_AT_ONCE:
                return True
        return False


# What no key is: keys are not empty.
_STOP = ""


def _state(row: Row) -> State:
    letter, token, next_letter, next_token, publishing = row
    # Read in the middle of a switch, what was next may be served already, or its checkpoint gone.
    has_next = next_token is not None and next_letter not in (None, letter)
    following = Generation(next_letter, next_token) if has_next else None
    return State(Generation(letter, token or ""), following, bool(publishing))
