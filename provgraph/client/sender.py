"""
The thread that empties a spool.

One process at a time delivers, so the order of a spool is the order in which the service gets it: whoever sends holds a
lock that the kernel takes back when its process ends, however that happens. An answer that never came leaves the batch
at the front; it is sent again with the same ids, and what the service has already it says is a duplicate. So everything
arrives, once.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import threading
import time
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING

import orjson

from provgraph.client import calls
from provgraph.client.answers import REFUSALS, UNEXPLAINED
from provgraph.client.base import Retry, Verdict
from provgraph.client.errors import (
    ClientError,
    CredentialsRefusedError,
    NotThereError,
    OverlongQuestionError,
    ServiceError,
    UnexpectedAnswerError,
)
from provgraph.client.spool import EVENT, Entry, Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provgraph.client.answers import SendResult
    from provgraph.client.base import Asker

logger = logging.getLogger(__name__)

_BATCH = 500
_BATCH_BYTES = 2 * 2**20
# How soon it notices what another process put, and that another one sends no more.
_POLL_SECONDS = 0.5
# While somebody waits for a flush, and for the lock.
_SHORT_PAUSE_SECONDS = 0.25
# How long a fork waits for a request that is on its way.
_FORK_PATIENCE_SECONDS = 1.0
# The statuses by which the service says that a request is wrong in itself.
_OWN_FAULT = frozenset({400, 413, 422})
_FORBIDDEN = 403
# A credential that was refused so often in a row is not taken by hurrying.
_REFUSED_OFTEN = 3
_EMITTER_RULE = "emitter"
_PATIENCE = Retry(first_pause_seconds=0.2, longest_pause_seconds=15.0)


_left_behind: list[Sender] = []


class Sender:
    """
    Delivers what waits in a spool, from a thread of its own, until it is stopped.

    :param connect: makes the client that it sends with
    """

    def __init__(self, spool: Spool, connect: Callable[[], Asker]) -> None:
        self._spool = spool
        self._lock_path = spool.path.with_name(f"{spool.path.name}-sender")
        self._held: int | None = None  # the lock's file, while it is open
        # Made here: a fork while the thread is at it would leave the child with the locks of libraries held for ever.
        self._asker = connect()
        importlib.import_module("encodings.idna")  # which the first request would do
        self._condition = threading.Condition()
        self._working = self._forking = False
        self._news = self._stopping = False
        self._hurried = 0  # how many wait for a flush
        self._most = _BATCH
        self._failures = self._attempts = 0
        # The credential was refused: trying again helps only once somebody has done something about it.
        self._is_refused = self._is_asked = False
        self.reason: str | None = None
        """Why the last attempt failed; None when it did not."""
        self._thread = threading.Thread(target=self._run, name="provgraph sender", daemon=True)
        self._thread.start()

    def before_fork(self) -> None:
        """
        Come to rest. A request that takes long is not waited for.

        It waits in the kernel then, where it holds no lock of SQLite or TLS that the child would find held.
        """
        with self._condition:
            self._forking = True
            self._condition.wait_for(lambda: not self._working, _FORK_PATIENCE_SECONDS)
        self._spool.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._spool.after_fork_in_parent()
        with self._condition:
            self._forking = False
            self._condition.notify_all()

    def after_fork_in_child(self) -> None:
        """End: the thread stayed with the parent, and so do its connections, which are not closed from here."""
        _left_behind.append(self)
        if self._held is not None:  # the copy of the lock's file would hold it beyond the parent's end
            os.close(self._held)
            self._held = None

    def wake(self) -> None:
        """Say that there is something to deliver."""
        with self._condition:
            self._news = True
            self._condition.notify_all()

    def wait_until(self, is_done: Callable[[], bool], *, timeout_seconds: float) -> None:
        """
        Hurry, and return when ``is_done`` says so or the time is over; it is asked after each delivery.

        Where the credential is refused, one more attempt is waited for, and no other once it was refused three times.
        """
        give_up_at = time.monotonic() + timeout_seconds
        with self._condition:
            self._hurried += 1
            self._is_asked = True
            attempts = self._attempts
            self._condition.notify_all()
        try:
            while not is_done() and (left := give_up_at - time.monotonic()) > 0:
                if self._is_refused and self._attempts > attempts and self._failures >= _REFUSED_OFTEN:
                    return
                with self._condition:
                    self._condition.wait(min(left, _SHORT_PAUSE_SECONDS))
        finally:
            with self._condition:
                self._hurried -= 1

    def stop(self, *, timeout_seconds: float) -> None:
        """End the thread; a request that is on its way is not waited for longer than that."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except ClientError as error:
                self._failed(error)
            except Exception as error:  # a thread that ends would end the delivery with it
                logger.exception("The sender of %s failed", self._spool.path)
                self._failed(ClientError(f"{type(error).__name__}: {error}"))
        self._asker.close()
        self._spool.close()

    def _turn(self) -> None:
        """Deliver one batch, or rest when there is none, or another process is at it."""
        with self._work(), self._alone() as alone:
            entries = self._spool.head(limit=_BATCH, max_bytes=_BATCH_BYTES) if alone else []
            if entries:
                self._deliver(entries)
        if entries:
            self._succeeded()
        else:
            self._rest(_POLL_SECONDS, until_news=alone)

    def _deliver(self, entries: list[Entry]) -> None:
        if entries[0].kind != EVENT:
            self._deliver_tag(entries[0])
            return
        events = list(takewhile(lambda entry: entry.kind == EVENT, entries))[: self._most]
        try:
            result = self._asker.ask(calls.send_encoded([entry.content for entry in events]))
        except ServiceError as error:
            if not _is_own_fault(error):
                raise
            if len(events) > 1:  # one of them spoils the request: fewer at once, until it stands alone
                self._most = len(events) // 2
                return
            verdict = Verdict(0, events[0].id, "invalid", None, error.problem.get("field"), None, str(error))
            self._keep((), [(events[0], verdict)])
            return
        self._most = min(_BATCH, self._most * 2)
        self._settle(events, result)

    def _settle(self, events: list[Entry], result: SendResult) -> None:
        if len(result.verdicts) != len(events):
            raise UnexpectedAnswerError(f"{len(result.verdicts)} verdicts came on {len(events)} events.")
        judged = [
            (entry, verdict)
            for entry, verdict in zip(events, result.verdicts, strict=True)
            if verdict.rule != UNEXPLAINED  # it stays, and is explained when it is sent again
        ]
        self._keep(
            [entry for entry, verdict in judged if verdict.verdict not in REFUSALS],
            [(entry, verdict) for entry, verdict in judged if verdict.verdict in REFUSALS],
        )

    def _keep(self, delivered: list[Entry] | tuple[()], refused: list[tuple[Entry, Verdict]]) -> None:
        self._spool.settle(delivered, refused)
        if refused:
            _, first = refused[0]
            logger.warning(
                "The service refused %d of what waited in %s; it is kept there (Spool.refused). The first, %s: %s",
                len(refused),
                self._spool.path,
                first.id,
                first.detail or first.rule,
            )

    def _deliver_tag(self, entry: Entry) -> None:
        namespace, tag = orjson.loads(entry.content)
        try:
            self._asker.ask(calls.set_tag(namespace, tag, entry.id))
        except ServiceError as error:
            if not isinstance(error, NotThereError | OverlongQuestionError) and not _is_own_fault(error):
                raise
            rule = error.problem.get("rule")
            told = self._why_not_there(entry.id) if isinstance(error, NotThereError) else None
            self._keep((), [(entry, Verdict(0, entry.id, "invalid", rule=rule, detail=told or str(error)))])
        else:
            self._spool.settle((entry,), ())

    def _why_not_there(self, event_id: str) -> str | None:
        """Return why the service has no event that a tag is to mark: it was refused before; None: not known."""
        for refused in self._spool.refused():
            if (refused.kind, refused.id) == (EVENT, event_id):
                return f"The event that it is to mark was refused before: {refused.detail or refused.rule}"
        return None

    def _failed(self, error: ClientError) -> None:
        if self.reason is None:
            logger.warning("What waits in %s cannot be delivered now: %s", self._spool.path, error)
        self.reason = str(error)
        self._failures += 1
        self._attempts += 1
        self._is_refused = isinstance(error, CredentialsRefusedError)
        self._is_asked = False
        self._tell()
        self._rest(_PATIENCE.pause(self._failures - 1, error), until_news=False)

    def _succeeded(self) -> None:
        if self.reason is not None:
            logger.info("What waits in %s is delivered again", self._spool.path)
        self.reason = None
        self._failures = 0
        self._attempts += 1
        self._is_refused = False
        self._tell()

    def _tell(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _rest(self, seconds: float, *, until_news: bool) -> None:
        """Wait; not as long when somebody waits for a flush, and not at all for news that were told already."""
        give_up_at = time.monotonic() + seconds
        with self._condition:
            while not self._stopping and not (until_news and self._news):
                left = give_up_at - time.monotonic()
                if self._hurried and (self._is_asked or not self._is_refused):
                    left = min(left, give_up_at - seconds + _SHORT_PAUSE_SECONDS - time.monotonic())
                if left <= 0:
                    return
                self._condition.wait(left)

    @contextmanager
    def _work(self) -> Iterator[None]:
        """Be at work, unless a fork is about to be."""
        with self._condition:
            self._condition.wait_for(lambda: not self._forking)
            self._working = True
            self._news = False
        try:
            yield
        finally:
            with self._condition:
                self._working = False
                self._condition.notify_all()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Tell whether no other process delivers, and hold it so meanwhile."""
        try:
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ClientError(f"{self._lock_path} cannot be used: {error}") from error
        self._held = lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        else:
            alone = True
        try:
            yield alone
        finally:
            if alone:
                # A child that was forked meanwhile may not have closed its copy of the file yet.
                fcntl.flock(lock, fcntl.LOCK_UN)
            self._held = None
            os.close(lock)


def _is_own_fault(error: ServiceError) -> bool:
    """Tell whether the service itself says that a request is wrong, rather than something between it and here."""
    if error.status == _FORBIDDEN:  # for this emitter: other events may go
        return error.problem.get("rule") == _EMITTER_RULE
    return error.status in _OWN_FAULT and "title" in error.problem
