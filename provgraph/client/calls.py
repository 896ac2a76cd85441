"""
What a client asks of a service, apart from how it is sent.

A `Call` says what goes out and how its answer is read; ``Client.ask`` and ``AsyncClient.ask`` send it. What takes
several calls is a `Conversation`: a generator that yields calls and pauses, gets the answers, and returns the result.
So everything a client can do is written once, here and in `provgraph.client.questions` and `provgraph.client.admin`,
and tested without a network.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import orjson

from provgraph.client.answers import SendResult, a_list, an_object, typed
from provgraph.client.base import JSON, Call, Conversation, Paging, Pause
from provgraph.client.errors import BusyError, UnreachableError
from provgraph.client.stored import Rows, StoredArtifact, StoredPem, Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A page of a list, counted from 0."""

    index: int
    items: tuple[T, ...]


def get(
    path: str,
    reader: Callable[[Any], T],
    parameters: Mapping[str, object] | None = None,
    *,
    timeout_seconds: float | None = None,
) -> Call[T]:
    """Return the call of a GET whose answer is JSON."""
    return Call("GET", path, reader, parameters, timeout_seconds=timeout_seconds)


def post(
    path: str,
    reader: Callable[[Any], T],
    body: object = None,
    *,
    patient: bool = False,
    timeout_seconds: float | None = None,
) -> Call[T]:
    """Return the call of a POST of a JSON body, ``{}`` when there is none."""
    content = orjson.dumps({} if body is None else body)
    return Call("POST", path, reader, content=content, patient=patient, timeout_seconds=timeout_seconds)


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def send_encoded(events: Sequence[bytes]) -> Call[SendResult]:
    """Return the call that sends events that are JSON text already, one a line."""
    return Call(
        "POST",
        "/api/v1/events",
        lambda document: typed(SendResult.read, document),
        content=b"\n".join(events),
        content_type="application/x-ndjson",
        patient=True,
    )


def send_events(events: Sequence[Mapping[str, Any]]) -> Call[SendResult]:
    """Return the call that sends a batch of events; see `send_encoded`."""
    return send_encoded([orjson.dumps(event) for event in events])


def pem(event_id: str) -> Call[JSON]:
    """Return one PEM."""
    return get(f"/query/pem/{segment(event_id)}", an_object)


def pems(
    *,
    filters: Mapping[str, str] | None = None,
    page_index: int | None = None,
    page_size: int | None = None,
    sort_field: str | None = None,
    sort_order: str | None = None,
) -> Call[list[JSON]]:
    """Return PEMs in order of arrival unless a sort is given. ``filters`` is by field name; all must match."""
    return get("/query/pems", a_list, _listing(filters, page_index, page_size, sort_field, sort_order))


def pems_count(*, filters: Mapping[str, str] | None = None) -> Call[int]:
    """Return how many PEMs match."""
    return get("/query/pems_count", _count("pems_count"), filters)


def artifacts(
    *,
    filters: Mapping[str, str] | None = None,
    page_index: int | None = None,
    page_size: int | None = None,
    sort_field: str | None = None,
    sort_order: str | None = None,
) -> Call[list[JSON]]:
    """Return artifacts; see `pems`."""
    return get("/query/artifacts", a_list, _listing(filters, page_index, page_size, sort_field, sort_order))


def artifacts_count(*, filters: Mapping[str, str] | None = None) -> Call[int]:
    """Return how many artifacts match."""
    return get("/query/artifacts_count", _count("artifacts_count"), filters)


def tags() -> Call[list[JSON]]:
    """Return the tags."""
    return get("/query/tags", a_list)


def get_pem(event_id: str) -> Call[StoredPem]:
    """
    Return one event.

    :raises NotThereError: it is not stored
    """
    return get(f"/query/pem/{segment(event_id)}", lambda document: typed(StoredPem.read, document))


def get_pems(
    *,
    filters: Mapping[str, str] | None = None,
    sort_field: str | None = None,
    sort_order: str | None = None,
    page_size: int = 1_000,
) -> Paging[Slice[StoredPem], StoredPem]:
    """
    Return events, fetched page by page: in order of arrival unless a sort is given.

    :param filters: by field name, such as ``Type``; all must match
    """
    given = (filters, sort_field, sort_order, page_size)
    return _paging("/query/pems", StoredPem.read, *given)


def get_artifact(name: str) -> Call[StoredArtifact | None]:
    """
    Return the artifact of exactly this name, None when there is none.

    As in Record Keeper's catalog it is what the first event that named it said. The newest:
    the ``version`` in `state`.
    """
    read = _reads_each(StoredArtifact.read)

    def found(document: Any) -> StoredArtifact | None:
        # An empty filter restricts nothing.
        return next((artifact for artifact in read(document) if artifact.name == name), None)

    return get("/query/artifacts", found, {"NameIs": name, "pageSize": 1})


