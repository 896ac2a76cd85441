"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from typing import Any

from provgraph.families.acceptance.events import (
    CHANGE_ACCEPTED,
    LOSS_ACCEPTED,
    ChangeAccepted,
    read_change,
    read_loss,
)
from provgraph.families.base import Family
from provgraph.families.soundness import is_hex, of_its_types


def _is_sound(fields: Any, content: object) -> bool:
    if not of_its_types(fields, content):
        return False
    if isinstance(content, ChangeAccepted):
        return is_hex(content.recorded_digest) and is_hex(content.found_digest)
    return True


FAMILY = Family(
    "acceptance",
    {
        CHANGE_ACCEPTED: lambda _id, payload: read_change(payload),
        LOSS_ACCEPTED: lambda _id, payload: read_loss(payload),
    },
    sound=_is_sound,
)
