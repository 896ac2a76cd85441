"""Cursors come back from outside: what the service did not write itself is refused, whatever it is."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.lineage.cursor import Cursors
from provgraph.lineage.gaps import LISTS
from tests.integration.query.story import told
from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.query.story import Story

# Every question that goes on at a cursor, and what it is asked with.
QUESTIONS: dict[str, dict[str, str]] = {
    "lineage": {"node": "artifact:model/churn", "limit": "1"},
    "lineage?past": {"node": "artifact:model/churn", "limit": "1", "versions": "any"},
    "impact": {"node": "artifact:raw/crm", "format": "json", "limit": "1"},
    "impact?lines": {"node": "artifact:raw/crm", "limit": "1"},
    "state": {"limit": "1"},
    "diff": {"from": "2026-01-01", "to": "2027-01-01", "limit": "1"},
    "gaps": {"list": "never_produced", "limit": "1"},
    "objects": {"kind": "TestKind", "limit": "1"},
    "groups": {"limit": "1"},
    "groups?orphaned": {"limit": "1", "orphaned": "true"},
    "runs": {"limit": "1"},
}
RAW = st.binary(max_size=60).map(quote)
TEXTS = st.text(max_size=80).map(lambda text: quote(text, errors="surrogatepass"))
CODED = st.binary(max_size=120).map(lambda raw: base64.urlsafe_b64encode(raw).decode())


@pytest.fixture(scope="module", params=QUESTIONS)
def question(request: pytest.FixtureRequest) -> str:
    """Name a question."""
    return str(request.param)


def _ask(story: Story, question: str, cursor: str) -> Any:
    path = f"/api/v1/{question.partition('?')[0]}"
    asked = "&".join(f"{name}={quote(value)}" for name, value in QUESTIONS[question].items())
    return story.served.client.get(f"{path}?{asked}&cursor={cursor}")


def test_every_route_with_a_cursor_is_asked_here(story: Story) -> None:
    described = ("/openapi.json", ""), ("/admin/openapi.json", "/admin")
    named = {
        f"{prefix}{path}"
        for document, prefix in described
        for path, methods in story.served.client.get(document).json()["paths"].items()
        for method in methods.values()
        if any(parameter["name"] == "cursor" for parameter in method.get("parameters", ()))
    }

    assert named == {f"/api/v1/{question.partition('?')[0]}" for question in QUESTIONS}


@pytest.mark.parametrize("list_", [None, *LISTS])
def test_every_list_of_gaps_refuses_a_forged_cursor(story: Story, list_: str | None) -> None:
    asked = {} if list_ is None else {"list": list_}

    assert story.get("gaps", cursor=_sealed_by_anybody(b"[]"), **asked).status_code == 400


@given(cursor=st.one_of(RAW, TEXTS, CODED))
def test_whatever_stands_where_a_cursor_does_is_refused(story: Story, question: str, cursor: str) -> None:
    answer = _ask(story, question, cursor)

    assert answer.status_code == 400, (cursor, answer.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


def _sealed_by_anybody(body: bytes) -> str:
    """Return a cursor whose seal anybody can make who knows how."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:6] + body).decode().rstrip("=")


@pytest.mark.parametrize("body", [b"x", b"1", b"[]", b'["lineage-now"]', b"\xff", b"{}"])
def test_a_seal_that_anybody_can_make_is_worth_nothing(story: Story, question: str, body: bytes) -> None:
    answer = _ask(story, question, _sealed_by_anybody(body))

    assert answer.status_code == 400, answer.text
    assert (answer.json()["field"], answer.json()["rule"]) == ("cursor", "cursor")


@given(stated=JSON)
def test_even_with_the_logs_secret_only_what_is_a_cursor_is_read(stated: object) -> None:
    cursors = Cursors(b"k" * 32)
    body = orjson.dumps(stated)
    text = base64.urlsafe_b64encode(cursors._code(body) + body).decode().rstrip("=")

    is_one = cursors._read(text)

    assert is_one is None or len(is_one) == 3


def test_not_one_character_of_a_cursor_can_be_changed(story: Story) -> None:
    cursor = story.ask("state", limit=1)["cursor"]
    for index, character in enumerate(cursor[:-1]):
        other = "A" if character != "A" else "B"
        answer = story.get("state", limit=1, cursor=f"{cursor[:index]}{other}{cursor[index + 1 :]}")

        assert answer.status_code == 400, index


def test_a_cursor_is_good_for_whoever_has_the_log(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        whole = [one["artifact"] for one in story.ask("state")["artifacts"]]
        first = story.ask("state", limit=2)
    with serving(tmp_path) as served:  # as after a new start, or in another process
        rest = served.client.get(f"/api/v1/state?cursor={first['cursor']}").json()

    assert [one["artifact"] for one in [*first["artifacts"], *rest["artifacts"]]] == whole


def test_a_cursor_of_one_log_is_none_of_another(tmp_path: Path, story: Story) -> None:
    with told(tmp_path) as other:
        cursor = other.ask("state", limit=1)["cursor"]

    assert story.problem("state", limit=1, cursor=cursor)["rule"] == "cursor"


def test_a_list_does_not_go_on_with_the_cursor_of_another_list(tracked: Story) -> None:
    cursor = tracked.ask("objects", kind="TestKind", limit=1)["cursor"]

    assert tracked.problem("objects", kind="OtherKind", cursor=cursor)["rule"] == "same-question"
    assert tracked.problem("runs", cursor=cursor)["rule"] == "same-question"


@pytest.fixture
def tracked(tmp_path: Path) -> Iterator[Story]:
    """The story, and two tracked objects."""
    with told(tmp_path) as story:
        objects = [{"kind": "TestKind", "values": {"name": name}} for name in "AB"]
        body = {"request": "0" * 32, "objects": objects, "upsert": True}
        assert story.served.client.post("/api/v1/objects", json=body).is_success
        yield story
