from __future__ import annotations

from typing import Any

import pytest

from infrahub.documents import Selected, merged, read_document
from infrahub.errors import DocumentError, UnsupportedError


def the_call(text: str, **options: Any) -> Selected:
    """Return the only call of a document."""
    (call,) = read_document(text, **options).calls
    return call


def names(call: Selected, *types: str) -> list[str]:
    """Return what is selected of an object of these types, in order."""
    return list(merged(call.selection or (), lambda type_: type_ in types))


def test_arguments_become_plain_values() -> None:
    call = the_call(
        'mutation { ThingCreate(data: {name: {value: "a\\"b"}, size: {value: -7}, share: {value: 1.5}, '
        'on: {value: true}, none: {value: null}, list: [{id: ONE}, {id: "2"},]}) { ok } }'
    )

    assert call.arguments["data"] == {
        "name": {"value": 'a"b'},
        "size": {"value": -7},
        "share": {"value": 1.5},
        "on": {"value": True},
        "none": {"value": None},
        "list": [{"id": "ONE"}, {"id": "2"}],
    }


def test_variables_are_put_in() -> None:
    text = (
        "query Q($offset: Int!, $limit: Int = 5, $name: String) "
        "{ Thing(offset: $offset, limit: $limit, n: $name) { count } }"
    )

    call = the_call(text, variables={"offset": 3, "unused": 1}, operation="Q")

    assert call.arguments == {"offset": 3, "limit": 5}


def test_a_fragments_arguments_are_read_once_however_often_it_is_used() -> None:
    spread = " ".join(f"a{number}: b {{ ...F }}" for number in range(600))
    call = the_call(f"{{ T {{ {spread} }} }} fragment F on T {{ a(x: [{'1,' * 50_000}]) }}")

    lists = [field.selection[0].selection[0].arguments["x"] for field in call.selection or ()]  # type: ignore[index]  # a selection is there

    assert len(lists) == 600
    assert all(one is lists[0] for one in lists)


def test_the_smallest_number_of_64_bits_can_be_stated() -> None:
    assert the_call(f"{{ T(x: {-(2**63)}) {{ a }} }}").arguments == {"x": -(2**63)}


def test_a_variable_stands_for_a_whole_object_or_a_part_of_one() -> None:
    text = "mutation ($data: Input!, $id: ID!) { A: TCreate(data: $data) { ok } B: TDelete(data: {id: $id}) { ok } }"

    one, other = read_document(text, variables={"data": {"a": {"value": 1}}, "id": "x"}).calls

    assert (one.key, one.name, one.arguments) == ("A", "TCreate", {"data": {"a": {"value": 1}}})
    assert (other.key, other.arguments) == ("B", {"data": {"id": "x"}})


def test_fragments_count_for_their_types_and_equal_fields_are_one() -> None:
    call = the_call(
        "query { T { id ...F ... on Other { size } ... { id } name { value } } } "
        "fragment F on Kind { name { other: value } label }"
    )

    assert names(call, "Kind") == ["id", "name", "label"]
    assert names(call, "Other") == ["id", "size", "name"]
    name = merged(call.selection or (), lambda _: True)["name"]
    assert [part.key for part in name.selection or ()] == ["other", "value"]


def test_two_different_fields_cannot_have_one_name() -> None:
    call = the_call("query { T { a: id a: name } }")

    with pytest.raises(DocumentError, match="'a'"):
        names(call)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (None, {}, "no GraphQL document"),
        ("  ", {}, "no GraphQL document"),
        ("query {", {}, "cannot be read"),
        ("{ a } { b }", {}, "2 operations"),
        ("query A { a } query B { b }", {"operation": "C"}, "'C'"),
        ("fragment F on T { a }", {}, "0 operations"),
        ("query ($a: Int!) { T(x: $a) }", {}, "needs a value"),
        ("query ($a: Int!) { T(x: $a) }", {"variables": {"a": None}}, "needs a value"),
        ("query ($a: Int!) { T(x: $a) }", {"variables": [1]}, "must be an object"),
        ("{ T(x: $a) }", {"variables": {"a": 1}}, "not declared"),
        ("{ ...F }", {}, "no fragment"),
        ('{ T(x: "\\u0000") }', {}, "NUL"),
        ("{ T(x: 99999999999999999999) }", {}, "too large"),
        ("{ T(x: 1e999) }", {}, "too large"),
    ],
)
def test_what_cannot_be_read_is_refused(text: object, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_document(text, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subscription { a }", "Subscriptions"),
        ("{ a @include(if: true) }", "@include"),
        ("{ a: T { x } a: T { y } }", "aliases"),
        ("{ ...F } fragment F on Query { a }", "Fragments at the root"),
    ],
)
def test_what_is_not_served_is_said(text: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        read_document(text)


@pytest.mark.parametrize(
    "text",
    [
        "{" + "a{" * 100_000,
        "{ a(x: " + "[" * 100_000 + "]" * 100_000 + ") }",
        "{ a(x: " + "{a:" * 300 + "1" + "}" * 300 + ") }",
        "{ " + "a{" * 30 + "b" + "}" * 30 + " }",
        "{ " + " ".join(f"a{n}" for n in range(100)) + " }",
        "{ T { " + " ".join(f"a{n}" for n in range(3_000)) + " } }",
        "{ T(x: [" + "1," * 300_000 + "]) }",
        # Each fragment doubles the one before: a million fields.
        "{ T { ...F0 } } "
        + " ".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }}" for n in range(15))
        + " fragment F15 on T { a }",
        "{ T { ...F } } fragment F on T { ...F }",
    ],
    ids=["fields", "lists", "objects", "levels", "calls", "many fields", "tokens", "doubling", "cycle"],
)
def test_what_would_take_too_much_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        read_document(text)


def test_a_group_of_ten_thousand_members_can_be_stated() -> None:
    members = ",".join(f'{{id: "{number}"}}' for number in range(10_000))

    call = the_call(f"mutation {{ GUpsert(data: {{members: [{members}]}}) {{ ok }} }}")

    assert len(call.arguments["data"]["members"]) == 10_000
