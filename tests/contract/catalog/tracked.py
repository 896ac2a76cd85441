"""A tracker over a log with its catalog, with short words for what tests do with it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking import Closing, Command, ObjectKinds, Opening, Save, TrackedWork, Tracker

if TYPE_CHECKING:
    from tests.contract.catalog.stores import Stores

KIND = "TestNodeKind"


def command(request: str | None = None, actor: str | None = "tester") -> Command:
    """Return a command, a new one unless ``request`` says otherwise."""
    return Command(request or uuid.uuid4().hex, actor)


class Script:
    """What a tracked script does, run by run."""

    def __init__(self, stores: Stores, *, identifier: str = "MYID", **params: Any) -> None:
        self.tracker = Tracker(
            stores.log, stores.catalog, ObjectKinds(TrackingQueries(stores.catalog.reading))
        )
        self.work = TrackedWork(TrackingQueries(stores.catalog.reading))
        self.reads = TrackingQueries(stores.catalog.reading)
        self.identifier = identifier
        self.params = params

    def open(self, *, sweep: bool = True, **more: Any) -> str:
        """Open a run and return its id."""
        opening = Opening(self.identifier, self.params, delete_unused=sweep, **more)
        return str(self.tracker.open_run(command(), opening).answer["run"])

    def save(self, run: str | None, *names: str, **more: Any) -> list[str]:
        """Save objects by name and return their ids."""
        wanted = [Save(KIND, {"name": name}, **more) for name in names]
        done = self.tracker.save(command(), wanted, run_id=run, upsert=True)
        return [one["id"] for one in done.answer["objects"]]

    def close(self, run: str, *members: str, **more: Any) -> dict[str, Any]:
        """Close a run and return its report."""
        return self.tracker.close(command(), run, Closing(tuple(members), **more)).answer

    def once(self, *names: str, sweep: bool = True) -> dict[str, Any]:
        """Run the script once, and return its report."""
        run = self.open(sweep=sweep)
        for name in names:
            self.save(run, name)
        return self.close(run)

    def members(self, group_id: str) -> list[str]:
        """Return the keys of a group's members."""
        return [one["key"] for one in self.work.group(group_id, with_members=True)["members"]]

    def live(self, id_: str) -> bool:
        """Tell whether an object is there."""
        return bool(self.work.object(id_)["live"])
