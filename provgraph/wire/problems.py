"""Refusals, as problem documents (RFC 9457)."""

from __future__ import annotations

from provgraph.wire.base import ABSENT, Wire


class Problem(Wire):
    """Why something was refused. `field` and `rule` say what to repair, where it is something that was sent."""

    type: str
    title: str
    status: int
    detail: str
    field: str = ABSENT
    rule: str = ABSENT
    limit: int = ABSENT
    size: int = ABSENT
    position: int = ABSENT
