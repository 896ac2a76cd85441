"""Lists and counts on the wire: filters, sorting, paging (rows 23 to 35 of the contract's choices)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.builders import artifact, new_id, pem, unique

if TYPE_CHECKING:
    from tests.e2e.wire import Wire

PEM_FIELDS = (
    *("ID", "Type", "Predecessor", "Emitter", "TimestampClient", "TimestampReceived", "Properties"),
    *("Version", "Tag", "TagNamespace", "UsesArtifacts", "ProducesArtifacts"),
)
ARTIFACT_FIELDS = ("Name", "Properties", "CreatedAt")


class Story(NamedTuple):
    """Five PEMs of one emitter, the rest of the world kept out by filtering on it."""

    emitter: str
    pems: list[dict[str, Any]]

    def found(self, wire: Wire, **params: object) -> list[int]:
        """Return which of the five match, by number, in the order they were listed."""
        numbers = {each["ID"]: number for number, each in enumerate(self.pems)}
        listed = wire.pems(Emitter=self.emitter, **params)
        assert wire.count("pems", Emitter=self.emitter, **params) == len(listed) or "pageSize" in params
        return [numbers[each["ID"]] for each in listed]


@pytest.fixture(scope="module")
def story(wire: Wire) -> Story:
    emitter, first = unique("emitter-"), new_id()
    common = {"Emitter": emitter, "TagNamespace": emitter}
    pems = [
        pem(**common, ID=first, Type="train 100%", TimestampClient="2026-01-02 03:04:05", Tag="v1"),
        pem(
            **common,
            Type="Train_me",
            Predecessor=first,
            TimestampClient="2025-12-31 23:59:59",
            Properties={"city": "Zürich 😀", "size": 42},
            Version="2.1.0",
            Tag="",
        ),
        pem(
            **common,
            Type="a\\b*c?",
            Predecessor=first,
            TimestampClient="2026-01-02 03:04:05",
            UsesArtifacts=[artifact(f"{emitter}/table one"), artifact(f"{emitter}/x")],
            ProducesArtifacts=[artifact(f"{emitter}/model")],
            Tag="best one",
        ),
        pem(**common, Type="ü+&=;", TimestampClient="2024-02-29 00:00:00", Tag="best/two"),
        pem(
            **common,
            Type="😀",
            TimestampClient="2026-01-03 00:00:00",
            UsesArtifacts=[artifact(f"{emitter}/model")],
            Properties={"note": "50% of_all", "o'clock": True},
            Tag="v2",
        ),
    ]
    wire.accepted(*pems)
    return Story(emitter, pems)


# Filters


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"Type": "train"}, [0]),
        ({"Type": "rain"}, [0, 1]),
        ({"Type": "TRAIN"}, []),
        ({"Type": "%"}, [0]),
        ({"Type": "_"}, [1]),
        ({"Type": "\\"}, [2]),
        ({"Type": "*"}, [2]),
        ({"Type": "?"}, [2]),
        ({"Type": "a\\b*c?"}, [2]),
        ({"Type": "ü"}, [3]),
        ({"Type": "Ü"}, []),
        ({"Type": "+&=;"}, [3]),
        ({"Type": "😀"}, [4]),
        ({"Type": "' OR 1=1 --"}, []),
        ({"Type": ""}, [0, 1, 2, 3, 4]),
        ({"Type": "r", "Tag": "v1"}, [0]),
        ({"Type": "train", "Tag": "v2"}, []),
        ({"Tag": "best"}, [2, 3]),
        ({"Tag": "best one"}, [2]),
        ({"Tag": "best/two"}, [3]),
        ({"TimestampClient": "2026-01-02"}, [0, 2]),
        ({"TimestampClient": "03:04"}, [0, 2]),
        ({"TimestampReceived": "20"}, [0, 1, 2, 3, 4]),
        ({"TimestampReceived": "1999"}, []),
        ({"Properties": "Zürich 😀"}, [1]),
        ({"Properties": "42"}, [1]),
        ({"Properties": "city"}, [1]),
        ({"Properties": "50% of_all"}, [4]),
        ({"Properties": "o'clock"}, [4]),
        ({"Properties": "true"}, [4]),
        ({"Properties": "zürich"}, []),
        ({"Version": "2.1"}, [1]),
        ({"UsesArtifacts": "/table one"}, [2]),
        ({"UsesArtifacts": "/model"}, [4]),
        ({"UsesArtifacts": "/"}, [2, 4]),
        ({"ProducesArtifacts": "/model"}, [2]),
        ({"ProducesArtifacts": "/MODEL"}, []),
        ({"Predecessor": "None"}, [0, 3, 4]),
        ({"Predecessor": ""}, [0, 1, 2, 3, 4]),
        ({"Predecessor": "None", "Type": "train"}, [0]),
    ],
    ids=ascii,
)
def test_filters_find_what_contains_the_value(
    wire: Wire, story: Story, filters: dict[str, str], expected: list[int]
) -> None:
    assert story.found(wire, **filters) == expected


@pytest.mark.parametrize("field", ["ID", "Predecessor"])
@pytest.mark.parametrize("dashed", [False, True])
def test_ids_are_found_with_and_without_dashes(wire: Wire, story: Story, field: str, dashed: bool) -> None:
    hexed = story.pems[0]["ID"]
    spelled = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:])) if dashed else hexed

    assert story.found(wire, **{field: spelled}) == ([0] if field == "ID" else [1, 2])


def test_the_tag_namespace_is_a_filter(wire: Wire, story: Story) -> None:
    assert len(wire.pems(TagNamespace=story.emitter[3:])) == 5


def test_an_emitter_is_found_by_a_part_of_its_name(wire: Wire, story: Story) -> None:
    assert len(wire.pems(Emitter=story.emitter[2:-2])) == 5


@pytest.mark.parametrize("path", ["/query/pems", "/query/pems_count"])
@pytest.mark.parametrize(
    "name", ["Emiter", "type", "id", "Name", "Properties.city", "", "drop table", "None"]
)
def test_an_unknown_filter_of_pems_is_refused_naming_the_known_ones(wire: Wire, path: str, name: str) -> None:
    answer = wire.get(path, **{name: "x"})

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert all(field in answer.text for field in PEM_FIELDS), answer.text


@pytest.mark.parametrize("path", ["/query/artifacts", "/query/artifacts_count"])
@pytest.mark.parametrize("name", ["name", "ID", "Type", "rk_id"])
def test_an_unknown_filter_of_artifacts_is_refused_naming_the_known_ones(
    wire: Wire, path: str, name: str
) -> None:
    answer = wire.get(path, **{name: "x"})

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert all(field in answer.text for field in ARTIFACT_FIELDS), answer.text


# Sorting


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Type", [1, 2, 0, 3, 4]),  # by code point: T, a, t, ü, 😀
        ("TimestampClient", [3, 1, 0, 2, 4]),
        ("TimestampReceived", [0, 1, 2, 3, 4]),
        ("Version", [0, 2, 3, 4, 1]),
        ("Emitter", [0, 1, 2, 3, 4]),
        ("TagNamespace", [0, 1, 2, 3, 4]),
    ],
)
@pytest.mark.parametrize("order", [{}, {"sortOrder": "asc"}, {"sortOrder": "ASC"}])
def test_pems_are_sorted_and_ties_follow_arrival(
    wire: Wire, story: Story, field: str, expected: list[int], order: dict[str, str]
) -> None:
    assert story.found(wire, sortField=field, **order) == expected


@pytest.mark.parametrize("order", ["desc", "DESC", "Desc"])
def test_pems_are_sorted_downwards(wire: Wire, story: Story, order: str) -> None:
    assert story.found(wire, sortField="Type", sortOrder=order) == [4, 3, 0, 2, 1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pems_are_sorted_by_id(wire: Wire, story: Story, order: str) -> None:
    ids = [each["ID"] for each in wire.pems(Emitter=story.emitter, sortField="ID", sortOrder=order)]

    assert ids == sorted(ids, reverse=order == "desc")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_missing_values_come_last_in_both_directions(wire: Wire, story: Story, order: str) -> None:
    found = story.found(wire, sortField="Predecessor", sortOrder=order)

    assert set(found[:2]) == {1, 2}
    assert set(found[2:]) == {0, 3, 4}


def test_text_is_sorted_by_code_point(wire: Wire) -> None:
    emitter = unique()
    names = ["b", "B", "a", "ä", "z", "Z", "é", "e\u0301", "\uffee", "😀", "10", "9", " "]
    wire.accepted(*(pem(Emitter=emitter, Type=name) for name in names))

    listed = [each["Type"] for each in wire.pems(Emitter=emitter, sortField="Type")]

    assert listed == sorted(names)


@pytest.mark.parametrize(
    "params",
    [
        {"sortField": "type"},
        {"sortField": "Size"},
        {"sortField": "ID; DROP TABLE"},
        {"sortField": "UsesArtifacts"},
        {"sortField": "Type", "sortOrder": "up"},
        {"sortField": "Type", "sortOrder": "descending"},
    ],
    ids=str,
)
def test_a_bad_sort_of_pems_is_refused_naming_what_is_allowed(wire: Wire, params: dict[str, str]) -> None:
    answer = wire.get("/query/pems", **params)

    assert (answer.status, answer.media_type) == (400, "text/plain")
    allowed = ("asc", "desc") if params.get("sortOrder") else ("TimestampClient", "Emitter")
    assert all(word in answer.text for word in allowed), answer.text


@pytest.mark.parametrize("params", [{"sortField": "Type"}, {"sortField": "Name", "sortOrder": "x"}], ids=str)
def test_a_bad_sort_of_artifacts_is_refused(wire: Wire, params: dict[str, str]) -> None:
    assert wire.get("/query/artifacts", **params).status == 400


# Paging


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"pageIndex": 0, "pageSize": 2}, [0, 1]),
        ({"pageIndex": 1, "pageSize": 2}, [2, 3]),
        ({"pageIndex": 2, "pageSize": 2}, [4]),
        ({"pageIndex": 3, "pageSize": 2}, []),
        ({"pageIndex": 10**9, "pageSize": 10**9}, []),
        ({"pageSize": 2}, [0, 1]),
        ({"pageSize": 100_000}, [0, 1, 2, 3, 4]),
        ({"pageIndex": 0}, [0, 1, 2, 3, 4]),
        ({"pageSize": 2, "pageIndex": 1, "sortField": "Type", "sortOrder": "desc"}, [0, 2]),
        ({"pageSize": 1, "Type": "rain"}, [0]),
    ],
    ids=str,
)
def test_pages_are_counted_from_zero(
    wire: Wire, story: Story, params: dict[str, object], expected: list[int]
) -> None:
    assert story.found(wire, **params) == expected


@pytest.mark.parametrize("path", ["/query/pems", "/query/artifacts"])
@pytest.mark.parametrize(
    "params",
    [
        {"pageSize": 0},
        {"pageSize": -5},
        {"pageSize": "two"},
        {"pageSize": 1.5},
        {"pageSize": "None"},
        {"pageSize": 2, "pageIndex": -2},
        {"pageSize": 2, "pageIndex": "first"},
    ],
    ids=ascii,
)
def test_an_impossible_page_is_refused(wire: Wire, path: str, params: dict[str, object]) -> None:
    answer = wire.get(path, **params)

    assert (answer.status, answer.media_type) == (400, "text/plain")


@pytest.mark.parametrize("path", ["/query/pems", "/query/artifacts"])
@pytest.mark.parametrize("params", [{"pageSize": 10**40}, {"pageSize": 10**18, "pageIndex": 10**18}], ids=str)
def test_a_page_beyond_all_bounds_does_no_harm(wire: Wire, path: str, params: dict[str, object]) -> None:
    assert wire.get(path, **params).status in (200, 400)


def test_counts_ignore_paging_and_sorting(wire: Wire, story: Story) -> None:
    params = {
        "Emitter": story.emitter,
        "pageIndex": 1,
        "pageSize": 2,
        "sortField": "Type",
        "sortOrder": "desc",
    }

    assert wire.count("pems", **params) == 5


def test_pages_together_are_the_whole_list(wire: Wire) -> None:
    emitter = unique()
    wire.accepted(*(pem(Emitter=emitter, Type="same") for _ in range(23)))
    order = {"Emitter": emitter, "sortField": "Type", "sortOrder": "desc"}

    pages = [wire.pems(**order, pageIndex=index, pageSize=5) for index in range(5)]

    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    assert [each for page in pages for each in page] == wire.pems(**order)


# Artifacts


@pytest.fixture(scope="module")
def shelf(wire: Wire) -> str:
    """Four artifacts whose names start with the returned prefix; they arrive one after another."""
    prefix = unique("shelf-")
    for name, properties in (
        ("b 100%", {"kind": "Tabelle Ü"}),
        ("A_1", {"kind": "model", "depth": [1, 2]}),
        ("c\\d", {}),
        ("😀", {"kind": "picture"}),
    ):
        wire.accepted(pem(ProducesArtifacts=[artifact(f"{prefix}/{name}", **properties)]))
    return prefix


def names(wire: Wire, prefix: str, **params: object) -> list[str]:
    listed = wire.artifacts(**{"Name": prefix, **params})
    return [each["Name"].removeprefix(f"{prefix}/") for each in listed]


def test_an_artifact_has_name_properties_and_time(wire: Wire, shelf: str) -> None:
    found = wire.artifacts(Name=f"{shelf}/A_1")

    assert len(found) == 1
    assert found[0]["Properties"] == {"kind": "model", "depth": [1, 2]}
    assert len(found[0]["CreatedAt"]) == len("2020-12-08 22:06:40")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["b 100%", "A_1", "c\\d", "😀"]),
        ({"Properties": "Tabelle Ü"}, ["b 100%"]),
        ({"Properties": "kind"}, ["b 100%", "A_1", "😀"]),
        ({"Properties": "Model"}, []),
        ({"CreatedAt": "20"}, ["b 100%", "A_1", "c\\d", "😀"]),
        ({"CreatedAt": "1999-"}, []),
        ({"sortField": "Name"}, ["A_1", "b 100%", "c\\d", "😀"]),
        ({"sortField": "Name", "sortOrder": "DESC"}, ["😀", "c\\d", "b 100%", "A_1"]),
        ({"sortField": "CreatedAt"}, ["b 100%", "A_1", "c\\d", "😀"]),
        ({"sortField": "CreatedAt", "sortOrder": "desc"}, ["😀", "c\\d", "A_1", "b 100%"]),
        ({"pageSize": 1, "sortField": "CreatedAt", "sortOrder": "desc"}, ["😀"]),
        ({"pageSize": 3, "pageIndex": 1}, ["😀"]),
    ],
    ids=ascii,
)
def test_artifacts_are_filtered_sorted_and_paged(
    wire: Wire, shelf: str, params: dict[str, object], expected: list[str]
) -> None:
    assert names(wire, shelf, **params) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("/b 100%", ["b 100%"]),
        ("/A_", ["A_1"]),
        ("/a_", []),
        ("/c\\", ["c\\d"]),
        ("/_", []),
        ("%", ["b 100%"]),
    ],
)
def test_wildcards_in_a_name_stand_for_themselves(
    wire: Wire, shelf: str, part: str, expected: list[str]
) -> None:
    found = [name for name in names(wire, part) if name.startswith(shelf)]

    assert [name.removeprefix(f"{shelf}/") for name in found] == expected


def test_artifacts_are_counted_by_filter_and_never_by_page(wire: Wire, shelf: str) -> None:
    assert wire.count("artifacts", Name=shelf, pageSize=1) == 4
    assert wire.count("artifacts", Name=shelf, Properties="kind") == 3


def test_counts_of_everything_agree_with_the_lists(wire: Wire, story: Story, shelf: str) -> None:
    assert wire.counts() == (len(wire.pems()), len(wire.artifacts()), len(wire.tags()))
