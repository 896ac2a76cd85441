"""Bodies packed with gzip, and the bound on what comes out of them."""

from __future__ import annotations

import asyncio
import gzip
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from provgraph.errors import InvalidInputError, OverloadedError, TooLargeError, UnsupportedEncodingError
from provgraph.http import Bodies, read_body
from provgraph.http.answers import error_answer
from provgraph.http.body import BODIES, Held
from tests.unit.http.application import Client, scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 10_000


def packed(body: bytes) -> bytes:
    """Return a body packed, always to the same bytes."""
    return gzip.compress(body, mtime=0)


def read(
    pieces: Sequence[bytes],
    *,
    encoding: bytes | None = b"gzip",
    limit: int = LIMIT,
    bodies: Bodies | None = None,
) -> bytes:
    """Return a body that arrives in pieces, as a route reads it."""
    scope = scope_of("/api/x", "POST")
    if encoding is not None:
        scope["headers"] = [(b"content-encoding", encoding)]
    if bodies is not None:
        scope[BODIES] = Held(bodies)
    return asyncio.run(read_body(Request(scope, Client(pieces).receive), limit=limit, what="Body"))


def cut(body: bytes, at: Sequence[int]) -> list[bytes]:
    """Return a body in pieces."""
    places = [0, *sorted(place % (len(body) + 1) for place in at), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.lists(st.integers(0, 2_000), max_size=5))
def test_a_packed_body_is_read_as_what_was_packed(members: list[bytes], at: list[int]) -> None:
    packed = b"".join(map(gzip.compress, members))

    assert read(cut(packed, at)) == b"".join(members)


@pytest.mark.parametrize("encoding", [None, b"", b"identity", b"Identity", b"identity, identity"])
def test_a_body_that_is_not_packed_is_read_as_it_is(encoding: bytes | None) -> None:
    assert read([b"ab", b"c"], encoding=encoding) == b"abc"
    assert read([gzip.compress(b"x")], encoding=encoding) == gzip.compress(b"x")


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip", b" gzip ", b"identity, gzip"])
def test_gzip_has_these_names(encoding: bytes) -> None:
    assert read([gzip.compress(b"abc")], encoding=encoding) == b"abc"


@pytest.mark.parametrize(
    "encoding", [b"br", b"deflate", b"zstd", b"compress", b"gzip, gzip", b"gzip, br", b"g\xff"]
)
def test_another_encoding_is_415_and_names_the_one_that_is_read(encoding: bytes) -> None:
    with pytest.raises(UnsupportedEncodingError, match="gzip") as refused:
        read([b"abc"], encoding=encoding)

    answer = error_answer(scope_of("/api/x"), refused.value)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
@pytest.mark.parametrize("count", [1, 7])
def test_the_limit_is_on_what_comes_out_and_may_be_reached(size: int, count: int) -> None:
    body = bytes(range(256)) * 40
    packed = gzip.compress(body[:size])

    assert read(cut(packed, [len(packed) * place // count for place in range(count)])) == body[:size]


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT, 200 * 2**20])
@pytest.mark.parametrize("at", [(), (1,), (20, 40, 100)])
def test_what_comes_out_is_refused_beyond_the_limit_however_little_goes_in(
    size: int, at: Sequence[int]
) -> None:
    packed = gzip.compress(b"\0" * size)
    bodies = Bodies(limit=2 * LIMIT)

    with pytest.raises(TooLargeError, match=f"limit, which is {LIMIT} bytes") as refused:
        read(cut(packed, at), bodies=bodies)

    assert refused.value.members == {"limit": LIMIT}
    assert (
        bodies.size == 0
    )  # never more than the limit was held: twice of it would have been refused otherwise


def test_what_comes_out_counts_for_all_bodies_together() -> None:
    with pytest.raises(OverloadedError):
        read([gzip.compress(b"\0" * 5_000)], bodies=Bodies(limit=4_000))


def test_a_body_that_gives_nothing_is_not_read_without_end() -> None:
    client = Client([gzip.compress(b"")[:10], *[b"\0\0\0\xff\xff" * 1_000] * 10])  # stored blocks of no bytes
    scope = scope_of("/api/x", "POST")
    scope["headers"] = [(b"content-encoding", b"gzip")]

    with pytest.raises(TooLargeError):
        asyncio.run(read_body(Request(scope, client.receive), limit=LIMIT, what="Body"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"abc", "header"),
        (packed(b"abc" * 50)[:-1], "breaks off"),
        (packed(b"abc" * 50)[:15], "breaks off"),
        (packed(b"abc") + b"abc", "header"),
        (packed(b"abc") + packed(b"d")[:5], "breaks off"),
        (packed(b"abc")[:-6] + b"\0" * 6, "check"),
        (packed(b"") * 1_001, "1,000 members"),
    ],
)
def test_what_is_not_gzip_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    for pieces in ([body], cut(body, range(0, len(body), 7))):
        with pytest.raises(InvalidInputError, match=reason) as refused:
            read(pieces, limit=100_000)
        assert refused.value.rule == "gzip"


def test_an_empty_body_need_not_be_packed() -> None:
    assert read([b""]) == b""
