"""A small platform whose every answer fits into the head, and what asks about it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson

from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.integration.serving import Served

INGEST, TRAIN, AGAIN, DECIDE, UNSEEN = (f"{number:032x}" for number in (1, 2, 3, 4, 9))

EVENTS: tuple[dict[str, Any], ...] = (
    {
        "ID": INGEST,
        "Type": "ingest",
        "Emitter": "crm-export",
        "OccurredAt": "2026-03-01T02:00:00Z",
        "UsesArtifacts": [{"Name": "raw/crm"}],
        "ProducesArtifacts": [{"Name": "table/customers"}],
    },
    {
        "ID": TRAIN,
        "Type": "train",
        "Emitter": "trainer",
        "OccurredAt": "2026-03-01T09:30:00Z",
        "Predecessors": [UNSEEN],
        "Tag": "current",
        "TagNamespace": "prod",
        "UsesArtifacts": [{"Name": "table/customers"}],
        "ProducesArtifacts": [{"Name": "model/churn", "Version": "7", "Properties": {"auc": 0.91}}],
    },
    {
        "ID": AGAIN,
        "Type": "ingest",
        "Emitter": "crm-export",
        "OccurredAt": "2026-03-02T02:00:00Z",
        "ProducesArtifacts": [{"Name": "table/customers"}],
    },
    {
        "ID": DECIDE,
        "Type": "decide",
        "Emitter": "campaigns",
        "OccurredAt": "2026-03-02T11:05:00Z",
        "Properties": {"customer": 4711},
        "UsesArtifacts": [{"Name": "model/churn"}],
        "ProducesArtifacts": [{"Name": "decision/4711"}],
    },
)


class Story(NamedTuple):
    """The platform, served."""

    served: Served

    def get(self, question: str, **parameters: object) -> httpx.Response:
        """Ask, whatever comes; a parameter that is a list is sent once for each of its values."""
        named = {name.removesuffix("_"): value for name, value in parameters.items()}
        return self.served.client.get(f"/api/v1/{question}?{urlencode(named, doseq=True)}")

    def ask(self, question: str, **parameters: object) -> dict[str, Any]:
        """Return the answer to a question that must have one."""
        answer = self.get(question, **parameters)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def pages(self, question: str, **parameters: object) -> Iterator[dict[str, Any]]:
        """Yield the pages of an answer."""
        cursor: dict[str, str] = {}
        while True:
            page = self.ask(question, **parameters, **cursor)
            yield page
            if page["cursor"] is None:
                return
            cursor = {"cursor": page["cursor"]}

    def send(self, *events: dict[str, Any]) -> int:
        """Have events recorded and projected; return the log position behind them."""
        answer = self.served.client.post("/api/v1/events", json=events).json()
        assert answer["accepted"] == len(events), answer
        self.served.flush()
        position: int = answer["position"]
        return position

    def problem(self, question: str, **parameters: object) -> dict[str, Any]:
        """Return the problem that a question must be answered with."""
        answer = self.get(question, **parameters)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        told: dict[str, Any] = answer.json()
        assert told["status"] == answer.status_code
        return told


@contextmanager
def told(folder: Path, **settings: object) -> Iterator[Story]:
    """Serve the platform from a folder."""
    with serving(folder, **settings) as served:
        story = Story(served)
        story.send(*EVENTS)
        yield story


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the lines of a streamed answer."""
    assert answer.status_code == 200, answer.text
    return [orjson.loads(line) for line in answer.content.splitlines()]


def ids(answer: dict[str, Any], kind: str) -> list[str]:
    """Return the ids of a lineage answer's nodes of one kind, in its order."""
    return [node["id"] for node in answer["nodes"] if node["kind"] == kind]
