"""One rebuild: the log replayed into the next generation of the graph, while the served one goes on following."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from graphbuilder.batches import BatchSize
from graphbuilder.comparing import RebuildRefusedError, StoppedError, require_what_the_log_says
from graphbuilder.repeats import set_aside
from provgraph.errors import ChangedEventError, CorruptStoreError, StoreError, TooMuchAtOnceError
from provgraph.eventlog.checking import CheckedReader
from provgraph.events import known
from provgraph.graphstore.base import Checkpoint
from provgraph.graphstore.projection import project
from provgraph.operations.progress import RebuildProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphbuilder.health import Health
    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import GraphStore

logger = logging.getLogger(__name__)

_BATCH_EVENTS = 5_000
# The rest is copied while the served graph pauses: few enough that nobody notices.
_HANDOVER_EVENTS = 2_000


class Rebuild:
    """
    Fills the next generation in a thread of its own, up to a little before where the served graph is.

    The projector starts it, copies the rest when it is ready, and switches: only one thread ever changes which
    generation is served.
    """

    def __init__(
        self,
        log: EventLog,
        graph: GraphStore,
        *,
        health: Health,
        served_position: Callable[[], int],
        compares: bool = False,
    ) -> None:
        """
        Prepare a rebuild, from where an earlier process left it.

        :param graph: the next generation
        :param served_position: tells how far the served graph is
        :param compares: whether the new graph is compared with the log before it may be served
        """
        head = log.head()
        self._log = log
        self._reader = CheckedReader(log)
        self._graph = graph
        self._health = health
        self._served_position = served_position
        self._epoch = head.epoch
        self._size = BatchSize(_BATCH_EVENTS)
        self.covers = head.position  # a request up to here is met by this rebuild
        after = graph.checkpoint().position
        self._total = log.count()
        self._done = self._total - log.count(after=after) if after else 0
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graph-rebuild", daemon=True)
        self._is_to_compare = compares
        self.is_ready = False
        self.is_damaged = False
        self.refusal: str | None = None  # why the new graph may not be served
        self.change: ChangedEventError | None = None  # the event for which it may not

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop, and wait for it; what was built stays."""
        self._cancelled.set()
        self._thread.join()

    @property
    def progress(self) -> RebuildProgress:
        """How far it is."""
        return RebuildProgress(self._done, max(self._done, self._total))

    def target(self) -> int:
        """Return how far the next generation has to be before it can be served."""
        # Also the requests that it covers: passing one of them later would ask for another rebuild.
        return max(self.covers, self._served_position())

    def finish(self) -> bool:
        """Copy what is left, and tell whether the new graph may be served. The served one must not move meanwhile."""
        target = self.target()
        try:
            while self._copy_batch(target):
                pass
        except ChangedEventError as error:
            self._refuse(error)
            return False
        return True

    def _refuse(self, error: ChangedEventError) -> None:
        self.change = error
        self.refusal = str(error)

    def _run(self) -> None:
        while not self._cancelled.is_set():
            try:
                self._build()
            except StoppedError:
                return
            except ChangedEventError as error:
                self._refuse(error)
                return
            except RebuildRefusedError as error:
                self.refusal = str(error)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                self._cancelled.wait(self._health.failed(error))
                if isinstance(error, CorruptStoreError):
                    self.is_damaged = True
                    return
            else:
                return

    def _build(self) -> None:
        while not self._cancelled.is_set():
            target = self.target()
            if target - self._graph.checkpoint().position <= _HANDOVER_EVENTS:
                if self._is_to_compare:
                    self._compare()
                    continue  # events may have arrived meanwhile
                self._health.worked()
                self.is_ready = True
                return
            self._copy_batch(target)
            self._health.worked()

    def _compare(self) -> None:
        """
        Compare all but the last few events, which are yet to come, with the log.

        :raises RebuildRefusedError: the new graph is not what the log says
        """
        logger.info("the graph that was built anew is compared with the log")
        require_what_the_log_says(self._graph, self._log, is_stopped=self._cancelled.is_set)
        self._is_to_compare = False

    def _copy_batch(self, target: int) -> bool:
        """Copy up to one batch of events up to position ``target``, and tell whether there were any."""
        at = self._graph.checkpoint()
        if at.position >= target:
            return False
        found = self._reader.read(after=at.position, limit=self._size.events)
        events = known([event for event in found if event.position <= target])
        if not events:
            return False
        to = Checkpoint(self._epoch, events[-1].position)
        try:
            self._graph.apply(project(events), expected=at, to=to, digest=events[-1].digest.hex())
        except TooMuchAtOnceError:
            if self._size.shrink(len(events)):
                return True
            raise
        except StoreError:
            if set_aside(self._log, self._graph, events):
                return True
            raise
        self._size.worked()
        self._done += len(events)
        return True
