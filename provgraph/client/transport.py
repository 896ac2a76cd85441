"""One HTTP exchange after another, waited for by a thread or by an event loop; the rules are `exchange`'s."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

from provgraph.client import exchange, forks
from provgraph.client.base import Retry
from provgraph.client.exchange import BROKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from ssl import SSLContext

    from provgraph.client.base import Call

__all__ = ["AsyncTransport", "Retry", "Transport"]

T = TypeVar("T")
H = TypeVar("H", bound=httpx.Client | httpx.AsyncClient)

# Of parents: not closed from here.
_left_behind: list[httpx.Client | httpx.AsyncClient] = []


class _Connected(forks.Forkable, Generic[H]):
    """Has connections, which are not a child's after a fork: each of their answers is for one process alone."""

    def __init__(self, connect: Callable[[], H]) -> None:
        self._connect = connect
        self._http = connect()
        forks.tell(self)

    def after_fork_in_child(self) -> None:
        """Have connections of its own."""
        if not self._http.is_closed:
            _left_behind.append(self._http)
            self._http = self._connect()


class Transport(_Connected[httpx.Client]):
    """
    Speaks HTTP with one service. Keeps its connections; close it when done. Threads may share one.

    ``verify`` is what TLS certificates are checked with: True for the system's authorities, or a context of your own.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        base = exchange.base(url)
        self.url = str(base).rstrip("/")
        options = exchange.settings(
            base, token=token, headers=headers, timeout_seconds=timeout_seconds, verify=verify
        )
        super().__init__(partial(httpx.Client, **options, transport=transport))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """
        Make one call, once, and return what its answer says.

        :raises ClientError: no answer, a refusal, or an answer to something else
        """
        exchange.check_open(self._http, self.url)
        try:
            response = self._http.request(**exchange.request(call))
        except httpx.InvalidURL as error:
            raise exchange.unaskable(call, self.url, error) from error
        except BROKEN as error:
            raise exchange.broken(self.url, error) from error
        return exchange.answer(call, response)

    def lines(self, call: Call[Any]) -> Iterator[bytes]:
        """
        Yield the lines that a call is answered with, as they come; what stands after the last line break is none.

        :raises ClientError: no answer, a refusal, or the connection broke on the way
        """
        exchange.check_open(self._http, self.url)
        try:
            with self._http.stream(**exchange.request(call)) as response:
                if not response.is_success:
                    response.read()
                    raise exchange.refusal(call, response)
                rest = b""
                for piece in response.iter_bytes():
                    *whole, rest = (rest + piece).split(b"\n")
                    yield from whole
        except httpx.InvalidURL as error:
            raise exchange.unaskable(call, self.url, error) from error
        except BROKEN as error:
            raise exchange.broken(self.url, error) from error


class AsyncTransport(_Connected[httpx.AsyncClient]):
    """Speaks HTTP with one service on an event loop; see `Transport`."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        base = exchange.base(url)
        self.url = str(base).rstrip("/")
        options = exchange.settings(
            base, token=token, headers=headers, timeout_seconds=timeout_seconds, verify=verify
        )
        super().__init__(partial(httpx.AsyncClient, **options, transport=transport))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """See `Transport.send`."""
        exchange.check_open(self._http, self.url)
        try:
            response = await self._http.request(**exchange.request(call))
        except httpx.InvalidURL as error:
            raise exchange.unaskable(call, self.url, error) from error
        except BROKEN as error:
            raise exchange.broken(self.url, error) from error
        return exchange.answer(call, response)

    async def lines(self, call: Call[Any]) -> AsyncIterator[bytes]:
        """See `Transport.lines`."""
        exchange.check_open(self._http, self.url)
        try:
            async with self._http.stream(**exchange.request(call)) as response:
                if not response.is_success:
                    await response.aread()
                    raise exchange.refusal(call, response)
                rest = b""
                async for piece in response.aiter_bytes():
                    *whole, rest = (rest + piece).split(b"\n")
                    for line in whole:
                        yield line
        except httpx.InvalidURL as error:
            raise exchange.unaskable(call, self.url, error) from error
        except BROKEN as error:
            raise exchange.broken(self.url, error) from error
