"""
The methods of a client that keep objects up to date.

    with client.start_tracking("inventory", params={"site": "bln"}, delete_unused_nodes=True):
        for device in found:
            client.create("Device", name=device.name, role=device.role).save(allow_upsert=True)

Run again, it creates nothing twice, and retires what was not saved any more. Runs nest, and belong to the task or
thread that started them.

What does the work, `provgraph.client.tracking`, is loaded when something is tracked: most programs only emit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provgraph.client.parts import Awaited, Does, Part, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.client.aio import AsyncClient
    from provgraph.client.calls import Conversation
    from provgraph.client.client import Client
    from provgraph.client.tracking.answers import CloseReport
    from provgraph.client.tracking.blocks import AsyncTracked, Settled, Tracked
    from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
    from provgraph.client.tracking.nodes import AsyncNode, Node, NodeBase
    from provgraph.client.tracking.runs import AsyncGroups, AsyncRuns, Groups, Runs
    from provgraph.client.tracking.session import Session
    from provgraph.client.tracking.settings import Limit, Mode, Tracking
    from provgraph.client.tracking.store import Store

NodeT = TypeVar("NodeT", bound="NodeBase")

# Threads that track at once on a new client find one session.
_beginning = threading.Lock()


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
        from provgraph.client.tracking import objects

        yield from ()
        node: NodeT = objects.create(
            self.tracking_session,
            kind,
            {**(data or {}), **values},
            branch=branch,
            key=key,
            parent=parent,
            protected=protected,
        )
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
        from provgraph.client.tracking import objects

        session: Session[NodeT, Any] = self.tracking_session
        return (yield from objects.get(session, kind, node_id=id, key=key, branch=branch, values=values))

    @Does
    def all(self, kind: str, branch: str | None = None) -> Conversation[list[NodeT]]:
        """
        Return all live objects of a kind, in the order in which they were made. In a run they are noted as read.

        Each of them is there once, also where others save it meanwhile.
        """
        from provgraph.client.tracking import objects

        return (yield from objects.filtered(self.tracking_session, kind, branch=branch, values={}))

    @Does
    def filters(self, /, kind: str, branch: str | None = None, **values: object) -> Conversation[list[NodeT]]:
        """Return the live objects of a kind with certain values (``role__value="edge"``); see `all`."""
        from provgraph.client.tracking import objects

        return (yield from objects.filtered(self.tracking_session, kind, branch=branch, values=values))

    @Does
    def delete(self, kind: str, id: str | NodeBase) -> Conversation[None]:  # noqa: A002 - see `get`
        """
        Retire an object, with its children, and take it off every group's list. Its history stays.

        :raises NoSuchNodeError: no live object of this kind has the id
        :raises NotAllRetiredError: it is protected, or something that goes with it
        """
        from provgraph.client.tracking import objects

        yield from objects.delete(self.tracking_session, kind, id)

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
        from provgraph.client.tracking import objects

        session = self.tracking_session
        yield from objects.save_all(session, nodes, upsert=allow_upsert, member=update_group_context)

    @Does
    def end_tracking(self) -> Conversation[CloseReport]:
        """
        End the run that is in force here, and switch tracking off whatever comes of it.

        :raises TrackingError: nothing is tracked here; or see ``group_context.update_group``
        """
        return (yield from self.tracking_session.end_here())


class Tracks(_Tracks["Node"], Waiting):
    """The methods of the client that waits."""

    _tracking: Tracking | None
    _session: Session[Node, GroupContext] | None = None

    @property
    def tracking_session(self) -> Session[Node, GroupContext]:
        """What all parts of this client that track share."""
        if self._session is None:
            from provgraph.client.tracking import begin

            with _beginning:
                if self._session is None:
                    self._session = begin.waiting(self, self._tracking)  # type: ignore[arg-type] # it is mixed into a client
        return self._session

    @property
    def runs(self: Client) -> Runs:  # type: ignore[misc] # it is mixed into a client
        """The runs that there were."""
        from provgraph.client.tracking.runs import Runs

        return Runs(self, self.tracking_session)

    @property
    def groups(self: Client) -> Groups:  # type: ignore[misc] # it is mixed into a client
        """The groups that runs keep."""
        from provgraph.client.tracking.runs import Groups

        return Groups(self, self.tracking_session)

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
        :raises ImpossibleLimitError: a limit that cannot be one
        """
        from provgraph.client.tracking import objects

        session = self.tracking_session
        properties = objects.properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
            limit=limit,
        )
        from provgraph.client.tracking.blocks import Tracked

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
        from provgraph.client.tracking import objects

        session = self.tracking_session
        properties = objects.properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
        )
        session.set_properties(properties, reset=reset)


class AsyncTracks(_Tracks["AsyncNode"], Awaited):
    """The methods of the client for event loops."""

    _tracking: Tracking | None
    _session: Session[AsyncNode, AsyncGroupContext] | None = None

    @property
    def tracking_session(self) -> Session[AsyncNode, AsyncGroupContext]:
        """What all parts of this client that track share."""
        if self._session is None:
            from provgraph.client.tracking import begin

            with _beginning:
                if self._session is None:
                    self._session = begin.awaited(self, self._tracking)  # type: ignore[arg-type] # it is mixed into a client
        return self._session

    @property
    def runs(self: AsyncClient) -> AsyncRuns:  # type: ignore[misc] # it is mixed into a client
        """The runs that there were."""
        from provgraph.client.tracking.runs import AsyncRuns

        return AsyncRuns(self, self.tracking_session)

    @property
    def groups(self: AsyncClient) -> AsyncGroups:  # type: ignore[misc] # it is mixed into a client
        """The groups that runs keep."""
        from provgraph.client.tracking.runs import AsyncGroups

        return AsyncGroups(self, self.tracking_session)

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
        from provgraph.client.tracking import objects

        session = self.tracking_session
        properties = objects.properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
            limit=limit,
        )
        from provgraph.client.tracking.blocks import AsyncTracked

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
        from provgraph.client.tracking import objects

        session = self.tracking_session
        properties = objects.properties(
            session.settings,
            identifier,
            params,
            group_type,
            group_params,
            branch,
            delete_unused_nodes=delete_unused_nodes,
        )
        session.set_properties(properties, reset=reset)
        from provgraph.client.tracking.blocks import Settled

        return Settled()
