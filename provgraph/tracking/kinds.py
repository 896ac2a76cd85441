"""
Kinds of tracked objects, in the form of Infrahub's schema files.

A kind says which attribute names an object, which relationship it goes with, and how long texts may be. Objects of
kinds that nobody defined are welcome: their attribute ``name`` names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.catalog.tracking import TrackingQueries

STANDARD_GROUP = "CoreStandardGroup"
GROUP = "CoreGroup"
NODE = "CoreNode"
MAIN = "main"

JSONObject = dict[str, Any]


def _attribute(name: str, kind: str = "Text", **more: Any) -> JSONObject:
    return {"name": name, "kind": kind, "optional": name != "name", **more}


def _group(namespace: str, name: str) -> JSONObject:
    return {
        "namespace": namespace,
        "name": name,
        "label": name,
        "human_friendly_id": ["name__value"],
        "inherit_from": [GROUP],
        "attributes": [
            _attribute("name", unique=True),
            _attribute("label"),
            _attribute("description"),
            _attribute("group_type", default_value="default"),
        ],
        "relationships": [
            {"name": "members", "peer": NODE, "cardinality": "many", "kind": "Group", "optional": True},
            {"name": "subscribers", "peer": NODE, "cardinality": "many", "kind": "Group", "optional": True},
        ],
    }


BUILT_IN: tuple[JSONObject, ...] = (
    _group("Core", "StandardGroup"),
    _group("Core", "GeneratorGroup"),
    {
        "namespace": "Test",
        "name": "NodeKind",
        "label": "Node Kind",
        "human_friendly_id": ["name__value"],
        "inherit_from": [NODE],
        "attributes": [_attribute("name", unique=True), _attribute("description")],
        "relationships": [],
    },
)


class ObjectKind(NamedTuple):
    """What there is to know of a kind when objects of it are saved."""

    name: str
    key_attributes: tuple[str, ...]  # their values together name an object; empty: it has its id alone
    is_group: bool
    longest: Mapping[str, int]  # characters, by attribute
    parents: tuple[str, ...]  # relationships that say what an object goes with
    document: JSONObject | None = None  # its definition; None: nobody defined it

    def key(self, values: Mapping[str, Any]) -> str | None:
        """Return what names an object with these values, None when something of it is missing."""
        parts = [values.get(attribute) for attribute in self.key_attributes]
        if not parts or any(part is None or part == "" for part in parts):
            return None
        return "/".join(part if isinstance(part, str) else str(part) for part in parts)


class ObjectKinds:
    """The kinds that are defined: built in, from a schema file, and over HTTP, in that order."""

    def __init__(self, reads: TrackingQueries, definitions: Iterable[JSONObject] = ()) -> None:
        """
        Know the kinds.

        :param definitions: from a schema file, see `read_schema`
        """
        self._reads = reads
        self._fixed = {kind_name(definition): definition for definition in (*BUILT_IN, *definitions)}

    def definitions(self) -> list[JSONObject]:
        """Return all definitions, the latest of each kind, in the order in which they were first defined."""
        return list(self._defined().values())

    def all(self) -> dict[str, ObjectKind]:
        """Return the kinds that are defined, by name."""
        return {name: _kind(name, definition) for name, definition in self._defined().items()}

    def of(self, kind: str) -> ObjectKind:
        """Return what is known of a kind, defined or not."""
        definition = self._defined().get(kind)
        if definition is None:
            return ObjectKind(kind, ("name",), kind.endswith("Group"), {}, ())
        return _kind(kind, definition)

    def _defined(self) -> dict[str, JSONObject]:
        stored = {kind_name(definition): definition for definition in self._reads.kinds()}
        return {**self._fixed, **stored}


def kind_name(definition: Mapping[str, Any]) -> str:
    """Return a kind's name: namespace and name in one."""
    return f"{definition['namespace']}{definition['name']}"


def read_schema(document: object, *, where: str = "schema") -> list[JSONObject]:
    """
    Return the definitions of kinds in a schema document of Infrahub's form: ``nodes``, each with its attributes.

    :raises InvalidInputError: it has another form; the text says where
    """
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list):
        raise InvalidInputError(f"{where} has no list `nodes`", field="nodes", rule="list")
    for index, node in enumerate(nodes):
        _check(node, f"{where}: nodes[{index}]")
    return nodes


def _check(node: object, path: str) -> None:
    if not isinstance(node, dict):
        raise InvalidInputError(f"{path} is not an object", field=path, rule="object")
    for member in ("namespace", "name"):
        if not isinstance(node.get(member), str) or not node[member]:
            raise InvalidInputError(f"{path} has no {member}", field=f"{path}.{member}", rule="required")
    for member in ("attributes", "relationships"):
        for index, part in enumerate(node.get(member) or []):
            if not isinstance(part, dict) or not isinstance(part.get("name"), str):
                raise InvalidInputError(
                    f"{path}.{member}[{index}] has no name", field=f"{path}.{member}", rule="required"
                )


def _kind(name: str, definition: JSONObject) -> ObjectKind:
    attributes = definition.get("attributes") or []
    return ObjectKind(
        name,
        _key_attributes(definition, attributes),
        GROUP in (definition.get("inherit_from") or []),
        {
            attribute["name"]: attribute["max_length"]
            for attribute in attributes
            if attribute.get("max_length")
        },
        tuple(
            relationship["name"]
            for relationship in definition.get("relationships") or []
            if relationship.get("kind") == "Parent"
        ),
        definition,
    )


def _key_attributes(definition: JSONObject, attributes: list[JSONObject]) -> tuple[str, ...]:
    for listed in (definition.get("human_friendly_id"), *(definition.get("uniqueness_constraints") or [])):
        own = tuple(part.removesuffix("__value") for part in listed or [])
        if own and all(part in {attribute["name"] for attribute in attributes} for part in own):
            return own
    return tuple(attribute["name"] for attribute in attributes if attribute.get("unique"))[:1]
