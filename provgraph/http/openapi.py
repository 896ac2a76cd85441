"""
The description of the services: what routes declare, and what follows from it for all of them.

A route says what it takes, what it answers and which right it needs. The rest is said here once: the form of refusals
at its path, which of them come of its right and of its body, how its operation is called, where shared schemas are.
"""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from importlib import resources
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.routing import Route

from provgraph.auth import PUC_HEADER, USER_HEADER
from provgraph.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    ProvgraphError,
    StoreError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedEncodingError,
)
from provgraph.http.answers import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.families.credential.events import Right
    from provgraph.http.answers import ErrorForm
    from provgraph.http.doors import Doors

JSON: Final = "application/json"
TEXT: Final = "text/plain"
# The description of one thing, as OpenAPI writes it.
Spec = dict[str, Any]
# Which credentials an operation takes: one of them. None: it does not say; empty: it asks for none.
Security = list[dict[str, list[str]]]

SCHEMAS: Final = "#/components/schemas/{model}"
_STRUCTS = SCHEMAS.format(model="{name}")
_EXAMPLES = "examples.json"
_OURS = "/api/v1"
_WORD = re.compile(r"[A-Za-z0-9]+")
_ASKED_FOR = ("bearer", "user", "workload")
_OPEN_WHERE = """
Where `auth_required` is off (see `/receiver/info`), nothing is asked for; where `pem_auth_required` is off, sending
events, opening runs and saving objects need nothing either. The roles that an operation names are the rights that it
needs.
"""
_SCHEMES: Mapping[str, Spec] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": f"The token of a credential, of a person or a workload.\n{_OPEN_WHERE}",
    },
    "user": {
        "type": "apiKey",
        "in": "header",
        "name": USER_HEADER,
        "description": f"The token of a person's credential, as Record Keeper's client sends it.\n{_OPEN_WHERE}",
    },
    "workload": {
        "type": "apiKey",
        "in": "header",
        "name": PUC_HEADER,
        "description": f"The token of a workload's credential, as Record Keeper's client sends it.\n{_OPEN_WHERE}",
    },
    "infrahub": {
        "type": "apiKey",
        "in": "header",
        "name": "X-INFRAHUB-KEY",
        "description": f"The token of a credential, as Infrahub's SDK sends it.\n{_OPEN_WHERE}",
    },
}
_PACKED: Spec = {
    "name": "Content-Encoding",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["gzip"]},
    "description": "that the body is packed; absent: it is not",
}
# What a refusal may say, by its status.
_REFUSALS: Mapping[int, ProvgraphError] = {
    error.status: error
    for error in (
        InvalidInputError("limit must be from 1 to 100,000: '0'", field="limit", rule="1-to-100000"),
        UnauthenticatedError(
            f"This needs a credential: send {USER_HEADER}, {PUC_HEADER} or Authorization: Bearer"
        ),
        ForbiddenError("The credential 'ben' has the role reader (read), this needs the right write"),
        NotFoundError("No artifact 'model/churn' is known in the graph", field="node"),
        ConflictError("The log was cleaned since the first page: begin again without the cursor"),
        TooLargeError(size=70_000, limit=65_536, what="Body"),
        UnsupportedEncodingError(
            "The body's Content-Encoding 'br' is not read here: send it with gzip, or as it is"
        ),
        RefusedError("Kinds[0]: this is not a kind", status=422),
        RefusedError(
            "This needs prov, which is not installed: pip install 'provgraph[notebook]'", status=501
        ),
        StoreError("The database does not answer"),
    )
}


