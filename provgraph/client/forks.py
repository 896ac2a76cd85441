"""Objects that a forked process must not go on with as its parent left them."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something with locks, threads or files of its own."""

    def after_fork(self) -> None:
        """Get ready for use in the child; called there, before anything else runs."""


_all: weakref.WeakSet[Forkable] = weakref.WeakSet()


def tell(forkable: Forkable) -> None:
    """Have an object told of forks as long as it lives."""
    _all.add(forkable)


def _after_fork() -> None:
    for each in list(_all):
        each.after_fork()


os.register_at_fork(after_in_child=_after_fork)
