"""What can go wrong on the way to another format."""

from __future__ import annotations

from provgraph.errors import ProvgraphError


class MissingLibraryError(ProvgraphError):
    """A format needs a library that is not installed; the text names the extra that brings it."""

    status = 501
    title = "Not installed"

    def __init__(self, library: str) -> None:
        super().__init__(f"This needs {library}, which is not installed: pip install 'provgraph[notebook]'")
        self.library = library
