"""The calls that the services of the compose file answer, by the real routes of their applications."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.routing import Match, Mount, Route

from provgraph.cli.compose import build_app
from provgraph.cli.parts import PARTS
from provgraph.http import Doors, Edge, front_door
from tests.deployment.files import OURS, served_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from provgraph.http import Services
    from provgraph.http.answers import ErrorForm
    from tests.deployment.nginx import Nginx

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What stands in a path where a route has a parameter, and where it has one that may hold slashes.
_VALUES = ("x", "a%2Fb", "%C3%A9.")
_LONG_VALUES = (*_VALUES, "", "a/b", "a//b", "a/", "/+8=/dGFn/x")
# What may follow a path: some routes take it, the others do not know the path.
_TAILS = ("", "/", "%2F", "/more", "?with=/query")
# What may follow a path below which refusals have a form of their own.
_BELOW = ("", "/", "/nothing", "/nothing/x", "%2Fnothing", "x")


class Template(NamedTuple):
    """A route's path, with its parameters in braces, and the methods it is for."""

    path: str
    methods: frozenset[str]


class Process(NamedTuple):
    """What a process of one of the compose file's services answers."""

    routes: Sequence[BaseRoute]
    doors: Doors  # those that its image holds

    def match(self, method: str, path: str) -> Match:
        """Tell whether it has a route for a call, for its path only, or none."""
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        return _match(self.routes, scope)


class Call(NamedTuple):
    """A call, and the services that may get it."""

    method: str
    target: str
    services: frozenset[str]
    is_served: bool  # by a route, for this method

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def templates(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[Template]:
    """Yield the paths of routes, and of those below them."""
    for route in routes:
        if isinstance(route, Mount):
            yield from templates(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield Template(prefix + route.path, frozenset(route.methods or ()))
        else:  # FastAPI's own, for a router that was included
            yield from templates(route.original_router.routes, prefix)  # type: ignore[attr-defined] # or it fails


def processes(services: Services) -> dict[str, Process]:
    """Return what each of the compose file's services answers, assembled as by `provgraph serve`."""
    return {name: _process(services, served_by(name)) for name in sorted(OURS)}


def calls(processes: dict[str, Process]) -> list[Call]:
    """
    Return calls of every method to every path of every service, and to paths near them.

    Who may get a call has a route for it. Where nobody does, it is who knows the path and says which methods it is for.
    Where nobody knows the path either, it is who refuses in the form that is declared for it.
    """
    known = {template.path for process in processes.values() for template in templates(process.routes)}
    paths = {path for template in known for path in filled(template)}
    above = {path[: slash.start()] for path in paths for slash in re.finditer("(?<=.)/", path)}
    near = {f"{path}{tail}" for path in paths for tail in _TAILS}
    refused = {f"{path}{tail}" for part in PARTS for path in front_door(part).errors for tail in _BELOW}
    targets = sorted({"/", "/nothing"} | above | near | refused)
    return [_call(processes, method, target) for method, target in itertools.product(METHODS, targets)]


def filled(template: str) -> Iterator[str]:
    """Yield paths of a template, with one value after the other for its parameters."""
    parameter = re.compile(r"\{\w+(:path)?\}")
    found = parameter.search(template)
    values = ("",) if found is None else _LONG_VALUES if found[1] else _VALUES
    for value in values:
        yield parameter.sub(value, template)


def lost(nginx: Nginx, calls: Iterable[Call]) -> list[str]:
    """Return a sentence for each call that goes to a service which may not get it, or to none."""
    return [
        f"{call} goes to {reached}, and belongs to {' or '.join(sorted(call.services))}"
        for call in calls
        if (reached := nginx.answerer(call.method, call.target).removesuffix(":8082")) not in call.services
    ]


def _process(services: Services, parts: Sequence[str]) -> Process:
    edge = build_app(services, parts)
    assert isinstance(edge, Edge)
    assert isinstance(edge._app, FastAPI)
    return Process(edge._app.routes, Doors(front_door(part) for part in parts))


def _call(processes: dict[str, Process], method: str, target: str) -> Call:
    path = unquote(target.partition("?")[0])
    matches = {name: process.match(method, path) for name, process in processes.items()}
    best = max(matches.values(), key=lambda match: match.value)
    among = {name for name, match in matches.items() if match is best}
    if best is Match.NONE:
        form = _form(path)
        among = {name for name in among if processes[name].doors.form(path) is form}
    return Call(method, target, frozenset(among), best is Match.FULL)


def _form(path: str) -> ErrorForm:
    """Return how refusals look at a path where everything is served from one process."""
    return Doors(front_door(part) for part in PARTS).form(path)


def _match(routes: Iterable[BaseRoute], scope: Scope) -> Match:
    found = Match.NONE
    for route in routes:
        match, below = route.matches(scope)
        if isinstance(route, Mount) and match is Match.FULL:
            match = _match(route.routes, {**scope, **below})
        found = max(found, match, key=lambda match: match.value)
    return found
