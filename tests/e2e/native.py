"""Calls to the native API and what their answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.wire import Answer, Wire


def batch(wire: Wire, *events: object) -> dict[str, Any]:
    """Send events as an array and return the verdicts."""
    answer = wire.post_json("/api/v1/events", events)
    assert answer.status == 200, answer
    judged: dict[str, Any] = answer.json()
    return judged


def verdicts(judged: Mapping[str, Any]) -> list[str]:
    """Return the verdicts alone, in order."""
    return [each["verdict"] for each in judged["results"]]


def assert_is_problem(answer: Answer, status: int) -> None:
    """Check that an answer is an RFC 9457 problem of this status."""
    assert (answer.status, answer.media_type) == (status, "application/problem+json"), answer
    problem = answer.json()
    assert problem["status"] == status
    assert all(isinstance(problem[member], str) and problem[member] for member in ("type", "title", "detail"))


def lineage(wire: Wire, node: str, **params: object) -> dict[str, Any]:
    """Return the answer to a lineage question that must have one."""
    answer = wire.get("/api/v1/lineage", node=node, **params)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: Mapping[str, Any], kind: str) -> set[str]:
    """Return the ids of an answer's nodes of one kind."""
    return {node["id"] for node in answer["nodes"] if node["kind"] == kind}


def edges(answer: Mapping[str, Any], type_: str) -> set[tuple[str, str]]:
    """Return source and target of an answer's edges of one type."""
    return {(edge["source"], edge["target"]) for edge in answer["edges"] if edge["type"] == type_}


def depths(answer: Mapping[str, Any]) -> dict[str, int]:
    """Return how many events away each node of an answer is."""
    return {node["id"]: node["depth"] for node in answer["nodes"]}
