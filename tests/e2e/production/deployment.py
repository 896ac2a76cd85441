"""The production pair as it is deployed: a process for each service, real servers, and clients that never give up."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.e2e.builders import artifact, pem, unique
from tests.e2e.service import PROJECT, Service, ServiceFailedError
from tests.e2e.wire import Wire, read_answer
from tests.effort import IS_LONG

if TYPE_CHECKING:
    from pathlib import Path

_AGAIN_SECONDS = 0.05
# A steady load, so that what there is to check afterwards does not depend on how fast the machine is.
_PAUSE_SECONDS = 0.05
_CUT_OFF = (OSError, http.client.HTTPException)


class Deployment:
    """Processes on one log and one graph. As a context manager it ends what still runs."""

    def __init__(
        self, folder: Path, *, log_url: str, graph_url: str, settings: dict[str, str] | None = None
    ) -> None:
        self.log_url = log_url
        self._folder = folder
        self._settings = {
            "PROVGRAPH_LOG_URL": log_url,
            "PROVGRAPH_GRAPH_URL": graph_url,
            **(settings or {}),
        }
        self._ended = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def start(self, *parts: str, project: Path = PROJECT, settings: dict[str, str] | None = None) -> Service:
        """Start a process that serves ``parts``, of this version or of the one in another checkout."""
        return self._ended.enter_context(self._service(*parts, project=project, settings=settings))

    def refusal(self, *parts: str) -> str:
        """Return what a process says that does not start."""
        with pytest.raises(ServiceFailedError) as failed:
            self._service(*parts, project=PROJECT, settings=None).start()
        return str(failed.value)

    def _service(self, *parts: str, project: Path, settings: dict[str, str] | None) -> Service:
        folder = self._folder / unique("-".join(parts))
        together = self._settings | (settings or {})
        return Service(folder, settings=together, arguments=parts, project=project)


class Persistent:
    """
    An emitter that sends batch after batch, and each of them again until it is acknowledged.

    ``refused`` counts the answers and broken connections in between.
    """

    def __init__(self, receiver: Service, *, batch: int = 20) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._wire = Wire(receiver.url)
        self._batch = batch
        self._name = unique("persistent-")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def use(self, receiver: Service) -> None:
        """Send to another receiver from now on."""
        self._wire = Wire(receiver.url)

    def wait_for(self, more: int, *, seconds: float = 60.0) -> None:
        """Wait until so many more events were acknowledged."""
        wanted = len(self.acknowledged) + more
        give_up = time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < give_up, (
                f"{len(self.acknowledged)} acknowledged, {self.refused} refused"
            )
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stop.is_set():
            events = [self._event(index) for index in range(self._batch)]
            # What was begun is brought to its end: only then is it known whether it is in.
            while not self._sent(events):
                self.refused += 1
                time.sleep(_AGAIN_SECONDS)
            self.acknowledged.extend(event["ID"] for event in events)
            time.sleep(_PAUSE_SECONDS)

    def _event(self, index: int) -> dict[str, Any]:
        number = len(self.acknowledged) + index
        return pem(
            Emitter=self._name,
            OccurredAt=datetime.now(UTC).isoformat(),
            UsesArtifacts=[artifact("shared"), artifact(f"{self._name}/{max(0, number - 1)}")],
            ProducesArtifacts=[artifact(f"{self._name}/{number}")],
        )

    def _sent(self, events: list[dict[str, Any]]) -> bool:
        connection = self._wire.connection()
        try:
            connection.request(
                "POST", "/api/v1/events", json.dumps(events), {"Content-Type": "application/json"}
            )
            answer = read_answer(connection)
        except _CUT_OFF:
            return False
        finally:
            connection.close()
        if answer.status == 503:
            return False
        assert answer.ok, answer
        judged = answer.json()
        return bool(judged["accepted"] + judged["duplicates"] == len(events))


def readiness(service: Service) -> tuple[int, dict[str, str]]:
    """Return what ``/readyz`` says: its status, and how each part is."""
    answer = Wire(service.url).get("/readyz")
    return answer.status, answer.json()["parts"]


def job(service: Service, path: str, **body: object) -> dict[str, Any]:
    """Run a job of the admin API to its end and return its result."""
    wire = Wire(service.url)
    answer = wire.post_json(path, body)
    assert answer.status == 202, answer
    found = answer.json()
    while found["state"] == "running":
        time.sleep(0.05)
        found = wire.get(f"/admin/jobs/{found['id']}").json()
    assert found["state"] == "done", found
    result: dict[str, Any] = found["result"]
    return result


def assert_nothing_is_lost(query: Service, *emitters: Persistent, rebuilds: bool = IS_LONG) -> None:
    """
    Check that what was acknowledged is there once, and that graph and catalog are what the log says.

    :param rebuilds: whether the graph is then built anew, too
    """
    wire = Wire(query.url)
    stored = [each["ID"] for each in wire.pems()]
    acknowledged = [id_ for emitter in emitters for id_ in emitter.acknowledged]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) == set(stored)
    assert wire.post_json("/admin/flush", {}).ok
    verified = job(query, "/admin/verify", deep=True)
    assert verified["in_sync"], verified
    if not rebuilds:
        return
    rebuilt = job(query, "/admin/rebuild", graph=True, catalog=False)
    assert rebuilt["graph"] is not None
    assert job(query, "/admin/verify", deep=True)["in_sync"]
