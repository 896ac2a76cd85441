"""
Several texts as one, from which they can be read back: no two lists of texts give the same one.

The parts stand one after the other with ``/`` between them. In a part, ``%`` is written ``%25`` and ``/`` is written
``%2F``, so that a ``/`` in the whole always stands between two parts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATOR = "/"
# What `escaped` writes: nothing else begins with a `%`.
_WRITTEN = re.compile(r"(?:[^%/]|%25|%2F)*")


def escaped(part: str) -> str:
    """Return a part as it stands in a text of several."""
    return part.replace("%", "%25").replace(SEPARATOR, "%2F")


def unescaped(written: str) -> str:
    """Return the part that `escaped` wrote so."""
    return written.replace("%2F", SEPARATOR).replace("%25", "%")


def joined(parts: Sequence[str]) -> str:
    """
    Return texts as one.

    :param parts: one at least: of nothing and of one empty text, the whole would be the same
    """
    if not parts:
        raise ValueError("There are no parts to join")
    return SEPARATOR.join(map(escaped, parts))


def parted(text: str) -> list[str] | None:
    """Return the parts that `joined` made a text of, None for a text that it never makes."""
    written = text.split(SEPARATOR)
    return list(map(unescaped, written)) if all(map(_WRITTEN.fullmatch, written)) else None
