"""Everything that came of a node, read while it is iterated over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import orjson

from provgraph.client.answers import JSON, an_object
from provgraph.client.errors import BusyError, UnexpectedAnswerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provgraph.client.transport import Retry, Transport

_PATH = "/api/v1/impact"
_PAGE = 10_000


class Impact:
    """
    The events that a node led to, nearest first. Can be iterated over once.

    All are true for the log position that the first answer says. A broken connection is gone on with where it broke.

    :raises ClientError: while it is iterated over
    """

    def __init__(
        self,
        transport: Transport,
        parameters: Mapping[str, object],
        *,
        limit: int | None,
        cursor: str | None,
        timeout_seconds: float | None,
        retry: Retry,
        sleep: Callable[[float], None],
    ) -> None:
        self._http = transport
        self._parameters = dict(parameters)
        self._left = limit
        self._timeout_seconds = timeout_seconds
        self._retry = retry
        self._sleep = sleep
        self.cursor = cursor
        """Where to go on behind what was read, when a limit cut it; None when nothing is left to be had."""
        self.opening: JSON | None = None
        """What was said before the first event: how many are ``affected``, and what the answer is true for."""
        self.closing: JSON | None = None
        """What was said behind the last one: whether it is ``complete``, and if not the ``reason``."""
        self._events = self._all()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JSON:
        return next(self._events)

    def _all(self) -> Iterator[JSON]:
        while True:
            size = _PAGE if self._left is None else min(self._left, _PAGE)
            for event in self._page(size):
                if self._left is not None:
                    self._left -= 1
                yield event
            if self.cursor is None or self._left == 0:
                return

    def _page(self, size: int) -> Iterator[JSON]:
        """Yield the events of one answer; one that breaks is asked for again, if its beginning came through."""
        given = attempt = 0
        while True:
            begun = False
            try:
                for place, event in enumerate(self._answer(size)):
                    begun = True
                    if place > given:  # the first one is the opening
                        given = place
                        yield event
            except (UnreachableError, BusyError) as error:
                attempt += 1
                if not (begun or given) or attempt >= self._retry.attempts:
                    raise
                self._sleep(self._retry.pause(attempt - 1, error))
            else:
                return

    def _answer(self, size: int) -> Iterator[JSON]:
        """Yield the lines of one answer but its end, and note what its beginning and its end say."""
        parameters = {**self._parameters, "limit": size, "cursor": self.cursor}
        for line in self._http.lines(_PATH, parameters, timeout_seconds=self._timeout_seconds):
            document = _object(line)
            kind = document.get("kind")
            if kind == "start":
                self.opening = self.opening or document
                self.cursor = document.get("cursor")
            elif kind == "end":
                self.closing = document
                self.cursor = document.get("cursor")
                return
            yield document
        raise UnreachableError(self._http.url, "the answer ended before its end")


def _object(line: bytes) -> JSON:
    try:
        return an_object(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise UnexpectedAnswerError(f"{_PATH} did not answer with a JSON text a line.") from error
