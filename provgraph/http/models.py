"""Bodies and paths that follow a model: how they are read, refused and described."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.events import canonical
from provgraph.events.unkept import unkept
from provgraph.families.pem.events import event_id

if TYPE_CHECKING:
    from starlette.requests import Request


# So many members that are not known are looked at one by one.
_MOST_UNKNOWN = 10


class Body(BaseModel):
    """A request's body: a member that is not known is refused, for it is a typing error."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_many_members(cls, data: object) -> object:
        # Else there would be an error for each of them.
        if isinstance(data, dict) and len(data) > len(cls.model_fields) + _MOST_UNKNOWN:
            raise PydanticCustomError("extra_forbidden", "This has many members that are not known")
        return data


_Body = TypeVar("_Body", bound=Body)


def parse_body(model: type[_Body], raw: bytes) -> _Body:
    """
    Return a body as its model.

    :raises InvalidInputError: it is not JSON, gives a key twice, or is not what the model says; the first of its
        faults, with its field
    """
    value = canonical.loads(raw)
    _refuse_doubled_keys(raw, value)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidInputError(f"{field}: {first['msg']}", field=field, rule=first["type"]) from error


def _refuse_doubled_keys(raw: bytes, value: object) -> None:
    # Nobody answers a command with warnings, and one of the two would be lost without a word.
    for lost in unkept(raw, value):
        if lost.rule == "doubled-key":
            raise InvalidInputError(f"{lost.field} is given more than once", field=lost.field, rule=lost.rule)


def path_id(request: Request) -> str:
    """
    Return the id in a request's path; "" where the route has none.

    :raises NotFoundError: it is not a UUID, so nothing has it
    """
    stated = request.path_params.get("id")
    if stated is None:
        return ""
    try:
        return event_id(stated)
    except InvalidInputError:
        raise NotFoundError(f"There is nothing with the id {stated[:60]}") from None