class RawRoute(Route):
    """A described route whose endpoint takes the raw request: nothing is parsed, checked or converted for it."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Any],
        *,
        methods: Sequence[str],
        summary: str,
        responses: Mapping[int, Spec],
        security: Security | None = None,
        tags: Sequence[str] = (),
        description: str | None = None,
        parameters: Sequence[Spec] = (),
        body: Spec | None = None,
        answers_head: bool = False,
    ) -> None:
        """
        Describe a route.

        :param responses: what it answers by status, see `answer` and `problem_answers`
        :param security: which credentials it takes, see `needs`; None is a route that is not described in full
        :param tags: what it belongs to; without any, the first segment of its path
        :param description: without one, the endpoint's own
        :param body: what it takes, see `request_body`
        :param answers_head: whether HEAD is answered as well as GET
        """
        super().__init__(path, endpoint, methods=list(methods))
        if not answers_head and self.methods is not None:
            self.methods.discard("HEAD")
        self._described: Spec = {
            "tags": list(tags) or [next(_words(path), "root")],
            "summary": summary,
            "description": (description or endpoint.__doc__ or "").strip(),
            "parameters": list(parameters),
            **({} if body is None else {"requestBody": body}),
            "responses": {str(status): response for status, response in responses.items()},
            **({} if security is None else {"security": security}),
        }

    def operations(self) -> Iterator[tuple[str, Spec]]:
        """Yield the description of each of its methods, but for HEAD, which says nothing of its own."""
        for method in sorted(self.methods or ()):
            if method != "HEAD":
                yield method.lower(), _copied(self._described)


def needs(right: Right, *schemes: str) -> Security:
    """
    Return that an operation needs a credential with a right.

    :param schemes: further ones in which it may be sent, by their names in the description
    """
    return [{scheme: [right.value]} for scheme in (*_ASKED_FOR, *schemes)]


# Of an operation that asks for nothing.
OPEN: Final[Security] = []


def answer(shape: object, description: str, *, example: object = None, media_type: str = JSON) -> Spec:
    """
    Return the description of an answer.

    :param shape: its type: a model, ``str``, ``list[Model]``; or its schema
    :param example: without one, it is that of the service's file of examples
    """
    content: Spec = {"schema": shape}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {media_type: content}}


def request_body(
    shape: object, *, example: object, required: bool = True, media_type: str = JSON, description: str = ""
) -> Spec:
    """Return the description of a body, see `answer`."""
    described = {"description": description} if description else {}
    return {
        **described,
        "required": required,
        "content": {media_type: {"schema": shape, "example": example}},
    }


def body_of(model: type[BaseModel], *, example: object, required: bool = True) -> Spec:
    """Return what FastAPI takes as the description of a body that a route reads by itself."""
    schema = model.model_json_schema(ref_template=SCHEMAS)
    return {"requestBody": request_body(schema, example=example, required=required)}


def path_parameter(name: str, description: str, **schema: object) -> Spec:
    """Return the description of a place in a path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", **schema},
        "description": description,
    }


