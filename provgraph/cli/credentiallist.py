"""How ``provgraph admin credential list`` shows credentials: two lines each, within 100 columns."""

from __future__ import annotations

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provgraph.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 100
_NAME_WIDTH = 24
_ROW = f"{{:<32}}  {{:<{_NAME_WIDTH}}}  {{:<4}}  {{:<10}}  {{}}"

Credential = dict[str, Any]


def lines(credentials: Sequence[Credential], *, now: datetime) -> Iterator[str]:
    """Yield the lines of the list; nothing for no credential."""
    if credentials:
        yield _ROW.format("ID", "NAME", "KIND", "CREATED", "STATE")
    for one in credentials:
        name = printable(one.get("name"))
        shown = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 3]}..."
        created = str(one.get("created_at") or "")[:10]
        yield _ROW.format(
            printable(one.get("id")), shown, printable(one.get("kind")), created, _state(one, now)
        ).rstrip()
        yield from textwrap.wrap(
            printable(allowed(one)), WIDTH, initial_indent="    ", subsequent_indent="      "
        )


def allowed(credential: Credential) -> str:
    """Return what a credential allows, in words: ``writer; speaks for loan-* (only)``."""
    role, rights = credential.get("role"), credential.get("rights") or []
    parts = [str(role) if role else "may " + ", ".join(map(str, rights))]
    if emitters := credential.get("emitters"):
        reserved = " (only)" if credential.get("only") else ""
        parts.append(f"speaks for {', '.join(map(str, emitters))}{reserved}")
    if expires := credential.get("expires_at"):
        parts.append(f"until {expires}")
    return "; ".join(parts)


def unbound(listed: Sequence[Credential], revoked_id: str, *, now: datetime) -> list[tuple[str, bool]]:
    """
    Return the emitters that no credential is bound to any more once one is revoked, each with whether that frees it.

    :param listed: the credentials before
    """
    revoked = next((one for one in listed if one.get("id") == revoked_id), {})
    others = [one for one in listed if one.get("id") != revoked_id and _is_good(one, now)]
    bound = {emitter for one in others for emitter in one.get("emitters") or ()}
    was_good = _is_good(revoked, now)
    return [
        (str(emitter), bool(revoked.get("only")))
        for emitter in revoked.get("emitters") or ()
        if was_good and emitter not in bound
    ]


def _is_good(credential: Credential, now: datetime) -> bool:
    expires = credential.get("expires_at")
    return not credential.get("revoked_at") and (not expires or datetime.fromisoformat(str(expires)) > now)


def _state(credential: Credential, now: datetime) -> str:
    revoked, expires = credential.get("revoked_at"), credential.get("expires_at")
    if revoked:
        return f"revoked {str(revoked)[:10]}"
    if not expires:
        return "good"
    is_over = datetime.fromisoformat(str(expires)) <= now
    return f"{'expired' if is_over else 'expires'} {str(expires)[:10]}"
