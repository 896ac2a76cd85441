from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import orjson
import pytest

from provgraph.errors import (
    StoreError,
)
from provgraph.http import (
    Places,
    enclosed,
    json_list,
)
from tests.unit.http.application import Answer, Client, app_with, call, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message


class Items:
    """Items of a list, and how many of them were taken."""

    def __init__(self, count: int, *, fails_at: int | None = None, size: int = 1_000) -> None:
        self.taken = 0
        self.closed = False
        self._count = count
        self._fails_at = fails_at
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        try:
            for index in range(self._count):
                if index == self._fails_at:
                    raise StoreError("The list broke")
                self.taken += 1
                yield b"%d" % index + b" " * self._size
        finally:
            self.closed = True


def listing(items: Items, places: Places | None = None) -> ASGIApp:
    async def endpoint(_request: Request) -> Response:
        return (places or Places()).stream(json_list(iter(items)))

    return app_with(endpoint)


@pytest.mark.parametrize("count", [0, 1, 10, 65, 1_000])
def test_a_streamed_list_is_json(count: int) -> None:
    answer = call(listing(Items(count)), scope_of("/api/x"))

    assert orjson.loads(answer.body) == list(range(count))
    assert answer.headers["content-type"] == "application/json"


def test_a_short_list_says_how_long_it_is_and_a_long_one_does_not() -> None:
    short = call(listing(Items(3)), scope_of("/api/x"))
    long = call(listing(Items(1_000)), scope_of("/api/x"))

    assert int(short.headers["content-length"]) == len(short.body)
    assert "content-length" not in long.headers


def test_pieces_are_about_64_kib() -> None:
    pieces = list(enclosed(iter(Items(1_000)), opening=b"[", separator=b", ", closing=b"]"))

    assert all(64 * 1024 <= len(piece) < 67_000 for piece in pieces[:-1])


def test_an_error_before_the_first_piece_is_an_answer() -> None:
    answer = call(listing(Items(10, fails_at=5)), scope_of("/api/x"))

    assert (answer.status, orjson.loads(answer.body)["detail"]) == (503, "The list broke")


def test_an_error_behind_the_first_pieces_breaks_the_connection() -> None:
    items = Items(1_000, fails_at=500)

    with pytest.raises((StoreError, RuntimeError)):
        call(listing(items), scope_of("/api/x"))

    assert items.closed


def test_a_list_is_not_read_further_than_the_client_takes_it() -> None:
    items = Items(10_000)
    taken_at_each_send = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            taken_at_each_send.append(items.taken)

    asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    steps = [after - before for before, after in itertools.pairwise(taken_at_each_send)]
    assert max(steps) <= 70


def test_the_list_is_closed_when_the_client_goes_away() -> None:
    items = Items(100_000)

    call(listing(items), scope_of("/api/x"), Client([b""], leaves=True))

    assert items.closed
    assert items.taken < 1_000


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.http.streaming._STALLED_SECONDS", 0.01)
    items = Items(100_000)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    with pytest.raises((TimeoutError, RuntimeError)):
        asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    assert items.closed


def test_head_makes_no_more_of_a_list_than_it_needs() -> None:
    items = Items(100_000)

    answer = call(listing(items), scope_of("/api/x", "HEAD"))

    assert (answer.status, answer.body) == (200, b"")
    assert items.taken < 200


def test_lists_beyond_the_places_wait_for_one() -> None:
    places = Places(1)

    async def endpoint(_request: Request) -> Response:
        return places.stream(json_list(iter(Items(500))))

    app = app_with(endpoint)
    sending: list[int] = []
    most = 0

    async def one(number: int) -> None:
        async def send(message: Message) -> None:
            nonlocal most
            if message["type"] == "http.response.start":
                sending.append(number)
            most = max(most, len(sending))
            await asyncio.sleep(0)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                sending.remove(number)

        await app(scope_of("/api/x"), Client().receive, send)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(5)))

    asyncio.run(all_of_them())

    assert most == 1


def held_by_slow_readers(places: Places, then: Items) -> Answer:
    """Read a long list without taking it, ask for another list meanwhile, and return that one's answer."""
    answer = Answer()

    async def exchange() -> None:
        begun = asyncio.Event()

        async def never_taking(message: Message) -> None:
            if message["type"] == "http.response.body":
                begun.set()
                await asyncio.Event().wait()

        async def taking(message: Message) -> None:
            answer.messages.append(message)

        slow = asyncio.ensure_future(
            listing(Items(100_000), places)(scope_of("/api/x"), Client().receive, never_taking)
        )
        await begun.wait()
        await listing(then, places)(scope_of("/api/x"), Client().receive, taking)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)

    asyncio.run(exchange())
    return answer


def test_a_short_list_does_not_wait_for_slow_readers_of_long_ones() -> None:
    answer = held_by_slow_readers(Places(1), Items(3))

    assert orjson.loads(answer.body) == [0, 1, 2]


@pytest.mark.parametrize("beginning", [1, 8])
def test_a_list_without_a_place_in_time_is_to_be_asked_for_again(
    beginning: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.http.streaming._WAIT_SECONDS", 0.01)
    items = Items(100_000)

    answer = held_by_slow_readers(Places(1, beginning=beginning), items)

    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert items.closed


def test_a_list_that_is_taken_too_slowly_ends_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provgraph.http.streaming._LONGEST_SECONDS", 0.05)
    items = Items(10**9)

    async def send(_message: Message) -> None:
        await asyncio.sleep(0.001)

    with pytest.raises((TimeoutError, RuntimeError)):
        asyncio.run(listing(items)(scope_of("/api/x"), Client().receive, send))  # type: ignore[arg-type] # see above

    assert items.closed
