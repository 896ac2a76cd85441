"""
Tags in Record Keeper's paths: namespace and tag in standard base64, unescaped.

``/`` is a base64 digit, so it occurs inside both parts, and either part may be empty. The split is unique all the
same: base64 comes in groups of four, so the separator stands at an index divisible by four; and a ``/`` that begins a
group means a first byte of 0xFC or more, which UTF-8 never has.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from starlette.types import Scope

_GROUP = 4
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class TagName(NamedTuple):
    """A tag, and the namespace it is unique in."""

    namespace: str
    tag: str


def behind(prefix: str, scope: Scope) -> bytes:
    """Return what stands behind ``prefix`` in a request's path, percent escapes undone once, ``//`` untouched."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return unquote_to_bytes(raw_path)[len(prefix) :]


def read_tag(path: bytes) -> TagName:
    """
    Return the tag in ``<namespace>/<tag>``.

    :raises InvalidInputError: it cannot be split, or a part is not base64 of UTF-8, or holds NUL
    """
    at = _separator(path)
    return TagName(_decoded(path[:at], "namespace"), _decoded(path[at + 1 :], "tag"))


def read_tag_and_id(path: bytes) -> tuple[TagName, str]:
    """
    Return the tag and the PEM's id in ``<namespace>/<tag>/<id>``; the id is not checked.

    :raises InvalidInputError: it cannot be split, or a part is not base64 of UTF-8, or holds NUL
    """
    rest, slash, pem_id = path.rpartition(b"/")  # no spelling of an id holds a slash
    if not slash:
        raise _unsplittable()
    return read_tag(rest), pem_id.decode("utf-8", "replace")


def _separator(path: bytes) -> int:
    for at in range(0, len(path), _GROUP):
        if path[at : at + 1] == b"/":
            return at
    raise _unsplittable()


def _decoded(part: bytes, name: str) -> str:
    try:
        text = base64.b64decode(part.translate(_FROM_URL_SAFE), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInputError(
            f"The {name} is not base64 of UTF-8 text: {part[:60].decode('latin-1')!r}",
            field=name,
            rule="base64",
        ) from None
    if "\0" in text:
        raise InvalidInputError(f"The {name} holds the character NUL", field=name, rule="no-nul")
    return text


def _unsplittable() -> InvalidInputError:
    return InvalidInputError(
        "The path is not <namespace>/<tag> in base64", field="path", rule="namespace-slash-tag"
    )
