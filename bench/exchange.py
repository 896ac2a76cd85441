"""What a service is sent and asked, and whether its answers are right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench import wire, workload
from bench.floor import Traced
from bench.load import Asker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.load import Outcome
    from bench.wire import Address, Response
    from bench.workload import Event

_PEM = "/receiver/pem"
_BATCH = "/api/v1/events"

# ---- PEMs


def stranger(name: str) -> bytes:
    """Write a PEM that neither uses nor makes anything of the work."""
    fields = workload.pem(workload.Event(0, ()))
    fields["ID"] = workload.identifier(name)
    fields["ProducesArtifacts"][0]["Name"] = name
    return json.dumps(fields).encode()


def single_request(body: bytes) -> bytes:
    """Make the request that sends one PEM."""
    return wire.post(_PEM, body)


def batch_request(bodies: Sequence[bytes]) -> bytes:
    """Make the request that sends several PEMs at once."""
    return wire.post(_BATCH, b"[" + b",".join(bodies) + b"]")


def single_requests(events: Sequence[Event]) -> list[bytes]:
    """Make a request for each event."""
    return [single_request(workload.pem_body(event)) for event in events]


def batch_requests(events: Sequence[Event], size: int) -> list[bytes]:
    """Make a request for each ``size`` events."""
    return [
        batch_request([workload.pem_body(event) for event in part]) for part in workload.batches(events, size)
    ]


def refused(outcome: Outcome) -> list[str]:
    """Say what is wrong with the answers to :func:`single_requests`, if anything is."""
    return [f"{outcome.refused} requests refused: {dict(outcome.statuses)}"] if outcome.refused else []


def not_accepted(outcome: Outcome, expected: int) -> list[str]:
    """Say what is wrong with the answers to :func:`batch_requests`, if anything is; they must have been kept."""
    if outcome.refused:
        return refused(outcome)
    accepted = sum(int(json.loads(response.body)["accepted"]) for response in outcome.responses)
    return [] if accepted == expected else [f"{accepted} PEMs accepted, {expected} were sent"]


def costs(service_cpu: float, outcome: Outcome, events: int) -> dict[str, float]:
    """Note the processor time that each event took on both sides."""
    return {
        "service_cpu_seconds_per_event": service_cpu / events,
        "generator_cpu_seconds_per_event": outcome.cpu_seconds / events,
    }


# ---- traces


def trace_request(artifact: str) -> bytes:
    """Make the request that asks what lies upstream of an artifact."""
    return wire.get(f"/api/v1/lineage?node=artifact:{artifact}&direction=upstream&depth={workload.DEPTH}")


def trace(address: Address, events: Sequence[Event], targets: Sequence[int]) -> Traced:
    """Ask for every target on one connection, one after the other, and compare the answers afterwards."""
    with Asker(address) as asker:
        answered = [asker.ask(trace_request(workload.artifact_name(target))) for target in targets]
    wrong = sum(
        not _is_right(response, events, target)
        for (response, _), target in zip(answered, targets, strict=True)
    )
    return Traced([seconds for _, seconds in answered], wrong)


def wrong_answers(floor: Traced, service: Traced) -> list[str]:
    """Say how many answers are wrong on either side, if any are."""
    return [
        f"{traced.wrong} of {len(traced.seconds)} answers of {who} are wrong"
        for who, traced in (("the floor", floor), ("the service", service))
        if traced.wrong
    ]


def _is_right(response: Response, events: Sequence[Event], target: int) -> bool:
    if response.status != 200:
        return False
    answer: dict[str, Any] = json.loads(response.body)
    found = {node["id"] for node in answer["nodes"] if node["kind"] == "artifact"}
    expected = {workload.artifact_name(number) for number in workload.upstream(events, target)}
    return answer["cursor"] is None and found - {workload.artifact_name(target)} == expected
