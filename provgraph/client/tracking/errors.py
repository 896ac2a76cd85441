"""What can go wrong when work is tracked, beside what any call may meet (`provgraph.client.errors`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.client.errors import ClientError, ContradictionError, NotThereError

if TYPE_CHECKING:
    from provgraph.client.tracking.answers import CloseReport, Conflict, Member, Plan, Refused

_SHOWN = 5


class TrackingError(ClientError):
    """The base of what goes wrong only in tracked work."""


class NotJsonError(TrackingError, TypeError, ValueError):
    """Parameters or values that JSON cannot hold; nothing was sent."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field  # where it stands, such as params.since


class ImpossibleNameError(TrackingError, ValueError):
    """A kind, key, branch, identifier or id that cannot be one; nothing was sent."""


class ImpossibleLimitError(TrackingError, TypeError, ValueError):
    """A limit that cannot be one; nothing was sent."""


class NotSavedError(TrackingError):
    """The object has no id yet: it must be saved first."""


class NotStoredError(TrackingError, KeyError):
    """The local store has no such object."""

    def __str__(self) -> str:  # KeyError would show the sentence in quotes
        return str(self.args[0])


class NoSuchNodeError(NotThereError, LookupError):
    """No live object is called so."""

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(404, {"detail": message}, url=url)


class SeveralNodesError(TrackingError, LookupError):
    """More than one object fits, and one was asked for."""


class NotAllRetiredError(TrackingError):
    """
    The service refused to retire some objects. Everything else was done: the others are retired, the run is closed.

    At the end of a run they stay members of the group, and the next run tries again.
    """

    def __init__(self, refused: tuple[Refused, ...], report: CloseReport | None = None) -> None:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        named = "; ".join(f"{one.artifact} ({one.id}): {one.reason}" for one in refused[:_SHOWN])
        super().__init__(f"Not retired: {named}{more}")
        self.refused = refused
        self.report = report  # of the run that closed; None: it was an object's deletion


class SweepLimitError(TrackingError):
    """The end of a run would retire more than its limit allows. Nothing was retired, and the run is marked failed."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan

    @property
    def retire(self) -> tuple[Member, ...]:
        """What would have been retired."""
        return self.plan.retire


class PlanChangedError(TrackingError):
    """What was planned is not what would happen now. Nothing was done; the run is still open."""


class ChangedSinceError(TrackingError):
    """What a rollback would undo was changed by somebody else meanwhile. Nothing was done."""

    def __init__(self, message: str, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__(message)
        self.conflicts = conflicts


def rule(error: ContradictionError) -> str | None:
    """Return the rule that a refusal names."""
    stated = error.problem.get("rule")
    return stated if isinstance(stated, str) else None
