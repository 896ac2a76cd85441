"""
Every setting, read once from the environment when a process starts; everything else gets values.

docs/reference/settings.md lists them for the person who operates a service.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from provgraph.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "PROVGRAPH_"
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?").fullmatch
# The command line and the client read these, and the tests what begins so.
_OF_OTHERS = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        *("URL", "TOKEN", "EMITTER", "TIMEOUT_SECONDS", "TRANSPORT"),
        *("SPOOL", "SPOOL_MAX_EVENTS", "SPOOL_MAX_BYTES", "FILE"),
    )
)
_OF_TESTS = (f"{_PREFIX}TEST_", f"{_PREFIX}REQUIRE_")


LOG_SCHEMES = frozenset({"postgresql"})
GRAPH_SCHEMES = frozenset({"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"})

ARTIFACT_KINDS = (
    "model*=model, *.pt=model, *.onnx=model, *.safetensors=model, *.pkl=model, "
    "source*=source, raw*=source, http://*=source, https://*=source, s3://*=source, "
    "data*=data, table*=data, feature*=data, *.csv=data, *.parquet=data, *.json=data"
)


class Settings(BaseSettings):
    """
    What an operator can turn. Each field is the environment variable ``PROVGRAPH_`` + its name in capitals.

    Immutable. Build it with `read_settings`, which turns what cannot be read into `SettingsError`.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the event log, the catalog and the graph; made when it is not there. "
        "One process at a time may use it. Not used when both `log_url` and `graph_url` name servers.",
    )
    log_url: str | None = Field(
        default=None,
        description="Where the event log and the catalog are: postgresql://USER@HOST:PORT/DATABASE (PostgreSQL 14 or "
        "later; any number of processes). Unset: SQLite in the data folder.",
    )
    log_password_file: Path | None = Field(
        default=None,
        description="File with the password for `log_url`, so that it stands in no URL and no environment.",
    )
    catalog_take_back: bool = Field(
        default=False,
        description="Whether the catalog's tables are built anew although a newer version of provgraph made them. Set "
        "it for one start, to go back to an older version, when no process of the newer one runs any more.",
    )
    graph_url: str | None = Field(
        default=None,
        description="Where the graph is: neo4j://HOST:PORT, bolt://HOST:PORT, or with +s for TLS (Neo4j 5.26). "
        "Unset: the embedded store in the data folder.",
    )
    graph_user: str = Field(default="neo4j", description="User for `graph_url`.")
    graph_password: SecretStr | None = Field(
        default=None, description="Password for `graph_url`. Unset: Neo4j is asked without one."
    )
    graph_password_file: Path | None = Field(
        default=None, description="File with the password for `graph_url`; comes before `graph_password`."
    )
    graph_database: str = Field(default="neo4j", description="Name of the database behind `graph_url`.")
    graph_take_over: bool = Field(
        default=False,
        description="Whether a graph behind `graph_url` that follows another log is emptied and filled from this one. "
        "Set it for one start, when the log was replaced on purpose.",
    )
    rebuild_compares: bool | None = Field(
        default=None,
        description="Whether a graph that was built anew is compared with the log, digest by digest, before it is "
        "served; one that differs is not. Unset: with the graph behind `graph_url`. On the embedded store a rebuild "
        "takes about three times as long with it.",
    )
    cypher_timeout_seconds: float = Field(
        default=30.0, gt=0, description="How long a graph query of a user may run before it is stopped."
    )
    cypher_row_limit: int = Field(
        default=100_000, ge=1, description="How many rows a graph query of a user may return."
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
        description=(
            "Whether sending (events, tags, tracked work) needs a credential of a writer. "
            "Unset: the same as `auth_required`."
        ),
    )
    allow_open: bool = Field(
        default=False,
        description="Allow to listen beyond this machine without credentials: anyone who reaches the port may "
        "read, write and clean.",
    )
    allowed_hosts: str | None = Field(
        default=None,
        description="Names that the service is reached by, with commas between them, such as provgraph.example.org: a "
        "request's `Host` without its port. Where anything is open to requests without credentials, other names are "
        "refused with 421. `localhost` and loopback addresses pass without being listed; where the service does not "
        "listen on loopback, also addresses, names without a dot and this machine's own name. With a list they are "
        "refused even where everything needs a credential.",
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
    log_verify_hours: float = Field(
        default=24.0,
        ge=0,
        description="In how many hours the background check goes through the whole event log, in slices; its result "
        "is in the metrics. 0: never.",
    )
    artifact_kinds: str = Field(
        default=ARTIFACT_KINDS,
        description="What kind of thing an artifact is, by its name, where no event says it: NAME-PATTERN=KIND with "
        "commas between them, the first that fits counts. `why` groups what took part by it.",
    )

    schema_file: Path | None = Field(
        default=None,
        description="File that defines kinds of tracked objects, in the form of Infrahub's schema files (YAML or "
        "JSON). Kinds that nobody defines may be used all the same.",
    )

    @property
    def is_local(self) -> bool:
        """Whether anything is kept in the data folder."""
        return self.log_url is None or self.graph_url is None

    @property
    def sending_needs_credential(self) -> bool:
        """Whether sending events needs a credential."""
        return self.auth_required if self.pem_auth_required is None else self.pem_auth_required

    @property
    def is_open(self) -> bool:
        """Whether anything that is worth protecting needs no credential."""
        return not (self.auth_required and self.sending_needs_credential)

    @property
    def host_names(self) -> frozenset[str]:
        """The names in ``allowed_hosts``, in lower case."""
        return frozenset(name.lower() for name in _names(self.allowed_hosts))

    @property
    def compares_rebuilds(self) -> bool:
        """Whether a graph that was built anew is compared with the log before it is served."""
        return self.graph_url is not None if self.rebuild_compares is None else self.rebuild_compares

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

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, stated: str | None) -> str | None:
        for name in _names(stated):
            if not _HOST_NAME(name):
                raise ValueError(
                    f"{name[:60]!r} is no host name: write names such as provgraph.example.org, without port"
                )
        return stated

    @field_validator("log_url")
    @classmethod
    def _check_log_url(cls, url: str | None) -> str | None:
        return _of_scheme(url, LOG_SCHEMES)

    @field_validator("graph_url")
    @classmethod
    def _check_graph_url(cls, url: str | None) -> str | None:
        return _of_scheme(url, GRAPH_SCHEMES)

    def read_log_password(self) -> str | None:
        """
        Return the password for ``log_url`` that a file holds, if one is named.

        :raises SettingsError: the file cannot be read
        """
        return _secret("log_password_file", self.log_password_file)

    def read_graph_password(self) -> str | None:
        """
        Return the password for ``graph_url``, or None when there is none.

        :raises SettingsError: its file cannot be read
        """
        if self.graph_password_file is not None:
            return _secret("graph_password_file", self.graph_password_file)
        return None if self.graph_password is None else self.graph_password.get_secret_value()


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


