"""
What a client does to keep objects up to date: ``client.tracking``.

    with client.tracking.start_tracking("inventory", params={"site": "bln"}, delete_unused_nodes=True) as tracking:
        for device in found:
            tracking.create("Device", name=device.name, role=device.role).save(allow_upsert=True)

Run again, it creates nothing twice, and retires what was not saved any more. Runs nest, and belong to the task or
thread that started them.

The names are those of Infrahub's SDK; `provgraph.client.infrahub` has them on the client itself, as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from provgraph.client.methods import Awaited, Does, Part, Waiting
from provgraph.client.tracking import objects
from provgraph.client.tracking.blocks import AsyncTracked, Settled, Tracked
from provgraph.client.tracking.context import AsyncGroupContext, GroupContext, GroupContextBase
from provgraph.client.tracking.nodes import AsyncNode, Node, NodeBase
from provgraph.client.tracking.runs import AsyncGroups, AsyncRuns, Groups, Runs
from provgraph.client.tracking.session import Session
from provgraph.client.tracking.settings import Limit, Mode, Tracking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provgraph.client.base import Asker, AsyncAsker, Conversation
    from provgraph.client.tracking.answers import CloseReport
    from provgraph.client.tracking.store import Store

NodeT = TypeVar("NodeT", bound=NodeBase)
ContextT = TypeVar("ContextT", bound=GroupContextBase)


class _Objects(Part, Generic[NodeT, ContextT]):
    """What is one for both clients."""

    if TYPE_CHECKING:

        @property
        def tracking_session(self) -> Session[NodeT, ContextT]:
            """What all parts of this client that track share."""

    @property
    def mode(self) -> Mode:
        """Whether what is saved here and now belongs to a run."""
        return self.tracking_session.mode

    @property
    def store(self) -> Store[NodeT]:
        """The objects that this client has met."""
        return self.tracking_session.store

    @property
    def group_context(self) -> ContextT:
        """The run that is in force here and the group that it keeps."""
        return self.tracking_session.context

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
        yield from ()
        return objects.create(
            self.tracking_session,
            kind,
            {**(data or {}), **values},
            branch=branch,
            key=key,
            parent=parent,
            protected=protected,
        )

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
        session = self.tracking_session
        return (yield from objects.get(session, kind, node_id=id, key=key, branch=branch, values=values))

    @Does
    def all(self, kind: str, branch: str | None = None) -> Conversation[list[NodeT]]:
        """
        Return all live objects of a kind, in the order in which they were made. In a run they are noted as read.

        Each of them is there once, also where others save it meanwhile.
        """
        return (yield from objects.filtered(self.tracking_session, kind, branch=branch, values={}))

    @Does
    def filters(self, /, kind: str, branch: str | None = None, **values: object) -> Conversation[list[NodeT]]:
        """Return the live objects of a kind with certain values (``role__value="edge"``); see `all`."""
        return (yield from objects.filtered(self.tracking_session, kind, branch=branch, values=values))

    @Does
    def delete(self, kind: str, id: str | NodeBase) -> Conversation[None]:  # noqa: A002 - see `get`
        """
        Retire an object, with its children, and take it off every group's list. Its history stays.

        :raises NoSuchNodeError: no live object of this kind has the id
        :raises NotAllRetiredError: it is protected, or something that goes with it
        """
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
        session = self.tracking_session
        yield from objects.save_all(session, nodes, upsert=allow_upsert, member=update_group_context)

    @Does
    def end_tracking(self) -> Conversation[CloseReport]:
        """
        End the run that is in force here, and switch tracking off whatever comes of it.

        :raises TrackingError: nothing is tracked here; or see ``group_context.update_group``
        """
        return (yield from self.tracking_session.end_here())


class Objects(_Objects[Node, GroupContext], Waiting):
    """Objects, and the runs that keep them, of the client that waits."""

    def start_tracking(
        self,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = False,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
        limit: Limit | int | None = None,
    ) -> Tracked[Self]:
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
        return Tracked(self, session.start(properties))

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


class AsyncObjects(_Objects[AsyncNode, AsyncGroupContext], Awaited):
    """Objects, and the runs that keep them, of the client for event loops; see `Objects`."""

    def start_tracking(
        self,
        identifier: str | None = None,
        params: dict[str, Any] | None = None,
        delete_unused_nodes: bool = False,
        group_type: str | None = None,
        group_params: dict[str, Any] | None = None,
        branch: str | None = None,
        limit: Limit | int | None = None,
    ) -> AsyncTracked[Self]:
        """See `Objects.start_tracking`. Tracking is on when this returns; the result may be awaited."""
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
        return AsyncTracked(self, session.start(properties))

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
        """See `Objects.set_context_properties`. It is done when this returns; the result may be awaited."""
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
        return Settled()


class TrackingClient(Objects):
    """Tracked work: objects, the runs that keep them, and what is known of all runs and groups."""

    tracking_session: Session[Node, GroupContext]

    def __init__(self, asker: Asker, settings: Tracking | None) -> None:
        self._asker = asker
        self.tracking_session = Session(
            asker, settings or Tracking(), make_node=Node, make_context=GroupContext
        )

    @property
    def runs(self) -> Runs:
        """The runs that there were."""
        return Runs(self._asker, self.tracking_session)

    @property
    def groups(self) -> Groups:
        """The groups that runs keep."""
        return Groups(self._asker, self.tracking_session)


class AsyncTrackingClient(AsyncObjects):
    """Tracked work of the client for event loops; see `TrackingClient`."""

    tracking_session: Session[AsyncNode, AsyncGroupContext]

    def __init__(self, asker: AsyncAsker, settings: Tracking | None) -> None:
        self._asker = asker
        self.tracking_session = Session(
            asker, settings or Tracking(), make_node=AsyncNode, make_context=AsyncGroupContext
        )

    @property
    def runs(self) -> AsyncRuns:
        """The runs that there were."""
        return AsyncRuns(self._asker, self.tracking_session)

    @property
    def groups(self) -> AsyncGroups:
        """The groups that runs keep."""
        return AsyncGroups(self._asker, self.tracking_session)
