"""Making and sending events."""

from __future__ import annotations

import re
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from provgraph.client import (
    ActivityEndedError,
    Artifact,
    ClientError,
    ConsoleDelivery,
    CredentialsRefusedError,
    DeliveryError,
    FileDelivery,
    NoopDelivery,
    NotThereError,
    OversizedEventError,
    RefusedEventError,
    SpoolDelivery,
    UnreachableError,
    UnsendableError,
)
from provgraph.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provgraph.client import Run
    from tests.contract.client.driver import Driver
    from tests.contract.client.service import FakeService


def test_of_many_events_that_are_refused_each_is_named(client: Any, service: FakeService) -> None:
    service.invalid = {"x"}
    pems = [client.prepare_pem("x" if number % 3 else "y") for number in range(2_500)]

    result = client.send_pems(pems)

    assert (result.accepted, result.invalid, len(service.requests)) == (834, 1_666, 3)
    assert [verdict.id for verdict in result.verdicts] == [pem.id for pem in pems]
    assert [verdict.id for verdict in result.refused] == [pem.id for pem in pems if pem.type == "x"]


def test_an_event_says_what_was_stated(client: Any, service: FakeService) -> None:
    before = client.prepare_pem("ingest")

    pem = client.prepare_pem(
        "train",
        before,
        {"epochs": 3},
        tag="current",
        tag_namespace="prod",
        uses=["table/customers", client.prepare_artifact("table/orders", version="7")],
        produces=[Artifact("model/churn", {"auc": 0.91}, kind="model", digest="sha256:1")],
        occurred_at=datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    )
    client.send_pem(pem)

    assert service.sent == [
        {
            "ID": pem.id,
            "Type": "train",
            "Emitter": "trainer",
            "Version": "2.0.0",
            "OccurredAt": "2026-03-01T09:30:00+00:00",
            "Predecessors": [before.id],
            "Properties": {"epochs": 3},
            "Tag": "current",
            "TagNamespace": "prod",
            "UsesArtifacts": [{"Name": "table/customers"}, {"Name": "table/orders", "Version": "7"}],
            "ProducesArtifacts": [
                {
                    "Name": "model/churn",
                    "Properties": {"auc": 0.91},
                    "Kind": "model",
                    "Digest": "sha256:1",
                }
            ],
        }
    ]


def test_an_event_is_tagged_latest_in_its_emitters_name_unless_told_otherwise(
    client: Any, service: FakeService
) -> None:
    client.send_pems([client.prepare_pem("a"), client.prepare_pem("b", tag=None)])

    tagged, plain = service.sent
    assert (tagged["Tag"], tagged["TagNamespace"]) == ("latest", "trainer")
    assert not plain.keys() & {"Tag", "TagNamespace"}


def test_an_event_with_more_artifacts_is_the_same_event(client: Any) -> None:
    pem = client.prepare_pem("train")

    more = pem.using("a").producing("b", Artifact("c"))

    assert (more.id, [each.name for each in more.uses], [each.name for each in more.produces]) == (
        pem.id,
        ["a"],
        ["b", "c"],
    )
    assert pem.uses == ()


@pytest.mark.parametrize("spelling", [str, lambda id_: id_.hex, lambda id_: id_, lambda id_: f"{{{id_}}}"])
def test_a_predecessor_may_be_spelled_in_any_way(client: Any, spelling: Callable[[uuid.UUID], Any]) -> None:
    id_ = uuid.uuid4()

    assert client.prepare_pem("x", [spelling(id_), id_]).predecessors == (id_.hex,)


def test_ids_rise(client: Any) -> None:
    ids = [client.prepare_pem("x").id for _ in range(1000)]

    assert ids == sorted(set(ids))
    assert {uuid.UUID(each).version for each in ids} == {7}


