"""How the work ended that events tell of: stated, or found out by an activity."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import UnsendableError
from provgraph.families.pem.events import LONGEST_ERROR, Outcome, accept

if TYPE_CHECKING:
    from tests.contract.client.service import FakeService


def ending(event: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return how an event that was sent says that its work ended; the service takes it so."""
    pem = accept(event).content
    assert (pem.outcome, pem.error) == (event.get("Outcome"), event.get("Error"))
    return pem.outcome, pem.error


def test_an_event_says_how_its_work_ended_when_it_is_told(client: Any, service: FakeService) -> None:
    client.send_pem(client.prepare_pem("train", outcome=Outcome.ABORTED, error="no time left"))
    client.send_pem(client.prepare_pem("train"))

    assert [ending(event) for event in service.sent] == [("aborted", "no time left"), (None, None)]
    assert not service.sent[1].keys() & {"Outcome", "Error"}


@pytest.mark.parametrize(
    ("stated", "field", "rule"),
    [
        ({"outcome": "succeeded"}, "Outcome", "outcome"),
        ({"outcome": "unknown"}, "Outcome", "outcome"),
        ({"outcome": ["failed"]}, "Outcome", "outcome"),
        ({"error": 7}, "Error", "text"),
        ({"error": ""}, "Error", "required"),
        ({"error": "a\0"}, "Error", "no-nul"),
        ({"error": "a\ud800"}, "Error", "no-lone-surrogate"),
    ],
)
def test_what_the_service_would_refuse_cannot_be_stated(
    client: Any, stated: dict[str, Any], field: str, rule: str
) -> None:
    with pytest.raises(UnsendableError) as refused:
        client.prepare_pem("train", **stated)

    assert (refused.value.field, refused.value.rule) == (field, rule)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no rows"), ("failed", "ValueError: no rows")),
        (LookupError(), ("failed", "LookupError")),
        (KeyboardInterrupt(), ("aborted", "KeyboardInterrupt")),
        (SystemExit(3), ("aborted", "SystemExit: 3")),
        (asyncio.CancelledError(), ("aborted", "CancelledError")),
    ],
)
def test_an_activity_that_an_exception_ended_says_so(
    client: Any, service: FakeService, error: BaseException, expected: tuple[str, str]
) -> None:
    with pytest.raises(type(error)), client.activity("train", produces=["model/churn"]):
        raise error

    (event,) = service.sent
    assert ending(event) == expected
    assert event["ProducesArtifacts"] == [{"Name": "model/churn"}]


def test_an_activity_that_ends_well_says_nothing(client: Any, service: FakeService) -> None:
    with client.activity("train"):
        pass

    assert ending(service.sent[0]) == (None, None)


def test_any_exception_can_be_told(client: Any, service: FakeService) -> None:
    class Odd(Exception):  # noqa: N818 - odd on purpose
        """It cannot be sent as it is."""

    Odd.__qualname__ = "Bad\0\ud800"
    with pytest.raises(Odd), client.activity("train"):
        raise Odd("\0\ud800" + "x" * 10_000)

    outcome, error = ending(service.sent[0])
    assert (outcome, len(error or "")) == ("failed", LONGEST_ERROR)
    assert (error or "").startswith("Bad??: ??xxx")
