"""How an event says that its work ended: what the doors take, and how what is stored is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidEventError
from provgraph.families.pem.events import LONGEST_ERROR, Outcome, Pem, accept, read

_FIELDS: dict[str, Any] = {
    "ID": "0" * 31 + "1",
    "Type": "t",
    "Emitter": "e",
    "OccurredAt": "2026-01-02T03:04:05Z",
}
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | _TEXTS
    | st.lists(_TEXTS)
    | st.dictionaries(_TEXTS, _TEXTS)
)


def taken(**fields: Any) -> Pem:
    """Return an event as the door that takes anything stores it, and as it is read from there."""
    event = accept(_FIELDS | fields, any_outcome=True)
    pem = read(event.payload)
    assert pem == event.content
    return pem


@pytest.mark.parametrize("outcome", ["failed", "aborted"])
def test_an_event_may_say_that_its_work_did_not_end_well_and_why(outcome: str) -> None:
    event = accept(_FIELDS | {"Outcome": outcome, "Error": "no rows"})

    pem: Any = event.content
    assert (pem.outcome, pem.error) == (outcome, "no rows")
    assert read(event.payload) == pem


@pytest.mark.parametrize("fields", [{}, {"Outcome": None}, {"Error": None}])
def test_most_events_say_nothing(fields: dict[str, Any]) -> None:
    pem: Any = accept(_FIELDS | fields).content

    assert (pem.outcome, pem.error) == (None, None)


@pytest.mark.parametrize("stated", ["succeeded", "Failed", "unknown", "", 1, True, ["failed"], {"a": 1}])
def test_another_outcome_is_refused(stated: object) -> None:
    with pytest.raises(InvalidEventError, match=r"Outcome is .* may be failed or aborted") as refused:
        accept(_FIELDS | {"Outcome": stated})

    assert (refused.value.field, refused.value.rule) == ("Outcome", "outcome")


@pytest.mark.parametrize("stated", [1, ["x"], {"message": "x"}])
def test_an_error_that_is_no_text_is_refused(stated: object) -> None:
    with pytest.raises(InvalidEventError, match="Error is not a text") as refused:
        accept(_FIELDS | {"Error": stated})

    assert (refused.value.field, refused.value.rule) == ("Error", "text")


@given(outcome=_VALUES, error=_VALUES)
def test_what_was_stored_before_there_was_a_rule_can_be_read(outcome: Any, error: Any) -> None:
    pem = taken(Outcome=outcome, Error=error)

    stated = None if outcome in (None, "") else outcome
    known = stated in ("failed", "aborted") and isinstance(stated, str)
    assert pem.outcome == (None if stated is None else stated if known else Outcome.UNKNOWN)
    assert pem.error == (error if isinstance(error, str) and error else None)


@pytest.mark.parametrize("fields", [{"Outcome": "succeeded"}, {"Outcome": None, "Error": {"a": 1}}])
def test_an_event_of_before_has_the_bytes_that_it_had(fields: dict[str, Any]) -> None:
    event = accept(_FIELDS | fields, any_outcome=True)

    # Unknown fields were always kept as they are: sent again, it is the same event.
    for name, value in fields.items():
        assert (
            f'"{name}":{str(value).replace("None", "null") if value is None else ""}'.encode()
            in event.payload
        )


@pytest.mark.parametrize("length", [LONGEST_ERROR, LONGEST_ERROR + 1, 50_000])
def test_of_a_long_error_answers_have_the_beginning_and_the_log_has_all(length: int) -> None:
    event = accept(_FIELDS | {"Outcome": "failed", "Error": "é" * length})

    pem: Any = event.content
    assert pem.error == ("é" * length if length <= LONGEST_ERROR else "é" * (LONGEST_ERROR - 1) + "\u2026")
    assert event.payload.decode().count("é") == length
