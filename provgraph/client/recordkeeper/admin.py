"""Record Keeper's client for administrators."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from provgraph.client.calls import segment
from provgraph.client.recordkeeper.service import Answered, Service, read, told

if TYPE_CHECKING:
    from collections.abc import Callable


class RKAdmin:
    """Operates a service. See `RKClient` for the arguments; calls return a text and whether they succeeded."""

    def __init__(
        self,
        query_url: str,
        graph_builder_url: str,
        timeout_sec: int = 5,
        insecure: bool = True,
        user_auth: str = "",
        puc_auth: str = "",
    ) -> None:
        self._query, self._graph_builder = (
            Service(url, timeout_sec, insecure=insecure, user_auth=user_auth, puc_auth=puc_auth)
            for url in (query_url, graph_builder_url)
        )

    def check_connections(self) -> tuple[str, bool]:
        """Tell whether both services answer."""
        # The second one's name is Record Keeper's, whose receiver once answered queries.
        for name, service in (("Graph Builder", self._graph_builder), ("Receiver", self._query)):
            answered = service.get("/info")
            if not answered.ok:
                return f"{name} connection error: {answered.text}", False
        return "OK", True

    def graph_rebuild(self) -> tuple[str, bool]:
        """Start to make the graph anew."""
        return _ok("Rebuilding graph", lambda: self._graph_builder.post("/rebuild", b"{}"))

    def graph_flush(self) -> tuple[str, bool]:
        """Wait until everything that was sent is in the graph; the text says how long that took."""
        began = time.monotonic()
        text, ok = _ok("Flushing queue", lambda: self._graph_builder.post("/flush", b"{}"))
        return (f"flushing queue finished, in {time.monotonic() - began:.2f}s" if ok else text), ok

    def graph_verify(self, check_pems: bool = True, check_artifacts: bool = True) -> tuple[str, bool]:
        """Compare graph and database; the text is JSON, whose ``msg`` says what was found."""
        body = orjson.dumps({"check_pems": check_pems, "check_artifacts": check_artifacts})
        return told("Verifying graph", lambda: self._graph_builder.post("/verify", body))

    def artifacts_verify_connections(self) -> tuple[UUID | None, str, bool]:
        """Look for artifacts that no PEM names; returns the id of the report, for `get_report`."""
        return _report(
            "Starting Artifact connection check",
            lambda: self._query.post("/verify_artifact_connections", b"{}"),
        )

    def artifacts_remove_unconnected(self, report_id: UUID | str) -> tuple[UUID | None, str, bool]:
        """Remove the artifacts that a report lists; returns the id of another report."""
        path = f"/remove_unconnected_artifacts/{segment(str(report_id))}"
        return _report("Starting Artifacts removal", lambda: self._query.post(path, b"{}"))

    def get_report(self, report_id: str | UUID) -> tuple[str, bool]:
        """Return a report: JSON with ``report`` and ``status``."""
        return told("Getting report", lambda: self._query.get(f"/report/{segment(str(report_id))}"))

    def get_graph_info(self) -> tuple[str, bool]:
        """Return what the graph builder says of itself, for `deserialize_graph_builder_info`."""
        return self._graph_builder.get("/info")

    def clean_dbs(self) -> tuple[str, bool]:
        """Remove everything but the credentials; needs an administrator."""
        return _ok("Cleaning db", lambda: self._query.post("/clean", b"{}"))


def _ok(name: str, ask: Callable[[], Answered]) -> tuple[str, bool]:
    answered = told(name, ask)
    return ("OK", True) if answered.ok else (answered.text, False)


def _report(name: str, ask: Callable[[], Answered]) -> tuple[UUID | None, str, bool]:
    report_id, message, ok = read(name, ask, lambda text: UUID(json.loads(text)["report_id"]))
    return report_id, "" if ok else message, ok
