"""Events that wait for the service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.client import DeliveryError, Flushed, SpoolDelivery, SpoolElsewhereError, SpoolFullError
from tests.contract.client.service import json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.client.service import FakeService

_AWAY = httpx.ConnectError("refused")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the spool is."""
    return tmp_path / "spool.db"


@pytest.fixture
def spooling(make: Callable[..., Any], path: Path) -> Callable[..., Any]:
    """Makes clients with a spool."""

    def spooling(**options: Any) -> Any:
        stated = {"durable": False, "close_timeout_seconds": 0.0, **options}
        return make(delivery=SpoolDelivery(path, **stated))

    return spooling


def _delivery(client: Any) -> SpoolDelivery:
    delivery: SpoolDelivery = client._delivery
    return delivery


def test_what_was_spooled_arrives_in_order(spooling: Callable[..., Any], service: FakeService) -> None:
    client = spooling()
    pems = [client.prepare_pem("x") for _ in range(1_200)]

    verdicts = {client.send_pem(pem).verdict for pem in pems[:50]}
    result = client.send_pems(pems[50:])
    flushed = client.flush(timeout_seconds=30)

    assert (verdicts, {each.verdict for each in result.verdicts}) == ({"spooled"}, {"spooled"})
    assert flushed == Flushed(delivered=1_200, refused=0, left=0, waiting=0)
    assert flushed.complete
    assert [event["ID"] for event in service.sent] == [pem.id for pem in pems]


def test_taking_an_event_needs_no_service(spooling: Callable[..., Any], service: FakeService) -> None:
    service.troubles = [_AWAY] * 1_000
    client = spooling()
    pem = client.prepare_pem("x")

    client.send_pem(pem)
    away = client.flush(timeout_seconds=0.3)
    service.troubles = []
    back = client.flush(timeout_seconds=30)

    assert (away.delivered, away.left, away.complete) == (0, 1, False)
    assert "refused" in str(away.reason)
    assert back == Flushed(delivered=1, refused=0, left=0)
    assert [event["ID"] for event in service.sent] == [pem.id]


def test_an_answer_that_was_lost_makes_no_second_event(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.lost = {1}
    client = spooling()
    client.send_pems([client.prepare_pem("x") for _ in range(3)])

    assert client.flush(timeout_seconds=30).delivered == 3
    assert (len(service.requests), len(service.sent)) == (2, 3)


def test_what_the_service_refuses_is_kept_with_its_verdict_and_holds_up_nothing(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.invalid = {"bad"}
    client = spooling()
    pems = [client.prepare_pem(type_) for type_ in ("a", "bad", "b")]

    client.send_pems(pems)
    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, flushed.refused, flushed.left, flushed.complete) == (2, 1, 0, False)
    (refused,) = _delivery(client).spool.refused()
    assert (refused.id, refused.verdict, refused.detail) == (pems[1].id, "invalid", "because")
    assert refused.content == pems[1].encode().content


def test_each_of_many_that_are_refused_is_kept_with_its_own_verdict(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.invalid = {"bad"}
    client = spooling()
    pems = [client.prepare_pem(type_) for type_ in ("bad", "a") * 35]

    client.send_pems(pems)
    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, flushed.refused, flushed.left) == (35, 35, 0)
    refused = _delivery(client).spool.refused()
    assert {(each.id, each.detail) for each in refused} == {(pem.id, "because") for pem in pems[::2]}


def test_what_is_refused_beyond_what_the_service_tells_has_a_verdict_all_the_same(
    make: Callable[..., Any], service: FakeService
) -> None:
    service.invalid = {"bad"}
    client = make()

    result = client.send_pems([client.prepare_pem(type_) for type_ in ("bad", "a") * 15])

    assert [each.index for each in result.verdicts] == list(range(30))
    assert [each.index for each in result.refused] == list(range(0, 30, 2))
    assert all(each.detail for each in result.refused)


def test_a_flush_tells_of_what_came_since_the_one_before(spooling: Callable[..., Any]) -> None:
    client = spooling()

    client.send_pem(client.prepare_pem("x"))
    first = client.flush(timeout_seconds=30)
    client.send_pems([client.prepare_pem("x") for _ in range(2)])
    second = client.flush(timeout_seconds=30)

    assert (first.delivered, second.delivered, client.flush().delivered) == (1, 2, 0)


@pytest.mark.parametrize("trouble", [httpx.Response(401), httpx.Response(404), httpx.Response(200, text="x")])
def test_an_answer_that_is_not_about_the_event_loses_none(
    spooling: Callable[..., Any], service: FakeService, trouble: httpx.Response
) -> None:
    service.troubles = [trouble, trouble, httpx.Response(400, text="a proxy's own")]
    client = spooling()

    client.send_pem(client.prepare_pem("x"))
    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, len(service.sent)) == (1, 1)


