from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from provgraph.events import canonical
from provgraph.families.pem.events import accept, read
from tests.unit.events.fields import fields


def rule(body: bytes) -> str | None:
    """Return the rule that a body breaks."""
    with pytest.raises(InvalidInputError) as refused:
        canonical.loads(body)
    return refused.value.rule


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"{'a': 1}", "json"),
        (b'{"a": NaN}', "json"),
        (b'{"a": Infinity}', "json"),
        (b"[-Infinity]", "json"),
        (b"[1e400]", "json"),
        (b"[1,]", "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b'{"a": "\xff"}', "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        (b'"\\ud800"', "no-lone-surrogate"),
        (b'{"\\udfff": 1}', "no-lone-surrogate"),
        (b'{"a": "x\\u0000y"}', "no-nul"),
        (b'[[{"a\\u0000": 1}]]', "no-nul"),
        (b'"\x00"', "json"),
        (b"9223372036854775808", "integer-64-bit"),
        (b"-9223372036854775809", "integer-64-bit"),
        (b'{"a":18446744073709551616}', "integer-64-bit"),
        (b'{"a":[1,\n-' + b"9" * 300 + b"]}", "integer-64-bit"),
        (b'{"a":[1,\n-' + b"9" * 5_000 + b"]}", "json"),  # not even a float
        (b"[" * 1_025 + b"]" * 1_025, "depth"),
        (b"[" * 10_000, "depth"),
        (b"[" * 1_020 + b'"\\u0000"' + b"]" * 1_020, "depth"),
        (b"[" * 1_020 + b"9" * 20 + b"]" * 1_020, "depth"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_with_its_rule(body: bytes, broken: str) -> None:
    assert rule(body) == broken


def test_the_refusal_of_nan_says_that_it_is_not_json() -> None:
    with pytest.raises(InvalidInputError, match="NaN and Infinity are not JSON"):
        canonical.loads(b'{"a": NaN}')


@pytest.mark.parametrize("digits", [2**63 - 1, -(2**63), 10**18, 0, -1])
@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"a": {}}}', "[1, {}]", "\t{}\r\n"])
def test_every_64_bit_integer_is_exact(digits: int, form: str) -> None:
    body = form.format(digits)

    assert canonical.loads(body.encode()) == json.loads(body)


@pytest.mark.parametrize(
    "text", ["9" * 40, ": " + "9" * 40, "sha:" + "1" * 64, "[" + "8" * 20, "-" + "7" * 19, "a\\u0000b"]
)
def test_digits_in_a_text_are_no_integer(text: str) -> None:
    body = json.dumps({text: [text]}).encode()

    assert canonical.loads(body) == {text: [text]}


def test_many_digits_may_make_a_float() -> None:
    assert canonical.loads(b"[12345678901234567890.5, 1234567890123456789012e2]") == [
        12345678901234567890.5,
        1234567890123456789012e2,
    ]


def test_the_last_of_two_equal_keys_counts() -> None:
    assert canonical.loads(b'{"a": 1, "a": 2}') == {"a": 2}
    assert canonical.loads(b'{"a": 12345678901234567890.0, "a": "\\\\u0000"}') == {"a": "\\u0000"}


def test_the_canonical_form_has_sorted_keys_no_white_space_and_utf_8() -> None:
    assert canonical.dumps({"b": [1, 2.0], "a": "ä", "B": {}}) == '{"B":{},"a":"ä","b":[1,2.0]}'.encode()


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        canonical.dumps({"a": object()})


