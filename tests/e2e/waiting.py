"""Waiting for what happens in its own time, without asserting how long it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE_SECONDS = 120


def eventually(question: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is true, and return the last answer either way: the caller asserts."""
    give_up = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < give_up:
        time.sleep(0.05)
    return answer