def problem_answers(*statuses: int) -> dict[int, Spec]:
    """Return the description of refusals with these statuses, for a route's ``responses``: its path says their form."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}


class Api(FastAPI):
    """An application that describes all of its routes."""

    def __init__(
        self,
        *,
        doors: Doors,
        packages: Sequence[str],
        prefix: str = "",
        security: Security | None = None,
        **options: Any,
    ) -> None:
        """
        Make it.

        :param doors: what services say of the form of their refusals
        :param packages: those whose files of examples count, by name
        :param prefix: of all its paths, where it is mounted
        :param security: of operations that say nothing of it
        :param options: FastAPI's
        """
        # FastAPI's pages are of other hosts' scripts.
        super().__init__(docs_url=None, redoc_url=None, redirect_slashes=False, **options)
        self._doors = doors
        self._packages = packages
        self._prefix = prefix
        self._security = security

    def openapi(self) -> Spec:
        """Return the description. It is made once."""
        if self.openapi_schema is None:
            document: Spec = super().openapi()
            for path, method, operation in _raw_operations(self.routes):
                document["paths"].setdefault(path, {})[method] = operation
            examples = {name: one for package in self._packages for name, one in _examples(package).items()}
            self.openapi_schema = _Completion(document, self._doors, examples, self._security).of(
                self._prefix
            )
        return self.openapi_schema


class _Completion:
    """Completes a description by what follows from what its operations declare."""

    def __init__(
        self, document: Spec, doors: Doors, examples: Mapping[str, Spec], security: Security | None
    ) -> None:
        self._document = document
        self._doors = doors
        self._examples = examples
        self._security = security
        self._schemas: Spec = {}
        self._responses: Spec = {}

    def of(self, prefix: str) -> Spec:
        """Return the whole document."""
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                self._complete(operation, method, f"{prefix}{path}")
        used = {
            scheme
            for operations in self._document["paths"].values()
            for operation in operations.values()
            for one in operation.get("security", ())
            for scheme in one
        }
        known = self._document.get("components", {}).get("schemas", {})
        schemas = {
            name: schema
            for name, schema in (known | self._schemas).items()
            if name not in ("ValidationError", "HTTPValidationError")
        }
        self._document["components"] = {
            "schemas": dict(sorted(schemas.items())),
            "responses": dict(sorted(self._responses.items())),
            "securitySchemes": {name: scheme for name, scheme in _SCHEMES.items() if name in used},
        }
        return self._document

    def _complete(self, operation: Spec, method: str, path: str) -> None:
        operation["operationId"] = operation_id(method, path)
        if self._security is not None:
            operation.setdefault("security", self._security)
        responses = operation["responses"]
        if "HTTPValidationError" in str(responses.get("422")):
            del responses["422"]  # FastAPI's, which is answered with 400
        self._take_in(operation, responses, path)
        operation["responses"] = dict(sorted(responses.items()))
        if not operation.get("parameters"):
            operation.pop("parameters", None)

    def _take_in(self, operation: Spec, responses: Spec, path: str) -> None:
        body = operation.get("requestBody")
        implied: list[int] = []
        if operation.get("security"):
            implied += [401, 403, 503]  # credentials are looked up in a store
        if body is not None:
            implied += [400, 413, 415]
            operation.setdefault("parameters", []).append(_PACKED)
        for status in implied:
            responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        form = self._doors.form(path)
        for stated, response in responses.items():
            if int(stated) >= 400 and "content" not in response:
                responses[stated] = self._refusal(int(stated), form)
        self._fill_in(operation, responses)

    def _fill_in(self, operation: Spec, responses: Spec) -> None:
        examples = self._examples.get(operation["operationId"], {})
        for response in responses.values():
            for media_type, content in response.get("content", {}).items():
                content["schema"] = self._schema(content.get("schema", {}))
                if "example" not in content and media_type in examples:
                    content["example"] = examples[media_type]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = self._schema(content["schema"])

    def _refusal(self, status: int, form: ErrorForm) -> Spec:
        name = f"{form.name}{status}"
        if name not in self._responses:
            refused: Response = form(_REFUSALS[status])
            example: object = bytes(refused.body).decode()
            if form.media_type != TEXT:
                example = orjson.loads(refused.body)
            content = {form.media_type: {"schema": self._schema(form.shape), "example": example}}
            self._responses[name] = {"description": HTTPStatus(status).phrase, "content": content}
        return {"$ref": f"#/components/responses/{name}"}

    def _schema(self, shape: object) -> Spec:
        """Return the schema of a type, with a reference to each model in it; a schema that is one already, as such."""
        if isinstance(shape, dict):
            return self._hoisted(shape)
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            (reference,), defined = msgspec.json.schema_components((shape,), ref_template=_STRUCTS)
            self._schemas.update(defined)
            return reference
        # Within a list a model is referenced: by itself it would be written out.
        within: Any = GenericAlias(list, (shape,))
        listed = TypeAdapter(within).json_schema(ref_template=SCHEMAS)
        self._schemas.update(listed.get("$defs", {}))
        schema: Spec = listed["items"]
        return schema

    def _hoisted(self, schema: Spec) -> Spec:
        """Return a schema with what it defines, and itself if it has a name, among the shared ones."""
        schema = {**schema}
        self._schemas.update(schema.pop("$defs", {}))
        if "properties" not in schema or "title" not in schema:
            return {name: value for name, value in schema.items() if name != "title"}
        self._schemas[schema["title"]] = schema
        return {"$ref": SCHEMAS.format(model=schema["title"])}


def operation_id(method: str, path: str) -> str:
    """Return how an operation is called: by its method and its path, which stay."""
    return "_".join((method, *_words(path))).lower()


def _words(path: str) -> Iterator[str]:
    return (found[0] for found in _WORD.finditer(path.removeprefix(_OURS)))


def _raw_operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Spec]]:
    for route in routes:
        if isinstance(route, RawRoute):
            for method, operation in route.operations():
                yield route.path_format, method, operation


def _copied(spec: Any) -> Any:
    """Return a copy of a description, in which types stay what they are."""
    if isinstance(spec, dict):
        return {name: _copied(value) for name, value in spec.items()}
    return [_copied(each) for each in spec] if isinstance(spec, list) else spec


@cache
def _examples(package: str) -> Mapping[str, Spec]:
    """Return the answers in a package's file of examples, by operation and media type."""
    file = resources.files(package) / _EXAMPLES
    examples: Mapping[str, Spec] = orjson.loads(file.read_bytes()) if file.is_file() else {}
    return examples
