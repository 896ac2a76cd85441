"""Every graph store, made and filled for a test. Another one joins by adding its factory."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, GraphStore, project
from tests.contract.builders import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from provgraph.events import NewEvent

EPOCH = "an-epoch"


class Opener:
    """Opens stores of one kind, empty unless they were opened at the same place before."""

    def __init__(self, open_at: Callable[[Path], GraphStore]) -> None:
        self._open_at = open_at

    @contextmanager
    def at(self, place: Path) -> Iterator[GraphStore]:
        """Open the store at a place for the length of a block."""
        store = self._open_at(place)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def filled(self, *batches: Sequence[NewEvent]) -> Iterator[GraphStore]:
        """Open a store of its own that has the given batches."""
        with tempfile.TemporaryDirectory() as folder, self.at(Path(folder)) as store:
            for batch in batches:
                apply(store, *batch)
            yield store

    def empty(self) -> AbstractContextManager[GraphStore]:
        """Open a store of its own."""
        return self.filled()


def apply(store: GraphStore, *events: NewEvent) -> Checkpoint:
    """Apply events as one batch behind what the store has, and return the checkpoint reached."""
    here = store.checkpoint()
    there = Checkpoint(EPOCH, here.position + len(events))
    store.apply(project(recorded(events, after=here.position)), expected=here, to=there)
    return there


OPENERS = {"embedded": Opener(EmbeddedGraphStore)}
