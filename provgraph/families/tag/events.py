"""Tags: names in a namespace that point at an event and may be moved."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import orjson

from provgraph.events.base import Kind, NewEvent, event

TAG_SET = Kind("tag.set")


class TagSet(NamedTuple):
    """A tag was put on a PEM, taking it from whichever PEM had it before."""

    namespace: str
    tag: str
    pem_id: str  # 32 hex digits


def tag_set(namespace: str, tag: str, pem_id: str) -> NewEvent[TagSet]:
    """Return the event that sets a tag. Each call is an event of its own: setting a tag again renews it."""
    content = TagSet(namespace, tag, pem_id)
    fields = {"NamespaceID": namespace, "Tag": tag, "EventID": pem_id}
    return event(TAG_SET, uuid.uuid4().hex, content, fields)


def read(payload: bytes) -> TagSet:
    """Return the tag event in a stored payload."""
    fields = orjson.loads(payload)
    return TagSet(fields["NamespaceID"], fields["Tag"], fields["EventID"])
