"""The bodies and answers of Infrahub's protocol, as far as it is served."""

from __future__ import annotations

from typing import Any

from provgraph.wire.base import ABSENT, Changed, Wire


class SchemaAttribute(Wire):
    """An attribute of a kind."""

    name: str
    kind: str
    optional: bool = ABSENT
    unique: bool = ABSENT


class SchemaRelationship(Wire):
    """A relationship of a kind."""

    name: str
    peer: str
    cardinality: str
    kind: str
    optional: bool = ABSENT


class SchemaNode(Wire):
    """A kind, as Infrahub's SDK reads it."""

    kind: str
    namespace: str
    name: str
    label: str | None
    human_friendly_id: list[str] | None = ABSENT
    branch: str
    inherit_from: list[str]
    attributes: list[SchemaAttribute]
    relationships: list[SchemaRelationship]


class SchemaAnswer(Wire):
    """The kinds that are defined, and their hash."""

    main: str
    nodes: list[SchemaNode]
    generics: list[dict[str, Any]]
    profiles: list[dict[str, Any]]
    templates: list[dict[str, Any]]


class SchemaFile(Wire):
    """A file of kinds to define."""

    version: str = ABSENT
    nodes: list[dict[str, Any]] = ABSENT
    generics: list[dict[str, Any]] = ABSENT


class SchemasBody(Wire):
    """Kinds to define."""

    schemas: list[SchemaFile]


class LoadedSchema(Wire):
    """The hash of the schema, now and before."""

    hash: str
    previous_hash: str
    warnings: list[Any]


class SchemaDifference(Wire):
    """What would be different."""

    added: dict[str, Any]
    changed: dict[str, Any]
    removed: dict[str, Any]


class CheckedSchema(Wire):
    """What defining the kinds would change."""

    diff: SchemaDifference


class LoginBody(Wire):
    """A credential's name, and its token as the password."""

    username: str
    password: str


class Tokens(Wire):
    """The tokens of a login."""

    access_token: str
    refresh_token: str


class GraphQLBody(Wire):
    """A GraphQL document."""

    query: str
    variables: dict[str, Any] | None = ABSENT
    operationName: str | None = ABSENT  # noqa: N815 - so GraphQL calls it


class ErrorExtensions(Wire):
    """What machines read of an error."""

    code: int
    http_status: int
    title: str
    field: str = ABSENT
    rule: str = ABSENT
    limit: int = ABSENT
    size: int = ABSENT
    position: int = ABSENT


class GraphQLError(Wire):
    """An error: a sentence, and where in the document it arose."""

    message: str
    extensions: ErrorExtensions
    path: list[str] = ABSENT


class GraphQLErrors(Wire):
    """A refusal."""

    data: None
    errors: list[GraphQLError]


class ChangedNode(Changed):
    """A node that rests on an event which was changed after it was recorded."""

    id: str
    position: int


class AnswerExtensions(Wire):
    """What is told beside the data."""

    changed: list[ChangedNode]


class GraphQLAnswer(Wire):
    """What the document asked for; what failed is null there, and among the errors."""

    data: dict[str, Any]
    errors: list[GraphQLError] = ABSENT
    extensions: AnswerExtensions = ABSENT
