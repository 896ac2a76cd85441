"""What is done inside one writing transaction on a generation of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.errors import CheckpointMismatchError
from provgraph.graphstore.base import Checkpoint
from provgraph.graphstore.neo4j.generations import new_token
from provgraph.graphstore.neo4j.statements import graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from neo4j import Transaction

    from provgraph.graphstore.neo4j.generations import Generation
    from provgraph.graphstore.neo4j.server import Server
    from provgraph.graphstore.neo4j.statements.statement import Statement


class Work:
    """Runs statements in their form for one generation, inside one transaction."""

    def __init__(self, tx: Transaction, letter: str, *, served: bool, token: str) -> None:
        """
        Note where to work.

        :param letter: names the generation
        :param served: whether it is served: then what is made gets public labels
        :param token: is to be left at the checkpoint, as the sign that the work was done
        """
        self._tx = tx
        self._letter = letter
        self._served = served
        self.token = token

    def run(self, statement: Statement | str, **parameters: Any) -> None:
        """Run a statement whatever it returns."""
        self._tx.run(self._text(statement), parameters).consume()

    def do(self, statement: Statement | str, rows: Sequence[Any]) -> None:
        """Run a statement for rows, if there are any."""
        if rows:
            self.run(statement, rows=rows)

    def ask(self, statement: Statement | str, **parameters: Any) -> Any:
        """Return the one value of a statement's one row."""
        return self._tx.run(self._text(statement), parameters).single(strict=True)[0]

    def ask_of(self, statement: Statement | str, rows: Sequence[Any]) -> list[Any]:
        """Return the list that a statement makes of rows; of none, none."""
        return self.ask(statement, rows=rows) if rows else []

    def count(self, statement: Statement | str, rows: Sequence[Any]) -> int:
        """Return the number that a statement makes of rows; of none, 0."""
        return int(self.ask(statement, rows=rows)) if rows else 0

    def _text(self, statement: Statement | str) -> str:
        if isinstance(statement, str):
            return statement
        return statement.of(self._letter, served=self._served)


def guarded(
    server: Server,
    generation: Generation,
    work: Callable[[Work], None],
    *,
    expected: Checkpoint,
    must_be_served: bool,
) -> bool:
    """
    Do work on a generation if it is where it is expected, once; tell whether it is there (and served, if it must be).

    :param work: is called again when the transaction has to be
    :raises CheckpointMismatchError: the generation is elsewhere; nothing was changed
    :raises StoreError: see `Server.write`
    """
    token = new_token()

    def attempt(tx: Transaction) -> bool:
        letter = generation.letter
        tx.run(graphs.LOCK_CHECKPOINT.of(letter), token=generation.token, batch=token).consume()
        record = tx.run(graphs.LOCKED_CHECKPOINT.of(letter), token=generation.token).single()
        if record is None:
            return False
        epoch, position, served, applied = record.values()
        if applied == token:
            return True  # the acknowledgement of the attempt before was lost
        if must_be_served and not served:
            return False
        found = Checkpoint(epoch, position)
        if found != expected:
            raise CheckpointMismatchError(f"The graph is at {found}, not at {expected}")
        work(Work(tx, letter, served=served, token=token))
        return True

    return server.write(attempt, graph=generation.letter)
