"""The front door of this service."""

from __future__ import annotations

from provgraph.http.answers import plain_answer
from provgraph.http.doors import FrontDoor

# Record Keeper's questions may be asked below /receiver, too.
DOOR = FrontDoor(
    "query",
    groups=frozenset({"query", "receiver", "api"}),
    errors={"/query": plain_answer, "/receiver": plain_answer},
    needs_graph=True,
)
