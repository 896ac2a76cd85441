"""
Kinds as Infrahub's SDK reads them, and schemas as it loads them.

The SDK refuses a whole schema for one name that it does not like, so a kind that it could not read is not shown to it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from infrahub.errors import UnsupportedError
from infrahub.values import ATTRIBUTE_KINDS, refuse_other_defaults
from provgraph.errors import InvalidInputError
from provgraph.events import canonical
from provgraph.tracking import read_schema
from provgraph.tracking.kinds import GROUP, NODE, key_part, kind_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

JSONObject = dict[str, Any]

_OWN_NAMESPACE = "Core"
_NAMESPACE = re.compile(r"[A-Z][a-z0-9]{2,63}")
_NAME = re.compile(r"[A-Z][a-zA-Z0-9]{1,31}")
_PART = re.compile(r"[a-z0-9_]{3,64}")
_PEER = re.compile(r"[A-Z][a-zA-Z0-9]+")
_SPLIT = re.compile(r"([A-Z][a-z0-9]{2,63})([A-Z][a-zA-Z0-9]{1,31})")

_RELATIONSHIP_KINDS = frozenset(
    {"Generic", "Attribute", "Component", "Parent", "Group", "Hierarchy", "Profile", "Template"}
)
_TEXT, _FLAG, _NUMBER, _LIST = (str,), (bool,), (int,), (list,)
# What is shown of a definition, and of which type it must be to be shown; the SDK does without what is left out.
_KIND_MEMBERS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("default_filter", "icon", "display_label"), _TEXT),
    **dict.fromkeys(("human_friendly_id", "display_labels", "order_by", "uniqueness_constraints"), _LIST),
}
_ATTRIBUTE_MEMBERS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("optional", "unique", "read_only", "inherited"), _FLAG),
    **dict.fromkeys(("max_length", "min_length", "order_weight"), _NUMBER),
    **dict.fromkeys(("enum", "choices"), _LIST),
    "regex": _TEXT,
}
_RELATIONSHIP_MEMBERS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("optional", "read_only", "inherited"), _FLAG),
    **dict.fromkeys(("min_count", "max_count", "order_weight"), _NUMBER),
}
_LONGEST_LABEL, _LONGEST_DESCRIPTION = 64, 128
_INHERITED = ("human_friendly_id", "display_labels", "display_label", "uniqueness_constraints")


class Loaded(NamedTuple):
    """What a load would change."""

    kinds: list[JSONObject]  # definitions that are new, or differ from those there are
    before: str  # digest of the schema as it is
    after: str


def schema_document(definitions: Sequence[JSONObject], namespaces: Sequence[str] = ()) -> JSONObject:
    """Return the schema as the SDK reads it; ``namespaces``: only kinds of these, empty for all."""
    nodes = [_node(definition) for definition in definitions if _complaint(definition) is None]
    generics = _generics(nodes)
    wanted = set(namespaces)

    def of_wanted(kinds: list[JSONObject]) -> list[JSONObject]:
        return [kind for kind in kinds if not wanted or kind["namespace"] in wanted]

    return {
        "main": _digest(nodes),
        "nodes": of_wanted(nodes),
        "generics": of_wanted(generics),
        "profiles": [],
        "templates": [],
    }


def is_shown(definition: JSONObject) -> bool:
    """Tell whether the SDK can read a kind."""
    return _complaint(definition) is None


def read_load(body: object, definitions: Sequence[JSONObject]) -> Loaded:
    """
    Return what loading schemas would change; ``definitions`` are those there are.

    :param body: as the SDK sends it: ``{"schemas": [...]}``
    :raises InvalidInputError: it has another form, or a kind that the SDK could not read afterwards
    :raises UnsupportedError: it asks for what is not served here
    """
    schemas = body.get("schemas") if isinstance(body, dict) else None
    if not isinstance(schemas, list) or not schemas:
        raise InvalidInputError("The body has no list `schemas`", field="schemas", rule="list")
    generics: dict[str, JSONObject] = {}
    nodes: list[JSONObject] = []
    for index, schema in enumerate(schemas):
        its_nodes, its_generics = _parts(schema, f"schemas[{index}]")
        nodes.extend(its_nodes)
        generics.update((kind_name(generic), generic) for generic in its_generics)
    resolved = [_with_inherited(node, generics) for node in nodes]
    for node in resolved:
        _refuse(node)
    known = {kind_name(definition): definition for definition in definitions}
    changed = {
        kind_name(node): node for node in resolved if not canonical.same(known.get(kind_name(node)), node)
    }
    return Loaded(
        list(changed.values()),
        schema_document(definitions)["main"],
        schema_document(list({**known, **changed}.values()))["main"],
    )


def _parts(schema: object, where: str) -> tuple[list[JSONObject], list[JSONObject]]:
    if not isinstance(schema, dict):
        raise InvalidInputError(f"{where} is not an object", field=where, rule="object")
    if schema.get("extensions"):
        raise UnsupportedError(
            f"{where}: extensions are not served here; load the kind again with all its attributes"
        )
    nodes = read_schema({"nodes": schema.get("nodes") or []}, where=where)
    generics = read_schema({"nodes": schema.get("generics") or []}, where=f"{where} (generics)")
    for kind in (*nodes, *generics):
        if kind.get("state", "present") != "present":
            raise UnsupportedError(f"{where}: a kind that is defined stays, {kind_name(kind)} too")
    return nodes, generics


def _with_inherited(node: JSONObject, generics: Mapping[str, JSONObject]) -> JSONObject:
    found = {**node}
    for name in node.get("inherit_from") or []:
        generic = generics.get(name)
        if generic is None:
            if isinstance(name, str) and name.startswith(_OWN_NAMESPACE):
                continue  # what it would bring is not served here
            raise InvalidInputError(
                f"{kind_name(node)} inherits from {name}, which is not in this load: load them together",
                field="inherit_from",
                rule="known",
            )
        for member in ("attributes", "relationships"):
            own = found.get(member) or []
            names = {part["name"] for part in own}
            inherited = [
                {**part, "inherited": True} for part in generic.get(member) or [] if part["name"] not in names
            ]
            found[member] = [*inherited, *own]
        found.update(
            (member, generic[member])
            for member in _INHERITED
            if generic.get(member) and not found.get(member)
        )
    return found


def _refuse(node: JSONObject) -> None:
    if node["namespace"] == _OWN_NAMESPACE:
        raise InvalidInputError(
            f"The namespace {_OWN_NAMESPACE} is the service's own: {kind_name(node)} cannot be loaded",
            field="namespace",
            rule="reserved",
        )
    complaint = _complaint(node)
    if complaint is not None:
        raise InvalidInputError(f"{kind_name(node)}: {complaint}", field="nodes", rule="readable")
    for stated in node.get("human_friendly_id") or []:
        # Nodes of the kind would not be found by it, and every upsert would make another one.
        if key_part(node, stated) is None:
            raise InvalidInputError(
                f"{kind_name(node)}: {stated!r} in human_friendly_id is neither ATTRIBUTE__value of its own, nor "
                "RELATIONSHIP__ATTRIBUTE__value of a relationship of cardinality one; nothing else names nodes here",
                field="human_friendly_id",
                rule="followed",
            )
    refuse_other_defaults(node.get("attributes") or [])


def _complaint(definition: JSONObject) -> str | None:
    """Return why the SDK could not read a kind; None when it can."""
    if not _NAMESPACE.fullmatch(definition["namespace"]):
        return "a namespace has one capital, at the beginning, and three characters or more"
    if not _NAME.fullmatch(definition["name"]):
        return "a name begins with a capital and has 2 to 32 letters and digits"
    for attribute in definition.get("attributes") or []:
        if not _PART.fullmatch(attribute["name"]):
            return f"the name {attribute['name']!r} is not 3 to 64 small letters, digits and underscores"
        if attribute.get("kind") not in ATTRIBUTE_KINDS:
            return (
                f"{attribute['name']} is of the kind {attribute.get('kind')!r}, which is none of Infrahub's"
            )
    for relationship in definition.get("relationships") or []:
        name = relationship["name"]
        if not _PART.fullmatch(name):
            return f"the name {name!r} is not 3 to 64 small letters, digits and underscores"
        if not isinstance(relationship.get("peer"), str) or not _PEER.fullmatch(relationship["peer"]):
            return f"{name} has no peer: the name of a kind"
        if relationship.get("cardinality", "many") not in ("one", "many"):
            return f"the cardinality of {name} is neither one nor many"
        if relationship.get("kind", "Generic") not in _RELATIONSHIP_KINDS:
            return f"{name} is of the kind {relationship['kind']!r}, which is none of Infrahub's"
    return None


def _node(definition: JSONObject) -> JSONObject:
    inherits = [name for name in definition.get("inherit_from") or [] if isinstance(name, str)]
    return {
        "kind": kind_name(definition),
        "namespace": definition["namespace"],
        "name": definition["name"],
        **_texts(definition),
        **_members(definition, _KIND_MEMBERS),
        "branch": "aware",
        "inherit_from": inherits if NODE in inherits else [*inherits, NODE],
        "attributes": [_attribute(part) for part in definition.get("attributes") or []],
        "relationships": [_relationship(part) for part in definition.get("relationships") or []],
    }


def _attribute(part: JSONObject) -> JSONObject:
    shown = {"name": part["name"], "kind": part["kind"], **_texts(part), **_members(part, _ATTRIBUTE_MEMBERS)}
    if part.get("default_value") is not None:
        # A default makes it optional: nothing need be stated.
        shown.update(default_value=part["default_value"], optional=True)
    return shown


def _relationship(part: JSONObject) -> JSONObject:
    return {
        "name": part["name"],
        "peer": part["peer"],
        "kind": part.get("kind", "Generic"),
        "cardinality": part.get("cardinality", "many"),
        **_texts(part),
        **_members(part, _RELATIONSHIP_MEMBERS),
    }


def _members(part: JSONObject, types: Mapping[str, tuple[type, ...]]) -> JSONObject:
    return {name: part[name] for name, allowed in types.items() if isinstance(part.get(name), allowed)}


def _texts(part: JSONObject) -> JSONObject:
    longest = {"label": _LONGEST_LABEL, "description": _LONGEST_DESCRIPTION}
    return {name: part[name][:most] for name, most in longest.items() if isinstance(part.get(name), str)}


def _generics(nodes: Sequence[JSONObject]) -> list[JSONObject]:
    """Return what kinds inherit from: each with what all that inherit from it have in common."""
    heirs: dict[str, list[JSONObject]] = {NODE: list(nodes), GROUP: []}
    for node in nodes:
        for name in node["inherit_from"]:
            if name != NODE:
                heirs.setdefault(name, []).append(node)
    own = {node["kind"] for node in nodes}
    generics = []
    for kind, its in heirs.items():
        split = _SPLIT.fullmatch(kind)
        if split is None or kind in own:
            continue
        generics.append(
            {
                "kind": kind,
                "namespace": split.group(1),
                "name": split.group(2),
                "branch": "aware",
                "used_by": [heir["kind"] for heir in its],
                "attributes": [] if kind == NODE else _common(its, "attributes"),
                "relationships": [] if kind == NODE else _common(its, "relationships"),
            }
        )
    return generics


def _common(nodes: Sequence[JSONObject], member: str) -> list[JSONObject]:
    if not nodes:
        return []
    first, *others = nodes
    names = [{part["name"] for part in other[member]} for other in others]
    return [part for part in first[member] if all(part["name"] in its for its in names)]


def _digest(nodes: Iterable[JSONObject]) -> str:
    return hashlib.sha256(canonical.dumps(list(nodes))).hexdigest()[:32]
