"""
Keys: short texts that stand for names of any length, and texts whose order is the order on the emitters' clocks.

A name may be a megabyte long; Neo4j's indexes take values of about 8 kB.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache

from provgraph.events.clock import rfc3339

_PLAIN_BYTES = 1_900
_PLAIN_CHARACTERS = _PLAIN_BYTES // 4  # in UTF-8 a character takes four bytes at most
_KEPT_BYTES = 2_000
# A character that begins before these many bytes is in every key that stands for a longer name.
_ALWAYS_KEPT_BYTES = _PLAIN_BYTES - 2
_MOMENT_OFFSET = 2**63
_MOMENT_DIGITS = 16
_AFTER_DIGITS = "g"  # sorts behind every hex digit
_TIME_CHARACTERS = len("2026-01-02T03:04:05.678901Z")  # of what `rfc3339` returns
_EARLIEST_US, _LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # what `rfc3339` can tell
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from times without a zone, which are UTC

# Sorts behind every moment, and behind every text of a moment.
END = "~"


def key_of(name: str) -> str:
    """
    Return the key that stands for a name: the name itself, or when it is long its beginning and its digest.

    Keys of long names are longer than any name that is its own key, so no name can pass for another one's key. Keys
    sort as their names do, except among long names that share their `beginning`.
    """
    if len(name) <= _PLAIN_CHARACTERS:
        return name
    raw = name.encode()
    if len(raw) <= _PLAIN_BYTES:
        return name
    return f"{raw[:_KEPT_BYTES].decode(errors='ignore')} sha256:{hashlib.sha256(raw).hexdigest()}"


def is_shortened(key: str) -> bool:
    """Tell whether a key stands for a longer name."""
    return len(key) > _PLAIN_CHARACTERS and len(key.encode()) > _PLAIN_BYTES


def beginning(key: str) -> str:
    """
    Return how the name begins that a shortened key stands for.

    Shortened keys are in the order of their names unless these begin alike. (It ends where they may begin to differ.)
    """
    raw = key.encode()
    end = _ALWAYS_KEPT_BYTES
    while raw[end] & 0xC0 == 0x80:  # in the middle of a character
        end += 1
    return raw[:end].decode()


def behind(begun: str) -> str:
    """Return a text behind all keys that begin so."""
    return begun + "\U0010ffff" * (_KEPT_BYTES // 4 + 1)


def tag_key(namespace: str, tag: str) -> str:
    """Return the key of a tag. Keys sort by namespace, then tag: NUL occurs in neither, and sorts before all else."""
    return key_of(f"{namespace}\0{tag}")


def moves_begin(of: str) -> str:
    """Return the beginning of the keys of a tag's runs of moves, from the tag's key."""
    return f"{of}\0"


def moves_key(of: str, position: int) -> str:
    """Return the key of a tag's run of moves that begins at a log position. Keys sort by position."""
    return f"{moves_begin(of)}{position:016x}"


def tag_of_moves(key: str) -> str:
    """Return the tag's key from the key of one of its runs of moves."""
    return key[: -1 - _MOMENT_DIGITS]


# ------------------------------------------------------------------------------------------------ moments


def moment(occurred_us: int, pem_id: str, rank: int = 0) -> str:
    """
    Return a text whose order is the order on the emitters' clocks.

    It is made of 16 hex digits, `rank_text`, and the 32 digits of the event's id.
    """
    return f"{occurred_us + _MOMENT_OFFSET:016x}{rank_text(rank)}{pem_id}"


def rank_text(rank: int) -> str:
    """Return what stands for an event's place in its moment; nothing for the first, so it sorts before any id."""
    return f"{_AFTER_DIGITS}{rank:08x}" if rank else ""


def rank_in(text: str | None) -> int:
    """
    Return the place in its moment that `rank_text` made a text of; None and nothing stand for the first.

    :raises ValueError: it made none of this kind
    """
    if not text:
        return 0
    rank = int(text[1:], 16)
    if rank_text(rank) != text:
        raise ValueError(f"not a rank: {text!r}")
    return rank


def until(us: int | None) -> str:
    """Return a text that compares with ``occurred_at`` as a time does; None: one behind all of them."""
    if us is None or us > _LATEST_US:
        return END
    return "" if us < _EARLIEST_US else rfc3339(us)


def is_time(us: int) -> bool:
    """Tell whether `rfc3339` can tell a time."""
    return _EARLIEST_US <= us <= _LATEST_US


def moment_behind(us: int | None) -> str:
    """Return a text behind every moment up to a time; None: behind all of them."""
    return END if us is None or us > _LATEST_US else moment(max(us, _EARLIEST_US - 1) + 1, "")


def time_of(at: str) -> int:
    """Return when a moment is."""
    return int(at[:_MOMENT_DIGITS], 16) - _MOMENT_OFFSET


def pem_of(at: str) -> str:
    """Return the id of the event in a moment, be it alone or at the end of an entry."""
    return at[-32:]


def moment_in(entry: str, begin: str) -> str:
    """Return the moment at the end of an entry that begins so."""
    return entry[len(begin) :]


def stated_moment(at: str) -> str:
    """Return a moment as ``occurred_at + _rank + rk_id``: what a statement can make of a PEM node itself."""
    return rfc3339(time_of(at)) + at[_MOMENT_DIGITS:]


def moment_of_stated(stated: str) -> str:
    """Return the moment that `stated_moment` made such a text of."""
    return f"{moment(microseconds(stated[:_TIME_CHARACTERS]), '')}{stated[_TIME_CHARACTERS:]}"


@lru_cache(maxsize=16_384)  # lineage answers come back to the same events
def microseconds(occurred_at: str) -> int:
    """Return the microseconds since 1970 that `rfc3339` made a text of."""
    since = datetime.fromisoformat(occurred_at[:-1]) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


# ------------------------------------------------------------------------------------------------ entries
#
# Productions of an artifact with several versions, and uses and productions that name a version, are found through
# indexes on one text each: whose it is, then the moment. Names and labels stand in it as digests of fixed width.


def artifact_entry(name: str) -> str:
    """Return the beginning of the entries of an artifact's productions."""
    return _digest(name)


def label_entry(name: str, label: str) -> str:
    """Return the beginning of the entries of one named version of an artifact."""
    return _digest(name) + _digest(label)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_EVENT_ID = re.compile("[0-9a-f]{32}").fullmatch


def is_event_id(label: str) -> bool:
    """Tell whether the label of a version is an event's id."""
    return _EVENT_ID(label) is not None
