"""Values that Python takes for each other, and JSON does not: 1, 1.0 and true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.events import canonical
from provgraph.families.tracking.events import ObjectState
from provgraph.tracking import ChangedSinceError, Save
from tests.contract.catalog.tracked import KIND, Script, command

if TYPE_CHECKING:
    from collections.abc import Callable

ALIKE = [(1, True), (True, 1), (0, False), (1, 1.0), (1.0, True), (0, -0.0), (0.0, -0.0)]
INSIDE: dict[str, Callable[[Any], Any]] = {
    "alone": lambda value: value,
    "in a list": lambda value: ["x", value],
    "in an object": lambda value: {"a": value},
    "deep inside": lambda value: {"a": [{"b": [value]}]},
}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, -0.0, 0.5])
    | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def save(script: Script, value: Any, *, run: str | None = None) -> tuple[str, str]:
    """Save the object A with a value, and return its id and what that did."""
    wanted = Save(KIND, {"name": "A", "value": value})
    (saved,) = script.tracker.save(command(), [wanted], run_id=run, upsert=True).answer["objects"]
    return saved["id"], str(saved["operation"])


def value_of(script: Script, id_: str) -> bytes:
    return canonical.dumps(script.work.object(id_)["values"]["value"])


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize(("was", "now"), ALIKE)
def test_a_value_of_another_type_is_a_change(
    was: object, now: object, inside: Callable[[Any], Any], script: Script
) -> None:
    save(script, inside(was))

    id_, operation = save(script, inside(now))

    assert operation == "updated"
    assert value_of(script, id_) == canonical.dumps(inside(now))


@pytest.mark.parametrize(("was", "now"), ALIKE)
def test_a_rollback_puts_the_very_value_back(was: object, now: object, script: Script) -> None:
    save(script, was)
    run = script.open()
    id_, _ = save(script, now, run=run)
    script.close(run)

    script.tracker.roll_back(command(), run)

    assert value_of(script, id_) == canonical.dumps(was)


def test_who_changed_only_the_type_of_a_value_since_is_in_the_way_of_a_rollback(script: Script) -> None:
    save(script, "before")
    run = script.open()
    id_, _ = save(script, 1, run=run)
    script.close(run)
    save(script, True)

    with pytest.raises(ChangedSinceError):
        script.tracker.roll_back(command(), run)

    assert value_of(script, id_) == b"true"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(was=values, now=values)
def test_what_is_there_after_a_save_is_what_was_saved(was: Any, now: Any, script: Script) -> None:
    save(script, was)

    id_, operation = save(script, now)

    assert value_of(script, id_) == canonical.dumps(now)
    assert (operation == "unchanged") == (canonical.dumps(was) == canonical.dumps(now))


@given(st.dictionaries(st.sampled_from("abc"), values), st.dictionaries(st.sampled_from("abc"), values))
def test_states_are_the_same_where_their_bytes_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    def state(its: dict[str, Any]) -> ObjectState:
        return ObjectState("0" * 32, KIND, "main", "A", "Device/A", its)

    is_same = canonical.dumps(one) == canonical.dumps(other)
    assert state(one).is_same(state(other)) == is_same
    assert (state(one).changed(state(other)) == []) == is_same
