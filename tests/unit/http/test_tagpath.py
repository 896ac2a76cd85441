from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import (
    InvalidInputError,
    ProvgraphError,
)
from provgraph.http import (
    tagpath,
)
from tests.unit.http.application import scope_of

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


@given(namespace=TEXTS, tag=TEXTS)
def test_every_tag_is_found_in_its_path(namespace: str, tag: str) -> None:
    assert tagpath.read_tag(encoded(namespace) + b"/" + encoded(tag)) == (namespace, tag)


@given(
    namespace=st.text(alphabet="?>~ÿ\u07ff🙂/", max_size=9), tag=st.text(alphabet="?>~ÿ\u07ff🙂/", max_size=9)
)
def test_slashes_inside_the_parts_do_not_mislead_the_split(namespace: str, tag: str) -> None:
    path = encoded(namespace) + b"/" + encoded(tag) + b"/0123"

    assert tagpath.read_tag_and_id(path) == ((namespace, tag), "0123")


@given(namespace=TEXTS, tag=TEXTS)
def test_the_url_safe_alphabet_is_understood_too(namespace: str, tag: str) -> None:
    path = base64.urlsafe_b64encode(namespace.encode()) + b"/" + base64.urlsafe_b64encode(tag.encode())

    assert tagpath.read_tag(path) == (namespace, tag)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"Pz8//Pj4+", ("???", ">>>")),
        (b"bnM/Pn7Dvw==/", ("ns?>~ÿ", "")),
        (b"/", ("", "")),
        (b"/YQ==", ("", "a")),
    ],
)
def test_known_paths_are_split_where_they_should(path: bytes, expected: tuple[str, str]) -> None:
    assert tagpath.read_tag(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"YQ==",
        b"YQ=/YQ==",
        b"YQ/YQ==",
        b"YQ==/Y",
        b"YQ==/Y!==",
        b"YQ==/ YQ==",
        b"/wA=",
        b"YQ==//w==",
        b"AA==/YQ==",
    ],
)
def test_a_path_that_is_no_tag_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidInputError):
        tagpath.read_tag(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tag_or_refused(path: bytes) -> None:
    try:
        name = tagpath.read_tag(path)
    except ProvgraphError:
        return

    assert "\0" not in name.namespace + name.tag


def test_percent_escapes_are_undone_once_and_a_plus_stays() -> None:
    scope = scope_of("/query/tag/ignored")
    scope["raw_path"] = b"/query/tag/Pz8%2F/Pj4+%252B"

    assert tagpath.behind("/query/tag/", scope) == b"Pz8//Pj4+%2B"
