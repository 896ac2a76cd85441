"""How a client tracks, apart from what a single run says."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from provgraph.client.texts import sendable
from provgraph.client.tracking import names
from provgraph.client.tracking.errors import ImpossibleLimitError, NotJsonError
from provgraph.events.canonical import MAX_INTEGER

if TYPE_CHECKING:
    from types import UnionType

STANDARD_GROUP = "CoreStandardGroup"
DEFAULT_BRANCH = "main"
DEFAULT_IDENTIFIER = "python-sdk"


class Mode(StrEnum):
    """Whether what is saved now belongs to a run."""

    DEFAULT = "default"
    TRACKING = "tracking"


def user_at_host() -> str:
    """Return who runs this program and where, as far as the system says."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = "unknown"
    return sendable(f"{user}@{socket.gethostname()}")  # names of either may be bytes that are no text


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a client says of itself when it tracks."""

    identifier: str | None = None  # of runs that name none; None: python-sdk
    # Who does it; None: nobody is named. The name of a credential comes before it.
    actor: str | None = field(default_factory=user_at_host)
    branch: str = DEFAULT_BRANCH  # of objects and runs that name none

    def __post_init__(self) -> None:
        """
        Refuse what each command would be refused for.

        :raises ImpossibleNameError: an actor that cannot be one
        """
        if self.actor is not None:
            names.text(self.actor, what="actor")


@dataclass(frozen=True, slots=True)
class Limit:
    """
    How much the end of a run may retire at most; None: any number.

    :raises ImpossibleLimitError: a count that is no whole number from 0, a percentage outside of 0 to 100
    """

    count: int | None = None
    percent: float | None = None  # of the members that the group had

    def __post_init__(self) -> None:
        count, percent = self.count, self.percent
        if count is not None and (not _is_number(count, int) or not 0 <= count <= MAX_INTEGER):
            raise ImpossibleLimitError(f"A limit's count is a whole number from 0, not {count!r}")
        if percent is not None and (not _is_number(percent, int | float) or not 0 <= percent <= 100):
            raise ImpossibleLimitError(f"A limit's percent is a number from 0 to 100, not {percent!r}")

    @classmethod
    def read(cls, stated: Limit | int | None) -> Limit | None:
        """
        Return a limit; a number is one of objects.

        :raises ImpossibleLimitError: it cannot be one
        """
        return stated if isinstance(stated, Limit | None) else cls(count=stated)

    def body(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return {"count": self.count, "percent": self.percent}


def _is_number(stated: object, kind: type | UnionType) -> bool:
    return isinstance(stated, kind) and not isinstance(stated, bool)


@dataclass(frozen=True, slots=True)
class Properties:
    """What a run is opened with."""

    identifier: str = DEFAULT_IDENTIFIER
    params: dict[str, Any] = field(default_factory=dict)
    delete_unused_nodes: bool = True
    group_type: str = STANDARD_GROUP
    group_params: dict[str, Any] = field(default_factory=dict)
    branch: str = DEFAULT_BRANCH
    limit: Limit | None = None


def checked_params(stated: object, *, field_name: str) -> dict[str, Any]:
    """
    Return parameters, the caller's own copy, in the caller's order.

    :raises NotJsonError: they are not a dict, or hold what JSON cannot
    """
    # Loaded only where something is tracked: the event model takes as long to import as the rest of the client.
    from provgraph.errors import InvalidInputError  # noqa: PLC0415 - see above
    from provgraph.families.tracking.groupname import check_params  # noqa: PLC0415 - see above

    if stated is None:
        return {}
    try:
        checked = check_params(stated)
    except InvalidInputError as error:
        raise NotJsonError(str(error).replace("params", field_name, 1), field=error.field) from error
    return dict(checked)
