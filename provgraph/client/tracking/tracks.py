"""
The methods of a client that keep objects up to date.

    with client.start_tracking("inventory", params={"site": "bln"}, delete_unused_nodes=True):
        for device in found:
            client.create("Device", name=device.name, role=device.role).save(allow_upsert=True)

Run again, it creates nothing twice, and retires what was not saved any more. Runs nest, and belong to the task or
thread that started them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provgraph.client.errors import NotThereError
from provgraph.client.tracking import commands, names
from provgraph.client.tracking.blocks import AsyncTracked, Settled, Tracked
from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
from provgraph.client.tracking.errors import NoSuchNodeError, SeveralNodesError
from provgraph.client.tracking.methods import Awaited, Does, Part, Waiting
from provgraph.client.tracking.nodes import AsyncNode, Node, NodeBase, Record, saved_id
from provgraph.client.tracking.runs import AsyncGroups, AsyncRuns, Groups, Runs
from provgraph.client.tracking.session import Session
from provgraph.client.tracking.settings import (
    DEFAULT_IDENTIFIER,
    STANDARD_GROUP,
    Limit,
    Mode,
    Properties,
    Tracking,
    checked_params,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.client.aio import AsyncClient
    from provgraph.client.answers import JSON
    from provgraph.client.calls import Call, Conversation
    from provgraph.client.client import Client
    from provgraph.client.tracking.answers import CloseReport
    from provgraph.client.tracking.store import Store

NodeT = TypeVar("NodeT", bound=NodeBase)

_VALUE = "__value"
# So many objects go with one request: a step of the log that is neither many round trips nor a pause for others.
_AT_ONCE = 500


class _Tracks(Part, Generic[NodeT]):
    """What both clients can do."""

    @property
    def mode(self) -> Mode:
        """Whether what is saved here and now belongs to a run."""
        return self.tracking_session.mode

    @property
    def store(self) -> Store[NodeT]:
        """The objects that this client has met."""
        return self.tracking_session.store

    @Does
    def create(
        self,
        /,
        kind: str,
        data: Mapping[str, Any] | None = None,
        branch: str | None = None,
        key: str | None = None,
        parent: NodeBase | str | None = None,
        protected: bool | None = None,
        **values: Any,
    ) -> Conversation[NodeT]:
        """
        Return a new object. Nothing is sent before its ``save``.

        :param data: its values; those whose names are parameters here can only stand there
        :param branch: absent: the run's, or the client's
        :param key: what it is found by; absent: what its kind says, which is the value ``name`` where nothing is said
        :param parent: the object that it goes with when that is retired
        :param protected: whether the service refuses to retire it
        :raises ImpossibleNameError: a kind, branch or key that cannot be one
        """
        session = self.tracking_session
        record = Record(
            names.kind(kind),
            names.text(session.branch if branch is None else branch, what="branch"),
            {**(data or {}), **values},
            None if key is None else names.text(key, what="key"),
            parent,
            protected,
        )
        yield from ()
        node: NodeT = session.new(record)
        return node

    @Does
    def get(
        self,
        /,
        kind: str,
        id: str | None = None,  # noqa: A002 - the name that users of such clients know
        key: str | None = None,
        branch: str | None = None,
        **values: object,
    ) -> Conversation[NodeT]:
        """
        Return the live object with an id, with a key, or with certain values (``name__value="core-1"``).

        In a run it is noted as read.

        :raises NoSuchNodeError: there is none
        :raises SeveralNodesError: there is more than one
        """
        session, kind = self.tracking_session, names.kind(kind)
        asked = {} if key is None else {"key": names.text(key, what="key")}
        asked |= _filters(values)
        if id is not None:
            document = yield from _live(kind, id, url=session.asker.url)
        else:
            paging = commands.nodes(kind, branch=branch or session.branch, filters=asked, limit=2)
            found = paging.items((yield paging.first))
            told = ", ".join(f"{name.removesuffix(_VALUE)}={value!r}" for name, value in asked.items())
            if not found:
                raise NoSuchNodeError(f"There is no {kind} with {told or 'any key'}", url=session.asker.url)
            if len(found) > 1:
                raise SeveralNodesError(f"There is more than one {kind} with {told or 'any key'}")
            document = found[0]
        node: NodeT = session.met([document])[0]
        return node

    @Does
    def all(self, kind: str, branch: str | None = None) -> Conversation[list[NodeT]]:
        """Return all live objects of a kind, in the order of their last change. In a run they are noted as read."""
        return (yield from _all(self.tracking_session, kind, branch, {}))

    @Does
    def filters(self, /, kind: str, branch: str | None = None, **values: object) -> Conversation[list[NodeT]]:
        """Return the live objects of a kind with certain values (``role__value="edge"``); see `all`."""
        return (yield from _all(self.tracking_session, kind, branch, _filters(values)))

    @Does
    def delete(self, kind: str, id: str | NodeBase) -> Conversation[None]:  # noqa: A002 - see `get`
        """
        Retire an object, with its children, and take it off every group's list. Its history stays.

        :raises NoSuchNodeError: no live object of this kind has the id
        :raises NotAllRetiredError: it is protected, or something that goes with it
        """
        session, node_id = self.tracking_session, saved_id(id)
        yield from _live(names.kind(kind), node_id, url=session.asker.url)
        yield from session.delete(node_id)

    @Does
    def save_all(
        self,
        nodes: Iterable[NodeT],
        allow_upsert: bool = False,
        update_group_context: bool | None = None,
    ) -> Conversation[None]:
        """
        Save many objects, 500 with a request: each request saves all of its own or none. Parents must be saved before.

        The parameters are those of ``node.save``.

        :raises ContradictionError: another object has one's key
        """
        session = self.tracking_session
        wanted = list(dict.fromkeys(nodes))
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            records = [node.record for node in part]
            yield from session.save(records, upsert=allow_upsert, member=update_group_context)
            for node in part:
                session.store.set(node)

    @Does
    def end_tracking(self) -> Conversation[CloseReport]:
        """
        End the run that is in force here, and switch tracking off whatever comes of it.

        :raises TrackingError: nothing is tracked here; or see ``group_context.update_group``
        """
        return (yield from self.tracking_session.end_here())


class Tracks(_Tracks[Node], Waiting):
    """The methods of the client that waits."""

    def _track_with(self: Client, tracking: Tracking | None) -> None:  # type: ignore[misc] # it is mixed into a client
        self.tracking_session = Session(
            self, tracking or Tracking(), make_node=Node, make_context=GroupContext
        )
        self.runs = Runs(self, self.tracking_session)
        self.groups = Groups(self, self.tracking_session)

    @property
    def group_context(self) -> GroupContext:
        """The run that is in force here and the group that it keeps."""
        context: GroupContext = self.tracking_session.context
        return context

    def start_tracking(  # type: ignore[misc] # it is mixed into a client
        self: Client,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = False,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
        limit: Limit | int | None = None,
    ) -> Tracked:
        """
        Switch tracking on, at once: what is saved from now on belongs to a run.

        In a ``with`` statement the run ends with the block: it closes, or, when an exception leaves the block, it is
        marked failed and the group stays as it was. Without, it goes on until something else is tracked, or
        `end_tracking`; ``group_context.update_group()`` closes it and goes on.

        :param identifier: of the script; absent: the client's, or ``python-sdk``. With ``params`` it names the group
        :param params: a JSON object: each set of values has a group of its own
        :param delete_unused_nodes: retire the members of the group that the run does not save
        :param group_type: the kind of the group
        :param group_params: further values of the group
        :param branch: absent: the client's
        :param limit: how many may be retired; more stop the run: see `SweepLimitError`
        :raises NotJsonError: ``params`` or ``group_params`` cannot be written as JSON
        :raises ImpossibleNameError: an identifier, group type or branch that cannot be one
        """
        session = self.tracking_session
        properties = _properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
            limit=Limit.read(limit),
        )
        return Tracked(self, session, session.start(properties))

    def set_context_properties(
        self,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = True,
        reset: bool = True,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
    ) -> None:
        """
        Say what the context is about, without switching tracking on; see `start_tracking`.

        Note that ``delete_unused_nodes`` is on when it is not given, as in Infrahub's client.

        :param reset: forget what was saved so far
        """
        session = self.tracking_session
        properties = _properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
        )
        session.set_properties(properties, reset=reset)


class AsyncTracks(_Tracks[AsyncNode], Awaited):
    """The methods of the client for event loops."""

    def _track_with(self: AsyncClient, tracking: Tracking | None) -> None:  # type: ignore[misc] # see `Tracks`
        self.tracking_session = Session(
            self, tracking or Tracking(), make_node=AsyncNode, make_context=AsyncGroupContext
        )
        self.runs = AsyncRuns(self, self.tracking_session)
        self.groups = AsyncGroups(self, self.tracking_session)

    @property
    def group_context(self) -> AsyncGroupContext:
        """See `Tracks.group_context`."""
        context: AsyncGroupContext = self.tracking_session.context
        return context

    def start_tracking(  # type: ignore[misc] # it is mixed into a client
        self: AsyncClient,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = False,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
        limit: Limit | int | None = None,
    ) -> AsyncTracked:
        """See `Tracks.start_tracking`. Tracking is on when this returns; the result may be awaited."""
        session = self.tracking_session
        properties = _properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
            limit=Limit.read(limit),
        )
        return AsyncTracked(self, session, session.start(properties))

    def set_context_properties(
        self,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = True,
        reset: bool = True,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
    ) -> Settled:
        """See `Tracks.set_context_properties`. It is done when this returns; the result may be awaited."""
        session = self.tracking_session
        properties = _properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
        )
        session.set_properties(properties, reset=reset)
        return Settled()


def _properties(
    settings: Tracking,
    identifier: str | None,
    params: object,
    group_type: str | None,
    group_params: object,
    branch: str | None,
    *,
    delete_unused_nodes: bool,
    limit: Limit | None = None,
) -> Properties:
    return Properties(
        names.text(identifier or settings.identifier or DEFAULT_IDENTIFIER, what="identifier"),
        checked_params(params, field_name="params"),
        delete_unused_nodes,
        names.kind(group_type or STANDARD_GROUP),
        checked_params(group_params, field_name="group_params"),
        names.text(branch or settings.branch, what="branch"),
        limit,
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


def _all(
    session: Session[NodeT, Any], kind: str, branch: str | None, filters: Mapping[str, str]
) -> Conversation[list[NodeT]]:
    paging = commands.nodes(names.kind(kind), branch=branch or session.branch, filters=filters)
    nodes: list[NodeT] = []
    call: Call[JSON] | None = paging.first
    while call is not None:
        page = yield call
        nodes += session.met(paging.items(page))
        call = paging.following(page)
    return nodes
