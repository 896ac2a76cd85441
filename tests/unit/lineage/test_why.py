"""What an answer to why says, and does not say."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.events.recorder import RECORDED_BY
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import EmbeddedGraphStore, GraphStore
from provgraph.lineage.state import state
from provgraph.lineage.why import Why, why
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with closing(EmbeddedGraphStore(tmp_path)) as opened:
        yield opened


def claims(answer: dict[str, Any]) -> dict[str, list[int]]:
    """Return what is claimed, with the log positions that prove it."""
    return {each["claim"]: [proof["position"] for proof in each["evidence"]] for each in answer["claims"]}


def step_lines(answer: dict[str, Any]) -> list[list[str]]:
    """Return the lines of each step in the text."""
    steps: list[list[str]] = []
    for line in answer["text"].splitlines():
        if line[:1].isdigit():
            steps.append([line])
        elif steps and line.startswith("   "):
            steps[-1].append(line.strip())
    return steps


def test_a_version_that_nobody_made_is_not_said_to_come_from_outside(store: GraphStore) -> None:
    apply(store, pem(1, at=1, produces=[version("t", "7")]), pem(2, at=2, uses=[version("t", "9"), "raw"]))

    answer = why(store, Why(pem_id(2)))

    assert "t (version 9, which no other event is known to have made)" in answer["text"]
    assert "From outside, with no event that made it: raw." in answer["text"]
    assert "'train' used version '9' of 't', which no other event is known to have made." in claims(answer)
    assert [entry["named_version"] for entry in answer["artifacts"]["artifact"]] == ["9"]


def test_every_step_says_how_it_comes_in(store: GraphStore) -> None:
    apply(store, pem(1, at=1), pem(2, at=2, after=[1, 9]))

    answer = why(store, Why(pem_id(2)))

    assert step_lines(answer)[0][1:] == [
        f"after      event {pem_id(1)}",
        f"after      event {pem_id(9)} (never reported)",
        f"evidence   event {pem_id(2)}, position 2, recorded 1970-01-01T00:00:02.000000Z",
    ]
    assert claims(answer)[f"'train' followed event {pem_id(1)}: it named it as its predecessor."] == [2, 1]
    assert claims(answer)[f"'train' followed event {pem_id(9)}: it named it as its predecessor."] == [2]
    assert claims(answer)[f"Event {pem_id(9)} was named as a predecessor and was never reported."] == [2]


def test_two_versions_with_one_label_are_told_apart(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=[version("m", "7")]),
        pem(2, at=2, uses=["m"]),
        pem(3, at=3, produces=[version("m", "7")]),
        pem(4, at=4, uses=["m"], after=[2]),
    )

    text = why(store, Why(pem_id(4)))["text"]

    assert "m (7, made at position 1)" in text
    assert "m (7, made at position 3)" in text


def test_a_use_before_its_version_is_read_aloud_as_one(store: GraphStore) -> None:
    apply(store, pem(1, at=2, produces=["m"]), pem(2, at=1, uses=["m"]))

    assert "m (made at position 1, by its clock only later)" in why(store, Why(pem_id(2)))["text"]


def test_the_text_says_that_it_was_known_at_a_position(store: GraphStore) -> None:
    apply(store, pem(1, at=1), pem(2, at=2))

    text = why(store, Why(pem_id(1), as_of_us=at_us(5), known_at=1))["text"]

    assert text.startswith(
        f"Why event {pem_id(1)}, as of 2026-01-02T03:04:10.000000Z, as it was known at log position 1:\n"
    )


def test_a_name_cannot_pass_for_evidence(store: GraphStore) -> None:
    forged = "a, b (7) [event 0000, position 1]"
    apply(
        store,
        pem(1, uses=[forged, "täble/x@2.csv"], produces=[version(f"{forged}.", "7), c (8")], Emitter='x"'),
    )

    ((line, *below),) = step_lines(why(store, Why(pem_id(1))))

    assert line == '1. 2026-01-02T03:04:05.000000Z: "x\\"" reported train'
    assert f'producing  "{forged}." ("7), c (8")' in below
    assert f'from       "{forged}" (from outside)' in below
    assert "from       täble/x@2.csv (from outside)" in below


def test_a_kind_stands_there_as_it_is_written(store: GraphStore) -> None:
    kinds = ("git.blob", "MLModel", "data")
    apply(store, pem(1, at=1, produces=[{"Name": name, "Kind": name} for name in kinds]))
    apply(store, pem(2, at=2, uses=list(kinds)))

    text = why(store, Why(pem_id(2)))["text"]

    for line in ("Kind git.blob: git.blob.", "MLModel: MLModel.", "Data: data."):
        assert line in text.splitlines()


def test_an_event_that_was_never_reported_did_not_come_from_outside(store: GraphStore) -> None:
    apply(store, pem(1, after=[9]), pem(2, after=[9]))

    answer = why(store, Why(pem_id(9)))

    assert answer["text"].splitlines() == [
        f"Nothing is known of what led to event {pem_id(9)}: it was never reported.",
        "",
        f"Never reported: event {pem_id(9)}.",
        "That is everything that was reported, by the log up to position 2.",
    ]
    assert claims(answer) == {f"Event {pem_id(9)} was named as a predecessor and was never reported.": [1, 2]}


def test_where_a_tag_is_depends_on_the_clock_and_the_answer_says_which(store: GraphStore) -> None:
    tag: dict[str, Any] = {"Tag": "live", "TagNamespace": "n"}
    apply(store, pem(1, at=10, **tag), pem(2, at=5, **tag), pem(3, at=10, **tag), pem(4, at=1, **tag))

    now, then = why(store, Why("tag:n/live")), why(store, Why("tag:n/live", as_of_us=at_us(99)))

    assert (now["node"]["event"], now["node"]["tag_order"]) == (pem_id(4), "arrival")
    assert (then["node"]["event"], then["node"]["tag_order"]) == (pem_id(3), "time")
    assert now["text"].startswith("Why tag n/live (as it came last in the log):\n")
    assert then["text"].startswith("Why tag n/live (as it was last set by then), as of ")
    for as_of_us, answer in ((None, now), (at_us(99), then)):
        shown = state(store, as_of_us=as_of_us)
        assert shown["tags"][0]["event"] == answer["node"]["event"]
        assert shown["tag_order"] == answer["node"]["tag_order"]


def test_a_tag_on_an_event_that_was_never_reported_says_so(store: GraphStore) -> None:
    apply(store, pem(1), tag_set("n", "live", pem_id(9)))

    answer = why(store, Why("tag:n/live"))

    assert (
        answer["text"].splitlines()[0].endswith(f": event {pem_id(9)}, which it marks, was never reported.")
    )
    assert claims(answer) == {f"Event {pem_id(9)} was never reported.": []}


# ------------------------------------------------------------------------------------------------ what happened


def test_the_text_and_the_claims_say_what_happened(store: GraphStore) -> None:
    model = {"Name": "m", "Version": "2", "Kind": "model", "Digest": "sha256:29", "Properties": {"auc": 0.84}}
    decision = {"Name": "d", "Properties": {"outcome": "declined", "score": 0.38}}
    apply(
        store,
        pem(1, at=1, produces=[model]),
        pem(2, at=2, uses=["m"], produces=[decision], Properties={"customer": 4711}),
    )

    answer = why(store, Why("d"))

    assert step_lines(answer)[0][1:] == [
        "producing  d {outcome: declined, score: 0.38}",
        "from       m (2, made at position 1, model, digest sha256:29) {auc: 0.84}",
        "saying     {customer: 4711}",
        f"evidence   event {pem_id(2)}, position 2, recorded 1970-01-01T00:00:02.000000Z",
    ]
    assert claims(answer) == {
        "'trainer' reported 'train' at 2026-01-02T03:04:07.000000Z, recorded at 1970-01-01T00:00:02.000000Z, and "
        "produced 'd' {outcome: declined, score: 0.38}; it said {customer: 4711}.": [2],
        "'train' used version '2' of 'm' made at 2026-01-02T03:04:06.000000Z (model, digest sha256:29) "
        "{auc: 0.84}.": [2, 1],
        "'trainer' reported 'train' at 2026-01-02T03:04:06.000000Z, recorded at 1970-01-01T00:00:01.000000Z, and "
        "produced 'm' (version '2', model, digest sha256:29) {auc: 0.84}.": [1],
    }


def test_a_step_that_failed_does_not_read_like_a_good_one(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["m"], Outcome="failed", Error="ValueError: no rows"),
        pem(2, at=2, uses=["m"], Outcome="aborted"),
    )

    answer = why(store, Why(pem_id(2)))

    first, second = step_lines(answer)
    assert first[0].endswith("reported train, which was aborted")
    assert first[1] == 'from       m (made at position 1 by a step that failed: "ValueError: no rows")'
    assert second[0].endswith('reported train, which failed: "ValueError: no rows"')
    ended = f"train (event {pem_id(2)}, aborted), train (event {pem_id(1)}, failed)"
    assert f"Did not end well: {ended}." in answer["text"].splitlines()
    told = claims(answer)
    assert told["'train' failed: \"ValueError: no rows\"."] == [1]
    assert told["'train' was aborted."] == [2]
    used = "'train' used version of 'm' made at 2026-01-02T03:04:06.000000Z, by an event that failed: "
    assert told[f'{used}"ValueError: no rows".'] == [2, 1]
    (entry,) = answer["artifacts"]["artifact"]
    assert (entry["version"]["outcome"], entry["produced_by"]["outcome"]) == ("failed", "failed")


def test_a_report_that_came_later_than_what_it_led_to_is_marked(store: GraphStore) -> None:
    # Each is recorded a second after the one before: the fix is the last, and the table it is made of was in time.
    fix = pem(3, at=2, uses=["raw"], produces=["features"], Type="fix")
    apply(
        store,
        pem(4, at=1, produces=["raw"]),
        pem(1, at=3, uses=["features"], produces=["m"]),
        pem(2, at=4, uses=["m"], produces=["d"], Type="decide"),
        fix,
    )

    answer = why(store, Why("d"))

    late = {step["event"]: step["reported_after"] for step in answer["steps"] if "reported_after" in step}
    expected = {"event": pem_id(2), "type": "decide", "position": 3, "seconds": 1.0}
    assert late == {pem_id(3): expected}
    assert "late       reported 1 s after decide (position 3), which it led to" in step_lines(answer)[2]
    assert claims(answer)["'fix' was reported 1 s after decide (position 3), which it led to."] == [4, 3]
    marked = {
        node["id"]: node.get("reported_after") for node in answer["graph"]["nodes"] if node["kind"] == "pem"
    }
    assert marked == {pem_id(number): late.get(pem_id(number)) for number in (1, 2, 3, 4)}


def test_a_report_may_be_late_for_a_step_and_in_time_for_what_was_asked_about(store: GraphStore) -> None:
    apply(
        store,
        pem(2, at=2, uses=["a"], produces=["b"], Type="middle"),
        pem(1, at=1, produces=["a"]),
        pem(3, at=3, uses=["b"]),
    )

    steps = {step["event"]: step for step in why(store, Why(pem_id(3)))["steps"]}

    assert steps[pem_id(1)]["reported_after"]["type"] == "middle"
    assert "reported_after" not in steps[pem_id(2)]


def test_a_claim_names_ten_artifacts_and_counts_the_rest(store: GraphStore) -> None:
    apply(store, pem(1, produces=[f"t/{number:03}" for number in range(225)]))

    answer = why(store, Why(pem_id(1)))

    (claim,) = claims(answer)
    assert claim.endswith("'t/008', 't/009' and 215 more.")
    assert claim.count("t/") == 10


@pytest.mark.parametrize("count", [20, 45, 400])
def test_a_long_text_says_how_to_get_the_rest(store: GraphStore, count: int) -> None:
    apply(store, *(pem(number, at=number, uses=["t"], produces=["t"]) for number in range(1, count + 1)))

    answer = why(store, Why("t", limit=10_000))

    lines = answer["text"].splitlines()
    shown = len(step_lines(answer))
    assert len(answer["steps"]) == count
    assert len(lines) <= 200
    assert shown == count or len(lines) > 190
    more = f"... and {count - shown} steps before those: the answer as JSON has all of them (format=json, on the "
    assert any(line.startswith(more) for line in lines) == (shown < count)
    assert lines[-1].startswith("That is everything")


def test_no_text_is_long_whatever_one_step_did(store: GraphStore) -> None:
    made = [{"Name": f"t{number}", "Kind": f"k{number}"} for number in range(500)]
    apply(store, pem(1, at=1, produces=made), pem(2, at=2, uses=[each["Name"] for each in made]))

    lines = why(store, Why(pem_id(2)))["text"].splitlines()

    assert len(lines) <= 200
    assert "   from       and 489 more" in lines
    assert "... and 480 kinds more." in lines


@pytest.mark.parametrize(("name", "said"), [("ada", f"'ada' ({'ab' * 16})"), (None, "ab" * 16)])
def test_a_claim_names_the_credential_by_its_id_where_no_name_is_known(
    store: GraphStore, name: str | None, said: str
) -> None:
    apply(store, pem(1, at=1))
    recorder = {"id": "ab" * 16, "name": name}

    answer = why(store, Why(pem_id(1)), recorders=lambda _: {1: {RECORDED_BY: recorder}})

    assert [claim for claim in claims(answer) if claim.endswith(f"; the credential {said} recorded it.")]
    assert f"Z by {name or 'ab' * 16}\n" in answer["text"]
