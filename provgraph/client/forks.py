"""Objects that a forked process must not go on with as its parent left them."""

from __future__ import annotations

import os
import threading
import weakref


class Forkable:
    """
    Something with locks, threads or files of its own. Forks tell it, before anything else runs.

    What it does nothing about, it need not define.
    """

    def before_fork(self) -> None:
        """Come to rest: what another thread is in the middle of, the child would find half done for ever."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Get ready for use. Who forks from C may not have called `before_fork`."""


# One fork at a time; and what is made meanwhile is told of the next one.
_lock = threading.Lock()
_all: weakref.WeakSet[Forkable] = weakref.WeakSet()
_resting: list[Forkable] = []


def tell(forkable: Forkable) -> None:
    """Have an object told of forks as long as it lives."""
    with _lock:
        _all.add(forkable)


def _before() -> None:
    _lock.acquire()
    for each in list(_all):
        each.before_fork()
        _resting.append(each)


def _after_in_parent() -> None:
    for each in _resting:
        each.after_fork_in_parent()
    _resting.clear()
    _lock.release()


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    _resting.clear()
    for each in list(_all):
        each.after_fork_in_child()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