_DEEP: list[Any] = []
for _ in range(300):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("make_event", "field", "rule"),
    [
        (lambda make: make(""), "Type", "required"),
        (lambda make: make(None), "Type", "text"),
        (lambda make: make("a\ud800"), "Type", "no-lone-surrogate"),
        (lambda make: make("a\0"), "Type", "no-nul"),
        (lambda make: make("x", emitter=""), "Emitter", "required"),
        (lambda make: make("x", "nonsense"), "Predecessors", "uuid"),
        (lambda make: make("x", properties={"a": [1, {"b": object()}]}), "Properties.a[1].b", "json"),
        (lambda make: make("x", properties={"a": 2**63}), "Properties.a", "integer-64-bit"),
        (lambda make: make("x", properties={"a": "\0"}), "Properties.a", "no-nul"),
        (lambda make: make("x", properties={"a": "\udfff"}), "Properties.a", "no-lone-surrogate"),
        (lambda make: make("x", properties={"a\0": 1}), "Properties", "no-nul"),
        (lambda make: make("x", properties={1.5: 1}), "Properties", "json"),
        (lambda make: make("x", properties={"a": b"bytes"}), "Properties.a", "json"),
        (lambda make: make("x", properties={"a": {3j}}), "Properties.a.{}", "json"),
        (lambda make: make("x", properties={"a": 3j}), "Properties.a", "json"),
        (lambda make: make("x", properties={"a": _DEEP}), "Properties", "depth"),
        (lambda make: make("x", properties=[1]), "Properties", "object"),
        (lambda make: make("x", tag="a\0"), "Tag", "no-nul"),
        (lambda make: make("x", tag_namespace=7), "TagNamespace", "text"),
        (lambda make: make("x", uses=["a", ""]), "UsesArtifacts[1].Name", "required"),
        (lambda make: make("x", produces=[7]), "ProducesArtifacts[0].Name", "text"),
        (lambda _: Artifact(""), "Name", "required"),
        (lambda _: Artifact("a\ud800"), "Name", "no-lone-surrogate"),
        (lambda _: Artifact("a", {"b": object()}), "Properties.b", "json"),
        (lambda _: Artifact("a", version=7), "Version", "text"),  # type: ignore[arg-type] # the point
        (lambda make: make("x", occurred_at=datetime(2026, 1, 1)), "OccurredAt", "zone"),  # noqa: DTZ001 - the point
        (lambda make: make("x", id="7"), "ID", "uuid"),
        (lambda make: make("x", "ab" * 16, id="ab" * 16), "Predecessors", "not-itself"),
        (
            lambda make: make("x", produces=["b", Artifact("a", version="1"), Artifact("a", version="2")]),
            "ProducesArtifacts[2].Version",
            "one-version",
        ),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_it_is_sent(
    client: Any, service: FakeService, make_event: Callable[[Any], Any], field: str, rule: str
) -> None:
    with pytest.raises(UnsendableError) as refused:
        make_event(client.prepare_pem)

    assert (refused.value.field, refused.value.rule) == (field, rule)
    assert isinstance(refused.value, InvalidEventError)
    assert service.requests == []


def test_an_event_that_is_too_large_is_refused_before_it_is_sent(
    make: Callable[..., Any], service: FakeService
) -> None:
    client = make(size_limit=2_000)

    with pytest.raises(OversizedEventError, match="limit is 2000") as refused:
        client.send_pems([client.prepare_pem("a"), client.prepare_pem("b", properties={"x": "y" * 2_000})])

    assert refused.value.size > 2_000
    assert service.requests == []


def test_an_emitter_is_needed(driver: Driver, service: FakeService) -> None:
    client = driver.client(transport=service.transport)

    with pytest.raises(UnsendableError, match="PROVGRAPH_EMITTER"):
        client.prepare_pem("x")

    assert client.prepare_pem("x", emitter="other").emitter == "other"


def test_what_happens_to_the_properties_later_does_not_reach_the_event(client: Any) -> None:
    properties = {"a": [1]}

    pem = client.prepare_pem("x", properties=properties)
    properties["a"].append(2)

    assert pem.properties == {"a": [1]}


def test_an_event_that_the_service_refuses_is_an_error(client: Any, service: FakeService) -> None:
    service.invalid = {"bad"}

    with pytest.raises(RefusedEventError, match="because") as refused:
        client.send_pem(client.prepare_pem("bad"))

    assert refused.value.verdict.verdict == "invalid"


def test_what_a_batch_was_refused_of_is_in_its_result(client: Any, service: FakeService) -> None:
    service.invalid = {"bad"}
    pems = [client.prepare_pem(type_) for type_ in ("a", "bad", "b")]

    result = client.send_pems(pems)

    assert (result.accepted, result.invalid, [each.id for each in result.refused]) == (2, 1, [pems[1].id])


def test_an_event_sent_twice_is_stored_once(client: Any, service: FakeService) -> None:
    pem = client.prepare_pem("x")

    assert [client.send_pem(pem).verdict, client.send_pem(pem).verdict] == ["accepted", "duplicate"]
    assert len(service.sent) == 1


def test_many_events_go_out_in_several_requests_and_come_back_as_one_result(
    client: Any, service: FakeService
) -> None:
    pems = [client.prepare_pem("x") for _ in range(2_500)]

    result = client.send_pems(pems)

    assert [each.index for each in result.verdicts] == list(range(2_500))
    assert [event["ID"] for event in service.sent] == [pem.id for pem in pems]
    assert len(service.requests) == 3


def test_nothing_is_sent_of_no_events(client: Any, service: FakeService) -> None:
    assert client.send_pems([]).verdicts == ()
    assert service.requests == []


def test_a_tag_is_set_on_an_event(client: Any, service: FakeService) -> None:
    pem = client.prepare_pem("x")

    client.set_tag("???", ">>>", pem)

    assert service.tags == [("POST /receiver/tag/Pz8_/Pj4-", pem.id)]


def test_a_tag_on_an_event_that_is_not_there_is_an_error(client: Any, service: FakeService) -> None:
    service.troubles = [httpx.Response(404, text="There is no PEM")]

    with pytest.raises(NotThereError):
        client.set_tag("a", "b", "ab" * 16)


# Activities


def test_an_activity_is_one_event_that_occurs_when_it_ends(client: Any, service: FakeService) -> None:
    with client.activity("train", uses=["table"], properties={"a": 1}) as run:
        began = datetime.now(UTC)
        assert service.sent == []
        run.uses("other").produces(Artifact("model", {"auc": 0.9})).note(b=2).follows("ab" * 16)

    (event,) = service.sent
    assert event["ID"] == run.id == run.event.id
    assert [each["Name"] for each in event["UsesArtifacts"]] == ["table", "other"]
    assert event["ProducesArtifacts"] == [{"Name": "model", "Properties": {"auc": 0.9}}]
    assert event["Predecessors"] == ["ab" * 16]
    assert {**event["Properties"], "activity": None} == {"a": 1, "b": 2, "activity": None}
    assert datetime.fromisoformat(event["Properties"]["activity"]["began_at"]) <= began
    assert datetime.fromisoformat(event["OccurredAt"]) >= began


def test_an_exception_is_reported_and_goes_on(client: Any, service: FakeService) -> None:
    with pytest.raises(ZeroDivisionError), client.activity("train", produces=["half"]):
        _ = 1 // 0

    (event,) = service.sent
    assert event["Properties"]["failure"] == {
        "type": "ZeroDivisionError",
        "message": "integer division or modulo by zero",
    }
    assert event["ProducesArtifacts"] == [{"Name": "half"}]


def test_a_message_that_may_not_stand_in_an_event_is_reported_readably(
    client: Any, service: FakeService
) -> None:
    with pytest.raises(ValueError, match="bad"), client.activity("train"):
        raise ValueError("bad\0\ud800" + "x" * 10_000)

    message = service.sent[0]["Properties"]["failure"]["message"]
    assert message.startswith("bad??x")
    assert len(message) == 2_000


def test_activities_within_an_activity_are_its_predecessors(
    client: Any, driver: Driver, service: FakeService
) -> None:
    with client.activity("pipeline", predecessor="ab" * 16) as outer:
        with client.activity("first") as first:
            assert driver.current() == first
        with client.activity("second") as second, client.activity("innermost") as innermost:
            pass
        assert driver.current() is outer

    assert driver.current() is None
    events = {event["Type"]: event for event in service.sent}
    assert list(events) == ["first", "innermost", "second", "pipeline"]
    assert events["pipeline"]["Predecessors"] == ["ab" * 16, first.id, second.id]
    assert events["pipeline"]["Properties"]["activity"]["nested"] == 2
    assert events["second"]["Predecessors"] == [innermost.id]


def test_what_cannot_be_stated_is_refused_when_the_activity_begins(strict: Any, service: FakeService) -> None:
    with pytest.raises(UnsendableError, match=r"Properties\.a"):
        strict.activity("train", properties={"a": object()})
    with strict.activity("train") as run, pytest.raises(UnsendableError):
        run.produces("good", "")

    assert "ProducesArtifacts" not in service.sent[0]


def test_a_second_version_of_one_artifact_is_refused_where_an_activity_states_it(
    strict: Any, service: FakeService
) -> None:
    first, second = (Artifact("model", version=version) for version in ("1", "2"))
    with pytest.raises(UnsendableError, match="two versions of 'model'"):
        strict.activity("train", produces=[first, second])
    with strict.activity("train", produces=[first]) as run, pytest.raises(UnsendableError) as refused:
        run.produces("report", second)

    assert (refused.value.field, refused.value.rule) == ("ProducesArtifacts[2].Version", "one-version")
    assert service.sent[0]["ProducesArtifacts"] == [{"Name": "model", "Version": "1"}]


def test_an_activity_that_warns_leaves_a_second_version_out(client: Any, service: FakeService) -> None:
    first, second = (Artifact("model", version=version) for version in ("1", "2"))

    with client.activity("train", produces=[first]) as run:
        run.produces(second, "report")

    assert service.sent[0]["ProducesArtifacts"] == [{"Name": "model", "Version": "1"}, {"Name": "report"}]


def test_a_report_that_fails_is_an_error_after_work_that_did_not(strict: Any, service: FakeService) -> None:
    service.troubles = [httpx.Response(401)]

    with pytest.raises(CredentialsRefusedError, match="The event is lost"), strict.activity("train"):
        pass


def test_a_report_that_fails_does_not_hide_why_the_work_did(strict: Any, service: FakeService) -> None:
    service.troubles = [httpx.Response(401)]

    with pytest.raises(ZeroDivisionError) as failed, strict.activity("train"):
        _ = 1 // 0

    assert "was not reported" in failed.value.__notes__[0]


def test_an_activity_runs_once(client: Any, driver: Driver) -> None:
    activity = client._target.activity("x") if driver.is_async else client.activity("x")
    activity._begin()

    with pytest.raises(RuntimeError, match="once"):
        activity._begin()
    activity._end(None)


@pytest.mark.parametrize(
    "say",
    [
        lambda run: run.uses("table"),
        lambda run: run.produces("model"),
        lambda run: run.follows(uuid.uuid4()),
        lambda run: run.note(rows=3),
    ],
    ids=["uses", "produces", "follows", "note"],
)
def test_what_is_told_of_an_activity_after_its_end_is_refused(
    strict: Any, service: FakeService, say: Callable[[Run], Run]
) -> None:
    with strict.activity("outer") as outer:
        with strict.activity("inner") as inner:
            pass
        with pytest.raises(ActivityEndedError, match="'inner' has ended") as refused:
            say(inner)
        say(outer)
    with pytest.raises(ClientError, match="'outer' has ended"):
        say(outer)

    assert refused.value.event_id == inner.id
    assert [event["Type"] for event in service.sent] == ["inner", "outer"]


def test_an_activity_that_failed_has_ended_too(strict: Any) -> None:
    with pytest.raises(LookupError, match="gone"), strict.activity("train") as run:
        raise LookupError("gone")

    with pytest.raises(ActivityEndedError):
        run.produces("model")


# Reports that end no work


class _Broken:
    def __iter__(self) -> Any:
        raise OSError("broken")


_AWAY = [httpx.ConnectError("refused")] * 100


def _said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(each.getMessage() for each in caplog.records)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (_AWAY, "UnreachableError: No answer from http://service.test"),
        ([httpx.Response(401)], "CredentialsRefusedError: "),
        ([httpx.Response(200, text="<html>")], "ForeignServerError: "),
    ],
    ids=["away", "401", "foreign"],
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_report_that_cannot_be_sent_is_a_warning_that_says_that_it_is_lost(
    client: Any,
    service: FakeService,
    caplog: pytest.LogCaptureFixture,
    trouble: list[Any],
    told: str,
    fails: bool,
) -> None:
    service.troubles = list(trouble)
    mine = LookupError("mine") if fails else None

    with pytest.raises(LookupError) if fails else nullcontext() as raised, client.activity("train"):
        if mine is not None:
            raise mine

    assert (raised.value if raised is not None else None) is mine
    assert not hasattr(mine, "__notes__")
    assert f"train {'failed' if fails else 'is done'} and was not reported: {told}" in _said(caplog)
    assert re.search(
        r"[.?!] The event is lost unless the program sends it again: this client has no", _said(caplog)
    )


