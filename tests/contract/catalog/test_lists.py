"""Filters, order, pages and counts: what Record Keeper's clients may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.catalog import ListQuery
from provgraph.errors import InvalidInputError
from provgraph.events.clock import second_text
from tests.contract.builders import pem, pem_id
from tests.contract.catalog.stores import Stores, filtered
from tests.effort import examples

if TYPE_CHECKING:
    from provgraph.events import NewEvent

DASHED = "00000000-0000-0000-0000-0000000000"


def history() -> list[NewEvent]:
    """Return PEMs that differ in every field."""
    return [
        pem(
            0xA1,
            Type="train",
            Emitter="Robot",
            TimestampClient="2026-01-02 03:04:05",
            Properties={"city": "Köln", "n": 5},
            Tag="latest",
            TagNamespace="blue",
            uses=["table/customers", "100%"],
            produces=["model"],
        ),
        pem(
            0xB2,
            Type="TRAIN_all",
            Emitter="robot 2",
            TimestampClient="2025-12-31 23:59:59",
            Version="2.1",
            after=[0xA1, 0xF9],
            uses=["model"],
        ),
        pem(
            0xC3,
            Type="infer\\now",
            Emitter="100% human",
            TimestampClient="2026-01-02 03:04:05",
            Properties={"a_b": "50%"},
            Tag="old",
            after=[0xF9],
            produces=["answer", "a_b"],
        ),
    ]


@pytest.fixture
def listed(stores: Stores) -> Stores:
    """A catalog of the `history`."""
    for event in history():
        stores.append(event)
    return stores


# ------------------------------------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("field", "value", "matching"),
    [
        ("ID", pem_id(0xB2), ["b2"]),
        ("ID", pem_id(0xB2).upper(), ["b2"]),
        ("ID", DASHED + "b2", ["b2"]),
        ("ID", "0a1", ["a1"]),
        ("ID", "0000-0000-00", ["a1", "b2", "c3"]),
        ("ID", pem_id(0xF9), []),
        ("ID", "xyz", []),
        ("Type", "train", ["a1"]),
        ("Type", "TRAIN", ["b2"]),
        ("Type", "a", ["a1", "b2"]),
        ("Type", "_", ["b2"]),
        ("Type", "\\", ["c3"]),
        ("Type", "%", []),
        ("Predecessor", pem_id(0xA1), ["b2"]),
        ("Predecessor", DASHED + "F9", ["c3"]),
        ("Predecessor", "None", ["a1"]),
        ("Emitter", "obot", ["a1", "b2"]),
        ("Emitter", "robot", ["b2"]),
        ("Emitter", "%", ["c3"]),
        ("TimestampClient", "2026-01", ["a1", "c3"]),
        ("TimestampClient", ":59", ["b2"]),
        ("Properties", "Köln", ["a1"]),
        ("Properties", '"n":5', ["a1"]),
        ("Properties", "{}", ["b2"]),
        ("Properties", "a_b", ["c3"]),
        ("Properties", "a%b", []),
        ("Version", "2.1", ["b2"]),
        ("Version", "2.", ["a1", "b2", "c3"]),
        ("Tag", "l", ["a1", "c3"]),
        ("Tag", "old", ["c3"]),
        ("TagNamespace", "blue", ["a1"]),
        ("UsesArtifacts", "model", ["b2"]),
        ("UsesArtifacts", "table/", ["a1"]),
        ("UsesArtifacts", "0%", ["a1"]),
        ("UsesArtifacts", '["', []),
        ("UsesArtifacts", '","', []),
        ("ProducesArtifacts", "model", ["a1"]),
        ("ProducesArtifacts", "a", ["c3"]),
        ("ProducesArtifacts", "a_", ["c3"]),
    ],
)
def test_a_filter_lists_what_contains_its_value(
    listed: Stores, field: str, value: str, matching: list[str]
) -> None:
    query = filtered(**{field: value})

    assert listed.ids(query) == matching
    assert listed.catalog.pems_count(query) == len(matching)


def test_an_empty_value_restricts_nothing(listed: Stores) -> None:
    query = filtered(ID="", Predecessor="", Tag="", UsesArtifacts="")

    assert listed.catalog.pems_count(query) == 3


def test_every_filter_must_match(listed: Stores) -> None:
    assert listed.ids(filtered(Emitter="obot", TimestampClient="2026")) == ["a1"]
    assert listed.ids(filtered(Emitter="obot", Tag="old")) == []


def test_the_time_of_arrival_can_be_filtered(listed: Stores) -> None:
    received = second_text(listed.log.read()[0].recorded_us)

    assert "a1" in listed.ids(filtered(TimestampReceived=received))
    assert listed.ids(filtered(TimestampReceived="1999")) == []


@pytest.mark.parametrize(
    "value", ["%", "_", "\\", "'", '"', "\u0308", "\U0001f600", "a\nb", "A", "*", "?", "[a]"]
)
def test_no_character_is_a_wildcard(stores: Stores, value: str) -> None:
    stores.append(pem(1, Type=f"x{value}y", uses=[f"x{value}y"]), pem(2, Type="xay", uses=["xay"]))

    for query in (filtered(Type=value), filtered(UsesArtifacts=value)):
        assert stores.ids(query) == ["01"]
    assert stores.names(filtered(Name=value)) == [f"x{value}y"]


_ODD = st.text(st.sampled_from('ab"\\/\n\t\b\x01\x7f,[]u0é\u2028\U0001f600'), min_size=1, max_size=4)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ODD, min_size=1, max_size=4), _ODD)
def test_names_and_texts_are_found_whatever_they_are_spelled_with(
    stores: Stores, names: list[str], value: str
) -> None:
    stores.log.clean(keep=())
    stores.append(*(pem(number, Type=name, uses=[name]) for number, name in enumerate(names)))

    holding = [pem_id(number)[-2:] for number, name in enumerate(names) if value in name]

    assert stores.ids(filtered(UsesArtifacts=value)) == stores.ids(filtered(Type=value)) == holding


@pytest.mark.parametrize("field", ["ID", "Type", "Predecessor", "UsesArtifacts"])
@pytest.mark.parametrize("value", ["\0", "train\0", "\ud800"])
def test_what_no_event_can_hold_matches_nothing(listed: Stores, field: str, value: str) -> None:
    assert listed.ids(filtered(**{field: value})) == []


@pytest.mark.parametrize("field", ["type", "Typo", "Position", "pageSize", ""])
def test_an_unknown_filter_is_refused_naming_the_allowed_ones(listed: Stores, field: str) -> None:
    for question in (listed.ids, listed.catalog.pems_count):
        with pytest.raises(InvalidInputError, match="TimestampReceived") as refused:
            question(filtered(**{field: "x"}))
        assert refused.value.field == field
    with pytest.raises(InvalidInputError, match="Name, Properties, CreatedAt"):
        listed.catalog.artifacts_count(filtered(**{field: "x"}))


# ------------------------------------------------------------------------------------------------ order


@pytest.mark.parametrize(
    ("field", "ascending"),
    [
        ("ID", ["a1", "b2", "c3"]),
        ("Type", ["b2", "c3", "a1"]),
        ("Predecessor", ["b2", "c3", "a1"]),
        ("Emitter", ["c3", "a1", "b2"]),
        ("TimestampClient", ["b2", "a1", "c3"]),
        ("TimestampReceived", ["a1", "b2", "c3"]),
        ("Version", ["a1", "c3", "b2"]),
        ("Tag", ["a1", "c3", "b2"]),
        ("TagNamespace", ["a1", "b2", "c3"]),
    ],
)
def test_lists_are_sorted_by_code_points_ties_by_arrival_and_missing_values_last(
    listed: Stores, field: str, ascending: list[str]
) -> None:
    assert listed.ids(ListQuery(sort_field=field)) == ascending


@pytest.mark.parametrize(
    ("field", "descending"),
    [
        ("ID", ["c3", "b2", "a1"]),
        ("Type", ["a1", "c3", "b2"]),
        ("Predecessor", ["c3", "b2", "a1"]),
        ("TimestampClient", ["a1", "c3", "b2"]),
        ("TimestampReceived", ["c3", "b2", "a1"]),
        ("Version", ["b2", "a1", "c3"]),
        ("Tag", ["c3", "a1", "b2"]),
        ("TagNamespace", ["a1", "b2", "c3"]),
    ],
)
def test_the_other_way_round_ties_and_missing_values_stay_where_they_are(
    listed: Stores, field: str, descending: list[str]
) -> None:
    assert listed.ids(ListQuery(sort_field=field, descending=True)) == descending


def test_without_a_sort_the_order_is_that_of_arrival(stores: Stores) -> None:
    stores.append(pem(9, uses=["z"]), pem(1, produces=["b", "a"]))
    stores.append(pem(5, uses=["a", "c"]))

    assert stores.ids(ListQuery()) == ["09", "01", "05"]
    assert stores.names() == ["z", "b", "a", "c"]


@pytest.mark.parametrize("field", ["Properties", "UsesArtifacts", "ProducesArtifacts", "type", "", "Nope"])
def test_what_has_no_order_is_refused_naming_the_allowed_fields(listed: Stores, field: str) -> None:
    with pytest.raises(InvalidInputError, match="TimestampClient") as refused:
        listed.ids(ListQuery(sort_field=field))

    assert refused.value.field == "sortField"


def test_code_points_decide_beyond_the_first_plane_too(stores: Stores) -> None:
    names = ["\U0001f600", "\uffee", "ä", "z", "Z", "a\u0308"]
    stores.append(pem(1, uses=names))

    assert stores.names(ListQuery(sort_field="Name")) == sorted(names)


# ------------------------------------------------------------------------------------------------ pages


def test_pages_count_from_zero_and_end_empty(stores: Stores) -> None:
    stores.append(*(pem(number) for number in range(5)))

    pages = [stores.ids(ListQuery(page_index=index, page_size=2)) for index in range(4)]

    assert pages == [["00", "01"], ["02", "03"], ["04"], []]


def test_a_size_without_an_index_is_the_first_page(stores: Stores) -> None:
    stores.append(*(pem(number) for number in range(5)))

    assert stores.ids(ListQuery(page_size=3)) == ["00", "01", "02"]


@pytest.mark.parametrize("query", [ListQuery(page_size=10**30), ListQuery(page_index=0, page_size=2**63)])
def test_a_page_may_be_larger_than_any_database(listed: Stores, query: ListQuery) -> None:
    assert len(listed.ids(query)) == 3


def test_a_page_may_lie_beyond_any_database(listed: Stores) -> None:
    assert listed.ids(ListQuery(page_index=10**30, page_size=10**30)) == []


def test_counts_ignore_order_and_pages(listed: Stores) -> None:
    query = ListQuery((("Emitter", "obot"),), "Type", descending=True, page_index=7, page_size=1)

    assert listed.catalog.pems_count(query) == 2
    assert listed.catalog.artifacts_count(ListQuery(page_size=1)) == 5


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([None, "Type", "Emitter", "TimestampClient", "Tag", "Predecessor", "ID"]),
    st.booleans(),
    st.integers(1, 8),
)
def test_pages_add_up_to_the_list(listed: Stores, field: str | None, descending: bool, size: int) -> None:
    if listed.log.count() == 3:
        listed.append(*(pem(number, Type="t" * (number % 3 + 1)) for number in range(1, 20)))
    whole = listed.ids(ListQuery(sort_field=field, descending=descending))

    pages = [
        listed.ids(ListQuery((), field, descending, page_index=index, page_size=size))
        for index in range(22 // size + 1)
    ]

    assert [id_ for page in pages for id_ in page] == whole


def test_a_long_list_is_whole_and_can_be_left_in_the_middle(stores: Stores) -> None:
    stores.append(*(pem(number) for number in range(3_500)))

    for rows in (stores.catalog.pems(ListQuery()) for _ in range(60)):
        assert next(rows).id == pem_id(0)
    assert [row.id for row in stores.catalog.pems(ListQuery())] == [pem_id(n) for n in range(3_500)]


def test_a_list_is_of_one_moment_whatever_is_appended_meanwhile(stores: Stores) -> None:
    stores.append(*(pem(number) for number in range(1_500)))
    rows = stores.catalog.pems(ListQuery())
    first = next(rows)

    stores.append(pem(9_999))

    assert [first.id, *(row.id for row in rows)] == [pem_id(number) for number in range(1_500)]


# ------------------------------------------------------------------------------------------------ artifacts


@pytest.mark.parametrize(
    ("field", "value", "matching"),
    [
        ("Name", "a", ["table/a", "a"]),
        ("Name", "A", []),
        ("NameIs", "a", ["a"]),
        ("NameIs", "A", []),
        ("NameIs", "", ["table/a", "b", "a"]),
        ("Properties", "ö", ["b"]),
        ("Properties", "{}", ["table/a", "a"]),
        ("CreatedAt", "2020-", ["b"]),
    ],
)
def test_artifacts_are_filtered_the_same_way(
    stores: Stores, field: str, value: str, matching: list[str]
) -> None:
    stores.append(
        pem(
            1,
            uses=[
                "table/a",
                {"Name": "b", "Properties": {"x": "ö"}, "CreatedAt": "2020-01-01 00:00:00"},
                "a",
            ],
        )
    )

    query = filtered(**{field: value})

    assert stores.names(query) == matching
    assert stores.catalog.artifacts_count(query) == len(matching)


def test_the_latest_artifact_is_right_within_one_second(stores: Stores) -> None:
    for number, name in enumerate("dacb"):
        stores.append(pem(number, uses=[f"run/{name}"]))

    newest = ListQuery((("Name", "run/"),), "CreatedAt", descending=True, page_size=1)

    assert stores.names(newest) == ["run/b"]


def test_the_latest_artifact_is_the_last_one_of_an_event(stores: Stores) -> None:
    stores.append(pem(1, uses=["a", "c"], produces=["b"]))

    assert stores.names(ListQuery(sort_field="CreatedAt", descending=True)) == ["b", "c", "a"]


def test_a_stated_creation_is_sorted_by_its_time(stores: Stores) -> None:
    stores.append(pem(1, uses=["now", {"Name": "then", "CreatedAt": "2020-01-01 00:00:00"}]))

    assert stores.names(ListQuery(sort_field="CreatedAt")) == ["then", "now"]
