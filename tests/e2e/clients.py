"""The unmodified RecordKeeper_Client's three classes, talking to one service."""

from __future__ import annotations

from typing import Any, NamedTuple

from rkclient import RKAdmin, RKClient, RKQuery

# The client's own default is 5 s; a loaded machine is no wrong answer.
TIMEOUT_SECONDS = 60


class Clients(NamedTuple):
    """The client's three classes, talking to one service with one kind of credential."""

    receiver: Any
    query: Any
    admin: Any
    emitter: str
    auth_required: bool


class Door(NamedTuple):
    """Where a service is, and the keyword arguments with a credential for each role."""

    url: str
    credentials: dict[str, dict[str, str]]

    def clients(self, emitter: str) -> Clients:
        """Return the three classes for one emitter."""
        query, graph_builder = f"{self.url}/query", f"{self.url}/graph_builder"
        writer, reader, admin = (self.credentials.get(role, {}) for role in ("writer", "reader", "admin"))
        return Clients(
            RKClient(f"{self.url}/receiver/", emitter, timeout_sec=TIMEOUT_SECONDS, **writer),
            RKQuery(query, timeout_sec=TIMEOUT_SECONDS, **reader),
            RKAdmin(query, graph_builder, timeout_sec=TIMEOUT_SECONDS, **admin),
            emitter,
            bool(self.credentials),
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
