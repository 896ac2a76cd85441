"""
Kinds of tracked objects, in the form of Infrahub's schema files.

A kind says which attribute names an object, which relationship it goes with, and how long texts may be. Objects of
kinds that nobody defined are welcome: their attribute ``name`` names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from provgraph.errors import InvalidInputError
from provgraph.events import canonical
from provgraph.families.tracking.kinddefinition import require_kind
from provgraph.joined import SEPARATOR, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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


class KeyPart(NamedTuple):
    """A value that names an object, with others or alone."""

    attribute: str
    relationship: str | None = None  # the attribute is that of the object it names; None: the object's own


class ObjectKind(NamedTuple):
    """What there is to know of a kind when objects of it are saved."""

    name: str
    key_parts: tuple[KeyPart, ...]  # together they name an object; empty: it has its id alone
    is_group: bool
    longest: Mapping[str, int]  # characters, by attribute
    parents: tuple[str, ...]  # relationships that say what an object goes with
    document: JSONObject | None = None  # its definition; None: nobody defined it
    defaults: Mapping[str, Any] = {}  # of attributes that are not stated

    @property
    def is_named(self) -> bool:
        """Whether the definition says what names an object, be it in a way that is not understood here."""
        document = self.document or {}
        stated = document.get("human_friendly_id") or document.get("uniqueness_constraints")
        return bool(self.key_parts or stated)

    def key_values(
        self, values: Mapping[str, Any], related: Callable[[str], Mapping[str, Any]] | None = None
    ) -> list[Any]:
        """
        Return the values that name an object with these values, None for each that is missing.

        :param related: returns the values of the object that a relationship names, defaults included; empty for none
        """
        own = {**self.defaults, **values}
        sources = [
            own if part.relationship is None else related(part.relationship) if related else {}
            for part in self.key_parts
        ]
        return [source.get(part.attribute) for source, part in zip(sources, self.key_parts, strict=True)]

    def texts(
        self, values: Mapping[str, Any], related: Callable[[str], Mapping[str, Any]] | None = None
    ) -> tuple[str, ...] | None:
        """Return the texts that name an object with these values, None when one is missing. See `key_values`."""
        parts = self.key_values(values, related)
        if not parts or any(part is None or part == "" for part in parts):
            return None
        return tuple(part if isinstance(part, str) else str(part) for part in parts)

    def key(self, name: Sequence[str]) -> str | None:
        """
        Return the key of the object that these texts name, None when so many name no object of the kind.

        A single text is the key as it is; several are joined so that no other texts give the same. Of a kind whose
        objects have no names, but keys that somebody gives them, it is what such a key is written as.
        """
        if not name or len(name) != (len(self.key_parts) or len(name)):
            return None
        return name[0] if len(self.key_parts) == 1 else joined(name)

    def spellings(self, name: Sequence[str]) -> tuple[str, ...]:
        """
        Return the keys that the object with this name may have: today's, and the one of before format 2.

        Then the texts were joined as they were, and two names could have one key: who finds an object by the second
        one has to look whether it is so named.
        """
        key = self.key(name)
        return () if key is None else tuple(dict.fromkeys((key, SEPARATOR.join(name))))


class Definitions(Protocol):
    """Where kinds are that were defined over HTTP."""

    def kinds(self) -> list[JSONObject]:
        """Return them, in the order of their definition."""


class _Known(NamedTuple):
    """Kinds that do not change."""

    definitions: list[JSONObject]

    def kinds(self) -> list[JSONObject]:
        """See `Definitions.kinds`."""
        return self.definitions


class ObjectKinds:
    """The kinds that are defined: built in, from a schema file, and over HTTP, in that order."""

    def __init__(self, reads: Definitions, definitions: Iterable[JSONObject] = ()) -> None:
        """
        Know the kinds.

        :param definitions: from a schema file, see `read_schema`
        :raises InvalidInputError: two of them have one name
        """
        self._reads = reads
        self.from_file = list(definitions)
        fixed = (*BUILT_IN, *self.from_file)
        refuse_two_of_one_name(fixed)
        self._fixed = {kind_name(definition): definition for definition in fixed}
        self._frozen: dict[str, JSONObject] | None = None

    def as_of_now(self, *more: JSONObject, from_file: Iterable[JSONObject] | None = None) -> ObjectKinds:
        """
        Return the kinds as they are now, whatever is defined later.

        :param more: definitions as if they had been defined over HTTP
        :param from_file: those of another schema file; None: of the one that there is
        """
        known = _Known([*self._reads.kinds(), *more])
        frozen = ObjectKinds(known, self.from_file if from_file is None else from_file)
        frozen._frozen = frozen._defined()
        return frozen

    def renamed_since(self, old: ObjectKinds) -> list[str]:
        """Return the kinds whose objects may be called otherwise than ``old`` says."""
        defined = {**old._defined(), **self._defined()}
        return [kind for kind in defined if not canonical.same(old._naming(kind), self._naming(kind))]

    def _naming(self, kind: str) -> list[Any]:
        """Return all that names of a kind's objects depend on, but for values."""
        its = self.of(kind)
        return [[*part, *self._naming_of(its, part)] for part in its.key_parts]

    def _naming_of(self, kind: ObjectKind, part: KeyPart) -> list[Any]:
        if part.relationship is None:
            return [kind.defaults.get(part.attribute)]
        peer = _peer(kind.document or {}, part.relationship)
        defaults = {
            name: _default(other, part.attribute)
            for name, other in self._defined().items()
            if peer in (name, NODE, *(other.get("inherit_from") or ()))
        }
        known = {name: value for name, value in defaults.items() if value is not None}
        return [part.relationship in kind.parents, known]

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
            return undefined(kind)
        return _kind(kind, definition)

    def named_by(self, kind: str, attributes: Iterable[str]) -> list[ObjectKind]:
        """Return the kinds whose objects may have the value of one of these attributes of ``kind`` in their names."""
        defined = self._defined()
        types = {kind, NODE, *(defined.get(kind, {}).get("inherit_from") or [])}
        changed = set(attributes)
        return [
            _kind(name, definition)
            for name, definition in defined.items()
            if any(
                part.attribute in changed and _peer(definition, part.relationship) in types
                for part in _key_parts(definition)
                if part.relationship is not None
            )
        ]

    def _defined(self) -> dict[str, JSONObject]:
        if self._frozen is not None:
            return self._frozen
        stored = {kind_name(definition): definition for definition in self._reads.kinds()}
        return {**self._fixed, **stored}


