"""
Whether a stored event says what some version of provgraph would have written.

What comes through the door was checked there, and its digest shows that it is still so. That is no help where the event
was changed in the store and an operator accepted that: so such an event is read as strictly as the door reads, once.
Projections may rely on it then. An id is an id, a time can be read, a text is a text.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from provgraph.errors import ProvgraphError
from provgraph.events import canonical, clock, pem
from provgraph.events.acceptance import ChangeAccepted
from provgraph.events.kinddefinition import require_kind
from provgraph.events.pem import Pem
from provgraph.events.tag import TagSet
from provgraph.events.tracking import Tracked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.events.base import RecordedEvent
    from provgraph.events.tracking import Step


def is_sound(event: RecordedEvent) -> bool:
    """Tell whether an event that could be read says what some version would have written."""
    if not 0 <= event.recorded_us <= clock.LATEST_US:
        return False
    try:
        fields = canonical.loads(event.payload)
        if isinstance(event.content, Pem):
            return _is_accepted(fields, event.content)
        if isinstance(event.content, Tracked):
            return _is_accepted(fields["Pem"], event.content.pem) and _is_sound_step(event.content.step)
        return _is_sound_content(event.content)
    except (AttributeError, LookupError, ProvgraphError, TypeError, ValueError):
        return False


def _is_sound_content(content: object) -> bool:
    """Tell whether each part of what a rare event says is of its type, and has its form."""
    if not _is_of(content, type(content)):
        return False
    if isinstance(content, TagSet):
        return _is_id(content.pem_id)
    if isinstance(content, ChangeAccepted):
        return _is_hex(content.recorded_digest) and _is_hex(content.found_digest)
    return True


def _is_accepted(fields: object, content: Pem) -> bool:
    """Tell whether the door takes these fields, and finds nothing to put into another form."""
    return pem.accept(fields, any_outcome=True, listed_once=True).content == content


def _is_sound_step(step: Step) -> bool:
    if not (_is_of(step, type(step)) and all(_is_id(id_) for id_ in _ids(step) if id_ is not None)):
        return False
    for kind in step.kinds:
        require_kind(kind, "kind")
    return True


def _ids(step: Step) -> Iterator[str | None]:
    """Yield the ids of the objects and runs that a step tells of."""
    yield step.run_id
    for change in step.changes:
        for state in (change.before, change.after):
            if state is not None:
                yield from (state.id, state.parent)
        yield from change.dropped
    for listed in step.members:
        yield from (listed.group_id, *listed.members)
    if step.run is not None:
        yield from (step.run.id, step.run.group_id)
        yield from (*(step.run.members or ()), *(step.run.previous_members or ()))


def _is_of(value: object, type_: Any) -> bool:
    """Tell whether a value is of a type, and all that it holds of the types that are stated for that."""
    origin, parts = get_origin(type_), get_args(type_)
    if origin is UnionType:
        return any(_is_of(value, part) for part in parts)
    if origin is tuple:
        return type(value) is tuple and all(_is_of(each, parts[0]) for each in value)
    if origin is dict:
        return type(value) is dict
    if type_ is str:  # texts may be values of an enumeration
        return type(value) is str or (isinstance(value, str) and isinstance(value, Enum))
    held = _hints(type_)
    return type(value) is type_ and all(_is_of(getattr(value, name), hint) for name, hint in held.items())


@cache
def _hints(type_: type) -> dict[str, Any]:
    """Return the types of what a named tuple holds; nothing for any other type."""
    return get_type_hints(type_) if hasattr(type_, "_fields") else {}


def _is_id(stated: str) -> bool:
    return pem.event_id(stated) == stated


def _is_hex(digest: str) -> bool:
    return bytes.fromhex(digest).hex() == digest
