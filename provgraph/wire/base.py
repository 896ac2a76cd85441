"""What all answers have in common."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

# The default of a member that is absent where there is nothing to say. It is never null then.
ABSENT: Final[Any] = None


def _without_defaults(schema: dict[str, Any]) -> None:
    """Leave out of a schema what it says of absent members, and titles that only repeat names."""
    for member in schema.get("properties", {}).values():
        member.pop("title", None)
        if member.get("default", ABSENT) is ABSENT:
            member.pop("default", None)


class Wire(BaseModel):
    """An answer, a body, or a part of one. Members that are not listed may be there as well."""

    model_config = ConfigDict(defer_build=True, extra="allow", json_schema_extra=_without_defaults)


class Credential(Wire):
    """A credential, by which an event came."""

    id: str
    name: str | None


class Changed(Wire):
    """An event was changed after it was recorded, and an operator accepted that."""

    reason: str
    recorded_digest: str
    found_digest: str


class Evidence(Wire):
    """An event, and where it is in the log."""

    event: str
    position: int
    outcome: str = ABSENT
    error: str = ABSENT
    changed: Changed = ABSENT


class Truth(Wire):
    """What an answer is true for."""

    position: int
    as_of: str | None
    unreadable: list[int] = ABSENT


class Whole(Truth):
    """What an answer is true for, and whether it is all."""

    complete: bool
    reason: str | None
