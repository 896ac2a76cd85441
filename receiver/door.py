"""The front door of this service."""

from __future__ import annotations

from provgraph.http.answers import plain_answer
from provgraph.http.doors import FrontDoor

DOOR = FrontDoor(
    "receiver",
    groups=frozenset({"receiver", "api"}),
    errors={"/receiver": plain_answer},
    takes_objects=True,
)
