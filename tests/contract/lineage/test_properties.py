"""
An artifact is shown with the properties of the version that is shown, whatever arrived first.

What came from outside is shown with what its uses state, and a use that states another digest than its version has is
named as such.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.events import clock
from provgraph.families.pem.events import accept
from provgraph.graphstore import View
from provgraph.lineage.gaps import Gaps, gaps
from provgraph.lineage.state import diff, state
from provgraph.lineage.why import Why, why
from tests.contract.builders import at_us, pem
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import apply
from tests.contract.lineage.reference import Told
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import NewEvent
    from tests.contract.graphstore.stores import Opener

pytestmark = pytest.mark.timeout(600)
_NOON = "2026-03-02T12:00:00Z"


FIELDS = ("Properties", "Digest", "Kind")


class Talkative(NamedTuple):
    """An event of a history that says something of some artifacts."""

    made: Made
    said: Sequence[Sequence[str]]  # which fields are given: of its uses and then of its productions

    @property
    def stated(self) -> list[dict[str, Any]]:
        """Return its uses, and then its productions."""
        return [
            {
                "Name": name,
                **({} if label is None else {"Version": label}),
                **{field: self._values(index)[field] for field in said},
            }
            for index, ((name, label), said) in enumerate(
                zip((*self.made.uses, *self.made.produces), self.said, strict=False)
            )
        ]

    def _values(self, index: int) -> dict[str, Any]:
        number = self.made.number
        # Few digests, so that some agree.
        return {
            "Properties": {"by": number, "index": index},
            "Digest": f"d{(number + index) % 2}",
            "Kind": f"k{number}",
        }

    def event(self) -> NewEvent:
        used = len(self.made.uses)
        stated = self.stated
        return pem(
            self.made.number,
            at=self.made.at,
            uses=stated[:used],
            produces=stated[used:],
            after=self.made.after,
        )

    def said_of(self, name: str, field: str, *, made: bool) -> Any:
        """Return what the event says of an artifact that it produced (made) or used; None: nothing."""
        used = len(self.made.uses)
        stated = self.stated[used:] if made else self.stated[:used]
        said = [
            (each.get("Version", ""), each[field])
            for each in stated
            if each["Name"] == name and field in each
        ]
        return max(said, key=lambda each: each[0])[1] if said else None

    def digest_stated(self, name: str, label: str) -> str | None:
        """Return the digest that it states of a version that it used."""
        used = self.stated[: len(self.made.uses)]
        stated = (each for each in used if (each["Name"], each.get("Version", "")) == (name, label))
        return next((each.get("Digest") for each in stated), None)


@st.composite
def logs(draw: st.DrawFn) -> list[Talkative]:
    history = draw(histories())
    fields = st.lists(st.sampled_from(FIELDS), unique=True, max_size=3)
    said = st.lists(fields, min_size=4, max_size=4)
    return draw(st.permutations([Talkative(made, draw(said)) for made in history]))


def expected(log: Sequence[Talkative], view: View) -> dict[str, list[Any]]:
    """Return what is said of artifacts in a view: of their latest versions, or by their latest uses that say it."""
    right = Told([each.made for each in log]).at(view)
    by_id = {each.made.id: each for each in log if each.made.id in right.events}
    in_order = sorted(by_id.values(), key=lambda each: right.moment(each.made))
    found = {}
    for name, version in right.state().items():
        found[name] = [
            by_id[version].said_of(name, field, made=True)
            if version is not None
            else next(
                (
                    said
                    for each in reversed(in_order)
                    if (said := each.said_of(name, field, made=False)) is not None
                ),
                None,
            )
            for field in FIELDS
        ]
    return found


def shown(artifact: dict[str, Any]) -> list[Any]:
    """Return what an answer says of an artifact's version, or of what came from outside."""
    said = artifact if artifact["version"] is None else artifact["version"]
    return [artifact["properties"] or None, said.get("digest"), said.get("kind")]


