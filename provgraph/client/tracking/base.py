"""What the objects and the groups of a client that tracks need of what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.client.base import JSON, Asker, AsyncAsker, Conversation
    from provgraph.client.tracking.records import Record
    from provgraph.client.tracking.settings import Tracking
    from provgraph.client.tracking.store import Held, Store


class Shared(Protocol):
    """The tracking side of one client; see `provgraph.client.tracking.session`."""

    @property
    def asker(self) -> Asker | AsyncAsker:
        """The client."""

    @property
    def settings(self) -> Tracking:
        """What holds where a run says nothing."""

    @property
    def store(self) -> Store[Any]:
        """The objects that the client has met."""

    def is_member(self, stated: bool | None) -> bool:
        """Tell whether something is to be listed as the run's, when its caller stated that, or nothing (None)."""

    def hold(self, documents: Iterable[JSON]) -> Sequence[Held]:
        """Return the objects in an answer, and hold them in the store."""

    def save(self, records: Sequence[Record], *, upsert: bool, member: bool | None) -> Conversation[None]:
        """Save objects, all or none."""

    def delete(self, node_id: str) -> Conversation[None]:
        """Retire an object."""

    def give_up_replaced(self, context: object) -> Conversation[None]:
        """Mark the runs failed that a context took the place of before they ended."""
