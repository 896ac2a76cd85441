"""Everything that came of a node, read while it is iterated over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import orjson

from provgraph.client.answers import an_object
from provgraph.client.base import JSON, Call
from provgraph.client.calls import rest
from provgraph.client.errors import BusyError, ClientError, UnexpectedAnswerError, UnreachableError
from provgraph.client.shown import Piece, Shown, more
from provgraph.telling import counted, printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from provgraph.client.base import Asker, AsyncAsker, Retry
    from provgraph.client.told import Step

_PATH = "/api/v1/impact"
_PAGE = 10_000


class Search:
    """
    How far the reading of an impact has come: what is to be asked next, and which events are new.

    A page that breaks off is asked for once more, and what was given of it already is passed over.
    """

    def __init__(
        self,
        parameters: Mapping[str, object],
        *,
        limit: int | None,
        cursor: str | None,
        timeout_seconds: float | None,
    ) -> None:
        self._parameters = dict(parameters)
        self._timeout_seconds = timeout_seconds
        self._left = limit
        self.cursor = cursor
        self.opening: JSON | None = None
        self.closing: JSON | None = None
        self._size = self._given = self._place = self._failures = 0
        self._ended = False  # the page that was begun has been read to its end
        self._begin_page()

    def next_call(self) -> Call[Any] | None:
        """Return what to ask now; None when everything was read."""
        if self._ended:
            if self.cursor is None or self._left == 0:
                return None
            self._begin_page()
        self._place = -1
        parameters = {**self._parameters, "limit": self._size, "cursor": self.cursor}
        return Call("GET", _PATH, an_object, parameters, timeout_seconds=self._timeout_seconds)

    def take(self, line: bytes) -> Step | None:
        """Take a line of the answer and return the event in it, if it is a new one."""
        from provgraph.client import told  # noqa: PLC0415 - most programs do not ask

        document = _object(line)
        kind = document.get("kind")
        self._place += 1
        if kind == "start":
            self.opening = self.opening or document
            self.cursor = document.get("cursor")
        elif kind == "end":
            self.closing = document
            self.cursor = document.get("cursor")
            self._ended = True
        elif self._place > self._given:
            self._given = self._place
            if self._left is not None:
                self._left -= 1
            return told.step(document)
        return None

    def check_end(self, url: str) -> None:
        """
        Make sure that an answer had its end.

        :raises UnexpectedAnswerError: it had not even a first line
        :raises UnreachableError: it broke off
        """
        if self._place < 0:
            raise UnexpectedAnswerError(f"{_PATH} did not answer with a JSON text a line.")
        if not self._ended:
            raise UnreachableError(url, "the answer ended before its end")

    def pause(self, error: ClientError, retry: Retry) -> float:
        """
        Return the seconds to wait before the page is asked for again.

        :raises ClientError: the ``error``, when nothing came of it or it was tried often enough
        """
        self._failures += 1
        if not (self._place >= 0 or self._given) or self._failures >= retry.attempts:
            raise error
        return retry.pause(self._failures - 1, error)

    def _begin_page(self) -> None:
        self._size = _PAGE if self._left is None else min(self._left, _PAGE)
        self._given = self._failures = 0
        self._ended = False


class _Told(Shown):
    """What both kinds of iterator tell beside the events."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def pieces(self) -> Iterable[Piece]:
        """See `Shown.pieces`: as far as it was read."""
        from provgraph.client.traced import by_an_event  # noqa: PLC0415 - most programs do not ask

        if self.opening is None:
            return ("What came of a node, not read yet: iterate over it, and print each event.",)
        node, affected = self.opening.get("node") or {}, self.opening.get("affected", 0)
        of = f"{node.get('kind', 'node')} {printable(node.get('id'))}{by_an_event(node)}"
        ended = self.closing or {}
        cut = more(self.cursor, ended.get("reason")) if ended and not ended.get("complete") else ""
        return (f"Came of {of}: {counted(affected, 'event')}", *([cut] if cut else []))

    @property
    def cursor(self) -> str | None:
        """Where to go on after what was read, when a limit cut it; None when nothing is left to be had."""
        return self._search.cursor

    @property
    def opening(self) -> JSON | None:
        """What was said before the first event: how many are ``affected``, and what the answer is true for."""
        return self._search.opening

    @property
    def closing(self) -> JSON | None:
        """What was said after the last one: whether it is ``complete``, and if not the ``reason``."""
        return self._search.closing


class Impact(_Told):
    """
    The events that a node led to, nearest first. Can be iterated over once.

    All are true for the log position that the first answer says. A broken connection is gone on with where it broke.

    :raises ClientError: while it is iterated over
    """

    def __init__(self, asker: Asker, search: Search) -> None:
        super().__init__(search)
        self._events = _events(asker, search)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Step:
        return next(self._events)


class AsyncImpact(_Told):
    """The events that a node led to, for ``async for``; see `Impact`."""

    def __init__(self, asker: AsyncAsker, search: Search) -> None:
        super().__init__(search)
        self._events = _async_events(asker, search)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Step:
        return await anext(self._events)


def _events(asker: Asker, search: Search) -> Iterator[Step]:
    while (call := search.next_call()) is not None:
        try:
            for line in asker.lines(call):
                if (event := search.take(line)) is not None:
                    yield event
            search.check_end(asker.url)
        except (UnreachableError, BusyError) as error:
            asker.follow(rest(search.pause(error, asker.retry)))


async def _async_events(asker: AsyncAsker, search: Search) -> AsyncIterator[Step]:
    while (call := search.next_call()) is not None:
        try:
            async for line in asker.lines(call):
                if (event := search.take(line)) is not None:
                    yield event
            search.check_end(asker.url)
        except (UnreachableError, BusyError) as error:
            await asker.follow(rest(search.pause(error, asker.retry)))


def _object(line: bytes) -> JSON:
    try:
        return an_object(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise UnexpectedAnswerError(f"{_PATH} did not answer with a JSON text a line.") from error
