"""Assembles the admin service: an application of its own, with its own OpenAPI document, below ``/admin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount

import provgraph
from admin.door import DOOR
from admin.routes import router
from provgraph.families.credential.events import Right
from provgraph.http import Doors, install
from provgraph.http.openapi import Api, needs

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services

_PATH = "/admin"
_DESCRIPTION = """
Operate provgraph. Every call needs an admin's credential when credentials are required.

Long operations are jobs: the call answers 202 with a job, and `GET /admin/jobs/{id}` tells how far it is. One job of
each kind runs at a time.
"""


def build(services: Services) -> Api:
    """Return the admin application."""
    app = Api(
        doors=Doors(),
        packages=[DOOR.name],
        prefix=_PATH,
        security=needs(Right.ADMIN),
        title="provgraph admin",
        version=provgraph.__version__,
        description=_DESCRIPTION,
    )
    app.state.services = services
    app.include_router(router)
    install(app)
    return app


def routes(services: Services) -> list[BaseRoute]:
    """Return the admin application as a route, for the application that serves it."""
    return [Mount(_PATH, app=build(services))]
