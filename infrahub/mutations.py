"""Mutations: each of them one command of the tracker, done whole or not at all."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from infrahub.documents import merged, strings
from infrahub.errors import DocumentError, UnsupportedError
from infrahub.nodes import MEMBERS, dashed
from infrahub.queries import SUPPORTED
from infrahub.values import refuse_other_value
from provgraph.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from provgraph.families.credential.events import Right
from provgraph.families.pem.events import event_id
from provgraph.families.tracking.events import ObjectState
from provgraph.families.tracking.queries import StoredObject, TrackingQueries
from provgraph.joined import joined
from provgraph.tracking import Command, Listing, Save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infrahub.access import Writer
    from infrahub.documents import Selected
    from infrahub.nodes import Nodes
    from provgraph.http import Services
    from provgraph.tracking import ObjectKind

JSONObject = dict[str, Any]

_CREATE, _UPSERT, _UPDATE, _DELETE = "Create", "Upsert", "Update", "Delete"
_VERBS = (_CREATE, _UPSERT, _UPDATE, _DELETE)


class _Call(NamedTuple):
    """A mutation, read."""

    kind: ObjectKind
    verb: str
    data: JSONObject  # without what names the node
    before: StoredObject | None  # the node that the id or the human-friendly id names
    texts: tuple[str, ...] | None  # a human-friendly id
    branch: str


class _Stated(NamedTuple):
    """What a mutation says of a node."""

    values: JSONObject
    parent: str | None
    related: tuple[str, ...]  # ids
    members: tuple[str, ...] | None  # None: not said


class Mutations:
    """Carries out the calls of mutations. Its methods block."""

    def __init__(self, services: Services) -> None:
        self._tracker = services.tracker
        self._reads = TrackingQueries(services.catalog.reading)

    def carry_out(self, field: Selected, nodes: Nodes, branch: str, writer: Writer) -> JSONObject:
        """
        Carry out one call, and return its answer.

        :raises ProvgraphError: nothing was changed, unless the text says so
        """
        call = self._read(field, nodes, branch)
        if call.verb == _DELETE or call.kind.is_group:
            writer.require_to_change()
        # What cannot be answered is not done: a selection is tried out on a node that is not there.
        _answer(field, nodes, _blank(call.kind.name, branch))
        if not writer.may_read:
            _refuse_unsent(field, call, nodes)
        # A mutation that is sent again is a new one: GraphQL has no way to say that it is not.
        command = Command(uuid.uuid4().hex, writer.actor, sender=writer.sender)
        if call.verb == _DELETE:
            self._delete(call, command)
            return _answer(field, nodes, None)
        id_ = self._save(call, nodes, command)
        saved = self._reads.objects([id_])[id_] if writer.may_read else self._as_sent(call, nodes, id_)
        try:
            return _answer(field, nodes, saved)
        except DocumentError as error:
            raise DocumentError(
                f"{field.name} was carried out, on {dashed(id_)}, but not answered: {error}"
            ) from error

    def _as_sent(self, call: _Call, nodes: Nodes, id_: str) -> StoredObject:
        """Return an object as a mutation states it: what is stored may be another's by now."""
        blank = _blank(call.kind.name, call.branch)
        attributes = nodes.attributes(call.kind.name)
        values = {name: _attribute_value(name, call.data[name]) for name in call.data if name in attributes}
        return blank._replace(state=blank.state._replace(id=id_, values=values))

    def _read(self, field: Selected, nodes: Nodes, branch: str) -> _Call:
        verb = next((one for one in _VERBS if field.name.endswith(one)), "")
        kind = self._tracker.kinds.of(field.name.removesuffix(verb))
        if not verb or kind.document is None:
            raise UnsupportedError(
                f"Cannot query field {field.name!r} on type 'Mutation': there is no such mutation here, or its kind "
                f"is not defined (client.schema.load defines kinds). Served here are {SUPPORTED}"
            )
        unknown = [name for name, value in field.arguments.items() if name != "data" and value is not None]
        if unknown:
            raise UnsupportedError(f"{field.name} takes `data` alone here, not {', '.join(unknown)}")
        data = field.arguments.get("data")
        if not isinstance(data, dict):
            raise DocumentError(f"{field.name} needs an object `data`", field="data")
        rest = {name: value for name, value in data.items() if name not in ("id", "hfid")}
        id_, hfid = data.get("id"), data.get("hfid")
        texts = None if hfid is None else tuple(strings(hfid, "hfid"))
        if texts is not None:
            _refuse_other_name(kind, texts)
        call = _Call(kind, verb, rest, None, texts, branch)
        if id_ is not None:
            return call._replace(before=self._node(call, id_))
        return call._replace(before=None if texts is None else _by_name(call, nodes, texts))

    def _node(self, call: _Call, stated: object) -> StoredObject:
        if call.verb == _CREATE:
            raise InvalidInputError("The id of a new node is given by the service", field="id", rule="given")
        try:
            id_ = event_id(stated)
        except InvalidInputError:
            raise _missing(str(stated)[:60], call) from None
        found = self._reads.objects([id_]).get(id_)
        if found is None or not found.state.live:
            raise _missing(dashed(id_), call)
        if (found.state.kind, found.state.branch) != (call.kind.name, call.branch):
            raise _missing(dashed(id_), call)
        return found

    def _save(self, call: _Call, nodes: Nodes, command: Command) -> str:
        if call.verb == _UPDATE and call.before is None:
            raise InvalidInputError("An update names its node: id or hfid", field="id", rule="required")
        stated = self._stated(call, nodes)
        id_ = None if call.before is None or call.verb == _CREATE else call.before.state.id
        if id_ is None:
            _require_mandatory(call.kind, call.data)
        if stated.members is not None:
            return self._list(call, stated, stated.members, id_, command)
        save = Save(
            kind=call.kind.name,
            values=stated.values,
            id=id_,
            texts=call.texts if id_ is None else None,
            branch=call.branch,
            parent=stated.parent,
            named=True,
        )
        done = self._tracker.save(command, [save], upsert=call.verb == _UPSERT, reads=stated.related)
        saved: str = done.answer["objects"][0]["id"]
        return saved

    def _list(
        self, call: _Call, stated: _Stated, members: tuple[str, ...], id_: str | None, command: Command
    ) -> str:
        listing = Listing(
            type=call.kind.name,
            members=members,
            values=stated.values,
            id=id_,
            branch=call.branch,
            upsert=call.verb == _UPSERT,
        )
        group: str = self._tracker.close_group(command, listing).answer["group"]
        return group

    def _delete(self, call: _Call, command: Command) -> None:
        if call.before is None:
            raise InvalidInputError("A deletion names its node: id or hfid", field="id", rule="required")
        done = self._tracker.retire(command, [call.before.state.id])
        for refused in done.answer["refused"]:
            raise ConflictError(f"{refused['artifact']} was not deleted: {refused['reason']}")

    # ------------------------------------------------------------------------------------------ what it says

    def _stated(self, call: _Call, nodes: Nodes) -> _Stated:
        attributes = nodes.attributes(call.kind.name)
        relationships = nodes.relationships(call.kind.name)
        values: JSONObject = {}
        parent, members = None, None
        related: list[str] = []
        for name, value in call.data.items():
            if name in attributes:
                values[name] = _attribute_value(name, value)
                refuse_other_value(attributes[name], values[name])
            elif name not in relationships:
                raise DocumentError(f"Field {name!r} is not defined by type '{call.kind.name}'", field=name)
            elif call.kind.is_group and name == MEMBERS:
                members = tuple(self._ids(call, nodes, name, value, must_live=False))
                _refuse_other_spellings(value)
            else:
                is_many = relationships[name].get("cardinality", "many") == "many"
                ids = self._ids(call, nodes, name, value, must_live=True)
                if not is_many and len(ids) > 1:
                    raise DocumentError(f"{name} is related to one node, not to {len(ids)}", field=name)
                values[name] = ids if is_many else next(iter(ids), None)
                related.extend(ids)
                if relationships[name].get("kind") == "Parent":
                    parent = _parent(call, name, ids)
        return _Stated(values, parent, tuple(related), members)

    def _ids(self, call: _Call, nodes: Nodes, name: str, value: Any, *, must_live: bool) -> list[str]:
        stated = [] if value is None else value if isinstance(value, list) else [value]
        ids = [self._related_id(call, nodes, name, one) for one in stated]
        if must_live:
            known = self._reads.objects(ids)
            for id_ in ids:
                if id_ not in known or not known[id_].state.live:
                    raise NotFoundError(f"Unable to find the node {dashed(id_)}, which {name} names")
        return ids

    def _related_id(self, call: _Call, nodes: Nodes, name: str, value: Any) -> str:
        """Return the id of a node that a relationship names: ``{id: ...}``, or a human-friendly id with its kind."""
        if not isinstance(value, dict):
            raise DocumentError(f"{name} names nodes as {{id: ...}}", field=name)
        unknown = [part for part in value if part not in ("id", "hfid", "kind")]
        if unknown:
            raise UnsupportedError(f"{name}: {', '.join(unknown)} of a relationship is not kept here")
        if value.get("id") is not None:
            try:
                return event_id(value["id"])
            except InvalidInputError:
                raise NotFoundError(f"Unable to find the node {str(value['id'])[:60]}") from None
        peer = value.get("kind") or _peer(call.kind, name)
        texts = strings(value.get("hfid"), f"{name}.hfid")
        found = nodes.called(call.branch, str(peer), texts)
        if found is None:
            told = joined(texts) if texts else "without a name"
            raise NotFoundError(f"Unable to find the node {told}, a {peer}, which {name} names")
        return found.state.id


