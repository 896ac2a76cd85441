"""How answers tell who recorded an event: ``{"id": of the credential, "name": its name, or null}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDED_BY = "recorded_by"
# Beside it: the event was changed after it was recorded, and an operator accepted that.
CHANGED = "changed"


def called(recorder: Mapping[str, Any]) -> str:
    """Return what to call a recorder: the credential's name, its id where no name is known."""
    name: str | None = recorder["name"]
    return str(recorder["id"]) if name is None else name
