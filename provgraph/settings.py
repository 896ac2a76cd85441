"""
Every setting, read once from the environment when a process starts; everything else gets values.

docs/reference/settings.md lists them for the person who operates a service.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from provgraph.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "PROVGRAPH_"
# The command line reads these, and the tests what begins so.
_OF_OTHERS = frozenset({f"{_PREFIX}URL", f"{_PREFIX}TOKEN"})
_OF_TESTS = (f"{_PREFIX}TEST_", f"{_PREFIX}REQUIRE_")


class Settings(BaseSettings):
    """
    What an operator can turn. Each field is the environment variable ``PROVGRAPH_`` + its name in capitals.

    Immutable. Build it with `read_settings`, which turns what cannot be read into `SettingsError`.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the event log, the catalog and the graph; made when it is not there. "
        "One process at a time may use it.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Anything but this machine's own (loopback) needs credentials, or the "
        "explicit wish to go without them: see `auth_required` and `allow_open`.",
    )
    port: int = Field(
        default=8082, ge=0, le=65_535, description="Port to listen on. 0 takes a free one and says which."
    )
    auth_required: bool = Field(
        default=False,
        description="Whether everything but sending events, the info pages and the probes needs a credential.",
    )
    pem_auth_required: bool | None = Field(
        default=None,
        description="Whether sending events needs a credential of a writer. Unset: the same as `auth_required`.",
    )
    allow_open: bool = Field(
        default=False,
        description="Allow to listen beyond this machine without credentials: anyone who reaches the port may "
        "read, write and clean.",
    )
    pem_size_limit: int = Field(
        default=1_000_000,
        ge=1_000,
        description="Largest event, in bytes of its JSON text as sent. Larger ones are refused with 413, or as "
        "`invalid` within a batch.",
    )
    batch_size_limit: int = Field(
        default=32 * 2**20,
        ge=1_000,
        description="Largest body of `POST /api/v1/events`, in bytes. One request holds several times as much "
        "memory while it is read.",
    )
    queue_limit: int = Field(
        default=20_000,
        ge=1,
        description="How many events may wait to be written. Beyond it requests are answered with 503 and "
        "`Retry-After`; more means longer waits before that, and more memory.",
    )
    loop_interval_seconds: int = Field(
        default=1,
        ge=1,
        description="How long the graph builder waits at most before it looks for new events again. New events "
        "wake it anyway; this bounds the wait when a wake-up is missed.",
    )

    @property
    def sending_needs_credential(self) -> bool:
        """Whether sending events needs a credential."""
        return self.auth_required if self.pem_auth_required is None else self.pem_auth_required

    def check(self) -> None:
        """
        Refuse what is not safe to serve.

        :raises SettingsError: others could reach the service and nothing would ask them who they are
        """
        if not self.auth_required and not self.allow_open and not is_loopback(self.host):
            raise SettingsError(
                f"Listening on {self.host} would let anyone on the network read, write and clean. Set "
                f"{_PREFIX}AUTH_REQUIRED=true to ask for credentials, or {_PREFIX}ALLOW_OPEN=true to go without."
            )


def read_settings(**given: object) -> Settings:
    """
    Return the settings of the environment, with ``given`` ones in their place.

    :raises SettingsError: one of them cannot be read; the text names it
    """
    try:
        return Settings(**given)  # type: ignore[arg-type] # whatever they are, pydantic checks them
    except ValidationError as error:
        raise SettingsError(
            "; ".join(_complaint(item["loc"], item["msg"]) for item in error.errors())
        ) from error


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that look like settings of the service and are none: most likely typos."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | _OF_OTHERS
    return sorted(
        name
        for name in environment
        if name.upper().startswith(_PREFIX) and name.upper() not in known and not name.startswith(_OF_TESTS)
    )


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else ""
    return f"{_PREFIX}{name.upper()}: {message}"


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine's own, whoever asks."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name: whoever owns it decides where it points
        return False