def undefined(kind: str) -> ObjectKind:
    """Return a kind that nobody defined: the attribute ``name`` names its objects."""
    return ObjectKind(kind, (KeyPart("name"),), kind.endswith("Group"), {}, ())


def kind_name(definition: Mapping[str, Any]) -> str:
    """Return a kind's name: namespace and name in one."""
    return f"{definition['namespace']}{definition['name']}"


def refuse_two_of_one_name(definitions: Iterable[JSONObject]) -> None:
    """
    Refuse kinds that give one name in two ways, such as ``TestNode`` with ``Kind`` and ``Test`` with ``NodeKind``.

    :raises InvalidInputError: there are two
    """
    namespaces: dict[str, str] = {}
    for definition in definitions:
        kind, namespace = kind_name(definition), definition["namespace"]
        other = namespaces.setdefault(kind, namespace)
        if other != namespace:
            raise InvalidInputError(
                f"The kind {kind} is defined with the namespace {other}, and here with the namespace {namespace}: both "
                "would be one kind. Choose another name",
                field="namespace",
                rule="one-kind",
            )


def read_schema(document: object, *, where: str = "schema") -> list[JSONObject]:
    """
    Return the definitions of kinds in a schema document of Infrahub's form: ``nodes``, each with its attributes.

    :raises InvalidInputError: it has another form; the text says where
    """
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list):
        raise InvalidInputError(f"{where} has no list `nodes`", field="nodes", rule="list")
    for index, node in enumerate(nodes):
        require_kind(node, f"{where}: nodes[{index}]")
    return nodes


def _kind(name: str, definition: JSONObject) -> ObjectKind:
    attributes = definition.get("attributes") or []
    return ObjectKind(
        name,
        _key_parts(definition),
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
        {
            attribute["name"]: attribute["default_value"]
            for attribute in attributes
            if attribute.get("default_value") is not None
        },
    )


def _default(definition: JSONObject, attribute: str) -> Any:
    attributes = definition.get("attributes") or []
    return next((part.get("default_value") for part in attributes if part["name"] == attribute), None)


def _peer(definition: JSONObject, relationship: str) -> Any:
    parts = definition.get("relationships") or []
    return next((part.get("peer") for part in parts if part["name"] == relationship), None)


def _key_parts(definition: JSONObject) -> tuple[KeyPart, ...]:
    for listed in (definition.get("human_friendly_id"), *(definition.get("uniqueness_constraints") or [])):
        parts = [key_part(definition, stated) for stated in listed or []]
        known = tuple(part for part in parts if part is not None)
        if known and len(known) == len(parts):
            return known
    unique = (attribute for attribute in definition.get("attributes") or [] if attribute.get("unique"))
    return tuple(KeyPart(attribute["name"]) for attribute in unique)[:1]


def key_part(definition: JSONObject, stated: object) -> KeyPart | None:
    """
    Return what a part of a human-friendly id means, None when it is none that names objects here.

    :param stated: ``ATTRIBUTE__value``, or ``RELATIONSHIP__ATTRIBUTE__value`` of a relationship to one object
    """
    if not isinstance(stated, str):
        return None
    path = stated.removesuffix("__value")
    if any(attribute["name"] == path for attribute in definition.get("attributes") or []):
        return KeyPart(path)
    for relationship in definition.get("relationships") or []:
        attribute = path.removeprefix(f"{relationship['name']}__")
        is_one = relationship.get("cardinality", "many") == "one"
        if is_one and attribute and attribute != path and "__" not in attribute:
            return KeyPart(attribute, relationship["name"])
    return None
