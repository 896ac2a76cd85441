"""What a client does to tracked objects: the conversations of the methods of `provgraph.client.tracking.client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from provgraph.client.errors import NotThereError
from provgraph.client.tracking import commands, names
from provgraph.client.tracking.errors import NoSuchNodeError, SeveralNodesError
from provgraph.client.tracking.nodes import NodeBase
from provgraph.client.tracking.records import Record, saved_id
from provgraph.client.tracking.settings import (
    DEFAULT_IDENTIFIER,
    STANDARD_GROUP,
    Limit,
    Properties,
    Tracking,
    checked_params,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.client.base import JSON, Call, Conversation
    from provgraph.client.tracking.session import Session

NodeT = TypeVar("NodeT", bound=NodeBase)

_VALUE = "__value"
# So many objects go with one request: a step of the log that is neither many round trips nor a pause for others.
_AT_ONCE = 500


def create(
    session: Session[NodeT, Any],
    kind: str,
    values: dict[str, Any],
    *,
    branch: str | None,
    key: str | None,
    parent: NodeBase | str | None,
    protected: bool | None,
) -> NodeT:
    """See `provgraph.client.tracking.client`."""
    return session.new(
        Record(
            names.kind(kind),
            names.text(session.branch if branch is None else branch, what="branch"),
            values,
            None if key is None else names.text(key, what="key"),
            parent,
            protected,
        )
    )


def get(
    session: Session[NodeT, Any],
    kind: str,
    *,
    node_id: str | None,
    key: str | None,
    branch: str | None,
    values: Mapping[str, object],
) -> Conversation[NodeT]:
    """See `provgraph.client.tracking.client`."""
    kind = names.kind(kind)
    asked = {} if key is None else {"key": names.text(key, what="key")}
    asked |= _filters(values)
    if node_id is not None:
        document = yield from _live(kind, node_id, url=session.asker.url)
        return session.met([document])[0]
    paging = commands.nodes(kind, branch=branch or session.branch, filters=asked, limit=2)
    found = paging.items((yield paging.first))
    told = ", ".join(f"{name.removesuffix(_VALUE)}={value!r}" for name, value in asked.items()) or "any key"
    if not found:
        raise NoSuchNodeError(f"There is no {kind} with {told}", url=session.asker.url)
    if len(found) > 1:
        raise SeveralNodesError(f"There is more than one {kind} with {told}")
    return session.met(found)[0]


def filtered(
    session: Session[NodeT, Any], kind: str, *, branch: str | None, values: Mapping[str, object]
) -> Conversation[list[NodeT]]:
    """See `provgraph.client.tracking.client`."""
    paging = commands.nodes(names.kind(kind), branch=branch or session.branch, filters=_filters(values))
    nodes: list[NodeT] = []
    call: Call[JSON] | None = paging.first
    while call is not None:
        page = yield call
        nodes += session.met(paging.items(page))
        call = paging.following(page)
    return nodes


def delete(session: Session[Any, Any], kind: str, node: str | NodeBase) -> Conversation[None]:
    """See `provgraph.client.tracking.client`."""
    node_id = saved_id(node)
    yield from _live(names.kind(kind), node_id, url=session.asker.url)
    yield from session.delete(node_id)


def save_all(
    session: Session[NodeT, Any], nodes: Iterable[NodeT], *, upsert: bool, member: bool | None
) -> Conversation[None]:
    """See `provgraph.client.tracking.client`."""
    wanted = list(dict.fromkeys(nodes))
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        yield from session.save([node.record for node in part], upsert=upsert, member=member)
        for node in part:
            session.store.set(node)


def properties(
    settings: Tracking,
    identifier: str | None,
    params: object,
    group_type: str | None,
    group_params: object,
    branch: str | None,
    *,
    delete_unused_nodes: bool,
    limit: Limit | int | None = None,
) -> Properties:
    """
    Return what a run is opened with.

    :raises NotJsonError: parameters that cannot be written as JSON
    :raises ImpossibleNameError: an identifier, group type or branch that cannot be one
    """
    return Properties(
        names.text(identifier or settings.identifier or DEFAULT_IDENTIFIER, what="identifier"),
        checked_params(params, field_name="params"),
        delete_unused_nodes,
        names.kind(group_type or STANDARD_GROUP),
        checked_params(group_params, field_name="group_params"),
        names.text(branch or settings.branch, what="branch"),
        Limit.read(limit),
    )


def _filters(values: Mapping[str, object]) -> dict[str, str]:
    asked = {}
    for name, value in values.items():
        if not name.endswith(_VALUE) or value is None:
            raise TypeError(f"{name}={value!r}: ask for a value like name__value='...'")
        asked[name] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return asked


def _live(kind: str, node_id: str, *, url: str) -> Conversation[JSON]:
    try:
        document: JSON = yield commands.node(node_id)
    except NotThereError as error:
        raise NoSuchNodeError(str(error), url=url) from error
    if not document["live"] or document["kind"] != kind:
        raise NoSuchNodeError(f"Unable to find the node {node_id}: it is no live {kind}", url=url)
    return document
