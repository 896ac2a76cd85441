"""What this service refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrahub.shapes import GraphQLErrors
from provgraph.errors import InvalidInputError
from provgraph.http.answers import ErrorForm, encodable, error_json

if TYPE_CHECKING:
    from starlette.responses import Response

    from provgraph.errors import ProvgraphError


class DocumentError(InvalidInputError):
    """A GraphQL document that cannot be read."""

    title = "Invalid document"


class UnsupportedError(InvalidInputError):
    """A call of Infrahub's that is not served here; the text says what is."""

    title = "Not supported"


def infrahub_errors(error: ProvgraphError) -> dict[str, Any]:
    """Return an error as a list of one, with its status and further facts."""
    extensions = {**error.members, "code": error.status, "http_status": error.status, "title": error.title}
    return {"data": None, "errors": [{"message": encodable(str(error)), "extensions": extensions}]}


def _answer(error: ProvgraphError) -> Response:
    return error_json(error, infrahub_errors(error))


# A list of errors, as Infrahub's SDK reads them.
infrahub_answer = ErrorForm("infrahub", _answer, "application/json", GraphQLErrors)
