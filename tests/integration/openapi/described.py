"""A description as the tests read it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Spec = dict[str, Any]


class Operation(NamedTuple):
    """An operation of a description."""

    method: str
    path: str
    spec: Spec

    @property
    def name(self) -> str:
        """Its method and path."""
        return f"{self.method} {self.path}"


class Description:
    """A description, and values that are compared with its schemas."""

    def __init__(self, document: Spec, *, prefix: str = "") -> None:
        """
        Take a document.

        :param prefix: of its paths, where the application is mounted
        """
        self.document = document
        self._prefix = prefix
        self._strict = _without_further_members(document["components"])

    def operations(self) -> Iterator[Operation]:
        """Yield all operations."""
        for path, methods in self.document["paths"].items():
            for method, spec in methods.items():
                yield Operation(method.upper(), f"{self._prefix}{path}", spec)

    def resolved(self, spec: Spec) -> Spec:
        """Return what a reference leads to."""
        found: Any = spec
        while "$ref" in found:
            reference, found = found["$ref"], self.document
            for name in reference.removeprefix("#/").split("/"):
                found = found[name]
        return dict(found)

    def contents(self, operation: Operation) -> Iterator[tuple[str, str, Spec]]:
        """Yield what an operation answers: status, media type, and schema with example."""
        for status, response in operation.spec["responses"].items():
            for media_type, content in self.resolved(response).get("content", {}).items():
                yield status, media_type, content

    def faults(self, schema: Spec, value: object, *, is_strict: bool = False) -> list[str]:
        """
        Return how a value differs from a schema.

        :param is_strict: it may have no members that are not described
        """
        components = self._strict if is_strict else self.document["components"]
        validator = Draft202012Validator({**schema, "components": components})
        # Of several forms, the one that fits best is what was meant.
        errors = [best_match([error]) or error for error in validator.iter_errors(value)]
        return [f"{error.json_path}: {error.message[:300]}" for error in errors]


def lacking(description: Description, operation: Operation) -> Iterator[str]:
    """Yield what the description of an operation lacks."""
    spec = operation.spec
    for name in ("summary", "description", "operationId", "tags"):
        if not spec.get(name):
            yield name
    if "security" not in spec:
        yield "security: say which right it needs, or that it is open"
    yield from (f"parameter {name}" for name in _lacking_parameters(operation))
    yield from (f"body: {what}" for what in _lacking_bodies(spec))
    yield from _lacking_answers(description, operation)


def _lacking_parameters(operation: Operation) -> Iterator[str]:
    stated = {one["name"]: one for one in operation.spec.get("parameters", ())}
    places = {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}
    yield from places - {name for name, one in stated.items() if one["in"] == "path"}
    for name, one in stated.items():
        if not one.get("description"):
            yield f"{name}: its description"
        if not {"type", "anyOf", "$ref"} & one["schema"].keys():
            yield f"{name}: its type"


def _lacking_bodies(spec: Mapping[str, Any]) -> Iterator[str]:
    if "requestBody" not in spec:
        return
    for media_type, content in spec["requestBody"]["content"].items():
        if not content.get("schema"):
            yield f"schema of {media_type}"
        if "example" not in content:
            yield f"example of {media_type}"


def _lacking_answers(description: Description, operation: Operation) -> Iterator[str]:
    spec = operation.spec
    statuses = {int(status) for status in spec["responses"]}
    if not any(status < 400 for status in statuses):
        yield "an answer"
    if spec.get("security") and not statuses >= {401, 403}:
        yield "the refusals 401 and 403"
    if "requestBody" in spec and not statuses >= {400, 413}:
        yield "the refusals 400 and 413"
    for status, response in spec["responses"].items():
        if not description.resolved(response).get("content"):
            yield f"answer {status}: its content"
    for status, media_type, content in description.contents(operation):
        if not content.get("schema"):
            yield f"answer {status}: schema of {media_type}"
        if "example" not in content:
            yield f"answer {status}: example of {media_type}"


def _without_further_members(components: Spec) -> Spec:
    """Return schemas that take only members that they describe."""
    strict = copy.deepcopy(components)
    for schema in strict.get("schemas", {}).values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return strict