def _refuse_other_name(kind: ObjectKind, hfid: tuple[str, ...]) -> None:
    if not kind.key(hfid):
        names = [part.relationship or part.attribute for part in kind.key_parts]
        told = " and ".join(dict.fromkeys(names)) or "a text"
        raise InvalidInputError(
            f"A {kind.name} is named by {told}: hfid has {len(names) or 1} texts, and none is empty",
            field="hfid",
            rule="followed",
        )


def _by_name(call: _Call, nodes: Nodes, hfid: tuple[str, ...]) -> StoredObject | None:
    found = nodes.called(call.branch, call.kind.name, hfid)
    if found is None and call.verb in (_UPDATE, _DELETE):
        raise _missing(call.kind.key(hfid) or "", call)
    return found


def _refuse_other_spellings(members: Any) -> None:
    """
    Refuse members whose ids are not spelled as this service spells them.

    The SDK compares ids as texts: with `delete_unused_nodes` it would go on to delete members that it has just listed.
    """
    for member in members if isinstance(members, list) else [members]:
        stated = member.get("id") if isinstance(member, dict) else None
        if stated is not None and stated != dashed(event_id(stated)):
            raise InvalidInputError(
                f"Spell the member {stated} as {dashed(event_id(stated))}: Infrahub's SDK compares ids as texts, and "
                "would take the member for an unused one",
                field=MEMBERS,
                rule="spelling",
            )


