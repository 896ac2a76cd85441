"""What the client holds of a tracked object, and what a save has to say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provgraph.client.tracking import names, values
from provgraph.client.tracking.commands import Save
from provgraph.client.tracking.errors import NotSavedError

if TYPE_CHECKING:
    from provgraph.client.base import JSON, Call
    from provgraph.client.tracking.store import Held


@dataclass(slots=True)
class Record:
    """An object: what the program wants it to be, and what the service last said."""

    kind: str
    branch: str
    values: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    parent: Held | str | None = None
    protected: bool | None = None
    document: JSON | None = None  # as the service last told it; None: it was never saved
    # The save that no answer came to: the same one again is the same command.
    unanswered: tuple[object, Call[list[JSON]]] | None = None
    _known: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, document: JSON) -> Record:
        """Return the object in an answer."""
        record = cls(document["kind"], document["branch"])
        record.take(document)
        return record

    @property
    def id(self) -> str | None:
        """The id, None before it was saved."""
        return None if self.document is None else self.document["id"]

    def take(self, document: JSON) -> None:
        """Hold what the service says it is now."""
        self.document = document
        # A stub says its name alone.
        self.values = dict(document.get("values") or {})
        self.key = document.get("key")
        self.parent = document.get("parent")
        self.protected = document.get("protected")
        self._known = {name: values.spelled(name, value) for name, value in self.values.items()}

    def saved(self, document: JSON) -> None:
        """Hold what a save is answered with: without the right to read that is what was sent, and the id."""
        known = self.document or {"branch": self.branch, "key": self.key, "protected": self.protected}
        values = {**self.values, **document["values"]}
        self.take(document if "artifact" in document else {**known, **document, "values": values})

    def wanted(self) -> Save:
        """
        Return what a save has to say: of an object that is there, what changed.

        :raises NotJsonError: a value that cannot be written as JSON
        :raises NotSavedError: the parent has no id yet
        """
        parent = parent_id(self.parent)
        if self.document is None:
            for name, value in self.values.items():
                _spelled(name, value)
            return Save(self.kind, self.branch, dict(self.values), None, self.key, parent, self.protected)
        get = self.document.get
        changed = {
            name: value
            for name, value in self.values.items()
            if self._known.get(name) != _spelled(name, value)
        }
        return Save(
            self.kind,
            self.branch,
            changed,
            self.document["id"],
            None,
            parent if parent != get("parent") else None,
            self.protected if self.protected != get("protected") else None,
        )


def saved_id(node: Held | str) -> str:
    """
    Return the id of an object, or an id as it is.

    :raises NotSavedError: the object has none yet
    """
    if isinstance(node, str):
        return names.text(node, what="id")
    if node.id is None:
        raise NotSavedError(f"{node!r} has no id yet: save it first")
    return node.id


def parent_id(parent: Held | str | None) -> str | None:
    """Return the id of the object that another one goes with; see `saved_id`."""
    return None if parent is None else saved_id(parent)


def _spelled(name: str, value: object) -> bytes:
    """Return a value that is to be sent, see `values.spelled` and `values.check`."""
    content = values.spelled(name, value)  # first: it stops at what holds itself
    values.check(name, value)
    return content
