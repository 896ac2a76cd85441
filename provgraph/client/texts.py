"""Texts that somebody else wrote, such as those of exceptions, made such that they can be sent."""

from __future__ import annotations


def sendable(text: str) -> str:
    """Return a text with a ``?`` in place of what no event can hold: NUL, and halves of characters."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def message_of(error: BaseException) -> str:
    """Return what an exception says of itself, such that it can be sent; nothing where it cannot say it."""
    try:
        return sendable(str(error))
    except Exception:  # noqa: BLE001 - an exception that cannot be shown is reported all the same
        return ""
