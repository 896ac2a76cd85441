"""The objects that a client has met, so that they are found again without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from provgraph.client.tracking.errors import NotStoredError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Held(Protocol):
    """An object, as far as it is found again by it."""

    @property
    def id(self) -> str | None:
        """The id, None before it was saved."""

    @property
    def kind(self) -> str:
        """The kind."""

    @property
    def branch(self) -> str:
        """The branch that it lives on."""

    @property
    def key(self) -> str | None:
        """What it is found by among the objects of its kind."""


NodeT = TypeVar("NodeT", bound=Held)


class Store(Generic[NodeT]):
    """Objects by id, by kind and key, and by names of your own. What is retired through this client leaves it."""

    def __init__(self, branch: str) -> None:
        """
        Hold nothing.

        :param branch: the one that keys are looked up on when none is named
        """
        self._branch = branch
        self._by_id: dict[str, NodeT] = {}
        self._by_key: dict[tuple[str, str, str], NodeT] = {}
        self._by_name: dict[str, NodeT] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def set(self, node: NodeT, key: str | None = None) -> None:
        """
        Hold an object.

        :param key: a name of your own to find it by
        """
        if node.id is not None:
            self._by_id[node.id] = node
        if node.key is not None:
            self._by_key[node.branch, node.kind, node.key] = node
        if key is not None:
            self._by_name[key] = node

    def get(self, key: str, kind: str | None = None, branch: str | None = None) -> NodeT:
        """
        Return an object by its id, by the name it was stored under, or (with its kind) by its key.

        :raises NotStoredError: there is none
        """
        found = self._by_id.get(key) or self._by_name.get(key)
        if found is None and kind is not None:
            found = self._by_key.get((branch or self._branch, kind, key))
        if found is None or (kind is not None and found.kind != kind):
            raise NotStoredError(f"The store holds no {kind or 'object'} {key!r}")
        return found

    def drop(self, ids: Iterable[str]) -> None:
        """Hold these objects no longer."""
        gone = {id(node) for each in ids if (node := self._by_id.pop(each, None)) is not None}
        if gone:
            self._by_key = {key: node for key, node in self._by_key.items() if id(node) not in gone}
            self._by_name = {name: node for name, node in self._by_name.items() if id(node) not in gone}
