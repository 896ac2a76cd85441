from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from provgraph.errors import InvalidInputError
from provgraph.families.tracking.groupname import check_params, description, group_name, params_digest


@pytest.mark.parametrize(
    ("params", "digest"),
    [
        ({"one": 1, "two": "two"}, "11aaec5206c3dca37cbbcaaabf121550"),
        ({"two": "two", "one": 1}, "11aaec5206c3dca37cbbcaaabf121550"),
        ({"one": "1", "two": "two"}, "d49e1ee8f95d1d30afdbb10f37355430"),
        ({"data_source": "external", "analysis_type": "ipam_data"}, "fbab2626dee994d5138e02d3f7c95d00"),
        ({"p": "10.0.0.0/8"}, "397faabdae4be5db1f322b8ee106c93f"),
        ({"é": "ü€"}, "4786405562baa78b6a9091c2a7a82b95"),
        ({"a": 1.5}, "b8841015749599ba5884bc78d72da6c4"),
        ({"a": 1e-7}, "933145e72b57516710b07ddeaa89de65"),
        ({"a": 1e-5}, "2f448b1032fe7240e0bab651c30253c5"),
        ({"a": 1e16}, "706a92218d0418b322fd30671f5f33cc"),
        ({"a": -0.0}, "f90454812d4871547b8818d7da018273"),
        ({"a": 5e-324}, "d4b47c44d573e77add9ca081ceaace5f"),
        ({"a": 1.7976931348623157e308}, "56169625deb0ac3b3645680fd916ff26"),
        ({"a": 123456789012345680.0}, "ef67a5b724a17b8e33376b8a85099ee1"),
        ({"a": 'x\x7f"\x7f/'}, "102eb6f62d8a0661b69d5e2101cf3cb9"),
        ({"\x7f": [{"b": -2.5e-10, "a": 1e22}, "\x7f"]}, "402fabe935c31069e631915d462273cb"),
        ({"a": "\u2028\U0001f600\x80\x1f"}, "7be541d27bf2cceff368fa4689d2ecad"),
        ({"n": {"b": 1, "a": [1, 2, None, True, 1.0]}}, "2ebae7ac4ebd2e78c41ce2faace7ae49"),
    ],
)
def test_parameters_have_the_digest_that_infrahubs_sdk_gives_them(
    params: dict[str, Any], digest: str
) -> None:
    assert params_digest(params) == digest


def test_a_group_is_named_after_its_script_and_parameters() -> None:
    assert group_name("MYID", {"a": 1.5}) == "MYID-b8841015749599ba5884bc78d72da6c4"
    assert group_name("MYID") == group_name("MYID", {}) == "MYID"
    assert group_name(None) == "sdk"
    assert group_name("MYID", {"a": 1.5}, suffix="x") == "MYID-x-b8841015749599ba5884bc78d72da6c4"


def test_a_description_tells_the_parameters_in_the_callers_order() -> None:
    assert description({"two": "two", "one": 1}) == "two: two, one: 1"
    assert description(None) == description({}) == ""


@pytest.mark.parametrize(("limit", "told"), [(20, "one: xxxxxxxxxx..."), (40, None), (3, "...")])
def test_a_long_description_is_cut_where_infrahubs_sdk_cuts_it(limit: int, told: str | None) -> None:
    params = {"one": "xxxxxxxxxxx", "two": "yyyyyyyyyyy"}

    assert description(params, limit=limit) == (told or description(params))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"d": datetime.date(2026, 1, 1)}, "params.d"),
        ({"d": {"deep": [uuid.UUID(int=0)]}}, "params.d.deep[0]"),
        ({"d": {1, 2}}, "params.d"),
        ({"d": {1: 2}}, "params.d"),
        ({"d": float("nan")}, "params.d"),
        ({"d": [1.0, float("inf")]}, "params.d[1]"),
        ({"d": 2**63}, "params.d"),
        ({"d": -(10**400)}, "params.d"),
        ({"d": "\ud800"}, "params.d"),
        ({"d": {"a\0b": 1}}, "params.d"),
        (["no", "object"], "params"),
        ("text", "params"),
    ],
)
def test_parameters_that_json_or_the_stores_cannot_hold_are_refused_with_the_place(
    value: object, where: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_params(value)

    assert refused.value.field == where


def test_parameters_that_hold_themselves_are_refused() -> None:
    params: dict[str, Any] = {}
    params["again"] = params

    with pytest.raises(InvalidInputError, match="nested deeper"):
        check_params(params)


def test_the_largest_integers_are_taken() -> None:
    check_params({"least": -(2**63), "most": 2**63 - 1})
