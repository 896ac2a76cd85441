"""The front door of this service."""

from __future__ import annotations

from provgraph.http.doors import FrontDoor

DOOR = FrontDoor("admin", groups=frozenset({"admin"}), needs_graph=True)
