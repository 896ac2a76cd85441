"""Objects as nodes: what a document selects of them, and nothing else."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from infrahub.budget import OBJECTS_OF_A_LOOK_UP, cells_of
from infrahub.documents import merged
from infrahub.errors import DocumentError, UnsupportedError
from provgraph.events import canonical
from provgraph.events.clock import rfc3339
from provgraph.tracking.kinds import GROUP, NODE, undefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from infrahub.budget import Budget
    from infrahub.documents import Selected, Selection
    from provgraph.families.tracking.queries import StoredObject, TrackingQueries
    from provgraph.tracking import ObjectKind
    from provgraph.tracking.kinds import KeyPart

JSONObject = dict[str, Any]

MEMBERS = "members"
_VALUE = "__value"
# What Infrahub tells of an attribute or a relationship besides its value, and is not kept here.
_NOT_KEPT = frozenset({"id", "source", "owner", "updated_at", "updated_by"})
# What calls a node by name: it may say what another node says.
_NAMES = frozenset({"hfid", "display_label"})
_NEVER = frozenset({"is_from_profile", "is_inherited", "is_protected"})


def dashed(id_: str) -> str:
    """Return an id as Infrahub's programs write it."""
    return str(uuid.UUID(id_))


class _Fields(NamedTuple):
    """What is asked for of an object, its names in the answer included."""

    by_key: Mapping[str, Selected]
    cells: int  # what it takes of the budget, without the values
    merged_from: Selection  # kept, for what is remembered is found by its identity