def _parent(call: _Call, name: str, ids: list[str]) -> str | None:
    if not ids and call.before is not None and call.before.state.parent is not None:
        raise UnsupportedError(f"What goes with another node stays with it: {name} cannot be cleared here")
    return next(iter(ids), None)


def _attribute_value(name: str, value: Any) -> Any:
    if not isinstance(value, dict) or "value" not in value:
        raise DocumentError(f"{name} is stated as {{value: ...}}", field=name)
    unknown = [part for part, given in value.items() if part != "value" and given not in (None, False)]
    if unknown:
        raise UnsupportedError(f"{name}: {', '.join(unknown)} of an attribute is not kept here")
    return value["value"]


def _require_mandatory(kind: ObjectKind, data: Mapping[str, Any]) -> None:
    document = kind.document or {}
    mandatory = [
        part["name"]
        for part in document.get("attributes") or []
        if not part.get("optional") and not part.get("read_only") and part.get("default_value") is None
    ]
    mandatory += [
        part["name"] for part in document.get("relationships") or [] if part.get("optional") is False
    ]
    for name in mandatory:
        stated = data.get(name)
        if stated is None or (isinstance(stated, dict) and stated.get("value", "") is None):
            raise InvalidInputError(f"{name} is mandatory for {kind.name}", field=name, rule="required")


def _peer(kind: ObjectKind, name: str) -> str:
    parts = (kind.document or {}).get("relationships") or []
    return next((part["peer"] for part in parts if part["name"] == name), "")


def _missing(what: str, call: _Call) -> NotFoundError:
    # The SDK looks for the first words.
    return NotFoundError(
        f"Unable to find the node {what}: there is no such {call.kind.name} on the branch {call.branch}"
    )


def _refuse_unsent(field: Selected, call: _Call, nodes: Nodes) -> None:
    """
    Refuse a selection of more than the node's id and type and the attributes that the mutation itself states.

    :raises ForbiddenError: it needs the right to read
    """
    sent = nodes.attributes(call.kind.name).keys() & call.data.keys()
    for part in merged(field.selection or (), lambda _: True).values():
        if part.name != "object":
            continue
        for one in merged(part.selection or (), lambda type_: nodes.is_a(call.kind.name, type_)).values():
            below = merged(one.selection or (), lambda _: True).values()
            is_told = one.name in ("id", "__typename") or (
                one.name in sent and all(each.name in ("value", "__typename") for each in below)
            )
            if not is_told:
                raise ForbiddenError(
                    f"{field.name} may be asked for the id and for values that it states; {one.name} needs the right "
                    f"{Right.READ}. Nothing was changed"
                )


def _blank(kind: str, branch: str) -> StoredObject:
    state = ObjectState("0" * 32, kind, branch, None, "", {})
    return StoredObject(state, "", 0, 0, 0, None, None, 0)


def _answer(field: Selected, nodes: Nodes, saved: StoredObject | None) -> JSONObject:
    answer: JSONObject = {}
    for key, one in merged(field.selection or (), lambda _: True).items():
        if one.name == "ok":
            answer[key] = True
        elif one.name == "object":
            answer[key] = None if saved is None else nodes.shown(saved, one.selection or ())
        elif one.name == "__typename":
            answer[key] = field.name
        else:
            raise DocumentError(f"Cannot query field {one.name!r} on {field.name}: it has ok and object")
    return answer
