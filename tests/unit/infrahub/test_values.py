from __future__ import annotations

from typing import Any

import pytest

from infrahub.values import ATTRIBUTE_KINDS, refuse_other_value
from provgraph.errors import InvalidInputError

TEXT, WHOLE, FRACTION, FLAG, LIST, OBJECT = "abc", 7, 1.5, True, [1], {"a": 1}
VALUES: tuple[Any, ...] = (TEXT, WHOLE, FRACTION, FLAG, LIST, OBJECT)


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("Text", [TEXT]),
        ("TextArea", [TEXT]),
        ("Dropdown", [TEXT]),
        ("DateTime", [TEXT]),
        ("Number", [WHOLE]),
        ("Bandwidth", [WHOLE]),
        ("Boolean", [FLAG]),
        ("Checkbox", [FLAG]),
        ("List", [LIST]),
        ("JSON", [LIST, OBJECT]),
        ("Any", list(VALUES)),
        ("IPHost", []),
    ],
)
def test_an_attribute_takes_values_of_its_kind_alone(kind: str, taken: list[Any]) -> None:
    attribute = {"name": "height", "kind": kind}

    for value in (*taken, None):
        refuse_other_value(attribute, value)
    for value in VALUES:
        if not any(value is one for one in taken):
            with pytest.raises(InvalidInputError, match=f"height is of the kind {kind}"):
                refuse_other_value(attribute, value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("IPHost", ["10.0.0.1/24", "10.0.0.1", "2001:db8::1/64"], ["10.0.0.256", "", "host"]),
        ("IPNetwork", ["10.0.0.0/24", "2001:db8::/32"], ["10.0.0.1/24", "net"]),
        ("IPAddress", ["10.0.0.1", "::1"], ["10.0.0.1/24", "x" * 1_000]),
    ],
)
def test_an_address_is_one_that_the_sdk_can_read(kind: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        refuse_other_value({"name": "address", "kind": kind}, value)
    for value in bad:
        with pytest.raises(InvalidInputError, match="address is of the kind") as refusal:
            refuse_other_value({"name": "address", "kind": kind}, value)
        assert len(str(refusal.value)) < 200


def test_every_kind_of_attribute_says_what_it_takes() -> None:
    for kind in ATTRIBUTE_KINDS - {"Any"}:
        with pytest.raises(InvalidInputError):
            refuse_other_value({"name": "odd", "kind": kind}, object())
