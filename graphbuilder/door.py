"""The front door of this service."""

from __future__ import annotations

from provgraph.http.answers import plain_answer
from provgraph.http.doors import FrontDoor

DOOR = FrontDoor(
    "graphbuilder",
    groups=frozenset({"graph_builder"}),
    errors={"/graph_builder": plain_answer},
    needs_graph=True,
)