class Nodes:
    """
    Shows objects to one document. What it has read once it does not read again.

    Its methods raise `DocumentError` where the document takes more than one may.
    """

    def __init__(self, reads: TrackingQueries, kinds: Mapping[str, ObjectKind], budget: Budget) -> None:
        """
        Show objects of some kinds.

        :param budget: what the document has left
        """
        self.budget = budget
        # Every node whose content is in the answer, by id, with the log position of an event that it rests on.
        self.told_of: dict[tuple[str, int], None] = {}
        self.told_lists_of: dict[str, None] = {}  # ids of the groups whose members are in the answer
        self._reads = reads
        self._kinds = kinds
        self._known: dict[str, StoredObject] = {}
        self._related: dict[tuple[str, str], list[StoredObject]] = {}
        self._labels: dict[str, str] = {}
        self._scanned: set[tuple[str, str]] = set()
        self._parts: dict[tuple[str, str], dict[str, JSONObject]] = {}
        self._merged: dict[tuple[int, str | None], _Fields] = {}

    def shown(self, stored: StoredObject, selection: Selection) -> JSONObject:
        """
        Return what is selected of an object.

        :raises DocumentError: it has no such field, or the answer would be too large
        """
        fields = self._fields(selection, stored.state.kind)
        self._tell_of(stored)
        return {key: self._field(stored, field) for key, field in fields.items()}

    def shown_all(self, page: Sequence[StoredObject], selection: Selection) -> list[JSONObject]:
        """Return what is selected of several objects; what they are related to is read at once."""
        self.budget.expect_cells(sum(self._united(selection, stored.state.kind).cells for stored in page))
        names = {
            kind: {field.name for field in self._united(selection, kind).by_key.values()}
            & self.relationships(kind).keys()
            for kind in {stored.state.kind for stored in page}
        }
        self.know(
            id_ for stored in page for name in names[stored.state.kind] for id_ in self._said(stored, name)
        )
        self.know(self._naming(page))
        return [self.shown(stored, selection) for stored in page]

    def is_a(self, kind: str, type_: str) -> bool:
        """Tell whether objects of a kind are of a type: that kind, or one that it inherits from."""
        return type_ in (kind, NODE) or type_ in _inherited(self._kinds.get(kind))

    def kinds_of(self, type_: str) -> list[str]:
        """Return the kinds whose objects are of a type."""
        return [kind for kind in self._kinds if self.is_a(kind, type_)]

    def related(self, stored: StoredObject, name: str) -> list[StoredObject]:
        """Return the live objects that one is related to, in order."""
        found = self._related.get((stored.state.id, name))
        if found is None:
            ids = self._related_ids(stored, name)
            self.know(ids)
            found = [self._known[id_] for id_ in ids if id_ in self._known and self._known[id_].state.live]
            self.know(self._naming(found))
            self._related[stored.state.id, name] = found
        return found

    def scan(self, branch: str, kind: str) -> Iterator[StoredObject]:
        """Yield all live objects of a kind. A document may do so once for each kind; then it takes of its budget."""
        is_again = (branch, kind) in self._scanned
        self._scanned.add((branch, kind))
        for number, stored in enumerate(self._reads.objects_of_kind(branch=branch, kind=kind, live=True)):
            if is_again and number % OBJECTS_OF_A_LOOK_UP == 0:
                self.budget.take_look_up()
            yield stored

    def value(self, stored: StoredObject, name: str) -> Any:
        """Return an attribute's value, or its default."""
        values = stored.state.values
        return (
            values[name] if name in values else self.attributes(stored.state.kind)[name].get("default_value")
        )

    def attributes(self, kind: str) -> dict[str, JSONObject]:
        """Return the definitions of a kind's attributes, by name."""
        return self._defined(kind, "attributes")

    def relationships(self, kind: str) -> dict[str, JSONObject]:
        """Return the definitions of a kind's relationships, by name."""
        return self._defined(kind, "relationships")

    def called(self, branch: str, kind: str, hfid: Sequence[str]) -> StoredObject | None:
        """
        Return the live object of a kind that these values name for people, or that somebody gave their key.

        One whose name changed, or that was given the key of another name, may be left out: see `is_called`.
        """
        found = self._kinds.get(kind) or undefined(kind)
        texts = tuple(hfid)
        for number, key in enumerate(found.spellings(texts)):
            stored = self._reads.live_object(branch=branch, kind=kind, key=key)
            if stored is None:
                continue
            if self.is_called(stored, hfid):
                return stored
            if number == 0 and stored.state.key not in found.spellings(tuple(self.hfid(stored) or ())):
                return stored  # its key is none that its own name has: it was given
        return None

    def key_parts(self, kind: str) -> Sequence[KeyPart]:
        """Return what together names an object of a kind."""
        found = self._kinds.get(kind)
        return () if found is None else found.key_parts

    def know(self, ids: Iterable[str]) -> None:
        """Read objects that will be asked for."""
        missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._known]
        if missing:
            self.budget.take_look_up(len(missing))
            self._known.update(self._reads.objects(missing))

    # ---------------------------------------------------------------------------------------------------------

    def _defined(self, kind: str, member: str) -> dict[str, JSONObject]:
        found = self._parts.get((kind, member))
        if found is None:
            its = self._kinds.get(kind)
            document = {} if its is None or its.document is None else its.document
            found = {part["name"]: part for part in document.get(member) or []}
            self._parts[kind, member] = found
        return found

    def _fields(self, selection: Selection, kind: str | None = None) -> Mapping[str, Selected]:
        """Return the fields that are asked for of one thing, an object of a kind or else, and count them."""
        found = self._united(selection, kind)
        self.budget.take_cells(found.cells)
        return found.by_key

    def _united(self, selection: Selection, kind: str | None) -> _Fields:
        remembered = self._merged.get((id(selection), kind))
        if remembered is None:
            fields = merged(selection, lambda type_: kind is None or self.is_a(kind, type_))
            remembered = _Fields(fields, 1 + sum(map(cells_of, fields)), selection)
            self._merged[id(selection), kind] = remembered
        return remembered

    def _field(self, stored: StoredObject, field: Selected) -> Any:
        state = stored.state
        plain = _PLAIN.get(field.name)
        if plain is not None:
            shown = _leaf(field, plain(self, stored))
            if field.name in _NAMES:
                for other in self._named_after(stored):
                    self._tell_of(other)
            return self._value(shown)
        attribute = self.attributes(state.kind).get(field.name)
        if attribute is not None:
            return self._attribute(stored, attribute, field)
        relationship = self.relationships(state.kind).get(field.name)
        if relationship is None:
            raise _unknown(field.name, state.kind)
        if relationship.get("cardinality", "many") == "many":
            return self._many(stored, field)
        found = self.related(stored, field.name)
        return self._edge(found[0] if found else None, _selection(field), f"the relationship {field.name}")

    def _value(self, value: Any) -> Any:
        """Return a value; a large one counts as several cells."""
        self.budget.take_cells(cells_of(value) - 1)
        return value

    def _attribute(self, stored: StoredObject, attribute: JSONObject, field: Selected) -> JSONObject:
        answer: JSONObject = {}
        for key, one in self._fields(_selection(field)).items():
            if one.name == "value":
                answer[key] = self._value(self.value(stored, field.name))
            elif one.name == "__typename":
                answer[key] = f"{attribute.get('kind', 'Text')}Attribute"
            elif one.name == "is_default":
                stated = stored.state.values.get(field.name)
                answer[key] = stated is None or canonical.same(stated, attribute.get("default_value"))
            elif one.name == "updated_at":
                answer[key] = rfc3339(stored.recorded_us)
            else:
                answer[key] = _not_kept(one, f"the attribute {field.name}")
        return answer

    def _many(self, stored: StoredObject, field: Selected) -> JSONObject:
        others = self.related(stored, field.name)
        if stored.state.group is not None and field.name == MEMBERS:
            self.told_lists_of[stored.state.id] = None
        answer: JSONObject = {}
        for key, one in self._fields(_selection(field)).items():
            if one.name == "count":
                answer[key] = len(others)
            elif one.name == "edges":
                edge, what = _selection(one), f"an edge of {field.name}"
                answer[key] = [self._edge(other, edge, what) for other in others]
            elif one.name == "__typename":
                answer[key] = "NestedPaginated"
            else:
                raise _unknown(one.name, f"the relationship {field.name}")
        return answer

    def _edge(self, other: StoredObject | None, selection: Selection, what: str) -> JSONObject:
        answer: JSONObject = {}
        for key, one in self._fields(selection).items():
            if one.name == "node":
                answer[key] = None if other is None else self.shown(other, _selection(one))
            elif one.name == "properties":
                inner = self._fields(_selection(one))
                answer[key] = {name: _not_kept(part, what) for name, part in inner.items()}
            elif one.name == "__typename":
                answer[key] = "NestedEdged"
            else:
                raise _unknown(one.name, what)
        return answer

    def _related_ids(self, stored: StoredObject, name: str) -> Sequence[str]:
        state = stored.state
        if state.group is not None and name == MEMBERS:
            self.budget.take_look_up()
            return self._children_first(self._reads.members(state.id))
        relationship = self.relationships(state.kind).get(name, {})
        if relationship.get("kind") == "Component" and name not in state.values:
            peer = relationship.get("peer", NODE)
            self.budget.take_look_up()
            children = self._reads.children([state.id])
            return [child.state.id for child in children if self.is_a(child.state.kind, peer)]
        return self._said(stored, name)

    def _children_first(self, ids: Sequence[str]) -> Sequence[str]:
        """
        Return ids such that what goes with another node comes before it, else in the order given.

        The SDK deletes the members of a group that a run did not save one by one, in the order in which it read them. A
        node whose parent goes first is gone when its own turn comes, and the sync client ends the run with that.
        """
        layer = set(ids)
        above: dict[str, str] = {}
        while layer:
            self.know(layer)
            parents = {id_: self._known[id_].state.parent for id_ in layer if id_ in self._known}
            above.update((id_, parent) for id_, parent in parents.items() if parent is not None)
            layer = {parent for parent in parents.values() if parent is not None and parent not in above}
        return sorted(ids, key=lambda id_: -_depth(id_, above)) if above else ids

    def _said(self, stored: StoredObject, name: str) -> list[str]:
        """Return the ids of those that an object itself says it is related to."""
        state = stored.state
        relationship = self.relationships(state.kind).get(name)
        if relationship is None:
            return []
        if name not in state.values and relationship.get("kind") == "Parent":
            return [] if state.parent is None else [state.parent]
        value = state.values.get(name)
        return [id_ for id_ in (value if isinstance(value, list) else [value]) if isinstance(id_, str)]

    def hfid(self, stored: StoredObject) -> list[str] | None:
        """Return the values that name an object for people, None when it has none."""
        kind = self._kinds.get(stored.state.kind)
        if kind is None:
            return None
        values = kind.key_values(stored.state.values, lambda name: self._values_of_related(stored, name))
        return None if not values or None in values else [str(value) for value in values]

    def is_called(self, stored: StoredObject, hfid: Sequence[str]) -> bool:
        """Tell whether these values name an object for people."""
        parts = self.key_parts(stored.state.kind)
        # What the object says itself is at hand: of a long list, few are left to be asked further.
        return (
            len(parts) == len(hfid)
            and all(
                str(self.value(stored, part.attribute)) == stated
                for part, stated in zip(parts, hfid, strict=True)
                if part.relationship is None
            )
            and self.hfid(stored) == list(hfid)
        )

    def _values_of_related(self, stored: StoredObject, name: str) -> Mapping[str, Any]:
        other = next(iter(self.related(stored, name)), None)
        if other is None:
            return {}
        kind = self._kinds.get(other.state.kind)
        return {**({} if kind is None else kind.defaults), **other.state.values}

    def _naming(self, objects: Iterable[StoredObject]) -> Iterator[str]:
        """Yield the ids of the objects whose values are in the names of others, as far as these say it themselves."""
        for stored in objects:
            for part in self.key_parts(stored.state.kind):
                if part.relationship is not None:
                    yield from self._said(stored, part.relationship)

    def _named_after(self, stored: StoredObject) -> Iterator[StoredObject]:
        """Yield the objects whose values are in the name of one that was named before."""
        for part in self.key_parts(stored.state.kind):
            if part.relationship is not None:
                yield from self._related.get((stored.state.id, part.relationship), ())[:1]

    def _tell_of(self, stored: StoredObject) -> None:
        self.told_of[stored.state.id, stored.position] = None

    def label(self, stored: StoredObject) -> str:
        """Return what a person calls an object."""
        found = self._labels.get(stored.state.id)
        if found is None:
            found = self._labels[stored.state.id] = self._label(stored)
        return found

    def _label(self, stored: StoredObject) -> str:
        kind = self._kinds.get(stored.state.kind)
        document = {} if kind is None or kind.document is None else kind.document
        stated = document.get("display_labels") or [document.get("display_label")]
        names = [name.removesuffix(_VALUE) for name in stated if isinstance(name, str)]
        values = [stored.state.values.get(name) for name in names]
        shown = [str(value) for value in values if value is not None] or self.hfid(stored)
        return " ".join(shown) if shown else f"{stored.state.kind}(ID: {dashed(stored.state.id)})"