def get_artifacts(
    *,
    filters: Mapping[str, str] | None = None,
    sort_field: str | None = None,
    sort_order: str | None = None,
    page_size: int = 1_000,
) -> Paging[Slice[StoredArtifact], StoredArtifact]:
    """Return artifacts, fetched page by page; see `get_pems`."""
    given = (filters, sort_field, sort_order, page_size)
    return _paging("/query/artifacts", StoredArtifact.read, *given)


def get_tag(namespace: str, tag: str) -> Call[str]:
    """
    Return the id of the event that a tag marks.

    :raises NotThereError: there is no such tag
    """
    return Call("GET", f"/query/tag/{tag_segments(namespace, tag)}", str, as_text=True)


def get_tags() -> Call[tuple[Tag, ...]]:
    """Return the tags."""
    return get("/query/tags", _reads_each(Tag.read))


def tags_count() -> Call[int]:
    """Return how many tags there are."""
    return get("/query/tags_count", _count("tags_count"))


def set_tag(namespace: str, tag: str, event_id: str) -> Call[None]:
    """
    Return the call that lets a tag mark an event that is stored.

    :raises NotThereError: the event is not stored
    """
    # It may arrive twice: the second one marks the same event once more.
    path = f"/receiver/tag/{tag_segments(namespace, tag)}/{segment(event_id)}"
    return Call("POST", path, _nothing, content=b"", patient=True, as_text=True)


def query_graph(query: str, parameters: Mapping[str, object] | None = None) -> Call[Rows]:
    """Ask the graph in Cypher. docs/reference/cypher.md tells what is understood, and what needs the right `cypher`."""
    body = {"query": query, "parameters": dict(parameters or {})}
    return post("/api/v1/cypher", lambda document: typed(Rows.read, document), body)


def receiver_overview() -> Call[JSON]:
    """Return the receiver's version, limits, and whether credentials are required."""
    return get("/receiver/info", an_object)


def query_overview() -> Call[JSON]:
    """Return the query service's version, and whether credentials are required."""
    return get("/query/info", an_object)


def graph_overview() -> Call[JSON]:
    """Return counts of log and graph, and how far they agree."""
    return get("/graph_builder/info", an_object)


def wait_ready(*, timeout_seconds: float = 30.0) -> Conversation[None]:
    """
    Return once the service can serve.

    :raises UnreachableError: nothing answered in that time
    :raises BusyError: it answered that it is not ready, all that time
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            yield Call("GET", "/readyz", _nothing, as_text=True)
        except (UnreachableError, BusyError):
            if time.monotonic() >= deadline:
                raise
            yield Pause(0.1)
        else:
            return


def rest(seconds: float) -> Conversation[None]:
    """Do nothing for a while."""
    yield Pause(seconds)


def tag_segments(namespace: str, tag: str) -> str:
    """Return how a tag stands in a path: both parts in base64, of the alphabet that has no slash."""
    return "/".join(base64.urlsafe_b64encode(part.encode()).decode() for part in (namespace, tag))


def _listing(
    filters: Mapping[str, str] | None,
    page_index: int | None,
    page_size: int | None,
    sort_field: str | None,
    sort_order: str | None,
) -> dict[str, object]:
    return {
        **(filters or {}),
        "pageIndex": page_index,
        "pageSize": page_size,
        "sortField": sort_field,
        "sortOrder": sort_order,
    }


def _paging(
    path: str,
    reader: Callable[[JSON], T],
    filters: Mapping[str, str] | None,
    sort_field: str | None,
    sort_order: str | None,
    page_size: int,
) -> Paging[Slice[T], T]:
    read = _reads_each(reader)

    def page(index: int) -> Call[Slice[T]]:
        parameters = _listing(filters, index, page_size, sort_field, sort_order)
        return get(path, lambda document: Slice(index, read(document)), parameters)

    return Paging(
        page(0),
        lambda found: found.items,
        lambda found: None if len(found.items) < page_size else page(found.index + 1),
    )


def _reads_each(reader: Callable[[JSON], T]) -> Callable[[Any], tuple[T, ...]]:
    return lambda document: tuple([typed(reader, each) for each in a_list(document)])


def _count(member: str) -> Callable[[Any], int]:
    return lambda document: typed(lambda answer: int(answer[member]), document)


def _nothing(_: object) -> None:
    return None
