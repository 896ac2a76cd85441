"""Bodies that follow a model: one fault is told, and no more than one is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from provgraph.errors import InvalidInputError
from provgraph.http.models import parse_body
from receiver.trackingbodies import MOST_OBJECTS, CloseBody, DefineBody, RetireBody, SaveBody

if TYPE_CHECKING:
    from provgraph.http.models import Body

MANY = 20_000
ID = "0" * 32


@pytest.mark.parametrize(
    ("model", "stated"),
    [
        (SaveBody, {"objects": [1] * MANY}),
        (SaveBody, {"objects": [{"kind": "A"}], "reads": ["x"] * MANY}),
        (SaveBody, {"objects": [{str(number): 1 for number in range(MANY)}]}),
        (RetireBody, {"ids": ["x"] * MANY}),
        (CloseBody, {"members": [1] * MANY}),
        (DefineBody, {"nodes": [1] * MANY}),
        (DefineBody, {"nodes": [{}], **{str(number): 1 for number in range(MANY)}}),
    ],
)
def test_of_many_faults_one_is_looked_at(model: type[Body], stated: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({"request": ID, **stated})

    assert raised.value.error_count() == 1


def test_a_command_has_at_most_ten_thousand_objects() -> None:
    body = b'{"request": "%b", "objects": [%b]}' % (ID.encode(), b",".join([b"{}"] * (MOST_OBJECTS + 1)))

    with pytest.raises(InvalidInputError) as raised:
        parse_body(SaveBody, body)

    assert (raised.value.field, raised.value.rule) == ("objects", "too_long")


def test_a_run_may_list_more_than_that() -> None:
    body = b'{"request": "%b", "members": [%b]}' % (
        ID.encode(),
        b",".join([b'"%b"' % ID.encode()] * (MOST_OBJECTS + 1)),
    )

    assert len(parse_body(CloseBody, body).members) == MOST_OBJECTS + 1
