"""The tracking side of each client, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
from provgraph.client.tracking.nodes import AsyncNode, Node
from provgraph.client.tracking.session import Session
from provgraph.client.tracking.settings import Tracking

if TYPE_CHECKING:
    from provgraph.client.asking import Asker, AsyncAsker


def waiting(asker: Asker, tracking: Tracking | None) -> Session[Node, GroupContext]:
    """Return that of the client that waits."""
    return Session(asker, tracking or Tracking(), make_node=Node, make_context=GroupContext)


def awaited(asker: AsyncAsker, tracking: Tracking | None) -> Session[AsyncNode, AsyncGroupContext]:
    """Return that of the client for event loops."""
    return Session(asker, tracking or Tracking(), make_node=AsyncNode, make_context=AsyncGroupContext)