def test_a_request_that_is_too_large_is_made_smaller_until_what_spoils_it_stands_alone(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.too_large = {b'"whale"'}
    client = spooling()
    pems = [client.prepare_pem(type_) for type_ in ["x"] * 5 + ["whale"] + ["x"] * 5]
    client.send_pems(pems)

    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, flushed.refused) == (10, 1)
    assert [each.id for each in _delivery(client).spool.refused()] == [pems[5].id]
    assert [event["ID"] for event in service.sent] == [pem.id for pem in pems if pem.type == "x"]


def test_a_tag_waits_for_the_events_before_it(spooling: Callable[..., Any], service: FakeService) -> None:
    service.troubles = [_AWAY] * 2
    client = spooling()
    first, second = client.prepare_pem("x"), client.prepare_pem("x")

    client.send_pem(first)
    client.set_tag("prod", "current", first)
    client.send_pem(second)
    flushed = client.flush(timeout_seconds=30)

    assert flushed.delivered == 3
    assert service.tags == [("POST /receiver/tag/cHJvZA==/Y3VycmVudA==", first.id)]
    assert [request.url.path.split("/")[1] for request in service.requests[2:]] == ["api", "receiver", "api"]


def test_a_tag_on_an_event_of_an_emitter_that_is_not_ours_is_kept_as_refused(
    spooling: Callable[..., Any], service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    reserved = "The emitter 'loans' is reserved"
    service.troubles = [httpx.Response(403, text=reserved, headers={"X-Provgraph-Rule": "emitter"})]
    client = spooling()

    client.set_tag("prod", "current", "ab" * 16)
    client.send_pem(client.prepare_pem("x"))
    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, flushed.refused, flushed.left) == (1, 1, 0)
    (refused,) = _delivery(client).spool.refused()
    assert (refused.kind, refused.rule, refused.detail) == ("tag", "emitter", reserved)
    assert reserved in caplog.text


