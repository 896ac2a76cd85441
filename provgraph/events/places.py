"""Where in a JSON value something stands, as people write it: ``Properties.runs[2].name``."""

from __future__ import annotations

from typing import TypeAlias

# The place of what it stands in, and its key or index there. None: it is the value itself.
Place: TypeAlias = "tuple[Place, str | int] | None"

_KEY_SHOWN = 60
_SHOWN = 300


def named(place: Place) -> str | None:
    """Return a place as people write it, of bounded length; None for the value itself."""
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key[:_KEY_SHOWN]}")
    if not keys:
        return None
    # It goes into messages and logs, which have no place for what a text should not hold.
    shown = "".join(reversed(keys)).removeprefix(".").encode(errors="replace").decode().replace("\0", "?")
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
