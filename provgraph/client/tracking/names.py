"""What can be the name of something; what cannot is refused before anything is sent."""

from __future__ import annotations

import re

from provgraph.client.tracking.errors import ImpossibleNameError
from provgraph.errors import InvalidEventError
from provgraph.families.pem.events import event_id

# The name of an object's artifact is KIND/KEY: a kind with a slash would be taken for another.
_NOT_IN_A_KIND = re.compile(r"[\s/~]")
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, and halves of characters
_LONGEST = 1_000


def kind(stated: object) -> str:
    """
    Return a kind of objects.

    :raises ImpossibleNameError: it cannot be one
    """
    name = text(stated, what="kind")
    if _NOT_IN_A_KIND.search(name):
        raise ImpossibleNameError(f"{name!r} cannot be a kind: it holds white space, / or ~")
    return name


def text(stated: object, *, what: str) -> str:
    """
    Return a key, a branch, an identifier, ...

    :param what: what it is, for the sentence
    :raises ImpossibleNameError: it is no text, empty, too long, or holds what cannot be written or kept
    """
    if not isinstance(stated, str):
        raise ImpossibleNameError(f"A {what} is a text, not a {type(stated).__name__}")
    if not stated.strip():
        raise ImpossibleNameError(f"A {what} cannot be empty")
    if len(stated) > _LONGEST:
        raise ImpossibleNameError(f"A {what} has at most {_LONGEST} characters, not {len(stated)}")
    if _UNWRITABLE.search(stated):
        raise ImpossibleNameError(
            f"{stated!r} cannot be a {what}: it holds control characters or half a character"
        )
    return stated


def id_(stated: str) -> str:
    """
    Return an object's id in its one spelling: 32 lower-case hex digits.

    :raises ImpossibleNameError: it is no spelling of a UUID
    """
    try:
        return event_id(stated)
    except InvalidEventError as error:
        raise ImpossibleNameError(
            f"{stated[:60]!r} cannot be the id of an object: it is not a UUID"
        ) from error
