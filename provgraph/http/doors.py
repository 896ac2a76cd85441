"""What a service says of its own front door, so that whoever assembles services keeps no lists of their paths."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provgraph.http.answers import problem_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.routing import BaseRoute

    from provgraph.http.answers import ErrorForm
    from provgraph.http.services import Services

_OTHER = "other"


@dataclass(frozen=True)
class FrontDoor:
    """
    The front door of one service. It is declared in the `door.py` of its package, and loads nothing of the service.

    :param name: of the service's package; its `app` has ``routes(services)``
    :param groups: first segments of its paths: requests are counted by them
    :param errors: how refusals look below a path, by that path; elsewhere they are problem documents
    :param needs_graph: whether it asks the graph
    :param takes_objects: whether tracked objects come in here
    :param library: a library that not everybody needs, without which the service is left out
    """

    name: str
    groups: frozenset[str]
    errors: Mapping[str, ErrorForm] = field(default_factory=dict)
    needs_graph: bool = False
    takes_objects: bool = False
    library: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether its library is there, if it needs one."""
        return self.library is None or importlib.util.find_spec(self.library) is not None

    def routes(self, services: Services) -> list[BaseRoute]:
        """Return the service's routes. It is loaded by name: an image holds only the services that it serves."""
        routes: list[BaseRoute] = importlib.import_module(f"{self.name}.app").routes(services)
        return routes


def area(path: str) -> str:
    """Return the first segment of a path."""
    return path[1:].partition("/")[0]


def front_door(name: str) -> FrontDoor:
    """
    Return what the service of this name declares.

    :raises ModuleNotFoundError: the service is not installed
    """
    door: FrontDoor = importlib.import_module(f"{name}.door").DOOR
    return door


class Doors:
    """The front doors of the services that one application answers for."""

    def __init__(self, doors: Iterable[FrontDoor] = ()) -> None:
        """Take the doors together. Without any, every refusal is a problem document."""
        doors = list(doors)
        self._groups = frozenset(group for door in doors for group in door.groups)
        self._forms = {path: form for door in doors for path, form in door.errors.items()}

    def group(self, path: str) -> str:
        """Return by what requests for a path are counted."""
        first = area(path)
        return first if first in self._groups else _OTHER

    def form(self, path: str) -> ErrorForm:
        """Return how refusals look at a path."""
        for below, form in self._forms.items():
            if path == below or path.startswith(f"{below}/"):
                return form
        return problem_answer
