"""What a process says of itself."""

from __future__ import annotations

from provgraph.wire.base import Wire


class Readiness(Wire):
    """Whether events can be stored and questions be answered; `parts` says `ok` of each part."""

    ready: bool
    parts: dict[str, str]
