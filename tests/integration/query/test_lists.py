"""Record Keeper's lists, single items and tags."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

import pytest

from provgraph.families.credential.events import Role

if TYPE_CHECKING:
    from tests.integration.serving import Served

UNKNOWN = "00000000000000000000000000000001"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def types(served: Served, query: str) -> list[str]:
    answer = served.client.get(f"/query/pems?{query}")
    assert answer.status_code == 200, answer.text
    return [pem["Type"] for pem in answer.json()]


def test_the_info_page_has_exactly_the_fields_that_the_client_knows(served: Served) -> None:
    assert set(served.client.get("/query/info").json()) == {"version", "auth_required"}


def test_a_pem_is_read_back_as_it_was_sent_with_names_for_artifacts(served: Served) -> None:
    before = served.send(Type="before")
    sent = served.send(
        Predecessor=before["ID"],
        Properties={"b": [1, None], "a": "ü"},
        Tag="latest",
        TagNamespace="trainer",
        UsesArtifacts=[{"Name": "b", "Properties": {}, "CreatedAt": None}, {"Name": "a"}],
        ProducesArtifacts=[{"Name": "c", "Properties": {"x": 1}}],
    )

    read = served.client.get(f"/query/pem/{sent['ID']}").json()

    assert read.pop("TimestampReceived")
    assert read == {
        **sent,
        "Version": "2.0.0",
        "UsesArtifacts": ["b", "a"],
        "ProducesArtifacts": ["c"],
    }


def test_a_pem_without_anything_has_all_fields_too(served: Served) -> None:
    read = served.client.get(f"/query/pem/{served.send()['ID']}").json()

    assert (read["Predecessor"], read["Tag"], read["TagNamespace"]) == (None, "", "")
    assert (read["Properties"], read["UsesArtifacts"], read["ProducesArtifacts"]) == ({}, [], [])


@pytest.mark.parametrize("spelling", [str, lambda id_: str(id_).upper(), lambda id_: f"urn:uuid:{id_}"])
def test_a_pem_is_found_under_any_spelling_of_its_id(served: Served, spelling: type[str]) -> None:
    sent = served.send()

    answer = served.client.get(f"/query/pem/{spelling(uuid.UUID(sent['ID']))}")

    assert answer.json()["ID"] == sent["ID"]


@pytest.mark.parametrize(("pem_id", "status"), [(UNKNOWN, 404), ("nothing", 400), ("%00", 400)])
def test_an_unknown_pem_is_an_error(served: Served, pem_id: str, status: int) -> None:
    answer = served.client.get(f"/query/pem/{pem_id}")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")


def test_pems_are_listed_in_order_of_arrival(served: Served) -> None:
    for name in "cab":
        served.send(Type=name)

    assert types(served, "") == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sortField=Type", ["a", "b", "c"]),
        ("sortField=Type&sortOrder=DESC", ["c", "b", "a"]),
        ("pageSize=2", ["c", "a"]),
        ("pageSize=2&pageIndex=1", ["b"]),
        ("pageSize=2&pageIndex=2", []),
        ("pageIndex=1", ["c", "a", "b"]),
        ("pageSize=100000000000000000&pageIndex=100000000000000000", []),
        ("Type=a", ["a"]),
        ("Type=", ["c", "a", "b"]),
        ("Type=%25", []),
        ("Type=a&Emitter=nobody", []),
        ("Predecessor=None", ["c", "a", "b"]),
    ],
)
def test_a_list_shows_what_is_asked_for(served: Served, query: str, expected: list[str]) -> None:
    for name in "cab":
        served.send(Type=name)

    assert types(served, query) == expected


def test_counts_follow_the_filters_and_ignore_the_page(served: Served) -> None:
    for name in "aab":
        served.send(Type=name, UsesArtifacts=[{"Name": name}])

    assert served.client.get("/query/pems_count?Type=a&pageSize=1").json() == {"pems_count": 2}
    assert served.client.get("/query/artifacts_count?Name=a").json() == {"artifacts_count": 1}
    assert served.client.get("/query/artifacts_count").json() == {"artifacts_count": 2}


@pytest.mark.parametrize("path", ["pems", "pems_count", "artifacts", "artifacts_count"])
@pytest.mark.parametrize("query", ["Typo=x", "pageSize=0", "sortOrder=up"])
def test_what_cannot_be_asked_is_refused_with_a_sentence(served: Served, path: str, query: str) -> None:
    answer = served.client.get(f"/query/{path}?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_unknown_filter_or_sort_field_is_told_the_allowed_ones(served: Served) -> None:
    assert "TimestampClient" in served.client.get("/query/pems?Typo=x").text
    assert "CreatedAt" in served.client.get("/query/artifacts?sortField=x").text


def test_artifacts_have_the_three_fields_that_the_client_knows(served: Served) -> None:
    served.send(UsesArtifacts=[{"Name": "a", "Properties": {"k": "v"}, "CreatedAt": "2020-01-01 00:00:00"}])

    assert served.client.get("/query/artifacts").json() == [
        {"Name": "a", "Properties": {"k": "v"}, "CreatedAt": "2020-01-01 00:00:00"}
    ]


def test_the_latest_artifact_is_right_within_one_second(served: Served) -> None:
    for number in range(5):
        served.send(ProducesArtifacts=[{"Name": f"model-{number}"}])

    answer = served.client.get("/query/artifacts?pageSize=1&sortField=CreatedAt&sortOrder=desc&Name=model")

    assert [artifact["Name"] for artifact in answer.json()] == ["model-4"]


def test_a_list_without_pages_is_whole(served: Served) -> None:
    batch = [
        {
            "ID": uuid.uuid4().hex,
            "Type": f"{number:05}",
            "Emitter": "e",
            "TimestampClient": "2026-01-01 00:00:00",
        }
        for number in range(3_000)
    ]
    assert served.client.post("/api/v1/events", json=batch).json()["accepted"] == 3_000

    answer = served.client.get("/query/pems")

    assert [pem["Type"] for pem in answer.json()] == [event["Type"] for event in batch]
    assert "content-encoding" not in answer.headers


def test_a_tag_is_the_bare_id(served: Served) -> None:
    sent = served.send(Tag="latest", TagNamespace="ns")

    answer = served.client.get(f"/query/tag/{b64('ns')}/{b64('latest')}")

    assert answer.content == sent["ID"].encode()
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_unknown_tag_is_not_found(served: Served) -> None:
    assert served.client.get(f"/query/tag/{b64('ns')}/{b64('nope')}").status_code == 404


def test_tags_are_listed_and_counted(served: Served) -> None:
    sent = served.send(Tag="latest", TagNamespace="ns")

    (tag,) = served.client.get("/query/tags").json()

    assert tag.pop("UpdatedAt")
    assert tag == {"NamespaceID": "ns", "Tag": "latest", "EventID": sent["ID"]}
    assert served.client.get("/query/tags_count").json() == {"tags_count": 1}


LISTS = ["pems", "pems_count", "artifacts", "artifacts_count", "tags", "tags_count"]


@pytest.mark.parametrize("path", [*LISTS, f"pem/{UNKNOWN}", "tag/YQ==/YQ==", f"report/{UNKNOWN}"])
def test_reading_needs_a_reader(secured: Served, path: str) -> None:
    nobody = secured.client.get(f"/query/{path}")
    reader = secured.client.get(f"/query/{path}", headers=secured.bearer(Role.READER))

    assert nobody.status_code == 401
    assert reader.status_code == (200 if path in LISTS else 404)


def test_the_info_page_is_open(secured: Served) -> None:
    assert secured.client.get("/query/info").json()["auth_required"] is True