def test_a_tag_waits_while_the_credential_may_not_tag_at_all(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.troubles = [httpx.Response(403, text="The credential 'x' has the role reader")]
    client = spooling()

    client.set_tag("prod", "current", "ab" * 16)

    assert client.flush(timeout_seconds=30).delivered == 1


def test_a_tag_on_an_event_that_is_not_there_is_kept_as_refused(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.troubles = [json({"title": "Not found", "detail": "There is no PEM"}, 404)]
    client = spooling()

    client.set_tag("prod", "current", "ab" * 16)

    assert client.flush(timeout_seconds=30).refused == 1
    assert _delivery(client).spool.refused()[0].kind == "tag"


def test_a_tag_on_an_event_that_was_refused_before_says_so(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.invalid.add("wrong")
    client = spooling()
    event = client.prepare_pem("wrong")
    client.send_pem(event)
    client.flush(timeout_seconds=30)
    service.troubles = [json({"title": "Not found", "detail": "There is no PEM"}, 404)]

    client.set_tag("a", "b", event)
    client.flush(timeout_seconds=30)

    _, tag = _delivery(client).spool.refused()
    assert tag.detail == "The event that it is to mark was refused before: because"


def test_a_refused_credential_is_told_at_once_and_no_flush_waits_for_it(
    spooling: Callable[..., Any], service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.troubles = [httpx.Response(401, json={"title": "No", "detail": "Unknown token"})] * 1_000
    client = spooling()

    client.send_pem(client.prepare_pem("x"))
    flushed = [client.flush(timeout_seconds=600) for _ in range(3)]

    assert [each.left for each in flushed] == [1, 1, 1]
    assert "token=" in (flushed[0].reason or "")
    assert len(service.requests) < 10
    assert caplog.text.count("cannot be delivered now") == 1
    service.troubles = []


def test_a_tag_that_fits_into_no_url_is_kept_as_refused_and_holds_up_nothing(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    client = spooling()

    client.set_tag("prod", "Z" * 66_000, "ab" * 16)
    client.send_pem(client.prepare_pem("x"))
    flushed = client.flush(timeout_seconds=30)

    assert (flushed.delivered, flushed.refused) == (1, 1)
    assert "too long" in (_delivery(client).spool.refused()[0].detail or "")
    assert len(service.sent) == 1


def test_a_full_spool_says_so_and_takes_none(spooling: Callable[..., Any], service: FakeService) -> None:
    service.troubles = [_AWAY] * 1_000
    client = spooling(max_events=2)
    client.send_pems([client.prepare_pem("x") for _ in range(2)])

    with pytest.raises(SpoolFullError, match="is full"):
        client.send_pem(client.prepare_pem("x"))

    assert client.flush(timeout_seconds=0).left == 2


def test_what_is_left_when_a_client_closes_the_next_one_delivers(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.troubles = [_AWAY] * 1_000
    first = spooling()
    pems = [first.prepare_pem("x") for _ in range(3)]
    first.send_pems(pems)
    first.close()
    service.troubles = []

    second = spooling()
    pems.append(second.prepare_pem("y"))
    second.send_pem(pems[-1])

    assert second.flush(timeout_seconds=30) == Flushed(delivered=1, refused=0, left=0)
    assert [event["ID"] for event in service.sent] == [pem.id for pem in pems]


def test_not_all_is_there_while_something_waits_that_an_earlier_client_left(
    spooling: Callable[..., Any], service: FakeService
) -> None:
    service.troubles = [_AWAY] * 1_000
    first = spooling()
    first.send_pems([first.prepare_pem("x") for _ in range(5)])
    first.close()

    second = spooling()
    away = second.flush(timeout_seconds=0.3)
    service.troubles = []
    back = second.flush(timeout_seconds=30)

    assert (away.left, away.waiting, away.complete) == (0, 5, False)
    assert "refused" in str(away)
    assert (back, back.complete) == (Flushed(delivered=0, refused=0, left=0), True)
    assert len(service.sent) == 5


def test_closing_does_not_wait_for_what_another_client_left(
    spooling: Callable[..., Any], service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.troubles = [_AWAY] * 10_000
    first = spooling()
    first.send_pem(first.prepare_pem("x"))
    first.close()
    began = time.monotonic()

    spooling(close_timeout_seconds=60).close()

    assert time.monotonic() - began < 30
    assert "1 event is left in the spool" in caplog.text
    service.troubles = []


def test_closing_waits_for_what_is_left(spooling: Callable[..., Any], service: FakeService) -> None:
    client = spooling(close_timeout_seconds=30)
    client.send_pems([client.prepare_pem("x") for _ in range(30)])

    client.close()

    assert len(service.sent) == 30


def test_a_closed_client_takes_nothing_more(spooling: Callable[..., Any]) -> None:
    client = spooling()
    client.close()

    with pytest.raises(DeliveryError, match="closed"):
        client.send_pem(client.prepare_pem("x"))
    client.close()


def test_an_activity_is_spooled_too(spooling: Callable[..., Any], service: FakeService) -> None:
    service.troubles = [_AWAY] * 3
    client = spooling()

    with client.activity("train") as run:
        pass

    assert client.flush(timeout_seconds=30).delivered == 1
    assert service.sent[0]["ID"] == run.id


def test_a_spool_that_cannot_be_used_is_told_when_the_client_is_made(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(DeliveryError, match=str(tmp_path)):
        make(delivery=SpoolDelivery(tmp_path))


def test_what_waits_for_one_service_is_not_delivered_to_another(
    spooling: Callable[..., Any], make: Callable[..., Any], path: Path, service: FakeService
) -> None:
    service.troubles = [_AWAY] * 1_000
    first = spooling()
    pem = first.prepare_pem("x")
    first.send_pem(pem)
    first.close()
    service.troubles = []

    with pytest.raises(SpoolElsewhereError, match="move=True"):
        make(url="http://name:secret@other.test", delivery=SpoolDelivery(path))
    assert service.sent == []
    moved = make(url="http://name:secret@other.test/", delivery=SpoolDelivery(path, move=True))
    moved.flush(timeout_seconds=30)
    moved.send_pem(moved.prepare_pem("y"))

    assert moved.flush(timeout_seconds=30).complete
    assert service.sent[0]["ID"] == pem.id
    assert b"secret" not in path.read_bytes()
