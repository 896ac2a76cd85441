"""A client, or one that only pretends, as the environment says."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from provgraph.client.recordkeeper.client import RKClient, new_pem
from provgraph.client.recordkeeper.service import VERSION

if TYPE_CHECKING:
    from uuid import UUID

    from provgraph.client.recordkeeper.entities import PEM


class RKClientMock(RKClient):
    """Succeeds at everything and connects to nothing."""

    def __init__(
        self, receiver_url: str, emitter_id: str, timeout_sec: int = 5, user_auth: str = "", **_: Any
    ) -> None:
        self.emitter_id = emitter_id

    def prepare_pem(
        self,
        pem_type: str,
        predecessor_id: UUID | None = None,
        properties: dict[str, Any] | None = None,
        tag_name: str = "latest",
        tag_namespace: str | None = None,
    ) -> PEM:
        """Return a PEM of the emitter ``mock-client``, with no tag."""
        return new_pem(pem_type, predecessor_id, "mock-client", properties)

    def send_pem(self, pem: PEM) -> tuple[str, bool]:
        """Do nothing."""
        return "", True

    def set_tag(self, namespace: str, tag_name: str, pem: PEM) -> tuple[str, bool]:
        """Do nothing."""
        return "", True

    def get_tag(self, namespace: str, tag_name: str) -> tuple[str, bool]:
        """Return no id."""
        return "", True

    def get_info(self) -> tuple[str, bool]:
        """Return what a receiver might say."""
        return json.dumps({"pem_size_limit": 10_000, "version": VERSION}), True


class RKClientFactory:
    """Makes the client that the environment asks for."""

    @staticmethod
    def get(*args: Any, **kwargs: Any) -> RKClient:
        """Return an `RKClient` with these arguments; when ``RK_MOCK`` is ``true``, one that only pretends."""
        if os.environ.get("RK_MOCK", "").lower() == "true":
            return RKClientMock(*args, **kwargs)
        return RKClient(*args, **kwargs)
