"""The front door of this service."""

from __future__ import annotations

from infrahub.errors import infrahub_answer
from provgraph.http.doors import FrontDoor

_PATHS = ("/graphql", "/api/schema", "/api/auth", "/api/query", "/api/storage", "/api/artifact")

DOOR = FrontDoor(
    "infrahub",
    groups=frozenset({"graphql", "api"}),
    errors=dict.fromkeys(_PATHS, infrahub_answer),
    takes_objects=True,
    library="graphql",
)
