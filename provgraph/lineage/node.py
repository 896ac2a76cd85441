"""
Nodes as people name them: read here, looked up elsewhere.

Written ``pem:ID``, ``artifact:NAME`` or ``tag:NAMESPACE/TAG``; or bare. In answers a ``/`` within a namespace or a tag
is ``%2F`` and a ``%`` is ``%25``; people need not write it so where only one tag can be meant.
"""

from __future__ import annotations

from typing import NamedTuple

from provgraph.errors import InvalidEventError, InvalidInputError, NotFoundError
from provgraph.families.pem.events import event_id
from provgraph.joined import SEPARATOR, joined, parted

_MOST_SHOWN = 100
# A tag that is typed with so many is looked up as often.
_MOST_SLASHES = 30


class Named(NamedTuple):
    """What names a node."""

    kind: str | None  # "pem", "artifact" or "tag"; None: bare
    name: str
    event_id: str | None  # of an event, and of what is bare and could be one


class Asked(NamedTuple):
    """The parameters of a question that name a node, as refusals call them."""

    node: str = "node"
    version: str = "version"

    def no_such(self, what: str, when: str) -> NotFoundError:
        """Return the refusal of a node that is not there."""
        role = "" if self.node == "node" else f", the {self.node},"
        return NotFoundError(f"No {what}{role} is known {when}", field=self.node)

    def no_version(self, name: str, version: str, when: str) -> NotFoundError:
        """Return the refusal of a version that is not there."""
        message = f"Artifact {shown(name)} has no version {shown(version)} {when}"
        return NotFoundError(message, field=self.version)

    def no_artifact(self) -> InvalidInputError:
        """Return the refusal of a version for what has none."""
        return InvalidInputError(
            f"{self.version} goes with an artifact, not with an event", field=self.version, rule="artifact"
        )


def read(text: str, asked: Asked) -> Named:
    """
    Read what names a node.

    :raises InvalidInputError: it is empty, or names an event by what is no id
    """
    if not text:
        raise InvalidInputError(
            f"{asked.node} is missing: artifact:NAME, pem:ID, tag:NAMESPACE/TAG, or bare",
            field=asked.node,
            rule="required",
        )
    kind, colon, rest = text.partition(":")
    if colon and kind == "pem":
        pem_id = as_id(rest)
        if pem_id is None:
            raise InvalidInputError(
                f"{asked.node} names no event: {rest[:40]!r} is not a UUID", field=asked.node, rule="uuid"
            )
        return Named(kind, rest, pem_id)
    if colon and kind in ("artifact", "tag"):
        return Named(kind, rest, None)
    return Named(None, text, as_id(text))


def tag_name(namespace: str, tag: str) -> str:
    """Return ``NAMESPACE/TAG`` as answers write it: no other tag is written so."""
    return joined((namespace, tag))


def as_written(text: str) -> tuple[str, str] | None:
    """Return the namespace and the tag that `tag_name` made a text of, None for a text that it never makes."""
    parts = parted(text)
    return (parts[0], parts[1]) if parts is not None and len(parts) == 2 else None


def as_typed(text: str, asked: Asked) -> list[tuple[str, str]]:
    """
    Return every namespace and tag that a text can mean in which nothing is escaped.

    :raises InvalidInputError: they are too many to look up
    """
    slashes = [at for at, char in enumerate(text) if char == SEPARATOR]
    if len(slashes) > _MOST_SLASHES:
        raise InvalidInputError(
            f"{asked.node} names a tag with {len(slashes)} slashes: where they are within the namespace or the tag, "
            "write each of them %2F, and % as %25",
            field=asked.node,
            rule="tag",
        )
    return [(text[:at], text[at + 1 :]) for at in slashes] or [("", text)]


def as_id(text: str) -> str | None:
    """Return the event id that a text is, in whichever spelling, or None."""
    try:
        return event_id(text)
    except InvalidEventError:
        return None


def shown(name: str) -> str:
    """Return a name in quotation marks, not longer than one reads."""
    return repr(name) if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]!r}... ({len(name):,} characters)"
