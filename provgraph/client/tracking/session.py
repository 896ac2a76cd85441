"""
Which run is in force where, and what a client does to objects.

A run belongs to the task or thread that started it, and to the tasks that are started in it; they nest. So two runs at
once on one client keep apart, and when an inner run ends the outer one goes on.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provgraph.client.errors import BusyError, ClientError, NotThereError, ServiceError
from provgraph.client.tracking import commands, values
from provgraph.client.tracking.context import GroupContextBase
from provgraph.client.tracking.errors import NoSuchNodeError, NotAllRetiredError, TrackingError
from provgraph.client.tracking.nodes import NodeBase
from provgraph.client.tracking.records import Record
from provgraph.client.tracking.settings import DEFAULT_IDENTIFIER, Mode, Properties
from provgraph.client.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provgraph.client.base import JSON, Asker, AsyncAsker, Conversation
    from provgraph.client.tracking.answers import CloseReport, Retired
    from provgraph.client.tracking.settings import Tracking

NodeT = TypeVar("NodeT", bound=NodeBase)
ContextT = TypeVar("ContextT", bound=GroupContextBase)

_GIVEN_UP = "given up: something else was tracked before it ended"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Frame(Generic[ContextT]):
    """A context where it is in force."""

    session: Session[Any, ContextT]
    context: ContextT
    mode: Mode
    entered: bool = False  # it is a `with` block's; else it stays until something else is tracked
    replaced: Frame[ContextT] | None = None  # what was in force before and is not any more
    given_up: list[str] = field(default_factory=list)  # runs that are still to be marked failed

    def pending(self) -> list[str]:
        """Give up what is open here and in what this replaced; return the runs to mark failed."""
        before = [] if self.replaced is None else self.replaced.pending()
        run_id = self.context.give_up()
        return [*before, *self.given_up, *([] if run_id is None else [run_id])]


_frames: ContextVar[tuple[Frame[Any], ...]] = ContextVar("provgraph_tracked", default=())


class Session(Generic[NodeT, ContextT]):
    """The tracking side of one client."""

    def __init__(
        self,
        asker: Asker | AsyncAsker,
        settings: Tracking,
        *,
        make_node: Callable[[Session[NodeT, ContextT], Record], NodeT],
        make_context: Callable[[Session[NodeT, ContextT], Properties], ContextT],
    ) -> None:
        self.asker = asker
        self.settings = settings
        self.store: Store[NodeT] = Store(settings.branch)
        self._make_node = make_node
        self._make_context = make_context
        # Those that were started and may go on, whichever task or thread they belong to.
        self._started: weakref.WeakSet[Frame[ContextT]] = weakref.WeakSet()
        self._started_lock = threading.Lock()

    # ------------------------------------------------------------------------------------------ what is in force

    @property
    def mode(self) -> Mode:
        """Whether a run is in force here."""
        frame = self._frame()
        return Mode.DEFAULT if frame is None else frame.mode

    @property
    def context(self) -> ContextT:
        """The context in force here; one of no run, where nothing was started."""
        return self._framed().context

    @property
    def branch(self) -> str:
        """The branch to work on: the run's, or the client's."""
        frame = self._frame()
        return self.settings.branch if frame is None else frame.context.branch

    def is_member(self, stated: bool | None) -> bool:
        """Tell whether something is to be listed as the run's, when its caller stated that, or nothing (None)."""
        return self.mode is Mode.TRACKING if stated is None else stated

    def start(self, properties: Properties) -> Frame[ContextT]:
        """Switch tracking on, in place of what was started by hand before."""
        current = self._frame()
        frame = Frame(self, self._make_context(self, properties), Mode.TRACKING)
        frames = _frames.get()
        if current is not None and not current.entered:
            frame.replaced = current
            frames = tuple(each for each in frames if each is not current)
        _frames.set((*frames, frame))
        with self._started_lock:
            self._started.add(frame)
        return frame

    def enter(self, frame: Frame[ContextT]) -> None:
        """
        Make it a block's: what was in force before is so again when it is left.

        :raises TrackingError: it was left before
        """
        if frame.mode is not Mode.TRACKING:
            raise TrackingError("This run has ended: start another one")
        before = () if frame.replaced is None else (frame.replaced,)
        _frames.set((*(each for each in _frames.get() if each is not frame), *before, frame))
        frame.replaced = None
        frame.entered = True

    def leave(self, frame: Frame[ContextT]) -> None:
        """Have it in force no longer, nor what was started by hand inside it."""
        gone = (frame, *self._above(frame))
        for each in gone:
            each.mode = Mode.DEFAULT
        _frames.set(tuple(each for each in _frames.get() if each not in gone))

    def end(self, frame: Frame[ContextT], error: BaseException | None) -> Conversation[None]:
        """Close the run of a block that is being left, or mark it failed; see `GroupContextBase.end`."""
        for above in self._above(frame):
            frame.given_up += above.pending()
        yield from self.give_up_replaced(frame.context)
        if frame.mode is Mode.TRACKING:
            frame.mode = Mode.DEFAULT
            if error is None:
                yield from frame.context.end()
            else:
                yield from frame.context.fail(error)

    def end_here(self) -> Conversation[CloseReport]:
        """
        Close the run in force and switch tracking off, whatever comes of it.

        :raises TrackingError: there is none
        """
        frame = self._frame()
        if frame is None or frame.mode is not Mode.TRACKING:
            raise TrackingError("Nothing is tracked here")
        frame.mode = Mode.DEFAULT
        return (yield from frame.context.end())

    def set_properties(self, properties: Properties, *, reset: bool) -> None:
        """
        Change what the context in force is about, without switching tracking on.

        :param reset: forget what it has saved so far
        """
        frame = self._framed()
        run_id = frame.context.give_up()
        if run_id is not None:
            frame.given_up.append(run_id)
        if reset:
            frame.context = self._make_context(self, properties)
        else:
            frame.context.properties = properties

    def give_up_replaced(self, context: object) -> Conversation[None]:
        """Mark the runs failed that a context took the place of before they ended."""
        frame = next((each for each in _frames.get() if each.context is context), None)
        if frame is None:
            return
        if frame.replaced is not None:
            frame.given_up += frame.replaced.pending()
            frame.replaced = None
        while frame.given_up:
            with suppress(ClientError):  # it stays open then, which harms nobody
                yield commands.fail(frame.given_up.pop(), _GIVEN_UP, actor=self.settings.actor)

    # ----------------------------------------------------------------------------------------------- on objects

    def new(self, record: Record) -> NodeT:
        """Return the object of a record."""
        return self._make_node(self, record)

    def hold(self, documents: Iterable[JSON]) -> list[NodeT]:
        """Return the objects in an answer, and hold them in the store."""
        nodes = [self.new(Record.read(document)) for document in documents]
        for node in nodes:
            self.store.set(node)
        return nodes

    def met(self, documents: Iterable[JSON]) -> list[NodeT]:
        """Return objects that were read: held, and in a run noted as what it read."""
        nodes = self.hold(documents)
        if self.mode is Mode.TRACKING:
            self.context.note_reads(node.id for node in nodes if node.id is not None)
        return nodes

    def save(self, records: Sequence[Record], *, upsert: bool, member: bool | None) -> Conversation[None]:
        """Save objects, all or none; see `NodeBase.save`."""
        context, is_member = self.context, self.is_member(member)
        wanted, record = [each.wanted() for each in records], records[0]
        in_run = (yield from context.opened()) if self.mode is Mode.TRACKING else None
        # Spelled, for to Python a save of 1 and one of true are equal.
        how = (values.spelled("objects", [each.body() for each in wanted]), in_run, upsert, is_member)
        told = context.reads()
        if record.unanswered is None or record.unanswered[0] != how:
            call = commands.save(
                commands.new_request(),
                wanted,
                actor=self.settings.actor,
                run=in_run,
                upsert=upsert,
                member=is_member,
                reads=told,
            )
            record.unanswered = how, call
        try:
            documents = yield record.unanswered[1]
        except ClientError as error:
            if _is_answer(error):
                record.unanswered = None
            raise
        record.unanswered = None
        context.note_told(told)
        for each, document in zip(records, documents, strict=True):
            each.saved(document)
            context.note_saved(document, member=is_member, in_run=in_run)
        if self.mode is not Mode.TRACKING and member is not False:
            self._note_outside([document["id"] for document in documents])

    def delete(self, node_id: str) -> Conversation[None]:
        """Retire an object; see `NodeBase.delete`."""
        context = self.context
        in_run = (yield from context.opened()) if self.mode is Mode.TRACKING else None
        try:
            done: Retired = yield commands.retire(
                commands.new_request(), [node_id], actor=self.settings.actor, run=in_run
            )
        except NotThereError as error:
            raise NoSuchNodeError(str(error), url=error.url) from error
        context.note_retired(done.retired)
        self.store.drop(done.retired)
        if done.refused:
            raise NotAllRetiredError(done.refused)

    # ---------------------------------------------------------------------------------------------------------

    def _note_outside(self, ids: Sequence[str]) -> None:
        """Tell the runs of other tasks and threads what this one, which has none, has saved."""
        with self._started_lock:
            tracking = [frame.context for frame in self._started if frame.mode is Mode.TRACKING]
        for context in tracking:
            context.note_outside(ids)

    def _frame(self) -> Frame[ContextT] | None:
        return next((frame for frame in reversed(_frames.get()) if frame.session is self), None)

    def _above(self, frame: Frame[ContextT]) -> list[Frame[ContextT]]:
        """Return what was started on this client inside a block and is still in force."""
        frames = [each for each in _frames.get() if each.session is self]
        return frames[frames.index(frame) + 1 :] if frame in frames else []

    def _framed(self) -> Frame[ContextT]:
        frame = self._frame()
        if frame is None:
            settings = self.settings
            properties = Properties(
                settings.identifier or DEFAULT_IDENTIFIER, delete_unused_nodes=False, branch=settings.branch
            )
            frame = Frame(self, self._make_context(self, properties), Mode.DEFAULT)
            _frames.set((*_frames.get(), frame))
        return frame


def _is_answer(error: ClientError) -> bool:
    """Tell whether the service said no, so that the same command again is another one."""
    return isinstance(error, ServiceError) and not isinstance(error, BusyError)
