"""How a client tracks, apart from what a single run says."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from provgraph.client.tracking.errors import NotJsonError

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
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a client says of itself when it tracks."""

    identifier: str | None = None  # of runs that name none; None: python-sdk
    # Who does it; None: nobody is named. The name of a credential comes before it.
    actor: str | None = field(default_factory=user_at_host)
    branch: str = DEFAULT_BRANCH  # of objects and runs that name none


@dataclass(frozen=True, slots=True)
class Limit:
    """How much the end of a run may retire at most; None: any number."""

    count: int | None = None
    percent: float | None = None  # of the members that the group had

    @classmethod
    def read(cls, stated: Limit | int | None) -> Limit | None:
        """Return a limit; a number is one of objects."""
        return cls(count=stated) if isinstance(stated, int) else stated

    def body(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return {"count": self.count, "percent": self.percent}


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
    from provgraph.events.groupname import check_params  # noqa: PLC0415 - see above

    if stated is None:
        return {}
    try:
        check_params(stated)
    except InvalidInputError as error:
        raise NotJsonError(str(error).replace("params", field_name, 1), field=error.field) from error
    return dict(stated)  # type: ignore[call-overload,no-any-return] # checked: it is a dict
