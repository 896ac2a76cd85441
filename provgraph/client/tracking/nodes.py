"""
Tracked objects as a program holds them.

    node = client.create("Device", name="core-1", role="core")
    node.save()
    node.role.value = "edge"
    node.save()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.client.methods import Awaited, Does, Waiting
from provgraph.client.tracking.records import parent_id, saved_id

if TYPE_CHECKING:
    from provgraph.client.base import JSON, Conversation
    from provgraph.client.tracking.base import Shared
    from provgraph.client.tracking.records import Record


class Attribute:
    """One value of an object, by name."""

    __slots__ = ("_name", "_record")

    def __init__(self, record: Record, name: str) -> None:
        self._record = record
        self._name = name

    @property
    def value(self) -> Any:
        """
        The value. Setting it changes the object at its next save.

        :raises AttributeError: the object has none of this name
        """
        try:
            return self._record.values[self._name]
        except KeyError:
            there = ", ".join(self._record.values) or "none"
            raise AttributeError(
                f"This {self._record.kind} has no value {self._name!r}; it has: {there}"
            ) from None

    @value.setter
    def value(self, value: Any) -> None:
        self._record.values[self._name] = value

    def __repr__(self) -> str:
        return f"<{self._name}: {self._record.values.get(self._name)!r}>"


class NodeBase:
    """
    An object. Its values are attributes with a ``value``: ``node.name.value``.

    A value whose name is taken by something below (``kind``, ``key``, ...) is ``node.attribute("kind").value``.
    """

    __slots__ = ("_record", "tracking_session")
    _record: Record
    tracking_session: Shared

    def __init__(self, session: Shared, record: Record) -> None:
        object.__setattr__(self, "tracking_session", session)
        object.__setattr__(self, "_record", record)

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("_"):
            raise AttributeError(name)
        return Attribute(self._record, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(type(self), name):
            raise AttributeError(f"Write node.{name}.value = ... to change a value")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        called = self._record.key or self._record.values.get("name") or "unnamed"
        return f"<{self.kind} {called} {self.id or '(not saved)'}>"

    @property
    def id(self) -> str | None:
        """The id, None before it was saved."""
        return self._record.id

    @property
    def kind(self) -> str:
        """The kind."""
        return self._record.kind

    @property
    def typename(self) -> str:
        """The kind, as Infrahub's clients call it."""
        return self._record.kind

    @property
    def branch(self) -> str:
        """The branch that it lives on."""
        return self._record.branch

    @property
    def key(self) -> str | None:
        """What it is found by among the objects of its kind; the service says it once it is saved."""
        return self._record.key

    @property
    def values(self) -> dict[str, Any]:
        """All values, to be read and changed."""
        return self._record.values

    @property
    def protected(self) -> bool:
        """Whether the service refuses to retire it."""
        return bool(self._record.protected)

    @protected.setter
    def protected(self, protected: bool) -> None:
        self._record.protected = protected

    @property
    def parent(self) -> str | None:
        """The id of the object that it goes with when that is retired."""
        return parent_id(self._record.parent)

    @parent.setter
    def parent(self, parent: NodeBase | str) -> None:
        self._record.parent = parent

    @property
    def live(self) -> bool:
        """Whether it was saved, and not retired since, as far as this program knows."""
        return self._record.document is not None and bool(self._record.document.get("live", True))

    @property
    def artifact(self) -> str | None:
        """What it is called in the graph: ``client.why(node.artifact)``."""
        return None if self._record.document is None else self._record.document.get("artifact")

    @property
    def document(self) -> JSON | None:
        """What the service last said of it."""
        return self._record.document

    def attribute(self, name: str) -> Attribute:
        """Return a value by name, whatever it is called."""
        return Attribute(self._record, name)

    @property
    def record(self) -> Record:
        """What the client holds of it."""
        return self._record

    @Does
    def save(
        self, allow_upsert: bool = False, update_group_context: bool | None = None
    ) -> Conversation[None]:
        """
        Save it; in a run, as part of it.

        :param allow_upsert: update the object that has the key already, instead of failing
        :param update_group_context: False: no member of the run's group; True: one even outside a run
        :raises ContradictionError: another object has the key
        :raises NotJsonError: a value that cannot be written as JSON
        """
        session = self.tracking_session
        yield from session.save([self._record], upsert=allow_upsert, member=update_group_context)
        session.store.set(self)

    @Does
    def delete(self) -> Conversation[None]:
        """
        Retire it, with its children, and take it off every group's list. Its history stays.

        :raises NoSuchNodeError: it is retired already
        :raises NotAllRetiredError: it is protected, or something that goes with it
        """
        yield from self.tracking_session.delete(saved_id(self))
        if self._record.document is not None:
            self._record.document = {**self._record.document, "live": False}


class Node(NodeBase, Waiting):
    """See `NodeBase`."""

    __slots__ = ()


class AsyncNode(NodeBase, Awaited):
    """See `NodeBase`; ``save`` and ``delete`` are awaited."""

    __slots__ = ()
