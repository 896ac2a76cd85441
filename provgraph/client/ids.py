"""New event ids."""

from __future__ import annotations

import os
import threading
import time

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """
    Return a new event id: a version-7 UUID, 32 hexadecimal digits.

    Those of one process rise, also within a microsecond, so that they order the events of one moment.
    """
    global _last  # noqa: PLW0603 - the clock's last tick in this process
    with _lock:
        # 48 bits of milliseconds and 12 of their fraction, RFC 9562, 6.2, method 3
        ticks = _last = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
    chance = int.from_bytes(os.urandom(8)) >> 2
    number = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | chance
    return f"{number:032x}"


def _new_lock() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)