# ------------------------------------------------------------------------------------------------ any PEM

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = texts.filter(bool)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, json_values, max_size=3)
artifacts = st.fixed_dictionaries(
    {"Name": names},
    optional={
        "Properties": objects | st.none(),
        "CreatedAt": st.datetimes().map(str) | texts,
        "Version": texts | st.uuids().map(str),
        "Digest": texts,
        "Kind": st.none() | texts,
        "Rows": json_values,
    },
)
pems = st.fixed_dictionaries(
    {
        "ID": st.uuids().map(str),
        "Type": names,
        "Emitter": names,
        "TimestampClient": st.datetimes().map(str) | st.datetimes().map(lambda at: at.isoformat() + "Z"),
    },
    optional={
        "OccurredAt": st.datetimes().map(lambda at: at.isoformat() + "Z"),
        "Predecessor": st.uuids().map(lambda id_: id_.hex),
        "Predecessors": st.lists(st.uuids().map(str), max_size=3),
        "Properties": objects,
        "Version": st.sampled_from(["2.0.0", "2.1"]),
        "Tag": texts | st.none(),
        "TagNamespace": texts,
        "UsesArtifacts": st.lists(artifacts, max_size=3),
        "ProducesArtifacts": st.lists(artifacts, max_size=3),
        "Unknown": json_values,
    },
)


@given(pems)
def test_what_is_stored_reads_back_as_what_was_accepted(stated: dict[str, Any]) -> None:
    event = accept(stated, listed_once=True)

    assert read(event.payload) == event.content


@given(pems, st.randoms(use_true_random=False))
def test_key_order_white_space_and_escapes_make_no_difference(stated: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = random.sample(list(value), len(value))
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    plain = json.dumps(stated, ensure_ascii=False, separators=(",", ":")).encode()
    odd = json.dumps(shuffled(stated), ensure_ascii=True, indent=random.randrange(3)).encode()

    sent = [accept(canonical.loads(body), listed_once=True) for body in (odd, plain)]
    assert sent[0] == sent[1]


@given(pems)
def test_the_canonical_form_of_the_canonical_form_is_itself(stated: dict[str, Any]) -> None:
    payload = accept(stated, listed_once=True).payload

    assert canonical.dumps(canonical.loads(payload)) == payload


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_any_body_is_read_or_refused_with_a_reason(body: str | bytes) -> None:
    raw = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    with contextlib.suppress(InvalidInputError):
        canonical.dumps(canonical.loads(raw))


def test_a_text_a_megabyte_long_is_kept() -> None:
    name = "n" * 1_000_000

    assert canonical.loads(accept(fields(UsesArtifacts=[{"Name": name}])).payload)["UsesArtifacts"] == [
        {"Name": name}
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"Properties": {"runs": [1, {"n": 1180591620717411303424}]}}', "Properties.runs[1].n"),
        (b'{"Properties": {"a": ["x\\u0000"]}}', "Properties.a[0]"),
        (b'{"Properties": {"a\\u0000b": 1}}', "Properties.a?b"),
        (b"[9223372036854775808]", "[0]"),
        (b"9223372036854775808", None),
    ],
)
def test_a_refusal_says_where_it_stands(body: bytes, field: str | None) -> None:
    with pytest.raises(InvalidInputError) as refused:
        canonical.loads(body)

    assert refused.value.field == field
    assert (field or "Integer") in str(refused.value)


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_the_limit_of_levels_is_what_the_writer_takes(make: Any) -> None:
    value: Any = 1
    for _ in range(canonical.MAX_LEVELS):
        value = make(value)

    assert canonical.loads(canonical.dumps(value)) == value
    with pytest.raises(InvalidInputError, match="at most 254 levels") as refused:
        canonical.dumps(make(value))
    assert refused.value.rule == "depth"


# ------------------------------------------------------------------------------------------------- many values


@pytest.mark.parametrize("value", [b"1", b"[]", b"{}", b"[[]]", b'{"a":1}', b'"x"'])
def test_more_values_than_can_be_read_in_a_moment_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidInputError) as raised:
        canonical.loads(b"[" + b",".join([value] * (canonical.MAX_VALUES + 1)) + b"]")

    assert raised.value.rule == "values"


def test_what_stands_in_a_text_is_one_value() -> None:
    text = ',[{\\" ' * 500_000

    assert canonical.loads(json.dumps([text]).encode()) == [text]


def test_a_text_that_never_ends_is_no_json() -> None:
    with pytest.raises(InvalidInputError):
        canonical.loads(b'["' + b"," * 2 * canonical.MAX_VALUES)