def _names(stated: str | None) -> list[str]:
    return [name.strip() for name in (stated or "").split(",") if name.strip()]


def _of_scheme(url: str | None, schemes: frozenset[str]) -> str | None:
    if not url:  # an empty variable is how some tools say that there is none
        return None
    scheme, found, rest = url.partition("://")
    if not found or not rest or scheme not in schemes:
        # The URL itself is not shown: it may hold a password.
        raise ValueError(f"must begin with one of {', '.join(f'{name}://' for name in sorted(schemes))}")
    return url


def _secret(name: str, path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{_PREFIX}{name.upper()}: {path} cannot be read: {error}") from error


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that look like settings of the service and are none: most likely typos."""
    known = _known()
    return sorted(
        name
        for name in environment
        if name.upper().startswith(_PREFIX) and name.upper() not in known and not name.startswith(_OF_TESTS)
    )


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence about each variable that looks like a setting and is none, with what was most likely meant."""
    return [
        f"There is no setting {name}: it changes nothing{_meant(name)}"
        for name in unknown_settings(environment)
    ]


def _known() -> set[str]:
    return {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | _OF_OTHERS


def _meant(name: str) -> str:
    found = difflib.get_close_matches(name.upper(), sorted(_known()), n=1, cutoff=0.8)
    return f"; did you mean {found[0]}?" if found else ""


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else ""
    # Pydantic's own beginning of what a check of ours said.
    return f"{_PREFIX}{name.upper()}: {message.removeprefix('Value error, ')}"


def is_address(host: str) -> bool:
    """Tell whether this is an IP address, in brackets or not, and no name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine's own, whoever asks."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name: whoever owns it decides where it points
        return False