def expected_contradictions(log: Sequence[Talkative], view: View) -> set[tuple[str, str, str, str]]:
    """Return the uses of a view that state another digest than their version has: event, artifact, both digests."""
    right = Told([each.made for each in log]).at(view)
    by_id = {each.made.id: each for each in log if each.made.id in right.events}
    found = set()
    for id_, name, producer, label in right.used_by(right.events):
        stated = by_id[id_].digest_stated(name, label)
        made = None if producer is None else by_id[producer].said_of(name, "Digest", made=True)
        if stated is not None and made is not None and stated != made:
            found.add((id_, name, stated, made))
    return found


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.too_slow])
@given(log=logs(), batch=st.integers(1, 9), data=st.data())
def test_the_properties_shown_are_those_of_the_version_shown(
    stores: Opener, log: list[Talkative], batch: int, data: st.DataObject
) -> None:
    times = st.none() | st.integers(0, 3).map(at_us)
    views = [View(data.draw(st.integers(0, len(log))), data.draw(times)) for _ in range(2)]
    events = [each.event() for each in log]
    with stores.empty() as store:
        for begin in range(0, len(events), batch):
            apply(store, *events[begin : begin + batch])
        found = state(store, as_of_us=views[0].as_of_us, known_at=views[0].position)
        changes = diff(store, *views)["changes"]

    right = [expected(log, view) for view in views]
    assert {each["artifact"]: shown(each) for each in found["artifacts"]} == right[0]
    for each in found["artifacts"]:
        if each["version"] is not None:
            assert each["properties"] == each["version"].get("properties", {})
    for change in changes:
        for side, said in zip(("before", "after"), right, strict=True):
            if change[side] is not None:
                assert shown(change[side]) == said[change["artifact"]]


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.too_slow])
@given(log=logs(), batch=st.integers(1, 9), limit=st.integers(1, 9), data=st.data())
def test_a_use_that_states_another_digest_than_its_version_has_is_in_gaps_and_in_why(
    stores: Opener, log: list[Talkative], batch: int, limit: int, data: st.DataObject
) -> None:
    times = st.none() | st.integers(0, 3).map(at_us)
    view = View(data.draw(st.integers(0, len(log))), data.draw(times))
    right = expected_contradictions(log, view)
    events = [each.event() for each in log]
    found: set[tuple[str, ...]] = set()
    told: set[tuple[str, ...]] = set()
    with stores.empty() as store:
        for begin in range(0, len(events), batch):
            apply(store, *events[begin : begin + batch])
        asked = Gaps(only="contradicted", as_of_us=view.as_of_us, known_at=view.position, limit=limit)
        cursor: str | None = ""
        while cursor is not None:
            page = gaps(store, asked._replace(cursor=cursor or None))["contradicted"]
            found.update((use["event"], use["artifact"], *digests(use)) for use in page["items"])
            cursor = page["cursor"]
        for id_ in {each.made.id for each in log if view.holds(at_us(each.made.at), log.index(each) + 1)}:
            answer = why(store, Why(f"pem:{id_}", depth=1, as_of_us=view.as_of_us, known_at=view.position))
            told.update(
                (id_, used["artifact"], *digests(used))
                for used in answer["steps"][0]["used"]
                if "contradicted" in used
            )

    assert found == right
    assert told == right


def digests(use: dict[str, Any]) -> list[str]:
    """Return the digest that a use states, and that of its version."""
    assert use["contradicted"]["version"] == use["version"]["digest"]
    return [use["contradicted"]["stated"], use["contradicted"]["version"]]


def test_a_version_that_says_nothing_does_not_show_what_another_one_said(stores: Opener) -> None:
    first = pem(1, at=1, produces=[{"Name": "model", "Properties": {"auc": 0.81}}])
    with stores.filled([first, pem(2, at=2, produces=["model"])]) as store:
        (shown,) = state(store)["artifacts"]
        (before,) = state(store, as_of_us=at_us(1))["artifacts"]

    assert (shown["properties"], before["properties"]) == ({}, {"auc": 0.81})


def test_properties_of_a_later_version_do_not_show_before_it(stores: Opener) -> None:
    later = pem(2, at=2, produces=[{"Name": "model", "Properties": {"auc": 0.84}}])
    with stores.filled([later], [pem(1, at=1, produces=["model"])]) as store:
        (before,) = state(store, as_of_us=at_us(1))["artifacts"]

    assert before["properties"] == {}


@pytest.mark.parametrize("turn", [1, -1])
def test_the_model_of_the_worked_example_is_shown_with_what_its_own_training_said(
    stores: Opener, turn: int
) -> None:
    lines = (Path(__file__).parents[3] / "docs" / "example" / "credit.ndjson").read_text().splitlines()
    events = [accept(json.loads(line)) for line in lines[::turn]]
    with stores.filled(events) as store:
        now, before = (
            next(each for each in answer["artifacts"] if each["artifact"] == "model/credit")
            for answer in (state(store), state(store, as_of_us=clock.parse_time(_NOON, field="as_of")))
        )

    assert (now["version"]["label"], now["properties"]) == ("2", {"auc": 0.84})
    assert (before["version"]["label"], before["properties"]) == ("1", {"auc": 0.81})
