"""Record Keeper's client for emitters."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid1

from provgraph.client.calls import tag_segments
from provgraph.client.recordkeeper.entities import PEM, Artifact
from provgraph.client.recordkeeper.serialization import PEMSerialization
from provgraph.client.recordkeeper.service import VERSION, Answered, Service, told

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger(__name__)

# The boolean arguments below stand by position because that is where Record Keeper's programs put them.


class RKClient:
    """
    Sends PEMs. Calls that talk to the service return a text and whether they succeeded: ``("OK", True)``.

    :param insecure: whether any certificate will do; Record Keeper's default, so think of it where it matters
    :param user_auth: a person's credential, which comes before a workload's
    :param puc_auth: a workload's credential
    """

    def __init__(
        self,
        receiver_url: str,
        emitter_id: str,
        timeout_sec: int = 5,
        insecure: bool = True,
        user_auth: str = "",
        puc_auth: str = "",
    ) -> None:
        self.emitter_id = emitter_id
        self._receiver = Service(
            receiver_url, timeout_sec, insecure=insecure, user_auth=user_auth, puc_auth=puc_auth
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: as with Record Keeper's own, it can be used on."""

    @staticmethod
    def get_version() -> str:
        """Return the version of Record Keeper's client whose interface this is."""
        return VERSION

    def get_info(self) -> tuple[str, bool]:
        """Return what the receiver says of itself, for `deserialize_receiver_info`."""
        return told("Getting info", lambda: self._receiver.get("/info"))

    def prepare_pem(
        self,
        pem_type: str,
        predecessor_id: UUID | None = None,
        properties: dict[str, Any] | None = None,
        tag_name: str = "latest",
        tag_namespace: str | None = None,
    ) -> PEM:
        """Return a new PEM, which happens now; nothing is sent. The namespace is the emitter's unless given."""
        pem = new_pem(pem_type, predecessor_id, self.emitter_id, properties)
        pem.Tag = tag_name
        pem.TagNamespace = self.emitter_id if tag_namespace is None else tag_namespace
        return pem

    def prepare_artifact(self, name: str, properties: dict[str, Any]) -> Artifact:
        """Return a new artifact, for a PEM's `uses_artifact` and `produces_artifact`."""
        return Artifact(name, properties)

    def send_pem(self, pem: PEM) -> tuple[str, bool]:
        """Send a PEM. Sent again it changes nothing."""

        def send() -> Answered:
            try:
                body = PEMSerialization.to_json(pem)
            except TypeError as error:
                return Answered(f"it cannot be written as JSON, a serialization error: {error}", ok=False)
            return self._receiver.post("/pem", body.encode())

        return _ok(told("Sending PEM", send))

    def set_tag(self, namespace: str, tag_name: str, pem: PEM) -> tuple[str, bool]:
        """Let a tag mark a PEM that was sent."""
        return _ok(
            told(
                "Setting tag",
                lambda: self._receiver.post(f"/tag/{tag_segments(namespace, tag_name)}/{pem.ID.hex}", b""),
            )
        )


def new_pem(
    pem_type: str, predecessor_id: UUID | None, emitter_id: str, properties: dict[str, Any] | None
) -> PEM:
    """Return a PEM that happens now, with no tag."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    pem = PEM(uuid1(), pem_type, predecessor_id, emitter_id, now)
    if properties is not None:
        pem.Properties = properties
    return pem


def _ok(answered: Answered) -> tuple[str, bool]:
    return ("OK", True) if answered.ok else (answered.text, False)