def _depth(id_: str, above: Mapping[str, str]) -> int:
    """Return how many nodes there are above one; ``above``: what each goes with."""
    seen = {id_}
    while (parent := above.get(id_)) is not None and parent not in seen:
        seen.add(parent)
        id_ = parent
    return len(seen)


def _inherited(kind: ObjectKind | None) -> Sequence[str]:
    if kind is None or kind.document is None:
        return ()
    inherits = kind.document.get("inherit_from") or ()
    return (*inherits, GROUP) if kind.is_group else tuple(inherits)


def _leaf(field: Selected, value: Any) -> Any:
    if field.selection is not None:
        raise DocumentError(f"{field.name} has no fields of its own")
    return value


def _selection(field: Selected) -> Selection:
    if field.selection is None:
        raise DocumentError(f"{field.name} needs a selection of its fields: {field.name} {{ ... }}")
    if field.arguments:
        raise UnsupportedError(f"{field.name} takes no arguments here: {', '.join(field.arguments)}")
    return field.selection


def _not_kept(field: Selected, what: str) -> Any:
    if field.name in _NOT_KEPT:
        return None
    if field.name in _NEVER:
        return False
    if field.name == "is_visible":
        return True
    raise _unknown(field.name, what)


def _unknown(name: str, what: str) -> DocumentError:
    # Infrahub's words, which programs look for.
    return DocumentError(f"Cannot query field {name!r} on {what}: there is no such field here", field=name)


_PLAIN: Mapping[str, Callable[[Nodes, StoredObject], Any]] = {
    "id": lambda _, stored: dashed(stored.state.id),
    "hfid": lambda nodes, stored: nodes.hfid(stored),
    "display_label": lambda nodes, stored: nodes.label(stored),
    "__typename": lambda _, stored: stored.state.kind,
}
