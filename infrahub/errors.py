"""What this service refuses."""

from __future__ import annotations

from provgraph.errors import InvalidInputError


class DocumentError(InvalidInputError):
    """A GraphQL document that cannot be read."""

    title = "Invalid document"


class UnsupportedError(InvalidInputError):
    """A call of Infrahub's that is not served here; the text says what is."""

    title = "Not supported"