def test_a_refused_report_is_a_warning(
    client: Any, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.invalid.add("train")

    with client.activity("train"):
        pass

    assert "train is done and was not reported: RefusedEventError" in _said(caplog)


def test_a_full_spool_is_a_warning(
    make: Callable[..., Any], service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service.troubles = list(_AWAY)
    delivery = SpoolDelivery(tmp_path / "spool", max_events=1, close_timeout_seconds=0)

    with make(delivery=delivery) as client:
        for _ in range(2):
            with client.activity("train"):
                pass

    assert "train is done and was not reported: SpoolFullError" in _said(caplog)


def test_what_cannot_be_stated_is_left_out_and_the_rest_is_sent(
    client: Any, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with client.activity(
        "train",
        uses=["table", 7, ""],
        properties={"a": 1, "model": object()},
        predecessor=["ab" * 16, "nonsense"],
        tag="a\0",
        tag_namespace="fine",
    ) as run:
        run.produces("model", None).uses("other", "a\ud800").follows("no id").note(b=2, c={3j})

    (event,) = service.sent
    assert {name: event["Properties"].get(name) for name in "abc"} == {"a": 1, "b": 2, "c": None}
    assert [each["Name"] for each in event["UsesArtifacts"]] == ["table", "other"]
    assert [each["Name"] for each in event["ProducesArtifacts"]] == ["model"]
    assert event["Predecessors"] == ["ab" * 16]
    assert "Tag" not in event
    assert len(caplog.records) == 9
    assert all("A part of the report of 'train' is left out: " in each for each in _said(caplog).splitlines())


@pytest.mark.parametrize(
    "stated",
    [
        {"type": ""},
        {"type": 7},
        {"type": "x", "uses": 7},
        {"type": "x", "produces": _Broken()},
        {"type": "x", "properties": 5},
        {"type": "x", "predecessor": 7},
        {"type": "x", "properties": {"a": "x" * 2_000_000}},
    ],
    ids=["empty type", "no type", "uses", "produces", "properties", "predecessor", "size"],
)
def test_nothing_that_is_stated_ends_the_work(
    client: Any, caplog: pytest.LogCaptureFixture, stated: dict[str, Any]
) -> None:
    done = False

    with client.activity(**stated):
        done = True

    assert done
    assert caplog.records


def test_what_is_told_after_the_end_is_a_warning(
    client: Any, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with client.activity("train") as run:
        pass

    assert run.note(a=1).produces("model") is run
    assert "The activity 'train' has ended" in _said(caplog)
    assert "a" not in service.sent[0]["Properties"]


def test_a_client_without_an_emitter_does_not_end_the_work(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with make(emitter=None).activity("train"):
        pass

    assert "Emitter is not known" in _said(caplog)


def test_the_error_of_events_that_are_lost_says_how_many(client: Any, service: FakeService) -> None:
    service.troubles = list(_AWAY)

    with pytest.raises(UnreachableError, match="3 events are lost unless the program sends them again"):
        client.send_pems([client.prepare_pem("x") for _ in range(3)])


def test_a_request_that_is_wrong_in_itself_says_nothing_of_spools(client: Any, service: FakeService) -> None:
    service.troubles = [httpx.Response(400, json={"detail": "no"})]

    with pytest.raises(ClientError) as refused:
        client.send_pem(client.prepare_pem("x"))

    assert str(refused.value) == "no"


def test_an_unknown_way_to_take_errors_is_refused(make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="'raise' or 'warn'"):
        make(on_error="ignore")
    with pytest.raises(ValueError, match="'raise' or 'warn'"):
        make().activity("x", on_error="ignore")


# Deliveries


def test_a_noop_delivery_sends_nothing(make: Callable[..., Any], service: FakeService) -> None:
    client = make(delivery=NoopDelivery())

    verdict = client.send_pem(client.prepare_pem("x"))
    client.set_tag("a", "b", "ab" * 16)

    assert (verdict.verdict, client.flush().delivered, service.requests) == ("dropped", 1, [])


def test_a_console_delivery_writes_events_a_line_each(
    make: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    client = make(delivery=ConsoleDelivery())

    client.send_pems([client.prepare_pem("Zürich"), client.prepare_pem("b")])
    client.set_tag("a", "b", "ab" * 16)

    lines = capsys.readouterr().out.splitlines()
    assert "Zürich" in lines[0]
    assert lines[2] == f"tag a/b marks {'ab' * 16}"


def test_a_file_delivery_appends_events_a_line_each(make: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.ndjson"
    first, second = make(delivery=FileDelivery(path)), make(delivery=FileDelivery(path))

    first.send_pem(first.prepare_pem("a"))
    second.send_pem(second.prepare_pem("b"))
    first.send_pem(first.prepare_pem("c"))

    assert [line[40:60].count('"Type"') for line in path.read_text().splitlines()] == [1, 1, 1]
    assert first.flush().delivered == 2
    with pytest.raises(DeliveryError, match="tag=") as refused:
        first.set_tag("a", "b", "ab" * 16)
    assert "events only" in str(refused.value)


def test_a_file_that_cannot_be_written_is_named(make: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=str(tmp_path)):
        make(delivery=FileDelivery(tmp_path))


def test_without_a_delivery_there_is_nothing_to_flush(client: Any) -> None:
    assert client.flush().complete
