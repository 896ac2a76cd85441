"""Assembles the admin service: an application of its own, with its own OpenAPI document, below ``/admin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Mount

import provgraph
from admin.routes import router
from provgraph.http import install

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services

_DESCRIPTION = """
Operate provgraph. Every call needs an admin's credential when credentials are required.

Long operations are jobs: the call answers 202 with a job, and `GET /admin/jobs/{id}` tells how far it is. One job of
each kind runs at a time.
"""


def build(services: Services) -> FastAPI:
    """Return the admin application."""
    app = FastAPI(
        title="provgraph admin",
        version=provgraph.__version__,
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's page is of another host's scripts
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.include_router(router)
    install(app)
    return app


def routes(services: Services) -> list[BaseRoute]:
    """Return the admin application as a route, for the application that serves it."""
    return [Mount("/admin", app=build(services))]
