"""The rooms that families of events have in a service: modules of the families' names."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from provgraph.families.registry import FAMILIES

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http.services import Services


def family_routes(service: str, services: Services) -> list[BaseRoute]:
    """
    Return the routes of all families that have a room in a service.

    A room is the module of the service's package that has the family's name; its ``routes(services)`` are its routes.

    :param service: the name of its package
    """
    rooms = (f"{service}.{family.name}" for family in FAMILIES)
    return [
        route
        for room in rooms
        if importlib.util.find_spec(room) is not None
        for route in importlib.import_module(room).routes(services)
    ]
