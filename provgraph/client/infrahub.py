"""
Clients with the calls of Infrahub's SDK on the client itself, for programs that come from there.

    from provgraph.client.infrahub import InfrahubClientSync

    client = InfrahubClientSync("http://127.0.0.1:8082")
    with client.start_tracking("inventory", params={"site": "bln"}, delete_unused_nodes=True):
        client.create("Device", name="core-1").save(allow_upsert=True)

The classes are called as there, take what `Client` and `AsyncClient` take, and can do all that these can. Each call is
the one of ``client.tracking``, with the same names, parameters and defaults; docs/howto/track.md says what differs from
the SDK. The SDK itself works too, see docs/howto/infrahub.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.client.aio import AsyncClient
from provgraph.client.client import Client
from provgraph.client.tracking.client import AsyncObjects, Objects

if TYPE_CHECKING:
    from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
    from provgraph.client.tracking.nodes import AsyncNode, Node
    from provgraph.client.tracking.session import Session

__all__ = ["InfrahubClient", "InfrahubClientSync"]


class InfrahubClientSync(Objects, Client):
    """`Client`, with ``create``, ``get``, ``all``, ``filters``, ``delete``, ``start_tracking`` and the like."""

    @property
    def tracking_session(self) -> Session[Node, GroupContext]:
        """What these calls and ``tracking`` share."""
        return self.tracking.tracking_session


class InfrahubClient(AsyncObjects, AsyncClient):
    """`AsyncClient`, with the calls of `InfrahubClientSync`, to be awaited."""

    @property
    def tracking_session(self) -> Session[AsyncNode, AsyncGroupContext]:
        """See `InfrahubClientSync.tracking_session`."""
        return self.tracking.tracking_session
