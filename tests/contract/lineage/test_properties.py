"""An artifact is shown with the properties of the version that is shown, whatever arrived first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.events import accept, clock
from provgraph.graphstore import View
from provgraph.lineage.state import diff, state
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


class Talkative(NamedTuple):
    """An event of a history that says something of some artifacts."""

    made: Made
    is_said: Sequence[bool]  # of its uses and then of its productions

    @property
    def stated(self) -> list[dict[str, Any]]:
        """Return its uses, and then its productions."""
        return [
            {
                "Name": name,
                **({} if label is None else {"Version": label}),
                "Properties": {"by": self.made.number, "index": index} if said else {},
            }
            for index, ((name, label), said) in enumerate(
                zip((*self.made.uses, *self.made.produces), self.is_said, strict=False)
            )
        ]

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

    def said_of(self, name: str, *, made: bool) -> dict[str, Any]:
        """Return what the event says of an artifact that it produced (made) or used."""
        used = len(self.made.uses)
        stated = self.stated[used:] if made else self.stated[:used]
        said = [
            (each.get("Version", ""), each["Properties"])
            for each in stated
            if each["Name"] == name and each["Properties"]
        ]
        return max(said, key=lambda each: each[0])[1] if said else {}


@st.composite
def logs(draw: st.DrawFn) -> list[Talkative]:
    history = draw(histories())
    said = st.lists(st.booleans(), min_size=4, max_size=4)
    return draw(st.permutations([Talkative(made, draw(said)) for made in history]))


def expected(log: Sequence[Talkative], view: View) -> dict[str, dict[str, Any]]:
    """Return the properties that artifacts have in a view."""
    right = Told([each.made for each in log]).at(view)
    by_id = {each.made.id: each for each in log if each.made.id in right.events}
    in_order = sorted(by_id.values(), key=lambda each: right.moment(each.made))
    found = {}
    for name, version in right.state().items():
        said = [each.said_of(name, made=False) for each in in_order]
        from_outside: dict[str, Any] = next((each for each in reversed(said) if each), {})
        found[name] = from_outside if version is None else by_id[version].said_of(name, made=True)
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
    assert {each["artifact"]: each["properties"] for each in found["artifacts"]} == right[0]
    for each in found["artifacts"]:
        if each["version"] is not None:
            assert each["properties"] == each["version"].get("properties", {})
    for change in changes:
        for side, properties in zip(("before", "after"), right, strict=True):
            if change[side] is not None:
                assert change[side]["properties"] == properties[change["artifact"]]


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
