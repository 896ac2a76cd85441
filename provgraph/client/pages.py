"""Lists that are fetched page by page, while they are iterated over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from provgraph.client.base import Asker, AsyncAsker, Call, Paging

Page = TypeVar("Page")
Item = TypeVar("Item")


class Pages(Generic[Page, Item]):
    """
    A list in pages. Iterating gives its items; each iteration asks anew.

    :raises ClientError: while it is iterated over
    """

    def __init__(self, asker: Asker, paging: Paging[Page, Item]) -> None:
        self._asker = asker
        self._paging = paging

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from self._paging.items(page)

    def pages(self) -> Iterator[Page]:
        """Yield whole pages."""
        call: Call[Page] | None = self._paging.first
        while call is not None:
            page = self._asker.ask(call)
            yield page
            call = self._paging.following(page)


class AsyncPages(Generic[Page, Item]):
    """A list in pages, for ``async for``; see `Pages`."""

    def __init__(self, asker: AsyncAsker, paging: Paging[Page, Item]) -> None:
        self._asker = asker
        self._paging = paging

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in self._paging.items(page):
                yield item

    async def pages(self) -> AsyncIterator[Page]:
        """Yield whole pages."""
        call: Call[Page] | None = self._paging.first
        while call is not None:
            page = await self._asker.ask(call)
            yield page
            call = self._paging.following(page)
