"""Record Keeper's Receiver: ``/receiver/info``, ``/receiver/pem`` and ``/receiver/tag/...``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

import provgraph
from provgraph.errors import EmitterError, InvalidInputError, NotFoundError
from provgraph.families.credential.events import Right
from provgraph.families.pem.events import PEM_VERSION, event_id
from provgraph.families.tag.events import tag_set
from provgraph.http import json, read_body, tagpath, text
from provgraph.http.openapi import (
    OPEN,
    TEXT,
    RawRoute,
    answer,
    needs,
    path_parameter,
    problem_answers,
    request_body,
)
from provgraph.wire.events import Event
from provgraph.wire.recordkeeper import TAG, ReceiverInfo, TagBody
from receiver.tagmoves import check_move

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.http import Services
    from receiver.ingest import Ingest

_TAG = "/receiver/tag/"
# The body repeats the tag, whose place is the path; the path is bounded, and so this is.
_TAG_BODY_LIMIT = 65_536
_PEM = {
    "ID": "5b1a9f3e6d0c4a539c551f0a8a0f2b11",
    "Type": "train",
    "Emitter": "trainer",
    "TimestampClient": "2026-03-01 09:30:00",
    "UsesArtifacts": [{"Name": "table/customers"}],
    "ProducesArtifacts": [{"Name": "model/churn"}],
}


def routes(services: Services, ingest: Ingest) -> list[BaseRoute]:
    """Return the routes; the one that matters most stands first."""
    receiver = _Receiver(services, ingest)
    return [
        RawRoute(
            "/receiver/pem",
            receiver.pem,
            methods=["POST"],
            security=needs(Right.WRITE),
            tags=[TAG],
            summary="Send a PEM",
            responses={200: answer(str, "It is stored", media_type=TEXT), **problem_answers(409)},
            body=request_body(Event, example=_PEM),
        ),
        RawRoute(
            "/receiver/info",
            receiver.info,
            methods=["GET"],
            security=OPEN,
            tags=[TAG],
            summary="The receiver, and what it takes",
            responses={200: answer(ReceiverInfo, "The fields that Record Keeper's client knows")},
            answers_head=True,
        ),
        RawRoute(
            f"{_TAG}{{rest:path}}",
            receiver.tag,
            methods=["POST"],
            security=needs(Right.WRITE),
            tags=[TAG],
            summary="Set a tag on a PEM that is stored",
            responses={200: answer(str, "It is set", media_type=TEXT), **problem_answers(404)},
            parameters=[
                path_parameter(
                    "rest",
                    "NAMESPACE/TAG/ID: namespace and tag in base64, and the id of the PEM. A slash within base64 "
                    "stays as it is",
                )
            ],
            body=request_body(
                TagBody,
                example={"NamespaceID": "prod", "Tag": "current"},
                required=False,
                description="It is not looked at: the path says it all.",
            ),
        ),
    ]


class _Receiver:
    def __init__(self, services: Services, ingest: Ingest) -> None:
        self._services = services
        self._ingest = ingest
        self._size_limit = services.settings.pem_size_limit
        self._require_to_send = services.authenticator.require_to_send

    async def info(self, _request: Request) -> Response:
        """Answer with exactly the fields that Record Keeper's client knows."""
        settings = self._services.settings
        return json(
            {
                "version": provgraph.__version__,
                "pem_version": PEM_VERSION,
                "pem_size_limit": settings.pem_size_limit,
                "auth_required": settings.auth_required,
                "pem_auth_required": settings.sending_needs_credential,
            }
        )

    async def pem(self, request: Request) -> Response:
        """Store one PEM. When this answers, it is durable and listed."""
        sender = self._require_to_send(request.scope["headers"])
        body = await read_body(request, limit=self._size_limit, what="PEM")
        event = await self._ingest.one(body, sender)
        pem = event.content
        return text(f"Ack getting {pem.type}")

    async def tag(self, request: Request) -> Response:
        """Set a tag on a PEM that is stored. It counts as that PEM's emitter, and as that of the one it leaves."""
        # It is sent like a PEM, and needs a credential as well where only all the rest needs one.
        sender = self._require_to_send(request.scope["headers"])
        self._services.authenticator.require(request, Right.WRITE)
        await read_body(request, limit=_TAG_BODY_LIMIT, what="Tag")
        name, stated_id = tagpath.read_tag_and_id(tagpath.behind(_TAG, request.scope))
        pem_id = _pem_id(stated_id)
        pem = await run_in_threadpool(self._services.catalog.pem, pem_id)
        if pem is None:
            raise NotFoundError(f"There is no PEM {pem_id}")
        try:
            sender.check(pem.emitter)
        except EmitterError as error:
            if self._services.authenticator.may_read(request.scope["headers"]):
                raise
            raise error.unread() from None
        await run_in_threadpool(
            check_move, self._services.catalog, sender, namespace=name.namespace, tag=name.tag
        )
        event = tag_set(name.namespace, name.tag, pem_id).sent_by(sender.id)
        await self._services.writer.append((event,))
        return text("OK")


def _pem_id(stated: str) -> str:
    try:
        return event_id(stated)
    except InvalidInputError as error:
        raise InvalidInputError(f"Not the id of a PEM: {stated[:60]!r}", field="ID", rule="uuid") from error
