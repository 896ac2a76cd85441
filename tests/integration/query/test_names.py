"""Names with slashes: what one text names is one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from provgraph.lineage.node import Asked, as_typed, as_written, tag_name
from query.formats import _stem
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.serving import Served

# A tag's namespace and name; the number is that of the event that it marks.
TAGS = [
    ("team", "feature/x"),
    ("a/b", "c"),
    ("a", "b/c"),
    ("ns", "50%"),
    ("ns", "x%2Fy"),
    ("ns", "x/y"),
    ("/", "/"),
]
names = st.text(st.sampled_from("/%2F_.-a~ä"), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("tagged")
    with serving(folder) as served:
        events = [
            {
                "ID": id_of(number),
                "Type": "train",
                "Emitter": "trainer",
                "OccurredAt": "2026-03-01T09:30:00Z",
                "Tag": tag,
                "TagNamespace": namespace,
                "ProducesArtifacts": [{"Name": f"model@{number}@x", "Version": "7@1"}],
            }
            for number, (namespace, tag) in enumerate(TAGS)
        ]
        answer = served.client.post("/api/v1/events", json=events)
        assert answer.status_code == 200, answer.text
        served.flush()
        yield served


def id_of(number: int) -> str:
    return f"{number + 1:032x}"


def why(served: Served, node: str) -> Any:
    answer = served.client.get(f"/api/v1/why?{urlencode({'node': node})}")
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("namespace", "tag"), TAGS)
def test_a_tag_is_found_as_answers_write_it(tagged: Served, namespace: str, tag: str) -> None:
    status, told = why(tagged, f"tag:{tag_name(namespace, tag)}")

    assert (status, told["node"]["event"]) == (200, id_of(TAGS.index((namespace, tag))))
    assert told["node"]["id"] == tag_name(namespace, tag)


@pytest.mark.parametrize(
    ("typed", "meant"), [("team/feature/x", 0), ("ns/50%", 3), ("ns/x%2Fy", 5), ("ns/x/y", 5), ("///", 6)]
)
def test_a_tag_may_be_typed_as_it_is_where_it_is_the_only_one(tagged: Served, typed: str, meant: int) -> None:
    status, told = why(tagged, f"tag:{typed}")

    assert (status, told["node"]["event"]) == (200, id_of(meant))


def test_a_text_that_names_two_tags_is_refused_with_both(tagged: Served) -> None:
    status, told = why(tagged, "tag:a/b/c")

    assert (status, told["field"], told["rule"]) == (400, "node", "one-tag")
    assert "tag:a/b%2Fc or tag:a%2Fb/c" in told["detail"]


def test_a_tag_that_is_not_there_is_not_found(tagged: Served) -> None:
    status, told = why(tagged, "tag:team/feature/y")

    assert (status, told["detail"].split(" is known")[0]) == (404, "No tag 'y' in namespace 'team/feature'")


def test_a_tag_of_many_slashes_is_not_looked_up_again_and_again(tagged: Served) -> None:
    status, told = why(tagged, f"tag:{'/' * 40}")

    assert (status, told["field"], told["rule"]) == (400, "node", "tag")


def test_a_version_whose_name_and_label_hold_at_signs_is_found(tagged: Served) -> None:
    status, told = why(tagged, "model@3@x@7@1")

    assert (status, told["node"]["id"], told["node"]["version"]) == (200, "model@3@x", id_of(3))


@given(names, names, names, names)
def test_no_two_tags_are_written_alike(namespace: str, tag: str, other: str, other_tag: str) -> None:
    written = tag_name(namespace, tag)

    assert as_written(written) == (namespace, tag)
    assert (written == tag_name(other, other_tag)) == ((namespace, tag) == (other, other_tag))


@given(names, names)
def test_a_typed_tag_is_among_what_it_can_mean(namespace: str, tag: str) -> None:
    assert (namespace, tag) in as_typed(f"{namespace}/{tag}", Asked())


def test_a_text_without_a_slash_is_a_tag_of_no_namespace() -> None:
    assert as_typed("champion", Asked()) == [("", "champion")]
    with pytest.raises(InvalidInputError, match="41 slashes"):
        as_typed("/" * 41, Asked())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(names, min_size=2, max_size=20, unique=True))
def test_no_two_answers_are_files_of_one_name(ids: list[str]) -> None:
    stems = {_stem("why", "artifact", id_) for id_ in ids}

    assert len(stems) == len(ids)
    assert all(stem.isascii() and "/" not in stem for stem in stems)
