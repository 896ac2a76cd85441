"""
Places: where a list goes on, as a cursor holds it.

The key of what a page ended with is names, and a name may be a megabyte long, while a cursor has to fit into a URL. So
of a long name a cursor holds the beginning, and a digest of the whole key. The key is found again by reading the list
from that beginning on: a list is in the order of its keys, so it is among the first of them unless many begin alike.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from provgraph.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    # Yields the keys of a list that lie behind one, which need not be in it, in their order.
    Behind = Callable[[tuple[str, ...]], Iterable[tuple[str, ...]]]

# In characters. What reads a URL on the way may take no more than 8 kB of it.
_LONGEST = 1_000


def held(key: Sequence[str]) -> list[str]:
    """Return a key as a cursor holds it: as it is, or when a name in it is long, one text more. See `key_at`."""
    cut = next((index for index, text in enumerate(key) if len(text) > _LONGEST), None)
    if cut is None:
        return list(key)
    behind = [""] * (len(key) - cut - 1)
    return [*key[:cut], key[cut][:_LONGEST], *behind, _digest(key)]


def key_at(place: Sequence[str], *lists: Behind, texts: int) -> tuple[str, ...]:
    """
    Return the key that `held` made a place of.

    :param lists: where it may be
    :param texts: how many the key has
    :raises ConflictError: it is in none of them any more
    """
    if len(place) == texts:
        return tuple(place)
    begun, digest = tuple(place[:texts]), place[texts]
    cut = max(index for index, text in enumerate(begun) if text)
    for behind in lists:
        for key in behind(begun):
            if key[:cut] != begun[:cut] or not key[cut].startswith(begun[cut]):
                break
            if _digest(key) == digest:
                return key
    raise ConflictError("What the page before ended with is not there any more; ask again without cursor")


def _digest(key: Sequence[str]) -> str:
    return hashlib.sha256(orjson.dumps(list(key))).hexdigest()
