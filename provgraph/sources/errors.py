"""What can go wrong with a source."""

from __future__ import annotations

from provgraph.errors import ProvgraphError


class SourceError(ProvgraphError):
    """A source cannot be read: it is not there, not what it was taken for, or damaged."""

    status = 400
    title = "Unreadable source"
