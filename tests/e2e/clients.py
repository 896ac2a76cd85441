"""
The three classes of Record Keeper's programs, talking to one service.

They are those of the unmodified RecordKeeper_Client, and then those of `provgraph.client.recordkeeper`: one set of
tests for both, so a program moves from one to the other by changing one import.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import rkclient

from provgraph.client import recordkeeper
from tests.e2e.pairs import IS_LOCAL

# By the name that a test's id shows. To the facade it makes no difference what stores are behind the service.
LIBRARIES: dict[str, Any] = {"rkclient": rkclient, **({"facade": recordkeeper} if IS_LOCAL else {})}

# The client's own default is 5 s; a loaded machine is no wrong answer.
TIMEOUT_SECONDS = 60


class Clients(NamedTuple):
    """The client's three classes, talking to one service with one kind of credential."""

    receiver: Any
    query: Any
    admin: Any
    emitter: str
    auth_required: bool
    library: Any


class Door(NamedTuple):
    """Where a service is, the keyword arguments with a credential for each role, and whose classes to use."""

    url: str
    credentials: dict[str, dict[str, str]]
    library: Any = rkclient

    def clients(self, emitter: str) -> Clients:
        """Return the three classes for one emitter."""
        query, graph_builder = f"{self.url}/query", f"{self.url}/graph_builder"
        writer, reader, admin = (self.credentials.get(role, {}) for role in ("writer", "reader", "admin"))
        return Clients(
            self.library.RKClient(f"{self.url}/receiver/", emitter, timeout_sec=TIMEOUT_SECONDS, **writer),
            self.library.RKQuery(query, timeout_sec=TIMEOUT_SECONDS, **reader),
            self.library.RKAdmin(query, graph_builder, timeout_sec=TIMEOUT_SECONDS, **admin),
            emitter,
            bool(self.credentials),
            self.library,
        )


def sent(clients: Clients, pem: Any) -> Any:
    """Send a prepared PEM, which must be acknowledged."""
    assert clients.receiver.send_pem(pem) == ("OK", True)
    return pem


def train(
    clients: Clients, *, uses: tuple[str, ...] = (), produces: tuple[str, ...] = (), **options: Any
) -> Any:
    """Send a PEM of type ``train`` about these artifacts."""
    pem = clients.receiver.prepare_pem("train", **options)
    for name in uses:
        pem.uses_artifact(clients.receiver.prepare_artifact(name, {}))
    for name in produces:
        pem.produces_artifact(clients.receiver.prepare_artifact(name, {"made": name}))
    return sent(clients, pem)
