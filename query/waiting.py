"""Waiting until the graph has what a client knows to be in the log."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from provgraph.errors import InvalidInputError, OverloadedError
from provgraph.operations.flush import require_known_next

if TYPE_CHECKING:
    from provgraph.http import Services

_WAIT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


async def wait_for(services: Services, *, position: int) -> None:
    """
    Wait until the graph has everything up to a log position.

    :raises InvalidInputError: the log itself does not go so far
    :raises OverloadedError: not within 30 seconds
    :raises NewerEventError: the graph stops before an event that a newer version recorded
    """
    head = (await run_in_threadpool(services.log.head)).position
    if position > head:
        raise InvalidInputError(
            f"wait={position} is beyond the log's end at {head}", field="wait", rule="in-the-log"
        )
    give_up_at = time.monotonic() + _WAIT_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while (reached := (await run_in_threadpool(services.graph.checkpoint)).position) < position:
        if pause == _LONGEST_PAUSE_SECONDS:  # it takes long: there may be a reason
            await run_in_threadpool(require_known_next, services.log, services.graph)
        if time.monotonic() > give_up_at:
            raise OverloadedError(f"The graph is at position {reached}, not yet at {position}; ask again")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
