"""The services that a process can serve, by the names of their packages: the only list of them."""

from __future__ import annotations

PARTS = ("receiver", "graphbuilder", "query", "admin", "infrahub")
