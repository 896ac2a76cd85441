"""
The projector: follows the log and keeps the graph up to it.

One thread reads behind the graph's checkpoint, projects, and applies; the checkpoint moves in the batch's own
transaction, so after a crash nothing is lost and nothing counts twice. Of several projectors the one that holds the
lease works; should two believe that they do, the checkpoint lets each batch in once.

A request for a rebuild is an event in the log. The next generation is begun *before* the checkpoint passes the
request, and the store remembers that it was begun: a crash at any moment forgets no request, and a rebuild that was
interrupted goes on. Requests up to the moment a rebuild begins (or goes on in a new process) are met by it: the graph
it ends in was built from the log alone, and is served after them.

At an event of an unknown kind, which a newer version recorded, the graph stops and says so. Nothing is skipped. The
same at an event that is not what was recorded: the log's digest chain is checked on the way.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from graphbuilder.batches import BatchSize
from graphbuilder.health import Health
from graphbuilder.rebuilding import Rebuild
from graphbuilder.repeats import set_aside
from provgraph.errors import CheckpointMismatchError, CorruptStoreError, StoreError, TooMuchAtOnceError
from provgraph.eventlog import Head, witnesses
from provgraph.eventlog.checking import CheckedReader
from provgraph.events import known
from provgraph.families.operation.events import REBUILD_REQUESTED
from provgraph.graphstore.base import Checkpoint
from provgraph.graphstore.projection import project
from provgraph.operations.integrity import Integrity
from provgraph.operations.rebuild import (
    given_up,
    is_rebuild_due,
    rebuilding_elsewhere,
    request_rebuild,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.eventlog import EventLog, Lease
    from provgraph.events import RecordedEvent
    from provgraph.graphstore.base import GraphStore
    from provgraph.operations.progress import RebuildProgress

logger = logging.getLogger(__name__)

_BATCH_EVENTS = 2_000
# How soon a projector that stands by notices that no other one works any more.
_STANDBY_SECONDS = 0.5
# While events keep arriving, let some gather: fewer, larger batches leave more of the processor to the receiver.
_GATHERING_SECONDS = 0.02
# Waiting for the log is cut into naps, so that stopping and handing over a rebuild do not wait for the next event.
_NAP_SECONDS = 0.1
_NAP_WHILE_REBUILDING_SECONDS = 0.01
_LOOK_AGAIN_SECONDS = 5.0


class Refused(NamedTuple):
    """A rebuild that was given up."""

    covers: int  # it would have met the requests up to here
    reason: str


class Projector:
    """
    Keeps a graph up to a log, and rebuilds it on request.

    A context manager: it works inside the block. It never gives up: what fails is told by `failure`, logged once
    for each change, and tried again with growing pauses.
    """

    def __init__(
        self,
        log: EventLog,
        graph: GraphStore,
        *,
        lease: Lease,
        interval_seconds: float,
        may_take_over: bool = True,
        compares_rebuilds: bool = False,
        integrity: Integrity | None = None,
    ) -> None:
        """
        Prepare to follow ``log``.

        :param lease: says whether this projector is the one that works; while another is, it stands by
        :param interval_seconds: look for new events at least this often; they wake the projector anyway
        :param compares_rebuilds: whether a graph that was built anew is compared with the log before it is served
        :param integrity: is told of a changed event that a rebuild met
        :param may_take_over: whether to empty a graph that follows some other log; else that is told, and nothing done
        """
        self._may_take_over = may_take_over
        self._compares_rebuilds = compares_rebuilds
        self._integrity = integrity or Integrity(log)
        self._refused = Refused(0, "")
        self._lease = lease
        self._is_leading = False
        self._log = log
        # What was appended a moment ago comes from memory: it is what was recorded, and parsed already. A change of it
        # in the store is seen by the background check, and by whoever builds anew.
        self._reader = CheckedReader(log, remembered_after=0)
        self._graph = graph
        self._nap_seconds = min(interval_seconds, _NAP_SECONDS)
        self._health = Health("following the log")
        self._rebuild_health = Health("rebuilding the graph")
        self._checkpoint: Checkpoint | None = None  # None: ask the graph
        self._is_beginning_checked = False  # whether anybody else's nodes are in the graph's database
        self._is_ahead = False  # the graph has events that the log lost for good
        self._size = BatchSize(_BATCH_EVENTS)
        self._rebuild: Rebuild | None = None
        # Requests up to here are met, as far as this projector is done with it; None: the graph says so.
        self._met: int | None = None
        self._tend_not_before = 0.0  # monotonic seconds
        self._look_not_before = 0.0  # the same
        self._handing_over = threading.Lock()  # held while a new graph takes the place of the served one
        self._lock = threading.Lock()  # guards the next two
        self._unmet: set[int] = set()  # positions of requests that no rebuild covers
        self._covered = 0  # requests up to here are covered by the last rebuild that was begun
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graph-projector", daemon=True)

    def __enter__(self) -> Projector:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._pause_rebuild()
        self._lease.release()

    # ------------------------------------------------------------------------------------------- what others ask

    @property
    def failure(self) -> str | None:
        """Why the graph cannot follow the log at the moment, None when it can."""
        if not self._thread.is_alive():
            return "The graph builder is not running"
        return self._health.failure

    @property
    def rebuilding(self) -> RebuildProgress | None:
        """See `provgraph.operations.rebuild.GraphBuilder.rebuilding`."""
        rebuild = self._rebuild
        if rebuild is not None:
            return rebuild.progress
        return None if self._is_leading else rebuilding_elsewhere(self._log, self._graph)

    @property
    def rebuild_failure(self) -> str | None:
        """See `provgraph.operations.rebuild.GraphBuilder.rebuild_failure`."""
        return self._rebuild_health.failure or self.failure

    @property
    def should_rebuild(self) -> bool:
        """See `provgraph.operations.rebuild.GraphBuilder.should_rebuild`."""
        # Who has seen in the store that the new graph is served shall not be told otherwise here.
        with self._handing_over, self._lock:
            is_known = bool(self._unmet) or self._rebuild is not None
        return is_known or is_rebuild_due(self._log, self._graph)

    def request_rebuild(self, sender: str | None = None) -> int:
        """See `provgraph.operations.rebuild.GraphBuilder.request_rebuild`."""
        position = request_rebuild(self._log, sender)
        self._ask(position)
        return position

    def has_rebuilt(self, position: int) -> bool:
        """See `provgraph.operations.rebuild.GraphBuilder.has_rebuilt`."""
        met = self._met
        return position <= (self._graph.covers() if met is None else met)

    def gave_up(self, position: int) -> str | None:
        """See `provgraph.operations.rebuild.GraphBuilder.gave_up`."""
        refused = self._refused
        if position <= refused.covers:
            return refused.reason
        # Another graph builder may have worked, or this one before it was restarted.
        return None if self._rebuild is not None else given_up(self._log, self._graph, position)

    # ------------------------------------------------------------------------------------------- following

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._leads():
                    self._stopping.wait(_STANDBY_SECONDS)
                    continue
                events = self._step()
            except CheckpointMismatchError as error:
                logger.warning("the graph was moved by another: %s", error)
                self._checkpoint = None
                self._stopping.wait(_GATHERING_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                self._checkpoint = None
                self._stopping.wait(self._health.failed(error))
            else:
                self._health.worked()
                self._rest(events)

    def _leads(self) -> bool:
        """Tell whether this projector is the one that works, taking over when no other one does."""
        is_leading = self._lease.held()
        if is_leading != self._is_leading:
            self._checkpoint = self._met = None  # another one may have moved the graph
            if is_leading:
                self._graph.end_other_writers()
            self._is_leading = is_leading
            if is_leading:
                logger.info("this graph builder follows the log now")
            else:
                logger.warning("another graph builder follows the log; this one stands by")
                self._pause_rebuild()
        if not is_leading:
            self._health.worked()
        return is_leading

    def _step(self) -> int:
        """Apply the next batch and return how many events it had."""
        if self._met is None:
            self._met = self._graph.covers()
        self._look_again()
        self._require_nobody_elses()
        head = self._log.head()
        if self._is_foreign(self._where()) or self._is_ahead:
            self._start_over()
        self._tend_rebuild()
        checkpoint = self._where()
        found = self._reader.read(after=checkpoint.position, limit=self._size.events)
        if not found or self._log.head().epoch != head.epoch:
            return len(found)  # cleaned meanwhile: they are read again, as the new epoch's
        events = known(found)
        self._notice_requests(events)
        to = Checkpoint(head.epoch, events[-1].position)
        digest = events[-1].digest.hex()
        try:
            self._graph.apply(project(events), expected=checkpoint, to=to, digest=digest)
        except TooMuchAtOnceError:
            if self._size.shrink(len(events)):
                return 0
            raise
        except CheckpointMismatchError:
            raise
        except StoreError:
            if set_aside(self._log, self._graph, events):
                return 0  # they are read again, without the second ones
            raise
        self._size.worked()
        self._checkpoint = to
        return len(events)

    def _look_again(self) -> None:
        """Forget now and then where the graph is: somebody may have emptied it while nothing happened."""
        now = time.monotonic()
        if now >= self._look_not_before:
            self._look_not_before = now + _LOOK_AGAIN_SECONDS
            self._checkpoint = None

    def _where(self) -> Checkpoint:
        """Return the graph's checkpoint, asking the graph when it may be elsewhere than remembered."""
        if self._checkpoint is None:
            self._checkpoint = self._asked_graph()
        return self._checkpoint

    def _asked_graph(self) -> Checkpoint:
        """
        Return the graph's checkpoint. It is a witness: where it saw what the log lacks, the log takes no more writes.

        A graph of another log, or of an epoch before, is none.

        :raises LostEventsError: the log lacks what the graph has
        """
        followed = self._graph.followed()
        checkpoint = followed.checkpoint
        seen = Head(*checkpoint, bytes.fromhex(followed.digest))
        loss = witnesses.ask(self._log, witnesses.GRAPH, lambda: seen, of_this_epoch=True)
        if loss is not None:
            raise witnesses.lost_error(loss, self._log.head())
        if checkpoint.epoch == self._log.head().epoch and not witnesses.has(self._log, seen):
            logger.warning("the graph has events whose loss was accepted, so it is filled anew from the log")
            self._is_ahead = True
        return checkpoint

    def _rest(self, events: int) -> None:
        if events >= self._size.events:
            return
        if events:
            self._stopping.wait(_GATHERING_SECONDS)
        at = self._checkpoint or Checkpoint()
        nap = self._nap_seconds if self._rebuild is None else _NAP_WHILE_REBUILDING_SECONDS
        self._log.wait(after=at.position, timeout_seconds=nap)

    def _is_foreign(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the graph follows something else than this log: it was cleaned, or put back."""
        head = self._log.head()
        return checkpoint != Checkpoint() and (
            checkpoint.epoch != head.epoch or checkpoint.position > head.position
        )

    def _start_over(self) -> None:
        """Empty the graph, and give up a rebuild of what is no more."""
        head = self._log.head()
        self._require_ours(self._where().epoch, head.epoch)
        # The graph is built from what is stored. Only what is appended from now on may come from memory again.
        self._reader = CheckedReader(self._log, remembered_after=head.position)
        # What is served is not given up for a log that was changed: its epoch may have been, too.
        self._reader.read(after=0, limit=1)
        logger.info("the graph starts over, from a log of epoch %s", head.epoch)
        self._drop_rebuild()
        self._checkpoint = None
        self._is_ahead = False
        # What follows is a graph built from the log alone: that is all that a request can ask for.
        self._graph.clear(covers=head.position)
        self._met = head.position
        self._note_covered(head.position)
        self._rebuild_health.worked()

    def _require_ours(self, epoch: str, own: str) -> None:
        """
        Refuse to empty the graph of a log that has nothing to do with this one.

        :raises StoreError: it is one
        """
        if self._may_take_over or epoch == own:
            return
        began = witnesses.opening(self._log)
        if began is None or not began.had(epoch, 0):
            raise StoreError(
                f"The graph follows another log, of epoch {epoch}; this one has {own}. Set PROVGRAPH_GRAPH_URL to a "
                "graph of this log's own, or PROVGRAPH_GRAPH_TAKE_OVER=true to have that one emptied and filled anew"
            )

    def _require_nobody_elses(self) -> None:
        """
        Refuse to begin beside nodes that are called as ours are: whoever counts would count both.

        :raises StoreError: there are some
        """
        if self._is_beginning_checked:
            return
        # What comes later goes with a clean, which empties the graph as well: that is no beginning.
        found = self._graph.made_by_hand() if self._where() == Checkpoint() else []
        if found and not self._may_take_over:
            raise StoreError(
                f"The graph's database holds nodes that nobody reported here, called as ours are ({found[0]}"
                f"{', ...' if len(found) > 1 else ''}). Set PROVGRAPH_GRAPH_URL to a database of this log's own, or "
                "PROVGRAPH_GRAPH_TAKE_OVER=true to have those nodes removed"
            )
        if found:
            removed = ", ".join(self._graph.remove_made_by_hand())
            logger.warning("nodes that nobody reported here were removed: %s", removed)
        self._is_beginning_checked = True

    # ------------------------------------------------------------------------------------------- rebuilding

    def _ask(self, position: int) -> None:
        with self._lock:
            if position > self._covered:
                self._unmet.add(position)

    def _notice_requests(self, events: Sequence[RecordedEvent]) -> None:
        requests = [event.position for event in events if event.kind is REBUILD_REQUESTED]
        for position in requests:
            self._ask(position)
        if requests:
            # Begun before the checkpoint passes the request, so that a crash cannot forget it.
            self._begin_rebuild()

    def _tend_rebuild(self) -> None:
        """Do what a rebuild needs next. Its failures do not keep the graph from following."""
        if time.monotonic() < self._tend_not_before:
            return
        try:
            if self._rebuild is None:
                self._begin_rebuild()
            elif self._rebuild.is_damaged:
                self._drop_rebuild()
                self._graph.next_generation()
            elif self._rebuild.refusal is not None:
                if self._rebuild.change is not None:
                    self._integrity.note(self._rebuild.change)
                self._refuse(Refused(self._rebuild.covers, self._rebuild.refusal))
            elif self._rebuild.is_ready:
                self._hand_over(self._rebuild)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            self._checkpoint = None
            self._tend_not_before = time.monotonic() + self._rebuild_health.failed(error)

    def _begin_rebuild(self) -> None:
        """Begin a rebuild if one was asked for or left unfinished, and none runs."""
        with self._lock:
            wanted = bool(self._unmet)
        if self._rebuild is not None or not (wanted or self._graph.has_next_generation()):
            return
        rebuild = Rebuild(
            self._log,
            self._usable_next_generation(),
            health=self._rebuild_health,
            served_position=lambda: (self._checkpoint or Checkpoint()).position,
            compares=self._compares_rebuilds,
        )
        self._note_covered(rebuild.covers)
        self._rebuild = rebuild
        rebuild.start()
        logger.info("rebuild of the graph begun, %d of %d events are there", *rebuild.progress)

    def _usable_next_generation(self) -> GraphStore:
        """Return the next generation: what an earlier process left of it, unless that is of no use."""
        try:
            following = self._graph.next_generation()
            checkpoint, digest = following.followed()
            if not self._is_foreign(checkpoint) and witnesses.has(
                self._log, Head(*checkpoint, bytes.fromhex(digest))
            ):
                return following
        except CorruptStoreError:
            logger.warning("the next generation of the graph is damaged and begun anew", exc_info=True)
        self._graph.drop_next_generation()
        return self._graph.next_generation()

    def _hand_over(self, rebuild: Rebuild) -> None:
        try:
            is_done = rebuild.finish()
        except CorruptStoreError:
            rebuild.is_damaged = True
            raise
        if not is_done:
            return  # it is refused with the next look at it
        with self._handing_over:
            self._graph.switch(covers=rebuild.covers)
            self._rebuild = None
            self._checkpoint = None
            self._met = rebuild.covers
        self._rebuild_health.worked()
        logger.info("rebuild of the graph done, %d events", rebuild.progress.done)

    def _refuse(self, refused: Refused) -> None:
        """Drop a graph that is not what the log says; the next request begins another one."""
        logger.error("a rebuild was given up: %s", refused.reason)
        self._drop_rebuild()
        self._refused = refused
        self._rebuild_health.worked()

    def _pause_rebuild(self) -> None:
        """Stop a rebuild; what was built stays, for whoever goes on with it."""
        if self._rebuild is not None:
            self._rebuild.cancel()
            self._rebuild = None

    def _drop_rebuild(self) -> None:
        self._pause_rebuild()
        if self._graph.has_next_generation():
            self._graph.drop_next_generation()

    def _note_covered(self, position: int) -> None:
        with self._lock:
            self._covered = position
            self._unmet = {request for request in self._unmet if request > position}
