"""
The bodies of the calls on tracked work.

Annotations are evaluated here, for pydantic reads them when the program runs.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, FailFast, Field, StrictBool, StrictFloat, StrictInt

from provgraph.errors import InvalidInputError
from provgraph.families.pem.events import event_id
from provgraph.http.models import Body


def _id(stated: str) -> str:
    try:
        return event_id(stated)
    except InvalidInputError as error:
        raise ValueError("this is not a UUID") from error


Id = Annotated[str, AfterValidator(_id)]
Name = Annotated[str, Field(min_length=1)]
# Of a list with something wrong in it the first fault is told, and nothing is made of the others.
Ids = Annotated[list[Id], FailFast()]
MOST_OBJECTS = 10_000


class StrictBody(Body):
    """A body that takes nothing for anything else: no number for a text, no text for a truth value."""

    model_config = ConfigDict(strict=True)


class CommandBody(StrictBody):
    """What every command says."""

    request: Id = Field(description="a UUID of this command: sent again, it changes nothing")
    actor: Name | None = Field(default=None, description="who does it; a credential's name comes before it")


class OpenBody(CommandBody):
    """A run to open."""

    identifier: Name | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    branch: Name | None = None
    group_type: Name | None = None
    group_params: dict[str, Any] = Field(default_factory=dict)
    delete_unused: StrictBool = False


class ObjectBody(StrictBody):
    """An object to save."""

    id: Id | None = None
    kind: Name | None = None
    key: Name | None = None
    branch: Name | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    parent: Id | None = None
    protected: StrictBool | None = None
    member: StrictBool | None = Field(default=None, description="false: the run does not count it as saved")


class SaveBody(CommandBody):
    """Objects to save, all or none."""

    objects: Annotated[list[ObjectBody], FailFast()] = Field(min_length=1, max_length=MOST_OBJECTS)
    run: Id | None = None
    upsert: StrictBool = False
    reads: Ids = Field(default_factory=list)


class RetireBody(CommandBody):
    """Objects to retire."""

    ids: Ids = Field(min_length=1)
    run: Id | None = None


class LimitBody(StrictBody):
    """How much may be retired at most."""

    count: Annotated[StrictInt, Field(ge=0)] | None = None
    percent: Annotated[StrictInt | StrictFloat, Field(ge=0, le=100)] | None = None


class PlanBody(StrictBody):
    """What a run's end would list."""

    members: Ids = Field(default_factory=list)
    delete_unused: StrictBool | None = None


class CloseBody(CommandBody, PlanBody):
    """How to close a run."""

    plan: Name | None = Field(default=None, description="the token of a plan: do exactly that, or nothing")
    limit: LimitBody | None = None
    reads: Ids = Field(default_factory=list)


class FailBody(CommandBody):
    """Why a run failed."""

    error: str


class RollBackBody(CommandBody):
    """Whether to undo even what was changed since."""

    force: StrictBool = False


class RollBackLoginBody(RollBackBody):
    """Whose work to undo."""

    login: Name = Field(description="who did it, as runs and objects name it: the credential, or the login")
    since: Name = Field(description="a time: what was recorded then or later", examples=["now-2h"])


class AdoptBody(CommandBody):
    """Which group takes the members over."""

    into: Id


class RemoveBody(CommandBody):
    """How much may be retired at most."""

    limit: LimitBody | None = None


class DefineBody(CommandBody):
    """Kinds to define."""

    nodes: Annotated[list[dict[str, Any]], FailFast()] = Field(min_length=1, max_length=MOST_OBJECTS)
